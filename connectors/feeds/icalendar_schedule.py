"""From the events of a calendar to what a schedule says: windows, exceptions, holidays.

Each recurring event is a window, or several where it lasts more than a day or recurs in weeks that
are counted differently: exact, and without an end where the rule has none. What happens once is an
exception, a part of each day that it touches (rule 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from math import lcm
from typing import NamedTuple

from connectors.feeds.icalendar_events import CalendarEvent, Events
from connectors.feeds.icalendar_lines import CalendarFault
from connectors.feeds.icalendar_times import Span
from connectors.feeds.places import Problems
from connectors.feeds.site_checks import EXCEPTIONS_MAX, WINDOWS_MAX
from models.errors import Problem
from models.occurrences import ScheduleFault, contradictions
from models.recurrence import Pattern
from models.schedule import (
    CYCLE_WEEKS_MAX,
    WEEKDAYS,
    DatedException,
    LocalTime,
    Mode,
    Schedule,
    Window,
    week_of,
)

_DAY = timedelta(days=1)


class Meaning(NamedTuple):
    """How events are read that do not say it themselves.

    Attributes:
        mode: of theirs.
        holidays: all are dates in the layer of holidays.
    """

    mode: Mode
    holidays: bool = False

    def layer(self, event: CalendarEvent) -> str:
        """That of an event that does not name one."""
        if self.holidays:
            return "holiday"
        return "window" if event.recurs else "exception"


class Compiled(NamedTuple):
    """A schedule, and what a person should know of how it came about."""

    schedule: Schedule
    notices: tuple[Problem, ...]


class _Part(NamedTuple):
    """A day's share of an occurrence: begins so many days after it does."""

    days: int
    start: LocalTime
    end: LocalTime


class _Entries:
    """Windows and dates so far, each with the event that it comes from."""

    def __init__(self) -> None:
        self.windows: list[tuple[Window, CalendarEvent]] = []
        self.dates: dict[str, list[tuple[DatedException, CalendarEvent]]] = {
            "exception": [],
            "holiday": [],
        }

    def add(self, event: CalendarEvent, meaning: Meaning) -> None:
        """What an event says. CalendarFault where it is more than a schedule takes."""
        mode = event.mode or meaning.mode
        layer = event.layer or meaning.layer(event)
        starts: Iterable[datetime] = event.also
        if layer == "window" and event.recurs and event.pattern.cycle_weeks <= CYCLE_WEEKS_MAX:
            self.windows += [(each, event) for each in _windows(event, mode)]
        else:
            starts = chain(starts, _starts(event))
        kept = self.dates["holiday" if layer == "holiday" else "exception"]
        dates = (each for start in starts for each in _dates(event, start, mode))
        kept += [(each, event) for each in islice(dates, EXCEPTIONS_MAX + 1)]
        for entries, most, what in (
            (self.windows, WINDOWS_MAX, "windows"),
            (kept, EXCEPTIONS_MAX, "dates"),
        ):
            if len(entries) > most:
                raise CalendarFault(event.line, f"expected at most {most:,} {what} of a schedule")

    def owners(self, layer: str) -> list[CalendarEvent]:
        """Whose the entries of a layer are, in their order."""
        entries = self.windows if layer == "window" else self.dates[layer]
        return [event for _, event in entries]


def compiled(
    found: Events,
    meaning: Meaning,
    schedule_id: str,
    default: Mode,
    *,
    file: str,
    problems: Problems,
) -> Compiled | None:
    """The schedule that a calendar's events say; None where something is wrong, which is noted.

    Args:
        default: of the schedule.
    """
    entries = _entries(found, meaning, file, problems)
    windows = tuple(window for window, _ in entries.windows)
    cycle = lcm(*{window.every_weeks for window in windows})
    if cycle > CYCLE_WEEKS_MAX:
        message = f"expected events that begin again together within {CYCLE_WEEKS_MAX} weeks"
        problems.add(file, 0, f"{message}, got {cycle}: the least common multiple of INTERVALs")
    if problems.names(file):
        return None
    schedule = _hoisted(
        Schedule(
            id=schedule_id,
            default=default,
            windows=windows,
            exceptions=tuple(each for each, _ in entries.dates["exception"]),
            holidays=tuple(each for each, _ in entries.dates["holiday"]),
        )
    )
    for fault in contradictions(schedule):
        owners = entries.owners(fault.layer)
        problems.add(file, owners[fault.second].line, _contradiction(fault, owners))
    if problems.names(file):
        return None
    return Compiled(schedule, (*found.notices, *_written_out(found, file)))


def dates_of(
    found: Events, mode: Mode, file: str, problems: Problems
) -> tuple[DatedException, ...]:
    """The dates of a calendar of holidays, all of one mode; what has no end is noted."""
    as_dates = tuple(each._replace(mode=mode, layer="holiday") for each in found.events)
    entries = _entries(found._replace(events=as_dates), Meaning(mode), file, problems)
    return tuple(each for each, _ in entries.dates["holiday"])


def _entries(found: Events, meaning: Meaning, file: str, problems: Problems) -> _Entries:
    entries = _Entries()
    for event in found.events:
        try:
            entries.add(event, meaning)
        except CalendarFault as fault:
            problems.add(file, fault.line, f"event {event.uid}: {fault.message}")
    return entries


def _contradiction(fault: ScheduleFault, owners: list[CalendarEvent]) -> str:
    first, second = owners[fault.first], owners[fault.second]
    return (
        f"event {second.uid}: {fault.message}; the other one is event {first.uid} on line "
        f"{first.line}"
    )


def _written_out(found: Events, file: str) -> Iterator[Problem]:
    for event in found.events:
        if event.recurs and event.pattern.cycle_weeks > CYCLE_WEEKS_MAX:
            yield Problem(
                file,
                event.line,
                f"event {event.uid} is written out date by date: it begins again after "
                f"{event.pattern.cycle_weeks} weeks, and a window does within {CYCLE_WEEKS_MAX}",
            )


def _windows(event: CalendarEvent, mode: Mode) -> Iterator[Window]:
    for part in _parts(event.span):
        dates = event.pattern.shifted(part.days)
        last = event.last + _DAY * part.days if event.last else None
        without = sorted(day + _DAY * part.days for day in event.without)
        for first, weekdays in _in_step(dates):
            if last is None or first <= last:
                yield Window(
                    name=event.name,
                    days=tuple(WEEKDAYS[day] for day in sorted(weekdays)),
                    start=part.start,
                    end=part.end,
                    mode=mode,
                    valid_from=None if event.always and dates.cycle_weeks == 1 else first,
                    valid_to=last,
                    every_weeks=dates.cycle_weeks,
                    except_dates=tuple(day for day in without if day.weekday() in weekdays),
                )


def _in_step(dates: Pattern) -> Iterator[tuple[date, frozenset[int]]]:
    """The weekdays that recur in the same weeks, Monday to Sunday, and the first date of them."""
    groups: dict[int, list[date]] = {}
    for day in dates.first_cycle:
        groups.setdefault(week_of(day) % dates.cycle_weeks, []).append(day)
    for days in groups.values():
        yield min(days), frozenset(day.weekday() for day in days)


def _parts(lasts: Span) -> Iterator[_Part]:
    """An occurrence as windows have it: up to a day whole, a longer one day by day."""
    if lasts.end - lasts.start <= _DAY:
        yield _Part(0, _written(lasts.start.time()), _written(lasts.end.time()))
        return
    for on, start, end in _days_of(lasts):
        yield _Part((on - lasts.start.date()).days, start, end)


def _days_of(lasts: Span) -> Iterator[tuple[date, LocalTime, LocalTime]]:
    """Each date that it touches, and from when to when of it; "00:00" ends a day."""
    at = lasts.start
    while at < lasts.end:
        midnight = datetime.combine(at.date() + _DAY, time())
        until = min(midnight, lasts.end)
        yield at.date(), _written(at.time()), _written(until.time())
        at = until


def _dates(event: CalendarEvent, start: datetime, mode: Mode) -> Iterator[DatedException]:
    lasts = Span(start, start + (event.span.end - event.span.start))
    for on, begins, ends in _days_of(lasts):
        yield DatedException(name=event.name, on=on, start=begins, end=ends, mode=mode)


def _starts(event: CalendarEvent) -> Iterator[datetime]:
    """Each beginning of an event that is written out date by date."""
    if event.last is None:
        raise CalendarFault(
            event.line, "it recurs for ever, and is written out date by date: add UNTIL or COUNT"
        )
    for day in event.pattern.until(event.last):
        if day not in event.without:
            yield datetime.combine(day, event.span.start.time())


def _written(at: time) -> LocalTime:
    return f"{at:%H:%M}"


def _hoisted(schedule: Schedule) -> Schedule:
    """The limits that all its windows share as the schedule's own."""
    first = {None if each.every_weeks > 1 else each.valid_from for each in schedule.windows}
    last = {each.valid_to for each in schedule.windows}
    said = {}
    if len(first) == 1:
        said["valid_from"] = first.pop()
    if len(last) == 1:
        said["valid_to"] = last.pop()
    bare = {key: None for key, value in said.items() if value}
    windows = tuple(each.model_copy(update=bare) for each in schedule.windows)
    return schedule.model_copy(update={**said, "windows": windows})
