"""A schedule as a calendar: readable by Outlook, Google and Apple, and by depotgate without loss.

Windows are events with a weekly rule, exceptions and holidays events that happen once. What a
calendar has no words for stands in X- properties, which others pass over: the mode, the layer
(rule 7), the default, and that a window has no first date.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from icalendar.prop import vDate, vDatetime, vRecur

from connectors.feeds.icalendar_timezone import timezone_of
from connectors.feeds.icalendar_values import YEARS
from models.localtime import instant
from models.recurrence import Frequency, Pattern, Recurrence, pattern
from models.schedule import WEEKDAYS, DatedException, Mode, Schedule, Window, local_time
from models.zones import tzdata_version

PRODID = "-//depotgate//schedule//EN"

_DAY = timedelta(days=1)
_MIDNIGHT = "00:00"
_FIRST_DAY, _LAST_DAY = date(YEARS[0], 1, 1), date(YEARS[-1] - 1, 12, 31)

_DESCRIPTIONS = {
    Mode.MANAGED: "Chargers are reserved (managed).",
    Mode.FREEVEND: "Chargers are open to anyone (freevend).",
}


class Exported(NamedTuple):
    """What a calendar is made from.

    Attributes:
        site: whose it is: a part of its UIDs.
        first: where windows begin in the calendar that have no first date.
        at: when it is made, UTC.
    """

    site: str
    schedule: Schedule
    zone: ZoneInfo
    first: date
    at: datetime


class _Place(NamedTuple):
    """When a window begins in the calendar.

    Attributes:
        dates: on which it begins, those that are taken out included.
        last: the last of them; None where it goes on for ever.
        always: it has no first date, and `dates` only begin somewhere.
    """

    dates: Pattern
    last: date | None
    always: bool


def calendar_of(exported: Exported) -> bytes:
    """The calendar: UTF-8, CR LF, folded lines (RFC 5545, section 3.1)."""
    schedule = exported.schedule
    calendar = Calendar()
    for name, value in {
        "VERSION": "2.0",
        "PRODID": PRODID,
        "CALSCALE": "GREGORIAN",
        # Older Outlooks refuse a file without it, and it asks nobody to come.
        "METHOD": "PUBLISH",
        "X-WR-CALNAME": f"{exported.site}: {schedule.id}",
        # By which Outlook knows a calendar again ([MS-OXCICAL] 2.1.3.1.1.18).
        "X-WR-RELCALID": str(UUID(_digest(exported.site, schedule.id))),
        "X-WR-TIMEZONE": exported.zone.key,
        "X-DEPOTGATE-DEFAULT": schedule.default.value,
        "X-DEPOTGATE-TZDATA": tzdata_version(),
    }.items():
        calendar.add(name, value)
    events = [*_events(exported)]
    first = min((event.first for event in events), default=exported.first)
    calendar.add_component(timezone_of(exported.zone, first - _DAY))
    for event in events:
        calendar.add_component(event.component)
    return bytes(calendar.to_ical(sorted=False))


class _Dated(NamedTuple):
    """An event, and the date on which it begins."""

    first: date
    component: Event


def _events(exported: Exported) -> Iterator[_Dated]:
    seen: Counter[str] = Counter()
    for window in exported.schedule.windows:
        place = _place(exported, window)
        if place is not None:
            yield _window(exported, window, place, _uid(exported, "window", window.label, seen))
    for layer, entries in (
        ("exception", exported.schedule.exceptions),
        ("holiday", exported.schedule.holidays),
    ):
        for entry in entries:
            uid = _uid(exported, layer, f"{entry.label}\x1f{entry.on}", seen)
            yield _once(exported, entry, layer, uid)


def _place(exported: Exported, window: Window) -> _Place | None:
    """None for a window that never begins."""
    schedule = exported.schedule
    starts = [day for day in (schedule.valid_from, window.valid_from) if day]
    ends = [day for day in (schedule.valid_to, window.valid_to) if day]
    # Years that no calendar has are how people write "always" and "for ever".
    first = max(max(starts, default=exported.first), _FIRST_DAY)
    if first > _LAST_DAY:
        return None
    last = min(ends) if ends and min(ends) < _LAST_DAY else None
    days = frozenset(WEEKDAYS.index(day) for day in window.days)
    # Counted from the week of its own first date, as `every_weeks` is.
    counted = window.valid_from or first
    weekly = Recurrence(Frequency.WEEKLY, window.every_weeks, days)
    dates = _from(pattern(weekly, counted), first)
    begins = dates.first_cycle[0]
    if last is None:
        return _Place(dates, None, always=not starts)
    if begins > last:
        # Without a first date it began before the calendar does: all of it is history.
        if starts:
            return None
        dates = _from(pattern(weekly, last - _DAY * 6), last - _DAY * 6)
        begins = dates.first_cycle[0]
    return _Place(dates, max(dates.until(last)), always=not starts)


def _from(dates: Pattern, first: date) -> Pattern:
    """The same from a date on."""
    cycle = 7 * dates.cycle_weeks
    ahead = (
        day + _DAY * (cycle * max(0, -((day - first).days // cycle))) for day in dates.first_cycle
    )
    return Pattern(tuple(sorted(ahead)), dates.cycle_weeks)


def _window(exported: Exported, window: Window, place: _Place, uid: str) -> _Dated:
    begins = place.dates.first_cycle[0]
    event = _event(exported, uid, window.label, window.mode, "window")
    overnight = window.end <= window.start
    _add(event, "DTSTART", exported, begins, window.start)
    _add(event, "DTEND", exported, begins + _DAY if overnight else begins, window.end)
    event.add("RRULE", _rule(exported, window, place))
    without = [day for day in window.except_dates if _FIRST_DAY <= day <= _LAST_DAY]
    for day in without:
        # All of them where it has no first date: they tell of days before the calendar, too.
        if day in place.dates or (place.always and WEEKDAYS[day.weekday()] in window.days):
            _add(event, "EXDATE", exported, day, window.start)
    if place.always:
        event.add("X-DEPOTGATE-BEGINS", "ALWAYS")
    return _Dated(min((begins, *without)), event)


def _rule(exported: Exported, window: Window, place: _Place) -> vRecur:
    rule = {
        "FREQ": "WEEKLY",
        "INTERVAL": window.every_weeks,
        "WKST": "MO",
        "BYDAY": [day[:2].upper() for day in WEEKDAYS if day in window.days],
    }
    if place.last is None:
        return vRecur(rule)
    at = local_time(window.start)
    until = instant(place.last, at, exported.zone)
    if until < instant(place.last + _DAY, at, exported.zone):
        return vRecur(rule | {"UNTIL": until})
    # A date that the zone skipped (Pacific/Apia, 30 December 2011): both begin at one instant.
    return vRecur(rule | {"COUNT": sum(1 for _ in place.dates.until(place.last))})


def _once(exported: Exported, entry: DatedException, layer: str, uid: str) -> _Dated:
    event = _event(exported, uid, entry.label, entry.mode, layer)
    if entry.start == entry.end == _MIDNIGHT:
        event.add("DTSTART", _date(entry.on))
        event.add("DTEND", _date(entry.on + _DAY))
    else:
        _add(event, "DTSTART", exported, entry.on, entry.start)
        midnight = entry.end == _MIDNIGHT
        _add(event, "DTEND", exported, entry.on + _DAY if midnight else entry.on, entry.end)
    return _Dated(entry.on, event)


def _event(exported: Exported, uid: str, label: str, mode: Mode, layer: str) -> Event:
    event = Event()
    event.add("UID", uid)
    event.add("DTSTAMP", exported.at)
    event.add("SUMMARY", f"{label} ({mode})")
    event.add("DESCRIPTION", _DESCRIPTIONS[mode])
    event.add("CATEGORIES", [mode.value])
    # Nobody is busy because chargers are reserved.
    event.add("TRANSP", "TRANSPARENT")
    event.add("X-DEPOTGATE-MODE", mode.value)
    event.add("X-DEPOTGATE-LAYER", layer)
    return event


def _uid(exported: Exported, layer: str, label: str, seen: Counter[str]) -> str:
    """The same each time for what has the same name: a calendar then knows its events again."""
    seen[f"{layer}\x1f{label}"] += 1
    number = seen[f"{layer}\x1f{label}"]
    return f"{_digest(exported.site, exported.schedule.id, layer, label, str(number))}@depotgate"


def _digest(*names: str) -> str:
    return hashlib.sha256("\x1f".join(names).encode()).hexdigest()[:32]


def _add(event: Event, name: str, exported: Exported, on: date, at: str) -> None:
    wall = vDatetime(datetime.combine(on, local_time(at)))
    wall.params["TZID"] = exported.zone.key
    event.add(name, wall)


def _date(on: date) -> vDate:
    written = vDate(on)
    written.params["VALUE"] = "DATE"
    return written
