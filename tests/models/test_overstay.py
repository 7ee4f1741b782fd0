"""What follows when an entitlement ends (rule 29); its end is in tests/rules/cases."""

from __future__ import annotations

from datetime import UTC, datetime

from models.overstay import EntitlementEnd, overstaying
from models.reasons import Flag, Reason
from models.site import Overstay

ENDED = EntitlementEnd(datetime(2026, 7, 14, 23, tzinfo=UTC), Reason.NOT_ENTITLED_NOW)


def test_without_a_choice_the_session_finishes_and_is_flagged() -> None:
    """Rule 29."""
    following = overstaying(ENDED, Overstay())
    assert (following.stop_at, following.flag) == (None, Flag.OVERSTAY)


def test_a_choice_that_a_newer_writer_invented_stops_nobody() -> None:
    following = overstaying(ENDED, Overstay(action="fine", grace_s=60))
    assert (following.stop_at, following.flag) == (None, Flag.OVERSTAY)
