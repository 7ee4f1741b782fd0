"""Times, lengths, modes and sources in the words of a depot manager."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from models.occurrences import Source
from models.schedule import Mode
from models.zones import tzdata_version

STYLES = {Mode.MANAGED: "bold red", Mode.FREEVEND: "green"}
"""Of a mode, wherever it is shown."""


def local(at: datetime, zone: ZoneInfo) -> str:
    """`Mon 2026-07-20 18:00`; seconds only where there are some."""
    there = at.astimezone(zone)
    return f"{there:%a %Y-%m-%d %H:%M}{_seconds(there)}"


def utc(at: datetime) -> str:
    """`2026-07-20 08:00Z`."""
    return f"{at:%Y-%m-%d %H:%M}{_seconds(at)}Z"


def length(span: timedelta) -> str:
    """`12 h`, `9 h 30 min`, `45 min`; seconds only where there are some."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{count:,} {unit}" for count, unit in parts if count) or "0 min"


def clock_set(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """`clock +1 h` where it goes forward between two instants, `clock −1 h` back, else nothing."""
    before, after = start.astimezone(zone).utcoffset(), end.astimezone(zone).utcoffset()
    if before is None or after is None or before == after:
        return ""
    return clock_set_by(after - before)


def clock_set_by(span: timedelta) -> str:
    """`clock +1 h`, `clock −30 min`."""
    return f"clock {'+' if span > timedelta() else '−'}{length(abs(span))}"


def source(said: Source) -> str:
    """`window weeknight`, `exception Christmas party`, `default`."""
    return said.layer if said.layer == "default" else f"{said.layer} {said.name}"


def began(on: date | None) -> str:
    """The date on which an occurrence starts."""
    return on.isoformat() if on else ""


def database() -> str:
    """`tz database 2026f`."""
    return f"tz database {tzdata_version()}"


def _seconds(at: datetime) -> str:
    return f":{at:%S}" if at.second else ""
