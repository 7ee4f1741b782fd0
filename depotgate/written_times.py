"""Times as a person writes them on a command line: one grammar, and what a command makes of it.

2026-07-14T18:05:00+02:00    an instant (RFC 3339)
2026-07-14 18:05             on the clocks of a zone; with T, and with seconds, as well
2026-07-14                   its first instant there
18:05                        today's, or where something lies ahead the next one
30d, 12h ago                 so long ago
2h30m                        where something lies ahead: so long after
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.errors import ConfigurationError
from models.localtime import instant

YEARS = range(1970, 2200)
"""As of exceptions; beyond it lie typing errors, and instants that no calendar has."""

EXAMPLES = "2026-07-14T18:05:00+02:00, 2026-07-14 18:05, 18:05, 2026-07-14, or 30d or 12h ago"
EXAMPLES_AHEAD = '"17:30", "2026-07-14 17:30" (both local), "2h30m" or "2026-07-14T15:30:00Z"'

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d{1,6})?)?", re.ASCII)
_CALENDAR = re.compile(
    rf"(?P<date>{_DATE.pattern})(?:[Tt ](?P<clock>{_CLOCK.pattern})"
    r"(?P<offset>[Zz]|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_AGO = re.compile(r"(?P<count>\d{1,5})(?P<unit>[dhm])(?: ago)?", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_LASTING = re.compile(
    r"(?=\d)(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?", re.ASCII
)
_DAY = timedelta(days=1)


def calendar_time(written: str, zone: ZoneInfo, option: str) -> datetime | None:
    """The UTC instant of a date, or of a time of it; None where it is neither.

    A local time means what it means in a window (rule 4).

    Args:
        zone: of what has no offset.
        option: as on the command line, for the message.

    Raises:
        ConfigurationError: its year is none of `YEARS`.
    """
    parts = _CALENDAR.fullmatch(written.strip())
    if parts is None:
        return None
    try:
        on, at = date.fromisoformat(parts["date"]), _clock(parts["clock"] or "00:00")
        if on.year in YEARS:
            if parts["offset"] is None:
                return instant(on, at, zone)
            offset = datetime.fromisoformat(f"{on}T{at}{parts['offset'].upper()}").tzinfo
            return datetime.combine(on, at, offset).astimezone(UTC)
    except ValueError:
        return None
    raise ConfigurationError(
        f"{option}: expected a year from {YEARS[0]} to {YEARS[-1]}, got {written!r}"
    )


def written_time(written: str, zone: ZoneInfo, now: datetime, option: str) -> datetime:
    """The instant that a person means who looks back, UTC.

    Args:
        written: as for `calendar_time`; or a time of today; or so long ago.

    Raises:
        ConfigurationError: it is no time.
    """
    text = written.strip()
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return now - int(ago["count"]) * _UNITS[ago["unit"]]
        if _CLOCK.fullmatch(text):
            return instant(now.astimezone(zone).date(), _clock(text), zone)
        found = calendar_time(text, zone, option)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise ConfigurationError(f"{option}: expected a time such as {EXAMPLES}, got {written!r}")
    return found


def time_ahead(written: str, zone: ZoneInfo, after: datetime, option: str) -> datetime:
    """The instant that a person means who plans, UTC.

    Args:
        written: as for `calendar_time`, but no date alone: nobody could tell whether its first
            instant or its last is meant; or the next such time of day; or so long after.
        after: what the last two count from.

    Raises:
        ConfigurationError: it is no time.
    """
    text = written.strip()
    lasting = _LASTING.fullmatch(text)
    try:
        if lasting is not None:
            days, hours, minutes, seconds = (int(part or 0) for part in lasting.groups())
            return after + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if _CLOCK.fullmatch(text):
            return _next(_clock(text), after, zone)
        found = None if _DATE.fullmatch(text) else calendar_time(text, zone, option)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise ConfigurationError(f"{option}: expected a time as {EXAMPLES_AHEAD}, got {written!r}")
    return found


def _clock(text: str) -> time:
    hours, rest = text.split(":", 1)
    return time.fromisoformat(f"{hours:0>2}:{rest}")


def _next(at: time, after: datetime, zone: ZoneInfo) -> datetime:
    """The next time at which a clock in the zone shows `at`."""
    today = after.astimezone(zone).date()
    found = instant(today, at, zone)
    return found if found > after else instant(today + _DAY, at, zone)
