"""Instants in files that people and programs write."""

from __future__ import annotations

from datetime import UTC, datetime

INSTANT_EXPECTED = "a time with its offset from UTC such as 2026-03-01T00:00:00Z"


def written_instant(written: object) -> datetime | None:
    """The instant that is meant, UTC; None for what is no time, or has no offset."""
    if not isinstance(written, str):
        return None
    try:
        at = datetime.fromisoformat(written)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
