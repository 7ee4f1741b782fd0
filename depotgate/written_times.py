"""Times as a person writes them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from models.errors import ConfigurationError
from models.localtime import instant
from models.zones import zone

EXAMPLES = "2026-07-14T18:05:00+02:00, 2026-07-14 18:05, 18:05, 2026-07-14, or 30d or 12h ago"

_LOCAL = re.compile(
    r"(?:(?P<date>\d{4}-\d{2}-\d{2})(?:[T ]|$))?(?P<time>\d{2}:\d{2}(?::\d{2})?)?", re.ASCII
)
_AGO = re.compile(r"(?P<count>\d{1,5})(?P<unit>[dhm])(?: ago)?", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def written_time(written: str, timezone: str, now: datetime, option: str) -> datetime:
    """The instant that a person means, UTC.

    Args:
        written: with its offset; or on the clocks of `timezone`, where a date alone is its first
            instant and a time alone is today; or so long ago.
        option: as on the command line, for the message.

    Raises:
        ConfigurationError: it is no time.
    """
    text = written.strip()
    try:
        ago = _AGO.fullmatch(text)
        if ago is not None:
            return now - int(ago["count"]) * _UNITS[ago["unit"]]
        local = _LOCAL.fullmatch(text) if text else None
        if local is not None:
            today = now.astimezone(zone(timezone)).date()
            on = date.fromisoformat(local["date"]) if local["date"] else today
            return instant(on, time.fromisoformat(local["time"] or "00:00"), zone(timezone))
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ConfigurationError(f"{option}: expected a time such as {EXAMPLES}, got {written!r}")
