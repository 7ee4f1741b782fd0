"""Points in time as a person writes them on the command line."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.errors import ConfigurationError
from models.localtime import instant

FORMS = '"17:30", "2026-07-14 17:30" (both local), "2h30m" or "2026-07-14T15:30:00Z"'
"""One example of each form, for help and errors."""

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_LOCAL = re.compile(r"(\d{4}-\d{2}-\d{2}) (\d{1,2}:\d{2})")
_LASTING = re.compile(r"(?=\d)(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?")
_DAY = timedelta(days=1)


def moment(written: str, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant that a person means.

    Args:
        after: durations count from it, and a time of day is the next one after it; UTC.
        zone: of local times; one that comes twice is its first occurrence (rule 4).

    Raises:
        ConfigurationError: it has none of the four forms, or is no date or time.
    """
    text = written.strip()
    try:
        lasting = _LASTING.fullmatch(text)
        if lasting is not None:
            days, hours, minutes, seconds = (int(part or 0) for part in lasting.groups())
            return after + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if _CLOCK.fullmatch(text):
            return _next(_clock(text), after, zone)
        local = _LOCAL.fullmatch(text)
        if local is not None:
            on = datetime.strptime(local[1], "%Y-%m-%d").date()  # noqa: DTZ007 - a date alone
            return instant(on, _clock(local[2]), zone)
        absolute = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        absolute = None
    if absolute is None or absolute.tzinfo is None:
        raise ConfigurationError(f"expected a time as {FORMS}, got {written!r}")
    return absolute.astimezone(after.tzinfo)


def _clock(text: str) -> time:
    hours, minutes = text.split(":")
    return time(int(hours), int(minutes))


def _next(at: time, after: datetime, zone: ZoneInfo) -> datetime:
    """The next time at which a clock in the zone shows `at`."""
    today = after.astimezone(zone).date()
    found = instant(today, at, zone)
    return found if found > after else instant(today + _DAY, at, zone)
