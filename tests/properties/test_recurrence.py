"""Rules of calendars against python-dateutil and recurring-ical-events (rules 1 and 8)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import icalendar
import recurring_ical_events  # type: ignore[import-untyped]
from dateutil import rrule  # type: ignore[import-untyped]
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors.feeds.icalendar_events import read_events
from connectors.feeds.icalendar_lines import read_components
from connectors.feeds.icalendar_schedule import Meaning, compiled
from connectors.feeds.places import Problems
from models.occurrences import occurrences
from models.recurrence import Frequency, Recurrence, pattern
from models.schedule import Mode, Schedule
from models.zones import zone

DAY = timedelta(days=1)
SPAN = DAY * 400
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_RRULE_FREQUENCY = {Frequency.DAILY: rrule.DAILY, Frequency.WEEKLY: rrule.WEEKLY}

starts = st.dates(date(2000, 1, 1), date(2037, 12, 31))
recurrences = st.builds(
    Recurrence,
    frequency=st.sampled_from(Frequency),
    interval=st.one_of(st.integers(1, 4), st.integers(1, 30)),
    days=st.one_of(st.none(), st.frozensets(st.integers(0, 6), min_size=1)),
    week_start=st.integers(0, 6),
)


def by_dateutil(rule: Recurrence, start: date, last: date) -> list[date]:
    """What another library makes of the same rule."""
    midnight = datetime(start.year, start.month, start.day)  # noqa: DTZ001 - dates only
    found = rrule.rrule(
        _RRULE_FREQUENCY[rule.frequency],
        dtstart=midnight,
        interval=rule.interval,
        byweekday=None if rule.days is None else sorted(rule.days),
        wkst=rule.week_start,
        until=datetime(last.year, last.month, last.day),  # noqa: DTZ001 - dates only
    )
    return [each.date() for each in found]


@given(recurrences, starts)
def test_a_rule_means_the_dates_that_dateutil_finds(rule: Recurrence, start: date) -> None:
    """Rule 1: INTERVAL, BYDAY and WKST; asked for one by one, in order, and by number."""
    last = start + SPAN
    expected = by_dateutil(rule, start, last)
    found = pattern(rule, start)
    assert list(found.until(last)) == expected
    asked = (start + DAY * each for each in range(SPAN.days + 1))
    assert [day for day in asked if day in found] == expected
    assert [found.nth(number) for number in range(1, len(expected) + 1)] == expected


class Written(NamedTuple):
    """An event as it stands in a calendar."""

    zone: str
    start: datetime
    lasts: timedelta
    rule: str
    extra: tuple[datetime, ...]
    without: tuple[datetime, ...]

    def text(self) -> str:
        """The calendar."""
        lines = [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "BEGIN:VEVENT",
            "UID:any",
            f"DTSTART;TZID={self.zone}:{self.start:%Y%m%dT%H%M%S}",
            f"DTEND;TZID={self.zone}:{self.start + self.lasts:%Y%m%dT%H%M%S}",
            f"RRULE:{self.rule}",
            *(f"RDATE;TZID={self.zone}:{each:%Y%m%dT%H%M%S}" for each in self.extra),
            *(f"EXDATE;TZID={self.zone}:{each:%Y%m%dT%H%M%S}" for each in self.without),
            "END:VEVENT",
            "END:VCALENDAR",
        ]
        return "\r\n".join(lines) + "\r\n"


@st.composite
def events(draw: st.DrawFn, zones: tuple[str, ...], longest: timedelta) -> Written:
    """Any event of a rule that rule 1 accepts; it begins on one of its dates."""
    rule = draw(recurrences)
    day = draw(starts)
    days = rule.days if rule.days is None else rule.days | {day.weekday()}
    # Clocks are set between midnight and six: there the two differ on purpose (rule 4).
    minute = draw(st.integers(6 * 60, 23 * 60 + 59))
    start = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001
    parts = [f"FREQ={rule.frequency}", f"INTERVAL={rule.interval}", f"WKST={DAYS[rule.week_start]}"]
    if days is not None:
        parts.append(f"BYDAY={','.join(DAYS[each] for each in sorted(days))}")
    where = draw(st.sampled_from(zones))
    until = (start + DAY * draw(st.integers(0, 400))).replace(tzinfo=zone(where)).astimezone(UTC)
    ends = [None, f"COUNT={draw(st.integers(1, 60))}", f"UNTIL={until:%Y%m%dT%H%M%SZ}"]
    end = draw(st.sampled_from(ends))
    shifts = st.lists(st.integers(0, 60), max_size=4)
    return Written(
        where,
        start,
        timedelta(minutes=draw(st.integers(1, int(longest / timedelta(minutes=1))))),
        ";".join([*parts, *([end] if end else [])]),
        extra=tuple(start + DAY * each for each in draw(shifts)),
        without=tuple(start + DAY * each for each in draw(shifts)),
    )


def imported(event: Written) -> Schedule:
    """What the importer makes of it."""
    problems = Problems()
    file = io.BytesIO(event.text().encode())
    found = read_events(read_components(file, "any.ics", problems), zone(event.zone), "", problems)
    meaning = Meaning(Mode.MANAGED)
    made = compiled(found, meaning, "any", Mode.FREEVEND, file="any.ics", problems=problems)
    problems.refuse()
    assert made is not None
    return made.schedule


def by_library(event: Written) -> Iterator[tuple[datetime, datetime]]:
    """Begin and end of every occurrence in the span, on the wall clock."""
    calendar = icalendar.Calendar.from_ical(event.text())
    first = event.start - DAY
    for each in recurring_ical_events.of(calendar).between(first, event.start + SPAN):
        begins, ends = each["DTSTART"].dt, each["DTEND"].dt
        yield begins.replace(tzinfo=None), ends.replace(tzinfo=None)


@given(events(("Europe/Berlin", "America/New_York", "UTC"), DAY))
def test_windows_begin_where_another_library_has_the_events(event: Written) -> None:
    """Rules 1, 2 and 8: UNTIL, COUNT, RDATE and EXDATE too; over clock changes."""
    schedule = imported(event)
    where = zone(event.zone)
    first = event.start.date()
    found = occurrences(schedule, where, first, first + SPAN - DAY)
    began = {each.starts_at.astimezone(where).replace(tzinfo=None) for each in found}
    expected = {start for start, _ in by_library(event) if start.date() < first + SPAN}
    # An RDATE is an exception, in parts where it passes midnight.
    tails = {each for each in began if (each.hour, each.minute) == (0, 0)}
    assert began - tails == expected
    assert all(each.date() - DAY in {start.date() for start in expected} for each in tails)


@given(events(("Asia/Kathmandu",), DAY * 4))
def test_the_same_minutes_are_managed_that_another_library_has_events_in(event: Written) -> None:
    """Rules 1, 5 and 8: also of events over several days; EXDATE takes the tail with it."""
    assume(event.lasts > timedelta(minutes=0))
    where = zone(event.zone)
    first = event.start.date()
    found = occurrences(imported(event), where, first - DAY * 8, first + SPAN)
    ours = ((each.starts_at.astimezone(where), each.ends_at.astimezone(where)) for each in found)
    until = event.start + SPAN - DAY * 40
    bare = ((start.replace(tzinfo=None), end.replace(tzinfo=None)) for start, end in ours)
    assert merged(bare, until) == merged(by_library(event), until)


def merged(
    spans: Iterator[tuple[datetime, datetime]], until: datetime
) -> list[tuple[datetime, datetime]]:
    """The same time in as few stretches as possible, cut at `until`."""
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted((start, min(end, until)) for start, end in spans if start < until):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
