"""The oracle of the timeline: it looks at a clock on the wall, minute by minute.

It never turns a local time into an instant. Rule 4 becomes one sentence: an edge is the first
minute at which the clock has shown that time or a later one. So it keeps the latest time that the
clock has shown; in the hour that is repeated in autumn that stands still, and in spring it jumps.

Slow on purpose, and shares no code with models/timeline.py, occurrences.py or localtime.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

_WARM_UP = timedelta(hours=30)
"""Before the first minute that is asked for: clocks are set back by 24 hours at most."""

MANAGED, FREEVEND = "managed", "freevend"


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
    """An exception on one date; `to_minute` 0 is the end of the day."""

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


class Reading(NamedTuple):
    """What holds in one minute, and which layer says so (rule 7)."""

    at: datetime
    mode: str
    layer: str
    conflict: bool


def readings(plan: Plan, zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[Reading]:
    """What holds in each minute of [first, last), both UTC on whole minutes."""
    at = first - _WARM_UP
    reached = at.astimezone(zone).replace(tzinfo=None)
    while at < last:
        reached = max(reached, at.astimezone(zone).replace(tzinfo=None))
        if at >= first:
            yield Reading(at.astimezone(UTC), *_holding(plan, reached))
        at += MINUTE


def _holding(plan: Plan, reached: datetime) -> tuple[str, str, bool]:
    exceptions = {each.mode for each in plan.dated if _on_its_date(each, reached)}
    if exceptions:
        return _stronger(exceptions), "exception", len(exceptions) > 1
    windows = {row.mode for row in plan.rows if _in_window(plan, row, reached)}
    if windows:
        return _stronger(windows), "window", len(windows) > 1
    return plan.default, "default", False


def _stronger(modes: set[str]) -> str:
    return MANAGED if MANAGED in modes else FREEVEND  # rule 6


def _on_its_date(each: Dated, reached: datetime) -> bool:
    """Within its own date only (rule 8)."""
    minute = reached.hour * 60 + reached.minute
    until = each.to_minute or 24 * 60
    return reached.date() == each.on and each.from_minute <= minute < until


def _in_window(plan: Plan, row: Row, reached: datetime) -> bool:
    """An occurrence belongs to its start date: today's, or yesterday's tail (rule 2)."""
    minute = reached.hour * 60 + reached.minute
    today = reached.date()
    overnight = row.to_minute <= row.from_minute
    begun_today = _starts_on(plan, row, today) and row.from_minute <= minute
    if begun_today and (overnight or minute < row.to_minute):
        return True
    return overnight and _starts_on(plan, row, today - DAY) and minute < row.to_minute


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
