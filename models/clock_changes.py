"""When and how a zone sets its clocks, found by asking it for offsets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

_STEP = timedelta(days=5)
"""Two changes of one zone were at least 6 days apart since 1970 (America/Boa_Vista, 2000)."""

_SECOND = timedelta(seconds=1)

_YEARS_REMEMBERED = 4_096
"""Some twenty zones over two hundred years."""


class ClockChange(NamedTuple):
    """An instant at which the offset changes.

    Attributes:
        before, after: offsets from UTC.
    """

    at: datetime
    before: timedelta
    after: timedelta


def clock_changes(zone: ZoneInfo, first: date, last: date) -> Iterator[ClockChange]:
    """Every change in the UTC days from `first` to `last`, both inclusive."""
    for year in range(first.year, last.year + 1):
        for change in _of_year(zone, year):
            if first <= change.at.date() <= last:
                yield change


def offset_at(zone: ZoneInfo, at: datetime) -> timedelta:
    """What the zone's clocks show beyond UTC at an instant."""
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None, "an aware time has an offset"
    return offset


@lru_cache(maxsize=_YEARS_REMEMBERED)
def _of_year(zone: ZoneInfo, year: int) -> tuple[ClockChange, ...]:
    return tuple(
        _between(zone, datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
    )


def _between(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[ClockChange]:
    # From the second before: a change at the first instant of a year belongs to it.
    at, offset = start - _SECOND, offset_at(zone, start - _SECOND)
    while at < end - _SECOND:
        following = min(at + _STEP, end - _SECOND)
        after = offset_at(zone, following)
        if after != offset:
            yield ClockChange(_first_second(zone, at, following), offset, after)
        at, offset = following, after


def _first_second(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    offset = offset_at(zone, before)
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if offset_at(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after
