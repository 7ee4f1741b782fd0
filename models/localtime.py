"""From a wall-clock time to the instant it means (rule 4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)

_MINUTES_PER_DAY = 24 * 60
_MINUTES = tuple(timedelta(minutes=minute) for minute in range(_MINUTES_PER_DAY))
_HOURS = tuple(timedelta(hours=hour) for hour in range(25))

_DAYS_REMEMBERED = 1 << 16
"""Two years of a hundred zones; a day takes some 150 bytes."""


def instant(on: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a local time.

    A repeated local time is its first occurrence; a nonexistent one is the transition itself
    ("snap"): shifting it as RFC 5545 does gives windows of negative length (rule 4).
    """
    local = datetime.combine(on, at, tzinfo=zone)  # fold=0: the first occurrence (PEP 495)
    utc = local.astimezone(UTC)
    if utc.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return utc
    # In a gap, fold=0 reads the offset before the transition and lands after it, fold=1 the other
    # way round (PEP 495): the transition lies between the two.
    return _transition(local.replace(fold=1).astimezone(UTC), utc, zone)


def repeated(local: datetime) -> bool:
    """Whether clocks of its zone show this time twice."""
    first, second = (local.replace(fold=fold).utcoffset() for fold in (0, 1))
    # In a gap the two differ as well, the other way round (PEP 495); no instant is shown so.
    return first != second


def instant_of(on: int, minute: int, zone: ZoneInfo) -> datetime:
    """`instant` of a local time given as numbers, some ten times as fast on most days.

    Args:
        on: the ordinal of the date.
        minute: since its midnight; 24 * 60 and more is on the next date.
    """
    if minute >= _MINUTES_PER_DAY:
        on, minute = on + 1, minute - _MINUTES_PER_DAY
    midnight = _midnight_of_even_day(on, zone)
    if midnight is not None:
        return midnight + _MINUTES[minute]
    return instant(date.fromordinal(on), time(minute // 60, minute % 60), zone)


@lru_cache(maxsize=_DAYS_REMEMBERED)
def _midnight_of_even_day(on: int, zone: ZoneInfo) -> datetime | None:
    """The instant at which a date begins; None where its offset changes before it ends."""
    # Aware of its zone, it goes on by the clock on the wall.
    midnight = datetime.fromordinal(on).replace(tzinfo=zone)
    # Every hour to the next midnight: no two changes of a zone are nearer than that.
    offsets = {(midnight + hour).utcoffset() for hour in _HOURS}
    return midnight.astimezone(UTC) if len(offsets) == 1 else None


@lru_cache(maxsize=_DAYS_REMEMBERED)
def even_week(monday: int, zone: ZoneInfo) -> datetime | None:
    """The instant at which a week begins; None where the zone's offset changes in it, or in the
    three days before it or after it."""
    days = [_midnight_of_even_day(on, zone) for on in range(monday - 3, monday + 7 + 3)]
    return None if None in days else days[3]


def _transition(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second of the new offset in (before, after]: tz transitions are whole seconds."""
    offset_before = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle <= before:
            break
        if middle.astimezone(zone).utcoffset() == offset_before:
            before = middle
        else:
            after = middle
    return after
