"""What a schedule writes, as dated half-open UTC intervals, before anything wins (rules 1–5, 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from models.layers import LayerName
from models.localtime import instant
from models.schedule import WEEKDAYS, DatedException, Mode, Schedule, Window, local_time

LAYERS = (LayerName.EXCEPTION, LayerName.HOLIDAY, LayerName.WINDOW)
"""What a schedule writes, highest first, between overrides and the default (models.layers)."""

E = TypeVar("E", Window, DatedException)

_DAY = timedelta(days=1)
_MIDNIGHT = "00:00"
_MINUTES_PER_DAY = 24 * 60
_MINUTES_PER_WEEK = 7 * _MINUTES_PER_DAY


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
    by_day = [[w for w in schedule.windows if day in w.days] for day in WEEKDAYS]
    for ordinal in range(begins.toordinal(), ends.toordinal() + 1):
        on = date.fromordinal(ordinal)
        for window in by_day[on.weekday()]:
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
    return any(
        start < other_end and other_start < end
        for start, end in _week_minutes(one)
        for other_start, other_end in _week_minutes(other)
    )


def _week_minutes(window: Window) -> Iterator[tuple[int, int]]:
    """The window's stretches in minutes of the week, one that passes its end split in two."""
    for day in window.days:
        start = WEEKDAYS.index(day) * _MINUTES_PER_DAY + _minutes(window.start)
        length = (_minutes(window.end) - _minutes(window.start)) % _MINUTES_PER_DAY
        end = start + (length or _MINUTES_PER_DAY)
        yield start, min(end, _MINUTES_PER_WEEK)
        if end > _MINUTES_PER_WEEK:
            yield 0, end - _MINUTES_PER_WEEK


def _dated_overlap(one: DatedException, other: DatedException) -> bool:
    def ends(each: DatedException) -> int:
        return _MINUTES_PER_DAY if each.end == _MIDNIGHT else _minutes(each.end)

    same_date = one.on == other.on
    return same_date and _minutes(one.start) < ends(other) and _minutes(other.start) < ends(one)


def _minutes(written: str) -> int:
    at = local_time(written)
    return at.hour * 60 + at.minute
