"""From a wall-clock time to the instant it means (rule 4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


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
