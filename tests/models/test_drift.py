"""Drift of a charger's row, and starts that nobody was asked about (rule 16)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.attempt import TokenKind
from models.capability import Proofs
from models.charger import ChargerState, Commanded, CommandStatus, Observed
from models.drift import drifting
from models.ids import CommandId
from models.mode_events import DRIFT_APART, apply_event
from models.modes import NextStep, reconcile
from models.schedule import Mode
from models.sessions import Occupation, Sessions
from models.site import Stage
from tests.models.test_proofs import (
    ACCEPTED,
    AT,
    CARD,
    CHARGING,
    EV_CONNECTED,
    OCCUPIED,
    Sent,
    after,
    event,
    row,
    start,
    transaction,
)

MANAGED, FREEVEND = Mode.MANAGED, Mode.FREEVEND


def switched(mode: Mode = MANAGED, status: CommandStatus = CommandStatus.DONE) -> ChargerState:
    """Long ago, and read back so; both modes were proven long ago too."""
    long_ago = AT - timedelta(days=1)
    return row(
        commanded=Commanded(
            command_id=CommandId("c"),
            mode=mode,
            sent_at=AT - DRIFT_APART,
            attempts_count=1,
            status=status,
        ),
        observed=Observed(mode=mode, at=AT - DRIFT_APART, evidence="read_back"),
        proofs=Proofs(freevend_at=long_ago, managed_at=long_ago),
    )


def step(state: ChargerState) -> NextStep:
    return reconcile(
        MANAGED,
        state.commanded,
        state.observed,
        state.connection,
        "microocpp",
        Stage.ENFORCE,
        now=AT,
    )


@pytest.mark.parametrize(
    ("commanded", "observed", "switching", "drift"),
    [
        (None, None, False, False),
        (MANAGED, MANAGED, False, False),
        (MANAGED, FREEVEND, False, True),
        (FREEVEND, None, False, True),
        (None, FREEVEND, False, True),
        (FREEVEND, FREEVEND, True, False),
    ],
)
def test_rule_16_modes_that_disagree_are_drift_unless_a_switch_is_under_way(
    commanded: Mode | None, observed: Mode | None, switching: bool, drift: bool
) -> None:
    assert drifting(MANAGED, commanded, observed, switching=switching) is drift
    assert not drifting(None, commanded, observed, switching=switching)


@pytest.mark.parametrize(
    "sent",
    [
        (OCCUPIED, EV_CONNECTED, CHARGING),
        (OCCUPIED, EV_CONNECTED, transaction("Updated", "SuspendedEV")),
        (OCCUPIED, transaction("Started", "Charging")),
    ],
)
def test_rule_16_energy_in_2x_without_any_token_is_drift_and_switched_again(
    sent: tuple[Sent, ...],
) -> None:
    drifted = after(switched(), *sent)
    assert drifted.observed == Observed(mode=FREEVEND, at=AT, evidence="behaviour")
    assert drifted.commanded is None
    assert step(drifted) is NextStep.SWITCH


@pytest.mark.parametrize(
    "sent",
    [
        (OCCUPIED, EV_CONNECTED),
        (OCCUPIED, transaction("Started", "Charging", CARD), ACCEPTED),
        (OCCUPIED, EV_CONNECTED, transaction("Updated", None, CARD), ACCEPTED, CHARGING),
        (OCCUPIED, transaction("Started", "Charging", triggerReason="RemoteStart")),
        (OCCUPIED, transaction("Started", "Charging", offline=True)),
        (CHARGING,),
        (start(TokenKind.FREEVEND_TAG, AT - timedelta(days=1)),),
    ],
)
def test_a_card_a_remote_start_a_replay_or_an_unseen_beginning_is_no_drift(
    sent: tuple[Sent, ...],
) -> None:
    state = switched()
    assert after(state, *sent).observed == state.observed


def test_a_card_that_was_held_to_the_reader_before_the_start_is_no_drift() -> None:
    vehicle = Occupation(place=1, since=AT, token_at=AT)
    state = switched().model_copy(update={"sessions": Sessions(occupied=(vehicle,))})
    assert after(state, OCCUPIED, EV_CONNECTED, CHARGING).observed == state.observed


# Read-backs.


def read_back(mode: str | None, status: str = "Accepted") -> Sent:
    return ("ReadBack", None, {"status": status, "mode": mode})


def test_rule_16_a_read_back_that_differs_begins_the_tries_again() -> None:
    drifted = after(switched(), read_back("freevend"))
    assert drifted.observed == Observed(mode=FREEVEND, at=AT, evidence="read_back")
    assert (drifted.commanded, drifted.read_back_at) == (None, AT)
    assert step(drifted) is NextStep.SWITCH


def test_a_read_back_that_agrees_is_noted_by_its_time_alone() -> None:
    state = switched()
    agreed = after(state, read_back("managed"))
    assert agreed == state.model_copy(update={"offset": 1, "updated_at": AT, "read_back_at": AT})


def test_a_charger_that_was_given_up_and_set_by_hand_is_found_so() -> None:
    failed = switched(status=CommandStatus.FAILED).model_copy(update={"observed": None})
    found = after(failed, read_back("managed"))
    assert found.observed is not None
    assert step(found) is NextStep.NOTHING


@pytest.mark.parametrize(
    ("mode", "told"),
    [(None, "Accepted"), ("freevend", "timed_out"), ("of-a-newer-version", "Accepted")],
)
def test_a_read_back_that_tells_no_mode_changes_nothing(mode: str | None, told: str) -> None:
    state = switched()
    assert after(state, read_back(mode, told)) == state.model_copy(update={"offset": 1})


def test_finding_4_what_a_setting_says_is_less_than_what_a_charger_did() -> None:
    behaved = Observed(mode=FREEVEND, at=AT, evidence="behaviour")
    state = switched().model_copy(update={"observed": behaved})
    assert after(state, read_back("managed")).observed == behaved


@pytest.mark.parametrize(
    "last",
    [
        {"status": None},
        {"status": CommandStatus.REBOOT_REQUIRED},
        {"status": CommandStatus.DONE, "kind": "reset"},
    ],
)
def test_a_setting_that_is_on_its_way_or_not_in_force_is_no_drift(last: dict[str, object]) -> None:
    state = switched()
    assert state.commanded is not None
    state = state.model_copy(update={"commanded": state.commanded.model_copy(update=last)})
    read = after(state, read_back("freevend"))
    assert (read.observed, read.commanded) == (state.observed, state.commanded)


def test_a_read_back_of_an_earlier_connection_says_nothing() -> None:
    state = switched()
    name, token, data = read_back("freevend")
    earlier = event(name, token, data=data, connection_id="0194-0001")
    assert apply_event(state, earlier, 1) == state.model_copy(update={"offset": 1})
