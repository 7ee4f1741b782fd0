"""The events of a calendar on the wall clock of one zone, each with the dates on which it begins.

What rule 1 accepts is read; everything else is refused by name, with the event's UID and line, and
never dropped: a calendar that is half understood says something else than the person who wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from icalendar.prop import vText

from connectors.feeds.icalendar_lines import CalendarFault, Component, Property
from connectors.feeds.icalendar_times import Span, Times, last_date, pattern_of, span
from connectors.feeds.icalendar_values import MONDAY, SUNDAY, Moment, moment, moments, rule
from connectors.feeds.icalendar_zones import CalendarZones, zone_named
from connectors.feeds.places import Problems
from connectors.feeds.site_wording import shown
from models.errors import Problem
from models.occurrences import LAYERS
from models.recurrence import Pattern
from models.schedule import Mode

EVENTS_MAX = 10_000
"""Of one file. A schedule has room for 200 windows and 1,000 dates; others are refused there."""

NAME_CHARS = 100
"""Of a SUMMARY: as many as a window's name may have."""

# fmt: off
READ = frozenset({
    "UID", "SUMMARY", "STATUS", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE",
})
WITHOUT_TIME = frozenset({
    # RFC 5545
    "ATTACH", "ATTENDEE", "CATEGORIES", "CLASS", "COMMENT", "CONTACT", "CREATED", "DESCRIPTION",
    "DTSTAMP", "GEO", "LAST-MODIFIED", "LOCATION", "ORGANIZER", "PRIORITY", "RELATED-TO",
    "REQUEST-STATUS", "RESOURCES", "SEQUENCE", "TRANSP", "URL",
    # RFC 7986, 9073, 9253
    "COLOR", "CONFERENCE", "IMAGE", "CALENDAR-ADDRESS", "LOCATION-TYPE", "PARTICIPANT-TYPE",
    "RESOURCE-TYPE", "SOURCE", "STRUCTURED-DATA", "STYLED-DESCRIPTION", "CONCEPT", "LINK", "REFID",
})
"""Properties that change nothing of when an event is: not looked at. X-… is neither, but these."""

RECURS_OTHERWISE = frozenset({"X-MICROSOFT-EXDATE", "X-MICROSOFT-RRULE"})
"""By which Outlook says how an event recurs in another calendar ([MS-OXCICAL] 2.1.3.1.1.20.45)."""

INNER_WITHOUT_TIME = frozenset({"VALARM", "PARTICIPANT", "VLOCATION", "VRESOURCE"})
"""Components of an event that change nothing of when it is."""
# fmt: on


class CalendarEvent(NamedTuple):
    """An event that rule 1 accepts, on the wall clock of the zone that was asked for.

    Attributes:
        uid: fit for a message.
        line: of its BEGIN.
        span: of the first occurrence.
        pattern: dates on which it begins.
        last: of the pattern; None where it goes on for ever.
        recurs: it has a rule.
        without: dates of the pattern on which none begins (EXDATE).
        also: further beginnings (RDATE).
        mode, layer: where depotgate wrote the calendar, whose they are (X-DEPOTGATE-…).
        always: its first date is only where the calendar begins (X-DEPOTGATE-BEGINS:ALWAYS).
    """

    uid: str
    line: int
    name: str
    span: Span
    pattern: Pattern
    last: date | None
    recurs: bool
    without: frozenset[date]
    also: tuple[datetime, ...]
    mode: Mode | None
    layer: str | None
    always: bool

    def begins_on(self, day: date) -> bool:
        """Whether a date is one of its pattern, whether or not it is taken out."""
        if self.last is not None and day > self.last:
            return False
        if self.always and self.pattern.cycle_weeks == 1:
            return any(day.weekday() == each.weekday() for each in self.pattern.first_cycle)
        return day in self.pattern


class Events(NamedTuple):
    """What a file says.

    Attributes:
        default: of the schedule, where depotgate wrote the calendar (X-DEPOTGATE-DEFAULT).
        notices: what a person should know: cancelled events, dates that take nothing out.
    """

    events: tuple[CalendarEvent, ...] = ()
    default: Mode | None = None
    notices: tuple[Problem, ...] = ()


def read_events(
    calendars: list[Component], zone: ZoneInfo, file: str, problems: Problems
) -> Events:
    """Every event; what is not understood is noted with UID and line.

    Args:
        zone: in which floating times are, and all that comes out.
    """
    reader = _Reader(zone, file, problems)
    for calendar in calendars:
        reader.calendar(calendar)
    return Events(tuple(reader.events), reader.default, tuple(reader.notices))


class _Reader:
    def __init__(self, zone: ZoneInfo, file: str, problems: Problems) -> None:
        self._zone = zone
        self._file = file
        self._problems = problems
        self._lines: dict[str, int] = {}
        self._week_begins = MONDAY
        self.events: list[CalendarEvent] = []
        self.notices: list[Problem] = []
        self.default: Mode | None = None

    def calendar(self, calendar: Component) -> None:
        try:
            self._preamble(calendar)
            zones = CalendarZones(calendar, self._zone)
        except CalendarFault as fault:
            self._problems.add(self._file, fault.line, fault.message)
            return
        for each in (inner for inner in calendar.inner if inner.name != "VTIMEZONE"):
            if len(self.events) >= EVENTS_MAX:
                self._problems.add(self._file, each.line, f"expected at most {EVENTS_MAX:,} events")
                return
            try:
                self._component(each, zones)
            except CalendarFault as fault:
                message = f"event {_uid(each)}: {fault.message}"
                self._problems.add(self._file, fault.line, message)
        for tzid, line in zones.compared.items():
            self._note(
                line,
                f"TZID {shown(tzid)} sets its clocks as {self._zone.key} does, and is read as that",
            )

    def _preamble(self, calendar: Component) -> None:
        for name, expected in (("VERSION", ("2.0",)), ("CALSCALE", ("GREGORIAN",)),
                               ("METHOD", ("PUBLISH", "REQUEST"))):  # fmt: skip
            said = calendar.one(name)
            if said and said.value.strip().upper() not in expected:
                raise CalendarFault(
                    said.line, f"{name}:{shown(said.value)[1:-1]} is not read; expected "
                    f"{' or '.join(expected)}"
                )  # fmt: skip
        # [MS-OXCICAL] 2.1.3.2.1.9; RFC 5545 has Monday.
        makers = calendar.all("PRODID")
        microsoft = any("microsoft" in maker.value.casefold() for maker in makers)
        self._week_begins = SUNDAY if microsoft else MONDAY
        default = calendar.one("X-DEPOTGATE-DEFAULT")
        self.default = _mode(default) if default else self.default
        usual = calendar.one("X-WR-TIMEZONE")
        if usual and zone_named(usual.value) is not self._zone:
            self._note(
                usual.line,
                f"the calendar is of {shown(usual.value)}; its times without a zone are read in "
                f"{self._zone.key}",
            )

    def _component(self, component: Component, zones: CalendarZones) -> None:
        if component.name != "VEVENT":
            raise CalendarFault(component.line, f"{component.name} is not read; expected VEVENT")
        moved = component.one("RECURRENCE-ID")
        if moved:
            # Also of a cancelled one: it takes an occurrence out of an event that is read.
            raise CalendarFault(
                moved.line, "RECURRENCE-ID (one occurrence, changed) is not read; write EXDATE and "
                "an event of its own"
            )  # fmt: skip
        self._once(component)
        for inner in component.inner:
            if inner.name not in INNER_WITHOUT_TIME and not inner.name.startswith("X-"):
                raise CalendarFault(inner.line, f"{inner.name} in an event is not read")
        status = component.one("STATUS")
        if status and status.value.strip().upper() == "CANCELLED":
            self._note(component.line, f"event {_uid(component)} is cancelled: left out")
            return
        for each in component.properties:
            known = each.name in READ or each.name in WITHOUT_TIME or each.name[:2] == "X-"
            if not known or each.name in RECURS_OTHERWISE:
                raise CalendarFault(each.line, f"{each.name} is not read (rule 1)")
        self.events.append(self._event(component, zones))

    def _once(self, component: Component) -> None:
        uid = component.one("UID")
        if uid is None:
            return
        first = self._lines.setdefault(uid.value, component.line)
        if first != component.line:
            raise CalendarFault(
                component.line, f"its UID is that of the event on line {first}; expected each once"
            )

    def _event(self, component: Component, zones: CalendarZones) -> CalendarEvent:
        begins = component.one("DTSTART")
        if begins is None:
            raise CalendarFault(component.line, "expected DTSTART, and it is missing")
        written = component.one("RRULE")
        additions = component.all("RDATE")
        times = Times(begins, moment(begins, zones), self._zone)
        said = span(times, component, zones, recurs=bool(written or additions))
        dates, last = times.start.wall.date(), None
        own = pattern_of(None, dates, begins)
        if written:
            recurrence = rule(written, self._week_begins)
            own = pattern_of(recurrence.recurrence, dates, begins)
            last = last_date(recurrence, own, times, written)
            times.steady(last, said.end - said.start, written)
        else:
            last = dates
        shift = (said.start.date() - dates).days
        event = CalendarEvent(
            uid=_uid(component),
            line=component.line,
            name=_name(component),
            span=said,
            pattern=own.shifted(shift),
            last=last + timedelta(days=shift) if last else None,
            recurs=written is not None,
            without=frozenset(),
            also=tuple(dict.fromkeys(_additions(additions, zones, times))),
            mode=_mode_of(component),
            layer=_layer_of(component),
            always=_always(component),
        )
        return self._taken_out(event, component, zones, times, shift)

    def _taken_out(
        self,
        event: CalendarEvent,
        component: Component,
        zones: CalendarZones,
        times: Times,
        shift: int,
    ) -> CalendarEvent:
        """The event without what its EXDATEs take out (rule 8)."""
        without: set[date] = set()
        also = dict.fromkeys(event.also)
        for written, named_as in moments(component.all("EXDATE"), zones):
            each = _as_begins(named_as, times, written)
            on = _excepted(each, times, shift, written)
            regular = event.begins_on(on.date())
            as_it_begins = each.all_day is times.start.all_day
            exactly = regular and as_it_begins and on.time() == event.span.start.time()
            named = as_it_begins and on in also
            if exactly or (regular and not named):
                without.add(on.date())
            # Rule 8: what begins on its date, where nothing begins at that very time.
            gone = [on] if named else [] if exactly else [e for e in also if e.date() == on.date()]
            for extra in gone:
                del also[extra]
            if not (regular or gone or event.always):
                self._note(
                    written.line,
                    f"event {event.uid}: EXDATE {on.date()} takes nothing out: none begins then",
                )
        return event._replace(without=frozenset(without), also=tuple(also))

    def _note(self, line: int, message: str) -> None:
        self.notices.append(Problem(self._file, line, message))


def _excepted(each: Moment, times: Times, shift: int, written: Property) -> datetime:
    """What an EXDATE names, on the wall clock of the zone asked for."""
    if each.all_day:
        return each.wall + timedelta(days=shift)
    return times.wall(each, written)


def _as_begins(each: Moment, times: Times, written: Property) -> Moment:
    """An EXDATE as a date where DTSTART is one: Exchange writes the midnight at which it begins."""
    if each.all_day or not times.start.all_day:
        return each
    there = each.instant(times.zone).astimezone(times.zone).replace(tzinfo=None)
    for wall in (each.wall, there):
        if wall.time() == time():
            return Moment(wall, None, all_day=True)
    raise CalendarFault(written.line, "EXDATE: expected dates, as DTSTART is one, got a time")


def _additions(written: list[Property], zones: CalendarZones, times: Times) -> Iterator[datetime]:
    for line, each in moments(written, zones):
        if each.all_day is not times.start.all_day:
            raise CalendarFault(line.line, "RDATE: expected dates or times as DTSTART has them")
        yield times.wall(each, line)


def _uid(component: Component) -> str:
    uid = next(iter(component.all("UID")), None)
    try:
        return shown(uid.value) if uid else "without UID"
    except CalendarFault:
        return "without a readable UID"


def _name(component: Component) -> str:
    """Its SUMMARY as a name: one line of printable characters, cut where it is too long."""
    summary = component.one("SUMMARY")
    text = str(vText.from_ical(summary.value)) if summary else ""
    name = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    # As depotgate writes it (see icalendar_export.py).
    mode = _mode_of(component)
    if mode:
        name = name.removesuffix(f" ({mode})")
    return name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 1]}…"


def _mode_of(component: Component) -> Mode | None:
    written = component.one("X-DEPOTGATE-MODE")
    return _mode(written) if written else None


def _mode(written: Property) -> Mode:
    try:
        return Mode(written.value.strip().lower())
    except ValueError:
        raise CalendarFault(
            written.line,
            f"{written.name}: expected freevend or managed, got {shown(written.value)}",
        ) from None


def _layer_of(component: Component) -> str | None:
    written = component.one("X-DEPOTGATE-LAYER")
    if written is None:
        return None
    if written.value not in LAYERS:
        raise CalendarFault(
            written.line,
            f"{written.name}: expected {', '.join(LAYERS)}, got {shown(written.value)}",
        )
    return written.value


def _always(component: Component) -> bool:
    written = component.one("X-DEPOTGATE-BEGINS")
    return written is not None and written.value == "ALWAYS"
