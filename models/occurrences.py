"""What a schedule writes, as dated half-open UTC intervals, before anything wins (rules 1–5, 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from math import lcm
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from models.layers import LayerName
from models.localtime import instant
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

E = TypeVar("E", Window, DatedException)

_DAY = timedelta(days=1)
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


def occurrences(
    schedule: Schedule, zone: ZoneInfo, first: date, last: date
) -> tuple[Occurrence, ...]:
    """Every occurrence whose start date is in [first, last]; those of no length are left out."""
    found = (
        *_of_windows(schedule, zone, first, last),
        *_of_dates("holiday", schedule.holidays, zone, first, last),
        *_of_dates("exception", schedule.exceptions, zone, first, last),
    )
    return tuple(each for each in found if each.starts_at < each.ends_at)


def vanished(schedule: Schedule, zone: ZoneInfo, first: date, last: date) -> tuple[Source, ...]:
    """Occurrences that a clock change reduces to nothing (rule 4), to be said when saved."""
    found = (
        *_of_windows(schedule, zone, first, last),
        *_of_dates("holiday", schedule.holidays, zone, first, last),
        *_of_dates("exception", schedule.exceptions, zone, first, last),
    )
    return tuple(each.source for each in found if each.starts_at >= each.ends_at)


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


def _of_windows(
    schedule: Schedule, zone: ZoneInfo, first: date, last: date
) -> Iterator[Occurrence]:
    begins = max(first, schedule.valid_from or first)
    ends = min(last, schedule.valid_to or last)
    by_day = [[(w, w.weekly) for w in schedule.windows if day in w.days] for day in WEEKDAYS]
    for ordinal in range(begins.toordinal(), ends.toordinal() + 1):
        on = date.fromordinal(ordinal)
        for window, weekly in by_day[on.weekday()]:
            if not (weekly or window.begins_on(on)):
                continue
            # End at or before start means the next day; equal means 24 h of wall time (rule 2).
            ends_on = on + _DAY if window.end <= window.start else on
            yield Occurrence(
                instant(on, local_time(window.start), zone),
                instant(ends_on, local_time(window.end), zone),
                window.mode,
                Source("window", window.label, on),
            )


def _of_dates(
    layer: str, entries: tuple[DatedException, ...], zone: ZoneInfo, first: date, last: date
) -> Iterator[Occurrence]:
    for each in entries:
        if first <= each.on <= last:
            ends_on = each.on + _DAY if each.end == _MIDNIGHT else each.on
            yield Occurrence(
                instant(each.on, local_time(each.start), zone),
                instant(ends_on, local_time(each.end), zone),
                each.mode,
                Source(layer, each.label, each.on),
            )


def _contradictions(
    layer: str, entries: tuple[E, ...], overlap: Callable[[E, E], bool]
) -> Iterator[ScheduleFault]:
    for second, later in enumerate(entries):
        for first, earlier in enumerate(entries[:second]):
            if earlier.mode is not later.mode and overlap(earlier, later):
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
    """In minutes of wall time (rule 2)."""
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
    excepted = len(one.except_dates) + len(other.except_dates)
    # In each cycle the same weeks meet; so many cycles without a meeting are not all excepted.
    weeks = lcm(one.every_weeks, other.every_weeks) * (excepted + 1)
    return any(
        one.begins_on(date.fromordinal(on)) and other.begins_on(date.fromordinal(on + later))
        for on in range(first, min(last, first + 7 * weeks) + 1, 7)
    )


def _compared(window: Window, later: int) -> tuple[int, int]:
    """The ordinals of the dates that are compared, so many days before the window's own."""
    valid_from, valid_to = window.valid_from or _SOME_DAY, window.valid_to or _LAST_DAY
    first = max(valid_from, _SOME_DAY).toordinal()
    return first - later, min(valid_to, _LAST_DAY).toordinal() - later


def _dated_overlap(one: DatedException, other: DatedException) -> bool:
    def ends(each: DatedException) -> int:
        return _MINUTES_PER_DAY if each.end == _MIDNIGHT else _minutes(each.end)

    same_date = one.on == other.on
    return same_date and _minutes(one.start) < ends(other) and _minutes(other.start) < ends(one)


def _minutes(written: str) -> int:
    at = local_time(written)
    return at.hour * 60 + at.minute
