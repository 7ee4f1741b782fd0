"""What becomes of sessions where times alone say it (rule 13)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.attempt import TokenKind
from models.schedule import Mode
from models.session_ends import began_by_mode_change
from models.sessions import Occupation, Session, Sessions
from tests.models.test_proofs import row

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def began(
    *,
    token: TokenKind | None = None,
    plugged_at: datetime | None = NOON - HOUR,
    energy_at: datetime | None = NOON,
    desired: Mode = Mode.FREEVEND,
    edge_at: datetime | None = NOON,
) -> bool:
    """Whether a session at place 1, by what is known of it and of the edge, began by itself."""
    session = Session(
        session_id="s",
        transaction_id="1",
        place=1,
        began_at=NOON - HOUR,
        energy_at=energy_at,
        token=token,
        seen_at=NOON,
    )
    occupied = () if plugged_at is None else (Occupation(place=1, since=plugged_at),)
    sessions = Sessions(running=(session,), occupied=occupied)
    state = row(desired=desired, desired_since=edge_at, sessions=sessions)
    return began_by_mode_change(session, state)


@pytest.mark.parametrize("token", [None, TokenKind.FREEVEND_TAG, TokenKind.ASSISTED_TAG])
def test_rule_13_a_vehicle_that_waited_and_began_by_itself_was_started_by_the_mode(
    token: TokenKind | None,
) -> None:
    assert began(token=token)


def test_rule_13_a_driver_with_a_card_started_it() -> None:
    assert not began(token=TokenKind.IDENTIFIED)


@pytest.mark.parametrize(
    ("plugged_at", "energy_at"),
    [
        (NOON, NOON),
        (NOON + HOUR / 2, NOON + HOUR / 2),
        (NOON - HOUR, NOON - HOUR / 2),
        (NOON - HOUR, None),
        (None, NOON),
    ],
)
def test_rule_13_a_start_that_another_time_explains_was_not(
    plugged_at: datetime | None, energy_at: datetime | None
) -> None:
    assert not began(plugged_at=plugged_at, energy_at=energy_at)


def test_rule_13_nothing_starts_by_a_mode_that_always_was_or_by_managed() -> None:
    assert not began(edge_at=None)
    assert not began(desired=Mode.MANAGED)
