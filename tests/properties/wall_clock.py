"""The oracle of the timeline: it paints a schedule on a wall and walks past it, minute by minute.

It never turns a local time into an instant. Rule 4 becomes one sentence: an edge is the first
minute at which the clock has shown that time or a later one. So the walk keeps the latest time that
the clock has shown: in the hour that is repeated in autumn that stands still, and in spring it
jumps. The wall has every minute of every local date, also those that no clock ever shows.

Slow on purpose, and shares no code with models/timeline.py, occurrences.py or localtime.py.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

_WARM_UP = timedelta(hours=30)
"""Before the first minute that is asked for: clocks are set back by 24 hours at most."""

_DAY_MINUTES = 24 * 60
_HOUR_MINUTES = 60

MANAGED, FREEVEND = "managed", "freevend"

LAYERS = ("exception", "holiday", "window")
"""Highest first (rule 7)."""


class Row(NamedTuple):
    """A window: weekdays (Monday is 0), minutes of the day, mode; and on which dates it begins.

    Attributes:
        every_weeks: counted from the Monday before `valid_from`, or that one.
    """

    weekdays: frozenset[int]
    from_minute: int
    to_minute: int
    mode: str
    valid_from: date | None = None
    valid_to: date | None = None
    every_weeks: int = 1
    except_dates: frozenset[date] = frozenset()


class Dated(NamedTuple):
    """An exception or a holiday on one date; `to_minute` 0 is the end of the day."""

    on: date
    from_minute: int
    to_minute: int
    mode: str


class Plan(NamedTuple):
    """A schedule in numbers."""

    default: str
    rows: tuple[Row, ...] = ()
    dated: tuple[Dated, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None
    holidays: tuple[Dated, ...] = ()


class Reading(NamedTuple):
    """What holds in one minute, and which layer says so (rule 7)."""

    mode: str
    layer: str
    conflict: bool


def code(reading: Reading) -> int:
    """A reading as a byte, so that minutes are compared by the thousand."""
    layer = ("default", *LAYERS).index(reading.layer)
    return (reading.mode == MANAGED) + 2 * layer + 8 * reading.conflict


def reading(coded: int) -> Reading:
    """The reading of a byte."""
    layer = ("default", *LAYERS)[coded // 2 % 4]
    return Reading(MANAGED if coded % 2 else FREEVEND, layer, coded >= 8)


def codes(plan: Plan, zone: ZoneInfo, first: datetime, last: datetime) -> bytes:
    """What holds in each minute of [first, last), both UTC on whole minutes."""
    reached = _walked(zone, first, last)
    lowest, highest = (
        date.fromordinal(minute // _DAY_MINUTES) for minute in (reached[0], reached[-1])
    )
    wall = _painted(plan, lowest, highest)
    begins = lowest.toordinal() * _DAY_MINUTES
    return bytes([wall[minute - begins] for minute in reached])


@lru_cache(maxsize=4)
def _walked(zone: ZoneInfo, first: datetime, last: datetime) -> array[int]:
    """The latest local minute that the clock has shown, in each minute of [first, last)."""
    begins = first - _WARM_UP
    shown = _shown(zone, begins, (last - begins) // MINUTE)
    return array("l", list(accumulate(shown, max))[_WARM_UP // MINUTE :])


def _shown(zone: ZoneInfo, begins: datetime, count: int) -> Iterator[int]:
    """The local minute that the clock shows, in each of so many minutes.

    Looked at hour by hour, and minute by minute in an hour in which the clock is set: then it shows
    less or more at its end than it should. No two changes are so near.
    """

    def shows(place: int) -> int:
        local = (begins + MINUTE * place).astimezone(zone)
        return local.toordinal() * _DAY_MINUTES + local.hour * _HOUR_MINUTES + local.minute

    for first in range(0, count, _HOUR_MINUTES):
        last = min(first + _HOUR_MINUTES, count) - 1
        shown, shown_last = shows(first), shows(last)
        if shown_last - shown == last - first:
            yield from range(shown, shown_last + 1)
        else:
            yield from map(shows, range(first, last + 1))


# What is said of a minute of the wall: a bit for each layer and mode.
_SAID = {
    (layer, mode): 1 << (2 * place + (mode == MANAGED))
    for place, layer in enumerate(LAYERS)
    for mode in (MANAGED, FREEVEND)
}
_ADDING = {bit: bytes(said | bit for said in range(256)) for bit in _SAID.values()}


def _painted(plan: Plan, first: date, last: date) -> bytes:
    """Every local minute of the dates in [first, last]."""
    days = (last - first).days + 1
    wall = bytearray(days * _DAY_MINUTES)
    for start, end, bit in _strokes(plan, first, last):
        here = slice(max(start, 0), max(min(end, len(wall)), 0))
        wall[here] = wall[here].translate(_ADDING[bit])
    return bytes(wall.translate(_resolved(plan.default)))


def _strokes(plan: Plan, first: date, last: date) -> Iterator[tuple[int, int, int]]:
    """Minutes since the midnight of `first`, and what is said between them."""
    for place in range(-1, (last - first).days + 1):
        day, midnight = first + DAY * place, place * _DAY_MINUTES
        for row in plan.rows:
            if _starts_on(plan, row, day):
                # At or before its start, an end is the next day's (rule 2).
                overnight = row.to_minute <= row.from_minute
                until = row.to_minute + (_DAY_MINUTES if overnight else 0)
                bit = _SAID["window", row.mode]
                yield midnight + row.from_minute, midnight + until, bit
        for layer, dated in (("exception", plan.dated), ("holiday", plan.holidays)):
            for each in dated:
                if each.on == day:  # within its own date only (rule 8)
                    until = each.to_minute or _DAY_MINUTES
                    yield midnight + each.from_minute, midnight + until, _SAID[layer, each.mode]


@lru_cache(maxsize=2)
def _resolved(default: str) -> bytes:
    """For each combination of what is said, what holds: highest layer, then managed (rule 6)."""

    def holding(said: int) -> Reading:
        for layer in LAYERS:
            modes = {mode for mode in (MANAGED, FREEVEND) if said & _SAID[layer, mode]}
            if modes:
                return Reading(MANAGED if MANAGED in modes else FREEVEND, layer, len(modes) > 1)
        return Reading(default, "default", conflict=False)

    return bytes(code(holding(said)) for said in range(256))


def _starts_on(plan: Plan, row: Row, day: date) -> bool:
    """Rule 1: both limits are inclusive start dates."""
    if plan.valid_from is not None and day < plan.valid_from:
        return False
    if plan.valid_to is not None and day > plan.valid_to:
        return False
    if row.valid_from is not None and day < row.valid_from:
        return False
    if row.valid_to is not None and day > row.valid_to:
        return False
    if row.every_weeks > 1:
        assert row.valid_from is not None
        monday = row.valid_from - DAY * row.valid_from.weekday()
        if (day - monday).days // 7 % row.every_weeks != 0:
            return False
    return day.weekday() in row.weekdays and day not in row.except_dates


def edges(coded: bytes, first: datetime) -> list[tuple[datetime, str]]:
    """The minutes at which the mode is another one than in the minute before, and which."""
    return [
        (first + MINUTE * place, reading(now).mode)
        for place, (before, now) in enumerate(pairwise(coded), start=1)
        if before % 2 != now % 2
    ]


def at_minute(first: datetime, place: int) -> datetime:
    """The instant of a minute of a walk."""
    return (first + MINUTE * place).astimezone(UTC)
