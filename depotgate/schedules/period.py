"""The period that a question is about, as people write it: FROM and TO."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from depotgate.written_times import calendar_time
from models.errors import ConfigurationError
from models.localtime import instant

USUAL_DAYS = 7
"""Without TO: a week shows every weekly window once."""

DAYS_MAX = 3_660
"""Ten years: what a timeline keeps compiled, and more rows than anybody reads."""

_EXPECTED = (
    "expected a date (2026-10-03), a local time (2026-10-03T18:00) or RFC 3339 "
    "(2026-10-03T08:00:00Z)"
)


class Period(NamedTuple):
    """A half-open period [start, end), UTC."""

    start: datetime
    end: datetime


def period(
    start: str | None,
    end: str | None,
    zone: ZoneInfo,
    now: datetime,
    usual_days: int = USUAL_DAYS,
) -> Period:
    """FROM and TO as instants. A date is its local midnight; without FROM it is today's.

    A local time means what it means in a window (rule 4). TO is the first instant that is outside;
    without it the period has `usual_days` of wall time.

    Raises:
        ConfigurationError: one of them is no time, or the period is empty or too long.
    """
    today = now.astimezone(zone).date()
    starts_at = _midnight(today, zone) if start is None else _moment("--from", start, zone)
    if end is None:
        ends_on = starts_at.astimezone(zone)
        wall = ends_on.replace(tzinfo=None) + timedelta(days=usual_days)
        ends_at = instant(wall.date(), wall.time(), zone)
    else:
        ends_at = _moment("--to", end, zone)
    if ends_at <= starts_at:
        raise ConfigurationError(
            f"expected --to after --from, got {_local(starts_at, zone)} to {_local(ends_at, zone)}"
        )
    if ends_at - starts_at > timedelta(days=DAYS_MAX):
        got = (ends_at - starts_at).days
        raise ConfigurationError(f"expected a period of at most {DAYS_MAX:,} days, got {got:,}")
    return Period(starts_at, ends_at)


def _moment(option: str, written: str, zone: ZoneInfo) -> datetime:
    at = calendar_time(written, zone, option)
    if at is None:
        raise ConfigurationError(f"{option}: {_EXPECTED}, got {written!r}")
    return at


def rfc3339(at: datetime) -> str:
    """An instant for programs, in UTC with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _local(at: datetime, zone: ZoneInfo) -> str:
    """With its offset, near to what was written."""
    return at.astimezone(zone).isoformat()


def _midnight(on: date, zone: ZoneInfo) -> datetime:
    return instant(on, time.min, zone)
