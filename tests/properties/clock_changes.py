"""Every clock change of the pinned tz database from 2000 to 2037, found by asking for offsets."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models.zones import zone

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2038, 1, 1, tzinfo=UTC)
"""Exclusive. Where rule 4 was measured: 2000 to 2037."""

_STEP = timedelta(days=5)
"""Two changes of one zone are at least 6 days apart in these years (Boa Vista, October 2000)."""

_LOOKED_AT = [FIRST + _STEP * step for step in range((LAST - FIRST) // _STEP + 2)]

_DAY_S = 24 * 60 * 60


class ClockChange(NamedTuple):
    """An instant at which a zone's clocks are set, and its offset on both sides."""

    at: datetime
    offset_before: timedelta
    offset_after: timedelta


def zone_names() -> tuple[str, ...]:
    """Every name that the pinned tz database has."""
    return tuple(sorted(resources.files("tzdata").joinpath("zones").read_text().split()))


@cache
def changes(name: str) -> tuple[ClockChange, ...]:
    """The clock changes of a zone, in order."""
    return tuple(_found(zone(name)))


@cache
def distinct_histories() -> tuple[str, ...]:
    """One name for each different sequence of clock changes."""
    names_of_bytes: dict[bytes, str] = {}
    for name in zone_names():
        data = resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).read_bytes()
        names_of_bytes.setdefault(hashlib.sha256(data).digest(), name)
    return tuple({changes(name): name for name in names_of_bytes.values()}.values())


def _found(where: ZoneInfo) -> Iterator[ClockChange]:
    offsets = [_offset(at, where) for at in _LOOKED_AT]
    for at, (before, after) in zip(_LOOKED_AT, pairwise(offsets), strict=False):
        if before != after:
            yield ClockChange(_first_with_another(before, at, where), before, after)


def _first_with_another(offset: timedelta, since: datetime, where: ZoneInfo) -> datetime:
    """The first second of the step since then at which the offset is another one."""

    def other(seconds: int) -> bool:
        return _offset(since + timedelta(seconds=seconds), where) != offset

    return since + timedelta(seconds=bisect_left(range(_STEP.days * _DAY_S), True, key=other))


def _offset(at: datetime, where: ZoneInfo) -> timedelta:
    offset = at.astimezone(where).utcoffset()
    assert offset is not None
    return offset
