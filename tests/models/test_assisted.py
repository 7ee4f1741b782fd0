"""Assisted freevend: when a waiting vehicle is started from here, when again, and when not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.assisted import (
    AFTER,
    ANSWER_WITHIN,
    ASSISTED_TAG,
    CARD_WITHIN,
    EDGE_MARGIN,
    PAUSE,
    RECONNECTED,
    STARTS_WITHIN,
    TRIALS_MAX,
    TRIES_MAX,
    NextStart,
    StartStep,
    assisted,
    next_start,
    sent_start,
    start_answered,
    with_failure,
)
from models.attempt import TokenKind
from models.capability import Claims, KeyClaim, Proofs, SetClaim
from models.charger import ChargerEvent, ChargerState, Connection, EventName, Scalar
from models.ids import ChargerId, ConnectionId, GatewayInstance, SiteId, Slot
from models.mode_events import apply_event
from models.profile_choice import EffectiveProfile, ProfileSource
from models.schedule import Mode
from models.sessions import AssistedStart, Occupation, Session, Sessions

OPENED = datetime(2026, 7, 14, 6, 0, tzinfo=UTC)
PLUGGED = OPENED + timedelta(hours=2)
READY = PLUGGED + AFTER
VEHICLE = Occupation(place=1, since=PLUGGED)
SEND = NextStart(StartStep.SEND)
NOTHING = NextStart(StartStep.NOTHING)


def connection(
    since: datetime = OPENED, connection_id: str = "c-1", ocpp: Any = "1.6"
) -> Connection:
    return Connection(
        connection_id=ConnectionId(connection_id),
        gateway_instance=GatewayInstance("g"),
        slot=Slot(0),
        ocpp=ocpp,
        since=since,
    )


def row(*vehicles: Occupation, running: tuple[Session, ...] = (), **changes: Any) -> ChargerState:
    known: dict[str, Any] = {
        "charger_id": ChargerId("CP-1"),
        "site_id": SiteId("north"),
        "offset": 0,
        "desired": Mode.FREEVEND,
        "desired_since": OPENED,
        "connection": connection(),
        "sessions": Sessions(occupied=vehicles or (VEHICLE,), running=running),
        "updated_at": PLUGGED,
    }
    return ChargerState(**{**known, **changes})


def session(**changes: Any) -> Session:
    known: dict[str, Any] = {"session_id": "s", "transaction_id": "7", "place": 1}
    return Session(**known, began_at=PLUGGED, seen_at=PLUGGED, **changes)


def sent(at: datetime = READY, **changes: Any) -> AssistedStart:
    known = {"connection_id": "c-1", "tries_count": 1, **changes}
    return AssistedStart(command_id="x", sent_at=at, **known)  # type: ignore[arg-type]


def with_start(start: AssistedStart) -> Occupation:
    return VEHICLE.model_copy(update={"start": start})


def step(
    vehicle: Occupation = VEHICLE,
    now: datetime = READY,
    managed_at: datetime | None = None,
    **changes: Any,
) -> NextStart:
    return next_start(vehicle, row(vehicle, **changes), managed_at, now)


def waits(at: datetime) -> NextStart:
    return NextStart(StartStep.WAIT, at)


def test_a_vehicle_is_started_once_nobody_else_did() -> None:
    assert step(now=PLUGGED) == waits(READY)
    assert step() == SEND


def test_a_vehicle_that_waited_for_freevend_is_started_when_it_begins() -> None:
    early = VEHICLE.model_copy(update={"since": OPENED - timedelta(hours=1)})
    link = connection(OPENED - timedelta(hours=2))
    assert step(early, OPENED, connection=link) == waits(OPENED + AFTER)
    assert step(early, OPENED + AFTER, connection=link) == SEND


@pytest.mark.parametrize(
    ("vehicle", "changes"),
    [
        ({}, {"desired": Mode.MANAGED}),
        ({}, {"desired": None, "desired_since": None}),
        ({}, {"connection": None}),
        ({"served": True}, {}),
        ({"idle": False}, {}),
        ({}, {"running": (session(energy_at=PLUGGED),)}),
        ({}, {"running": (session(token=TokenKind.IDENTIFIED),)}),
        ({}, {"running": (session(token=TokenKind.ASSISTED_TAG),)}),
    ],
)
def test_nothing_is_started(vehicle: dict[str, Any], changes: dict[str, Any]) -> None:
    assert step(VEHICLE.model_copy(update=vehicle), **changes) == NOTHING


def test_a_transaction_that_only_says_that_a_cable_is_there_waits_too() -> None:
    assert step(running=(session(),)) == SEND


def test_a_session_at_another_place_bars_nobody() -> None:
    elsewhere = session(energy_at=PLUGGED).model_copy(update={"place": 2})
    assert step(running=(elsewhere,)) == SEND


def test_a_card_that_was_presented_at_the_same_moment_comes_first() -> None:
    tapped = VEHICLE.model_copy(update={"token_at": PLUGGED + timedelta(seconds=1)})
    by_card = PLUGGED + timedelta(seconds=1) + CARD_WITHIN
    assert step(tapped) == waits(by_card)
    assert step(tapped, by_card) == SEND


def test_nothing_is_started_shortly_before_managed_begins() -> None:
    assert step(managed_at=READY + EDGE_MARGIN) == SEND
    assert step(managed_at=READY + EDGE_MARGIN - timedelta(seconds=1)) == NOTHING


def test_after_a_reconnect_the_charger_first_tells_what_happened() -> None:
    back = connection(READY + timedelta(minutes=1), "c-2")
    assert step(connection=back, now=back.since) == waits(back.since + RECONNECTED)
    assert step(connection=back, now=back.since + RECONNECTED) == SEND


def test_a_start_whose_answer_was_lost_with_the_connection_is_sent_on_the_next_one() -> None:
    back = connection(READY + timedelta(seconds=5), "c-2")
    lost = with_start(sent())
    assert step(lost, back.since, connection=back) == waits(back.since + RECONNECTED)
    assert step(lost, back.since + RECONNECTED, connection=back) == SEND


def test_no_answer_a_rejection_and_an_acceptance_without_a_session_are_tried_again() -> None:
    answered = READY + timedelta(seconds=1)
    assert step(with_start(sent())) == waits(READY + ANSWER_WITHIN)
    rejected = with_start(sent(answered_at=answered, answer="Rejected"))
    assert step(rejected, answered) == waits(answered + PAUSE)
    assert step(rejected, answered + PAUSE) == SEND
    accepted = with_start(sent(answered_at=answered, answer="Accepted"))
    assert step(accepted, answered + PAUSE) == waits(answered + STARTS_WITHIN)


def test_after_all_tries_it_is_given_up_once() -> None:
    last = sent(tries_count=TRIES_MAX, answered_at=READY, answer="Accepted")
    over = READY + STARTS_WITHIN
    assert step(with_start(last), READY) == waits(over)
    assert step(with_start(last), over) == NextStart(StartStep.GIVE_UP)
    given_up = last.model_copy(update={"given_up": True})
    assert step(with_start(given_up), over) == NOTHING


def test_another_freevend_interval_tries_anew() -> None:
    given_up = with_start(sent(tries_count=TRIES_MAX, given_up=True))
    again = OPENED + timedelta(days=1)
    assert step(given_up, again + AFTER, desired_since=again) == SEND
    assert sent_start(given_up, row(given_up, desired_since=again), again).tries_count == 1


def test_a_worker_that_takes_over_sends_the_same_start() -> None:
    first, second = (sent_start(VEHICLE, row(), at) for at in (READY, READY + PAUSE))
    assert first.command_id == second.command_id
    again = with_start(first)
    assert sent_start(again, row(again), READY).command_id != first.command_id


def test_an_answer_is_for_the_vehicle_that_it_was_sent_for() -> None:
    start = sent()
    sessions = row(with_start(start)).sessions
    event = answer(start, "Rejected")
    (vehicle,) = start_answered(sessions, event).occupied
    assert vehicle.start is not None
    assert (vehicle.start.answer, vehicle.start.answered_at) == ("Rejected", event.received_at)
    other = Sessions(occupied=(VEHICLE,))
    assert start_answered(other, event) == other


def test_an_answer_reaches_the_row() -> None:
    start = sent()
    after = apply_event(row(with_start(start)), answer(start, "Accepted"), 1)
    assert after.sessions.occupied[0].start is not None
    assert after.sessions.occupied[0].start.answer == "Accepted"


def answer(start: AssistedStart, result: str) -> ChargerEvent:
    data: dict[str, Scalar] = {"commandId": start.command_id, "connector": 1, "result": result}
    return event(EventName.START_ANSWERED, data)


def event(name: str, data: dict[str, Scalar], token: TokenKind | None = None) -> ChargerEvent:
    return ChargerEvent(
        event_id="e",
        charger_id=ChargerId("CP-1"),
        site_id=SiteId("north"),
        ocpp="1.6",
        connection_id=ConnectionId("c-1"),
        gateway_instance=GatewayInstance("g"),
        slot=Slot(0),
        name=name,
        received_at=READY,
        data=data,
        token=token,
    )


# Which chargers

STANDARD = EffectiveProfile("standard", ProfileSource.NAMED)


def test_a_charger_without_a_setting_is_tried_until_it_is_known_that_it_does_not_work() -> None:
    tried = row()
    for _ in range(TRIALS_MAX):
        assert assisted(tried, STANDARD)
        tried = with_failure(tried)
    assert not assisted(tried, STANDARD)


def test_a_charger_of_class_assisted_goes_on_after_failures() -> None:
    seen = Proofs(remote_start_at=OPENED, remote_starts_failed=TRIALS_MAX)
    assert assisted(row(proofs=seen), STANDARD)


def test_a_charger_with_a_setting_or_of_unknown_class_is_not_started() -> None:
    link = connection(ocpp="2.0.1")
    assert not assisted(row(connection=link), STANDARD)
    taken = Claims(mode_key=KeyClaim.PRESENT, set_status=SetClaim.TAKEN, read_back=True)
    assert not assisted(row(connection=link, claims=taken), STANDARD)
    missing = Claims(mode_key=KeyClaim.MISSING)
    assert assisted(row(connection=link, claims=missing), STANDARD)
    assert not assisted(row(connection=None), STANDARD)


# What the reserved token proves and identifies


def test_a_start_with_the_reserved_token_proves_remote_starts_and_no_mode() -> None:
    start: dict[str, Scalar] = {
        "connectorId": 1,
        "transactionId": 7,
        "sessionId": "s",
        "timestamp": READY.isoformat(),
    }
    before = row(proofs=Proofs(remote_starts_failed=2))
    after = apply_event(before, event("StartTransaction", start, TokenKind.ASSISTED_TAG), 1)
    assert after.proofs == Proofs(remote_start_at=READY)
    assert after.observed is None
    vehicle = after.sessions.at(1)
    assert vehicle is not None
    assert vehicle.served
    assert vehicle.token_at is None, "no driver presented a card"


def test_so_does_a_transaction_event() -> None:
    data: dict[str, Scalar] = {
        "eventType": "Started",
        "triggerReason": "RemoteStart",
        "transactionInfo.transactionId": "t",
        "transactionInfo.chargingState": "EVConnected",
        "evse.id": 1,
    }
    before = row(connection=connection(ocpp="2.0.1"))
    after = apply_event(before, event("TransactionEvent", data, TokenKind.ASSISTED_TAG), 1)
    assert after.proofs.remote_start_at == READY
    assert after.proofs.freevend_at is None
    assert next_start(after.sessions.occupied[0], after, None, READY) == NOTHING


def test_a_vehicle_that_was_first_seen_when_it_had_finished_is_not_started() -> None:
    bare = row().model_copy(update={"sessions": Sessions()})
    told: dict[str, Scalar] = {"connectorId": 1, "status": "Finishing"}
    after = apply_event(bare, event("StatusNotification", told), 1)
    assert next_start(after.sessions.occupied[0], after, None, READY + AFTER) == NOTHING


def test_the_reserved_token_fits_the_shortest_field() -> None:
    assert len(ASSISTED_TAG) <= 20
