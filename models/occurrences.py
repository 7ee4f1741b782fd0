"""What a schedule writes, as dated half-open UTC intervals, before anything wins (rules 1–5, 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import lcm
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from models.layers import LayerName
from models.localtime import instant_of
from models.schedule import (
    WEEKDAYS,
    DatedException,
    Mode,
    Schedule,
    Weekday,
    Window,
    local_time,
)

LAYERS = (LayerName.EXCEPTION, LayerName.HOLIDAY, LayerName.WINDOW)
"""What a schedule writes, highest first, between overrides and the default (models.layers)."""

_DATES_REMEMBERED = 4_096
"""Eleven years: as far as a timeline keeps what it compiled."""

E = TypeVar("E", Window, DatedException)

_SOME_DAY = date(1970, 1, 2)
_LAST_DAY = date(9999, 12, 30)
"""Windows are compared between these, where they name no dates: what began before is nobody's."""

_MIDNIGHT = "00:00"
_MINUTES_PER_DAY = 24 * 60


class Source(NamedTuple):
    """What says so: layer, name, and the local date on which the occurrence starts.

    Attributes:
        scope, override_id: of an override or lock, whose name is its reason; else None.
    """

    layer: str
    name: str
    date: date | None
    scope: str | None = None
    override_id: str | None = None


class Occurrence(NamedTuple):
    """One window, holiday or exception on one date, in UTC."""

    starts_at: datetime
    ends_at: datetime
    mode: Mode
    source: Source


class ClockEffect(NamedTuple):
    """An occurrence that a clock change makes longer or shorter than it is written (rules 4, 5).

    Attributes:
        written: its length on the wall clock.
        lasts: how long it lasts; zero where it vanishes.
    """

    source: Source
    written: timedelta
    lasts: timedelta


class ScheduleFault(NamedTuple):
    """Two entries of one layer that contradict each other (rule 6).

    Attributes:
        layer: `window`, `holiday` or `exception`.
        first, second: their places in the schedule's list of that layer.
    """

    layer: str
    first: int
    second: int
    message: str


class _OnTheWall(NamedTuple):
    """An occurrence before it is UTC: minutes since the midnight of its date, over 24 h in its
    tail."""

    on: int
    start: int
    end: int
    mode: Mode
    layer: str
    label: str


def occurrences(
    schedule: Schedule, zone: ZoneInfo, first: date, last: date
) -> tuple[Occurrence, ...]:
    """Every occurrence whose start date is in [first, last]; those of no length are left out."""
    found = []
    for on, start, end, mode, layer, label in _on_the_wall(schedule, first, last):
        starts_at, ends_at = instant_of(on, start, zone), instant_of(on, end, zone)
        if starts_at < ends_at:
            source = Source(layer, label, date_of(on))
            found.append(Occurrence(starts_at, ends_at, mode, source))
    return tuple(found)


def clock_effects(
    schedule: Schedule, zone: ZoneInfo, first: date, last: date
) -> tuple[ClockEffect, ...]:
    """Occurrences whose start date is in [first, last] that do not last as long as written."""
    found = []
    for each in _on_the_wall(schedule, first, last):
        written = timedelta(minutes=each.end - each.start)
        lasts = instant_of(each.on, each.end, zone) - instant_of(each.on, each.start, zone)
        if lasts != written:
            source = Source(each.layer, each.label, date.fromordinal(each.on))
            found.append(ClockEffect(source, written, lasts))
    return tuple(found)


def contradictions(schedule: Schedule) -> tuple[ScheduleFault, ...]:
    """Opposite-mode overlaps within one layer, on the wall clock (rule 6).

    Both entries mean the same zone, and local times become instants in their order (rule 4), so
    what does not overlap on the wall clock never overlaps in UTC.
    """
    return (
        *_contradictions("window", schedule.windows, _weekly_overlap),
        *_contradictions("holiday", schedule.holidays, _dated_overlap),
        *_contradictions("exception", schedule.exceptions, _dated_overlap),
    )


@lru_cache(maxsize=_DATES_REMEMBERED)
def date_of(on: int) -> date:
    """One object for all that begins on a date: sources are kept by the thousand."""
    return date.fromordinal(on)


def _on_the_wall(schedule: Schedule, first: date, last: date) -> Iterator[_OnTheWall]:
    yield from _of_windows(schedule, first, last)
    for layer, entries in (("holiday", schedule.holidays), ("exception", schedule.exceptions)):
        for each in entries:
            if first <= each.on <= last:
                start, end = _minutes(each.start), _end_of_date(each)
                yield _OnTheWall(each.on.toordinal(), start, end, each.mode, layer, each.label)


def _of_windows(schedule: Schedule, first: date, last: date) -> Iterator[_OnTheWall]:
    begins = max(first, schedule.valid_from or first)
    ends = min(last, schedule.valid_to or last)
    # What a window has of its own is read once, and not on each of its dates.
    by_day: list[list[tuple[Window | None, tuple[int, int, Mode, str, str]]]]
    by_day = [[] for _ in WEEKDAYS]
    for window in schedule.windows:
        start = _minutes(window.start)
        said = (start, start + _length(window), window.mode, "window", window.label)
        for day in set(window.days):
            by_day[WEEKDAYS.index(day)].append((None if window.weekly else window, said))
    for on in range(begins.toordinal(), ends.toordinal() + 1):
        for dated, said in by_day[(on - 1) % 7]:  # the first day of the calendar is a Monday
            if dated is None or dated.begins_on(date.fromordinal(on)):
                yield _OnTheWall(on, *said)


def _end_of_date(each: DatedException) -> int:
    """Minutes since its midnight; written as midnight, an end is that of its date (rule 8)."""
    return _MINUTES_PER_DAY if each.end == _MIDNIGHT else _minutes(each.end)


def _contradictions(
    layer: str, entries: tuple[E, ...], overlap: Callable[[E, E], bool]
) -> Iterator[ScheduleFault]:
    # A thousand of one mode are compared with none.
    opposite: dict[Mode, list[tuple[int, E]]] = {mode: [] for mode in Mode}
    for second, later in enumerate(entries):
        for mode in Mode:
            if mode is not later.mode:
                opposite[mode].append((second, later))
        for first, earlier in opposite[later.mode]:
            if overlap(earlier, later):
                yield ScheduleFault(
                    layer,
                    first,
                    second,
                    f"{layer} {later.label!r} ({later.mode}) overlaps {earlier.label!r} "
                    f"({earlier.mode}); opposite modes may touch, not overlap (rule 6)",
                )


def _weekly_overlap(one: Window, other: Window) -> bool:
    """Whether an occurrence of one overlaps an occurrence of the other on some date."""
    return any(
        _both_begin(one, day, other, later)
        for later in (-1, 0, 1)
        if _overlap_of(one, other, later * _MINUTES_PER_DAY)
        for day in one.days
        if WEEKDAYS[(WEEKDAYS.index(day) + later) % 7] in other.days
    )


def _overlap_of(one: Window, other: Window, later: int) -> bool:
    """Whether they overlap when the other's date is so many minutes after the one's."""
    start, other_start = _minutes(one.start), _minutes(other.start) + later
    return start < other_start + _length(other) and other_start < start + _length(one)


def _length(window: Window) -> int:
    """In minutes of wall time: an end at or before the start means the next day (rule 2)."""
    between = (_minutes(window.end) - _minutes(window.start)) % _MINUTES_PER_DAY
    return between or _MINUTES_PER_DAY


def _both_begin(one: Window, day: Weekday, other: Window, later: int) -> bool:
    """Whether in some week both begin, one on `day` and the other so many days later."""
    if one.weekly and other.weekly:
        return True
    first, last = _compared(one, 0)
    other_first, other_last = _compared(other, later)
    first, last = max(first, other_first), min(last, other_last)
    first += (WEEKDAYS.index(day) - (first - 1)) % 7
    # Their weeks meet once in a cycle or never; so many meetings are not all excepted.
    cycle = 7 * lcm(one.every_weeks, other.every_weeks)
    excepted = {day.toordinal() for day in one.except_dates}
    excepted |= {day.toordinal() - later for day in other.except_dates}
    meeting = next(
        (
            on
            for on in range(first, min(last + 1, first + cycle), 7)
            if one.in_its_weeks(date.fromordinal(on))
            and other.in_its_weeks(date.fromordinal(on + later))
        ),
        last + 1,
    )
    meetings = range(meeting, last + 1, cycle)[: len(excepted) + 1]
    return any(on not in excepted for on in meetings)


def _compared(window: Window, later: int) -> tuple[int, int]:
    """The ordinals of the dates that are compared, so many days before the window's own."""
    valid_from, valid_to = window.valid_from or _SOME_DAY, window.valid_to or _LAST_DAY
    first = max(valid_from, _SOME_DAY).toordinal()
    return first - later, min(valid_to, _LAST_DAY).toordinal() - later


def _dated_overlap(one: DatedException, other: DatedException) -> bool:
    if one.on != other.on:
        return False
    return _minutes(one.start) < _end_of_date(other) and _minutes(other.start) < _end_of_date(one)


def _minutes(written: str) -> int:
    at = local_time(written)
    return at.hour * 60 + at.minute
