"""Flags that only a charger's behaviour can raise (rules 13, 16, 29)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.attempt import TokenKind
from models.behaviour import Behaviour, behaviour_flags
from models.reasons import Flag
from models.schedule import Mode

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

QUIET = Behaviour(
    scheduled=Mode.FREEVEND,
    commanded=Mode.FREEVEND,
    observed=Mode.FREEVEND,
    switching=False,
    mode_since=NOON,
    occupied_since=None,
    started_at=None,
    token=None,
    entitlement_ended_at=None,
    at=NOON + HOUR,
    running=False,
)
PLUGGED_IN = {"occupied_since": NOON - HOUR, "started_at": NOON, "running": True}


def flags(**known: Any) -> tuple[Flag, ...]:
    return behaviour_flags(QUIET._replace(**known))


def test_a_charger_that_does_as_it_should_raises_none() -> None:
    assert flags() == ()


@pytest.mark.parametrize("other", ["commanded", "observed"])
def test_a_mode_that_disagrees_with_the_scheduled_one_is_drift(other: str) -> None:
    """Rule 16."""
    assert flags(**{other: Mode.MANAGED}) == (Flag.MODE_DRIFT,)


@pytest.mark.parametrize(
    "known",
    [
        {"commanded": None, "observed": None},
        {"observed": Mode.MANAGED, "switching": True},
        {"observed": Mode.MANAGED, "scheduled": None},
    ],
)
def test_what_is_unknown_or_under_way_is_no_drift(known: dict[str, Any]) -> None:
    """Rule 16."""
    assert flags(**known) == ()


@pytest.mark.parametrize("token", [None, TokenKind.FREEVEND_TAG])
def test_a_vehicle_that_waited_and_began_by_itself_was_started_by_the_mode(
    token: TokenKind | None,
) -> None:
    """Rule 13."""
    assert flags(**PLUGGED_IN, token=token) == (Flag.STARTED_BY_MODE_CHANGE,)


@pytest.mark.parametrize(
    "known",
    [
        {"token": TokenKind.IDENTIFIED},
        {"occupied_since": NOON},
        {"occupied_since": NOON + HOUR / 2, "started_at": NOON + HOUR / 2},
        {"started_at": NOON - HOUR / 2},
        {"started_at": None},
        {"occupied_since": None},
        {"mode_since": None},
        {"scheduled": Mode.MANAGED, "commanded": Mode.MANAGED, "observed": Mode.MANAGED},
    ],
)
def test_a_start_that_a_driver_or_another_time_explains_was_not(known: dict[str, Any]) -> None:
    """Rule 13."""
    assert flags(**{**PLUGGED_IN, **known}) == ()


def test_a_session_that_runs_when_its_entitlement_has_ended_is_an_overstay() -> None:
    """Rule 29: from that instant on, and not once it is over."""
    ended = QUIET.at
    assert flags(running=True, entitlement_ended_at=ended) == (Flag.OVERSTAY,)
    assert flags(running=True, entitlement_ended_at=ended + HOUR) == ()
    assert flags(running=False, entitlement_ended_at=ended) == ()


def test_several_are_listed_in_the_order_of_the_flags() -> None:
    every = flags(**PLUGGED_IN, commanded=Mode.MANAGED, entitlement_ended_at=NOON)
    assert every == (Flag.MODE_DRIFT, Flag.STARTED_BY_MODE_CHANGE, Flag.OVERSTAY)
