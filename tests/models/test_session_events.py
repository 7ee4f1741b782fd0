"""Sessions and occupations from events: repeated, missing, late, and with ids that are none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attempt import AttemptKind, Basis, Outcome, TokenKind, Told
from models.charger import ChargerEvent, ChargerState, EventName, Scalar
from models.ids import ConnectionId, GatewayInstance, Slot, session_id
from models.mode_events import apply_event
from models.reasons import OcppVersion
from models.schedule import Mode
from models.session_changes import AWAITED_FOR, FORGOTTEN_AFTER
from models.session_events import CLAIMED_WITHIN, OBEYED_WITHIN, foreign_transaction
from models.session_outcomes import outcome_noted
from models.sessions import CLAIM_STEP, ENDED_MAX, RUNNING_MAX, Sessions
from tests.models.samples import ATTEMPT, NOON, SAMPLES

CHARGER = ATTEMPT.charger_id
LINK = ConnectionId("0195-0001")
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def event(
    name: str, at: datetime = NOON, token: TokenKind | None = None, **data: Scalar
) -> ChargerEvent:
    version: OcppVersion = "2.0.1" if name == "TransactionEvent" else "1.6"
    return ChargerEvent(
        event_id="e",
        charger_id=CHARGER,
        site_id=ATTEMPT.site_id,
        ocpp=version,
        connection_id=LINK,
        gateway_instance=GatewayInstance("gw-1"),
        slot=Slot(3),
        name=name,
        received_at=at,
        data={key.replace("__", "."): value for key, value in data.items()},
        token=token,
    )


def start(
    transaction_id: int = 7,
    connector: int = 1,
    at: datetime = NOON,
    token: TokenKind = TokenKind.IDENTIFIED,
) -> ChargerEvent:
    return event(
        "StartTransaction",
        at,
        token,
        connectorId=connector,
        timestamp=at.isoformat(),
        transactionId=transaction_id,
        sessionId=f"session-{transaction_id}",
    )


def stop(transaction_id: int = 7, at: datetime = NOON + MINUTE) -> ChargerEvent:
    return event("StopTransaction", at, transactionId=transaction_id)


def status(word: str, connector: int = 1, at: datetime = NOON) -> ChargerEvent:
    return event("StatusNotification", at, connectorId=connector, status=word)


def transaction(
    kind: str, tx: str = "tx", evse: int | None = 1, at: datetime = NOON, **fields: Any
) -> ChargerEvent:
    data: dict[str, Any] = {
        "eventType": kind,
        "triggerReason": "ChargingStateChanged",
        "transactionInfo__transactionId": tx,
        "transactionInfo__chargingState": "Charging",
        "timestamp": at.isoformat(),
    }
    if evse is not None:
        data["evse__id"] = evse
    return event("TransactionEvent", at, **(data | fields))


def sessions_of(events: Sequence[ChargerEvent], desired: Mode = Mode.MANAGED) -> Sessions:
    return state_of(events, desired).sessions


def state_of(events: Sequence[ChargerEvent], desired: Mode = Mode.MANAGED) -> ChargerState:
    row = ChargerState(
        charger_id=CHARGER, site_id=ATTEMPT.site_id, offset=-1, desired=desired, updated_at=NOON
    )
    connected = event(EventName.CONNECTED, NOON - timedelta(hours=1))
    for offset, each in enumerate([connected, *events]):
        row = apply_event(row, each, offset)
    return row


def running(sessions: Sessions) -> list[str | None]:
    return [each.transaction_id for each in sessions.running]


def outcome(
    kind: AttemptKind, *, accepted: bool = True, at: datetime = NOON, **fields: Any
) -> Outcome:
    sample = SAMPLES[Outcome]
    assert isinstance(sample, Outcome)
    attempt = ATTEMPT.model_copy(
        update={"kind": kind, "received_at": at, "event_at": at, "attempt_id": "a-1", **fields}
    )
    told = Told(
        accepted=accepted,
        status="Accepted" if accepted else "Blocked",
        text=None,
        basis=Basis.DECISION,
    )
    return sample.model_copy(
        update={
            "attempt": attempt,
            "told": told,
            "verdict": None,
            "schedule": None,
            "answered_at": at,
        }
    )


# Any order, any repetition

MESSAGES_16 = [
    status("Preparing"),
    start(7, 1, NOON),
    status("Charging", at=NOON + SECOND),
    event("MeterValues", NOON + 2 * SECOND, connectorId=1, transactionId=7),
    stop(7),
    status("Finishing", at=NOON + MINUTE),
]
MESSAGES_2X = [
    transaction("Started", transactionInfo__chargingState="EVConnected"),
    transaction("Updated", at=NOON + SECOND),
    transaction("Updated", evse=None, at=NOON + 2 * SECOND),
    transaction("Ended", at=NOON + MINUTE),
    transaction("Ended", at=NOON + MINUTE),
]


def shuffled(messages: list[ChargerEvent]) -> st.SearchStrategy[list[ChargerEvent]]:
    """Some of them, in any order, any of them as often as one likes."""
    return st.lists(st.sampled_from(messages), max_size=24)


@given(shuffled(MESSAGES_16))
def test_a_session_is_never_counted_twice_in_1_6(events: list[ChargerEvent]) -> None:
    for count in range(len(events)):
        found = sessions_of(events[: count + 1])
        known = [each.transaction_id for each in found.running + found.ended]
        assert len(known) == len(set(known)) <= 1
        assert len({each.place for each in found.occupied}) == len(found.occupied)


@given(shuffled(MESSAGES_2X))
def test_finding_7_one_that_has_ended_stays_ended_in_2_x(events: list[ChargerEvent]) -> None:
    found = sessions_of([*events, MESSAGES_2X[-1], *events])
    assert found.running == ()
    assert [each.transaction_id for each in found.ended] == ["tx"]


@given(shuffled(MESSAGES_16))
def test_a_session_that_was_stopped_stays_so_in_1_6(events: list[ChargerEvent]) -> None:
    assert sessions_of([*events, stop(7), *events]).running == ()


@given(shuffled(MESSAGES_16), shuffled(MESSAGES_2X))
def test_no_session_outlives_its_vehicle(
    first: list[ChargerEvent], second: list[ChargerEvent]
) -> None:
    gone = status("Available", at=NOON + timedelta(hours=1))
    found = sessions_of([*first, *second, gone])
    assert [each for each in found.running if each.place == 1] == []
    assert found.occupied == ()


@given(shuffled(MESSAGES_2X))
def test_no_ghost_stays_for_ever_though_its_end_never_comes(events: list[ChargerEvent]) -> None:
    much_later = NOON + FORGOTTEN_AFTER + timedelta(hours=2)
    anything = transaction("Started", tx="another", evse=2, at=much_later)
    assert "tx" not in running(sessions_of([*events, anything]))


@given(
    st.lists(
        st.builds(
            start,
            st.integers(1, 60),
            st.integers(1, 40),
            st.sampled_from([NOON + n * SECOND for n in range(60)]),
        ),
        max_size=60,
    )
)
def test_what_is_kept_is_bounded_and_a_place_has_one_session(events: list[ChargerEvent]) -> None:
    found = sessions_of(events)
    assert len(found.running) <= RUNNING_MAX
    assert len(found.ended) <= ENDED_MAX
    places = [each.place for each in found.running]
    assert len(places) == len(set(places))


# Ids that are none (finding 7), and of others


@pytest.mark.parametrize("called", [0, -1])
def test_finding_7_a_stop_without_an_id_ends_the_only_session(called: int) -> None:
    assert sessions_of([start(), stop(called)]).running == ()


@pytest.mark.parametrize("called", [0, -1])
def test_finding_7_a_stop_without_an_id_ends_none_of_two(called: int) -> None:
    assert running(sessions_of([start(7, 1), start(8, 2), stop(called)])) == ["7", "8"]


def test_finding_7_a_session_is_stopped_by_the_name_that_its_charger_has_for_it() -> None:
    values = event("MeterValues", NOON + MINUTE, connectorId=1, transactionId=0)
    (session,) = sessions_of([start(), values]).running
    assert (session.transaction_id, session.called) == ("7", "0")


def test_a_foreign_transaction_is_applied_to_nothing() -> None:
    row = state_of([start()])
    foreign = event("MeterValues", NOON + MINUTE, connectorId=1, transactionId=99)
    assert foreign_transaction(row, foreign)
    assert apply_event(row, foreign, 10).sessions == row.sessions
    assert foreign_transaction(row, stop(99))
    assert running(apply_event(row, stop(99), 10).sessions) == ["7"]
    own = event("MeterValues", NOON + MINUTE, connectorId=1, transactionId=7)
    assert not foreign_transaction(row, own)
    assert not foreign_transaction(state_of([start(), stop()]), stop())


def test_a_new_session_at_a_connector_ends_the_one_before_it() -> None:
    found = sessions_of([start(7), start(8, at=NOON + MINUTE)])
    assert running(found) == ["8"]
    assert [each.transaction_id for each in found.ended] == ["7"]


def test_a_session_that_is_told_of_late_does_not_end_the_one_that_runs() -> None:
    found = sessions_of([start(8, at=NOON), start(7, at=NOON - timedelta(hours=3))])
    assert running(found) == ["8"]


# Occupations


def test_a_vehicle_is_one_occupation_however_often_it_is_told_of() -> None:
    again = [status(word, at=NOON + n * SECOND) for n, word in enumerate(["Preparing"] * 3)]
    (vehicle,) = sessions_of(again).occupied
    assert vehicle.since == NOON


def test_another_connector_of_an_evse_says_nothing_of_the_vehicle() -> None:
    occupied = event("StatusNotification", evseId=1, connectorId=1, connectorStatus="Occupied")
    free = event("StatusNotification", evseId=1, connectorId=2, connectorStatus="Available")
    assert len(sessions_of([occupied, free]).occupied) == 1


def test_a_replay_plugs_nothing_in() -> None:
    later = transaction("Started", at=NOON, offline=True)
    assert sessions_of([later]).occupied == ()


def test_a_card_before_the_cable_counts_for_the_vehicle_that_comes() -> None:
    row = state_of([])
    known = row.model_copy(
        update={"sessions": outcome_noted(row.sessions, outcome(AttemptKind.AUTHORIZE))}
    )
    soon = apply_event(known, status("Preparing", at=NOON + MINUTE), 9).sessions
    assert soon.occupied[0].token_at == NOON
    late = NOON + CLAIMED_WITHIN + CLAIM_STEP + SECOND
    assert apply_event(known, status("Preparing", at=late), 9).sessions.occupied[0].token_at is None


def test_a_driver_who_tries_again_at_once_is_told_of_once_and_in_time() -> None:
    first = outcome_noted(Sessions(), outcome(AttemptKind.AUTHORIZE))
    again = NOON + CLAIM_STEP - SECOND
    assert outcome_noted(first, outcome(AttemptKind.AUTHORIZE, at=again)) == first
    # Nobody is taken for a driver without a card because the last tap was not noted.
    row = state_of([]).model_copy(update={"sessions": first})
    plugged = apply_event(row, status("Preparing", at=again + CLAIMED_WITHIN), 9).sessions
    assert plugged.occupied[0].token_at is not None
    later = outcome_noted(first, outcome(AttemptKind.AUTHORIZE, at=NOON + CLAIM_STEP))
    assert later.unclaimed_at == NOON + CLAIM_STEP
    # What is heard of late takes nothing back.
    assert outcome_noted(later, outcome(AttemptKind.AUTHORIZE)) == later


@pytest.mark.parametrize("kind", [TokenKind.FREEVEND_TAG, TokenKind.ASSISTED_TAG])
def test_an_authorize_that_no_driver_asked_for_is_no_card_for_the_vehicle(kind: TokenKind) -> None:
    waiting = sessions_of([status("Preparing")])
    token = ATTEMPT.token.model_copy(update={"kind": kind})
    assert outcome_noted(waiting, outcome(AttemptKind.AUTHORIZE, token=token)) == waiting


# Who a session belongs to (rule 12)


def energised(*connectors: int) -> list[ChargerEvent]:
    return [
        each
        for n, connector in enumerate(connectors)
        for each in (
            status("Preparing", connector, NOON + n * SECOND),
            start(connector, connector, NOON + n * SECOND, TokenKind.FREEVEND_TAG),
        )
    ]


def test_rule_12_an_authorize_identifies_the_only_unidentified_session() -> None:
    known = sessions_of([*energised(1), status("Preparing", 2, NOON + MINUTE)])
    found = outcome_noted(known, outcome(AttemptKind.AUTHORIZE, at=NOON + 2 * MINUTE))
    (session,) = found.running
    assert session.attempt is not None


def test_rule_12_of_several_it_identifies_the_one_plugged_in_last() -> None:
    found = outcome_noted(sessions_of(energised(1, 2)), outcome(AttemptKind.AUTHORIZE))
    assert [each.attempt is not None for each in found.running] == [False, True]


def test_rule_12_a_refused_card_identifies_nobody() -> None:
    refused = outcome(AttemptKind.AUTHORIZE, accepted=False)
    (session,) = outcome_noted(sessions_of(energised(1)), refused).running
    assert session.attempt is None


def test_rule_12_a_token_in_a_transaction_identifies_that_session() -> None:
    own = session_id(CHARGER, "b")
    known = sessions_of([transaction("Started", "a", 1), transaction("Started", "b", 2)])
    told = outcome(AttemptKind.TRANSACTION_EVENT, session_id=own)
    found = outcome_noted(known, told)
    assert [each.attempt is not None for each in found.running] == [False, True]


def test_an_authorize_that_led_to_a_start_identifies_no_other_session() -> None:
    known = outcome_noted(sessions_of(energised(1)), outcome(AttemptKind.AUTHORIZE))
    own = session_id(CHARGER, "new")
    started = outcome(AttemptKind.START_TRANSACTION, session_id=own, connector=2)
    found = outcome_noted(known, started)
    assert {each.place: each.attempt is not None for each in found.running} == {1: False, 2: True}


@pytest.mark.parametrize("outcome_first", [True, False])
def test_outcome_and_event_make_one_session_whichever_comes_first(outcome_first: bool) -> None:
    own = session_id(CHARGER, "tx")
    told = outcome(AttemptKind.TRANSACTION_EVENT, session_id=own, connector=1)
    begun = transaction("Started", token=TokenKind.IDENTIFIED)
    row = state_of([] if outcome_first else [begun])
    row = row.model_copy(update={"sessions": outcome_noted(row.sessions, told)})
    if outcome_first:
        row = apply_event(row, begun, 5)
    (session,) = row.sessions.running
    assert (session.transaction_id, session.place) == ("tx", 1)
    assert session.attempt is not None
    assert outcome_noted(row.sessions, told) == row.sessions


def test_a_session_whose_outcome_comes_after_its_end_was_forgotten_is_none_for_long() -> None:
    """A charger that was offline tells of ten sessions at once; outcomes are read after events."""
    replayed = [
        each
        for number in range(10)
        for each in (
            transaction(
                "Started", f"tx{number}", at=NOON, token=TokenKind.IDENTIFIED, offline=True
            ),
            transaction("Ended", f"tx{number}", at=NOON, offline=True),
        )
    ]
    row = state_of(replayed)
    assert len(row.sessions.ended) == ENDED_MAX
    for number in range(10):
        own = session_id(CHARGER, f"tx{number}")
        told = outcome(AttemptKind.TRANSACTION_EVENT, session_id=own, connector=1)
        row = row.model_copy(update={"sessions": outcome_noted(row.sessions, told)})
    assert len(row.sessions.running) == 1
    soon = apply_event(row, status("Preparing", 2, at=NOON + AWAITED_FOR), 100)
    assert soon.sessions.running == row.sessions.running
    late = apply_event(soon, status("Charging", 2, at=NOON + AWAITED_FOR + SECOND), 101)
    assert late.sessions.running == ()


def test_outcomes_that_are_read_ahead_of_events_keep_the_sessions_that_these_will_tell_of() -> None:
    own = session_id(CHARGER, "tx")
    row = state_of([])
    for told in (
        outcome(AttemptKind.TRANSACTION_EVENT, session_id=own, connector=1),
        outcome(
            AttemptKind.TRANSACTION_EVENT,
            at=NOON + 12 * AWAITED_FOR,
            session_id=session_id(CHARGER, "later"),
            connector=2,
        ),
    ):
        row = row.model_copy(update={"sessions": outcome_noted(row.sessions, told)})
    row = apply_event(row, transaction("Started", token=TokenKind.IDENTIFIED), 5)
    known = {each.session_id: each.attempt is not None for each in row.sessions.running}
    assert known[str(own)]
    assert len(known) == 2


def test_finding_1_energy_after_a_refusal_is_told_from_energy_before_it() -> None:
    own = session_id(CHARGER, "tx")
    row = state_of([transaction("Started", token=TokenKind.IDENTIFIED)])
    refusal = outcome(AttemptKind.TRANSACTION_EVENT, session_id=own, accepted=False)
    row = row.model_copy(update={"sessions": outcome_noted(row.sessions, refusal)})
    assert row.sessions.running[0].energy_at is None
    soon = apply_event(row, transaction("Updated", at=NOON + SECOND), 5)
    assert soon.sessions.running[0].energy_at is None
    later = NOON + OBEYED_WITHIN + SECOND
    flows = apply_event(soon, transaction("Updated", at=later), 6)
    assert flows.sessions.running[0].energy_at == later
