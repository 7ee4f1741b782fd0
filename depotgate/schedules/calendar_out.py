"""`depotgate schedule export`: the schedule of a charger, a group or a site as a calendar."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from connectors.feeds.icalendar_export import Exported, calendar_of
from depotgate.schedules.written import governed, read_draft
from models.errors import ConfigurationError

GOOGLE_BYTES_MAX = 1_000_000
"""Of a file that Google Calendar imports; others take more."""


def export_calendar(
    file: Path,
    now: datetime,
    *,
    charger: str | None = None,
    group: str | None = None,
    first: str | None = None,
) -> bytes:
    """A site.yaml's schedule as an iCalendar file.

    Args:
        now: stands in the calendar, UTC.
        first: date on which windows begin in it that have no first date; None = today.

    Raises:
        DepotRefusedError: the site.yaml is refused.
        ConfigurationError: there is no such charger or group, or that is no date.
    """
    draft = read_draft(file, now)
    schedule = governed(draft, charger, group).schedule
    begins = _date(first) if first is not None else now.astimezone(draft.zone).date()
    return calendar_of(Exported(draft.site.site_id, schedule, draft.zone, begins, now))


def write_calendar(out: Path, content: bytes) -> None:
    """Write it. ConfigurationError where that cannot be done."""
    try:
        out.write_bytes(content)
    except OSError as fault:
        raise ConfigurationError(
            f"expected a file that can be written, got {out}: {fault.strerror}"
        ) from None


def _date(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise ConfigurationError(
            f"--from: expected a date such as 2026-10-03, got {written!r}"
        ) from None
