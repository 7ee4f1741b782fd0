"""Sessions at the edges: stopped, spared, given up or recorded, and once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.kafka.replica import Replica
from models.attempt import AttemptKind, Basis, Denial, Outcome, TokenKind, Told
from models.charger import ChargerCommand, CommandKind, EventName, ModeFactKind, Scalar
from models.ids import session_id
from models.metrics import FOREIGN_TRANSACTIONS
from models.reasons import Reason
from models.schedule import Mode, Schedule
from models.session_ends import RECONNECTED_S, STOP_AGAIN_AFTER_S, STOP_TRIES_MAX
from models.site import (
    EdgeAction,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    Overstay,
    OverstayAction,
    Stage,
)
from models.topics import DENIALS, IDENTITIES
from tests.models.samples import ATTEMPT, SAMPLES
from tests.streams.test_chargers import CHARGER, MANAGED, SECOND, SITE, Desk, View, reserved_since

AFTER_S = 180
HOUR = timedelta(hours=1)


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def reserved_lately() -> Schedule:
    """Freevend until the minute before the last one."""
    return reserved_since((datetime.now(UTC) - timedelta(minutes=2)).replace(second=0))


async def owner(desk: Desk | None = None) -> Desk:
    """A worker that owns every charger; the rows of the one before it are its log."""
    made = Desk()
    if desk is not None:
        made.states.logged = [row for row in desk.states if row]
        made.offset = desk.offset
    assert await made.states.load(set(range(16)))
    return made


async def managed(desk: Desk, stage: Stage = Stage.ENFORCE, **choices: Any) -> None:
    choices = {"no_identification_after_s": AFTER_S} | choices
    desk.configure(MANAGED, stage, loaded_at=ago(7200), **choices)
    await desk.event(EventName.CONNECTED, received_at=ago(3600))


async def over_the_edge(desk: Desk, stage: Stage = Stage.ENFORCE, **choices: Any) -> None:
    """A session that began in freevend runs when managed has begun."""
    desk.configure(reserved_lately(), stage, loaded_at=ago(7200), **choices)
    await desk.event(EventName.CONNECTED, received_at=ago(3600))
    await charge(desk, at=ago(600))


async def charge(desk: Desk, tx: str = "tx", evse: int = 1, at: datetime | None = None) -> None:
    data: dict[str, Scalar] = {
        "eventType": "Updated",
        "triggerReason": "ChargingStateChanged",
        "transactionInfo.transactionId": tx,
        "transactionInfo.chargingState": "Charging",
        "evse.id": evse,
    }
    await desk.event("TransactionEvent", received_at=at, data=data)


async def status(desk: Desk, word: str, at: datetime | None = None) -> None:
    data: dict[str, Scalar] = {"evseId": 1, "connectorId": 1, "connectorStatus": word}
    await desk.event("StatusNotification", received_at=at, data=data)


def denials(desk: Desk) -> list[Denial]:
    return [each for each in desk.sent.of(DENIALS) if isinstance(each, Denial)]


def stops(desk: Desk) -> list[ChargerCommand]:
    return desk.commands(CommandKind.STOP)


def know(replica: Replica, state: IdentityState, since: datetime) -> None:
    pseudonym = ATTEMPT.token.pseudonym
    assert pseudonym is not None
    record = IdentityRecord(
        source="folder",
        pseudonym=pseudonym,
        identifier_type="ISO14443",
        display="ISO14443 …5F6",
        identity_class=IdentityClass.OWN_FLEET,
        reference="bus-1",
        valid_from=ago(86_400),
        state=state,
        state_since=since,
    )
    assert isinstance(replica, View)
    replica.put(IDENTITIES, record.key, record)


def presented(tx: str = "tx", *, accepted: bool = True) -> Outcome:
    """The outcome of a card within a transaction."""
    sample = SAMPLES[Outcome]
    assert isinstance(sample, Outcome)
    attempt = ATTEMPT.model_copy(
        update={
            "kind": AttemptKind.TRANSACTION_EVENT,
            "charger_id": CHARGER,
            "site_id": SITE,
            "session_id": session_id(CHARGER, tx),
            "connector": 1,
            "event_at": ago(500),
            "received_at": ago(500),
        }
    )
    told = Told(
        accepted=accepted,
        status="Accepted" if accepted else "Blocked",
        text=None,
        basis=Basis.DECISION,
    )
    update = {"attempt": attempt, "told": told, "verdict": None, "schedule": None}
    return sample.model_copy(update={**update, "answered_at": ago(500)})


async def test_a_transaction_that_is_none_of_its_chargers_is_counted_and_ends_nothing() -> None:
    desk = await owner()
    await managed(desk)
    await charge(desk)
    before = desk.states.get(CHARGER)
    await desk.event("StopTransaction", data={"transactionId": 4711})
    after = desk.states.get(CHARGER)
    assert before is not None
    assert after is not None
    assert (after.sessions.running, after.sessions.occupied) == (
        before.sessions.running,
        before.sessions.occupied,
    )
    labels = {"site": SITE, "action": "StopTransaction"}
    assert desk.metrics.registry.get_sample_value(FOREIGN_TRANSACTIONS.name, labels) == 1


# NO_IDENTIFICATION


async def test_a_vehicle_without_a_card_is_one_record() -> None:
    desk = await owner()
    await managed(desk)
    await status(desk, "Occupied", ago(AFTER_S + 5))
    for _ in range(3):
        await status(desk, "Occupied")
    (denial,) = denials(desk)
    assert (denial.reason, denial.connector, denial.would_deny) == (
        Reason.NO_IDENTIFICATION,
        1,
        False,
    )
    assert denial.token == ""
    assert denial.pseudonym is None


async def test_it_is_one_record_across_a_reconnect_and_a_take_over() -> None:
    desk = await owner()
    await managed(desk)
    await status(desk, "Occupied", ago(AFTER_S + RECONNECTED_S + 60))
    assert len(denials(desk)) == 1
    await desk.event(EventName.DISCONNECTED)
    await desk.event(EventName.CONNECTED, connection_id=SECOND)
    after = await owner(desk)
    after.configure(MANAGED, loaded_at=ago(7200), no_identification_after_s=AFTER_S)
    for _ in range(2):
        await after.event(
            "StatusNotification",
            connection_id=SECOND,
            data={"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied"},
        )
    assert denials(after) == []
    assert len(denials(desk)) == 1


async def test_a_worker_that_takes_over_before_its_row_was_written_uses_the_same_id() -> None:
    first, second = await owner(), await owner()
    since = ago(AFTER_S + 5)
    for desk in (first, second):
        await managed(desk)
        await status(desk, "Occupied", since)
    assert denials(first)[0].denial_id == denials(second)[0].denial_id


async def test_unplugging_in_time_gives_none() -> None:
    desk = await owner()
    await managed(desk)
    await status(desk, "Occupied", ago(AFTER_S - 5))
    await status(desk, "Available")
    await status(desk, "Occupied")
    assert denials(desk) == []


async def test_the_desk_looks_again_when_the_time_is_over() -> None:
    desk = await owner()
    await managed(desk, no_identification_after_s=1)
    await status(desk, "Occupied")
    assert denials(desk) == []
    async with desk.time_kept():
        await desk.until(lambda: len(denials(desk)) == 1)


async def test_rule_27_in_shadow_it_is_marked_and_off_writes_none() -> None:
    for stage, expected in ((Stage.SHADOW, [True]), (Stage.OFF, [])):
        desk = await owner()
        await managed(desk, stage)
        await status(desk, "Occupied", ago(AFTER_S + 5))
        await status(desk, "Occupied")
        assert [each.would_deny for each in denials(desk)] == expected


# Rule 12


async def test_rule_12_a_session_finishes_by_default() -> None:
    desk = await owner()
    await over_the_edge(desk)
    assert stops(desk) == []


async def test_rule_12_stop_ends_the_session_once() -> None:
    desk = await owner()
    await over_the_edge(desk, edge=EdgeAction.STOP)
    await charge(desk)
    (command,) = stops(desk)
    assert (command.transaction_id, command.cause, command.slot) == ("tx", "EDGE", 3)
    (fact,) = desk.facts(ModeFactKind.STOP_COMMANDED)
    assert (fact.connector, fact.detail) == (1, "EDGE")


async def test_rule_12_identify_waits_for_its_time() -> None:
    desk = await owner()
    await over_the_edge(desk, edge=EdgeAction.IDENTIFY, identify_within_s=3600)
    assert stops(desk) == []
    desk.configure(
        reserved_lately(), loaded_at=ago(7200), edge=EdgeAction.IDENTIFY, identify_within_s=1
    )
    await charge(desk)
    assert [each.cause for each in stops(desk)] == ["NOT_IDENTIFIED"]


@pytest.mark.parametrize("edge", [EdgeAction.STOP, EdgeAction.IDENTIFY])
async def test_rule_12_an_admitted_card_is_spared(edge: EdgeAction) -> None:
    desk = await owner()
    await over_the_edge(desk)
    know(desk.replica, IdentityState.ACTIVE, ago(3600))
    await desk.desk.hear(presented())
    choices: dict[str, Any] = {"edge": edge, "identify_within_s": 1}
    desk.configure(reserved_lately(), loaded_at=ago(7200), **choices)
    await charge(desk)
    assert stops(desk) == []


async def test_rule_12_a_card_that_is_not_admitted_is_not_spared() -> None:
    desk = await owner()
    await over_the_edge(desk)
    know(desk.replica, IdentityState.SUSPENDED, ago(3600))
    await desk.desk.hear(presented())
    desk.configure(reserved_lately(), loaded_at=ago(7200), edge=EdgeAction.STOP)
    await charge(desk)
    assert [each.cause for each in stops(desk)] == ["EDGE"]
    # Rule 12 has dealt with it: it is no overstay too.
    assert desk.facts(ModeFactKind.OVERSTAY) == []


async def test_rule_12_a_session_that_began_in_managed_is_not_of_the_edge() -> None:
    desk = await owner()
    desk.configure(reserved_lately(), loaded_at=ago(7200), edge=EdgeAction.STOP)
    await desk.event(EventName.CONNECTED, received_at=ago(3600))
    await charge(desk)
    assert stops(desk) == []


async def test_rule_27_what_shadow_would_have_stopped_enforce_does_not() -> None:
    desk = await owner()
    await over_the_edge(desk, Stage.SHADOW, edge=EdgeAction.STOP)
    await charge(desk)
    assert stops(desk) == []
    assert [fact.detail for fact in desk.facts(ModeFactKind.WOULD_STOP)] == ["EDGE"]
    desk.configure(reserved_lately(), Stage.ENFORCE, loaded_at=ago(7200), edge=EdgeAction.STOP)
    await charge(desk)
    assert stops(desk) == []


async def test_a_stop_goes_on_over_a_new_connection_and_ends_with_the_session() -> None:
    desk = await owner()
    await over_the_edge(desk, edge=EdgeAction.STOP)
    await desk.event(EventName.DISCONNECTED)
    await desk.event(EventName.CONNECTED, connection_id=SECOND)
    assert [each.connection_id for each in stops(desk)][1:] == [SECOND]
    ended: dict[str, Scalar] = {
        "eventType": "Ended",
        "transactionInfo.transactionId": "tx",
        "evse.id": 1,
    }
    await desk.event("TransactionEvent", connection_id=SECOND, data=ended)
    row = desk.states.get(CHARGER)
    assert row is not None
    assert row.sessions.running == ()


async def test_a_stop_without_effect_is_given_up_and_said() -> None:
    desk = await owner()
    await over_the_edge(desk, edge=EdgeAction.STOP)
    for number in range(1, STOP_TRIES_MAX + 2):
        row = desk.states.get(CHARGER)
        assert row is not None
        (session,) = row.sessions.running
        assert session.stop is not None
        # As if all the time that a try has had passed.
        sent_at = ago(STOP_AGAIN_AFTER_S * 2**number)
        known = session.model_copy(
            update={"stop": session.stop.model_copy(update={"sent_at": sent_at})}
        )
        sessions = row.sessions.model_copy(update={"running": (known,)})
        link = row.connection
        assert link is not None
        desk.states.put(
            row.model_copy(
                update={
                    "sessions": sessions,
                    "connection": link.model_copy(update={"since": ago(7000)}),
                }
            )
        )
        await charge(desk)
    assert len(stops(desk)) == STOP_TRIES_MAX
    assert len({each.command_id for each in stops(desk)}) == STOP_TRIES_MAX
    assert len(desk.facts(ModeFactKind.STOP_FAILED)) == 1


# Finding 1, rule 29, rule 13


async def test_finding_1_a_refused_session_that_charges_all_the_same_is_stopped() -> None:
    desk = await owner()
    await managed(desk)
    await charge(desk, at=ago(500))
    await desk.desk.hear(presented(accepted=False))
    assert stops(desk) == []
    await charge(desk)
    assert [each.cause for each in stops(desk)] == ["REFUSED"]


def freevend_tag(*, replayed: bool, reason: Reason | None) -> Outcome:
    """A freevend tag that was refused in a transaction, by the rules or, without them, in time."""
    sample = SAMPLES[Outcome]
    assert isinstance(sample, Outcome)
    assert sample.verdict is not None
    told = presented(accepted=False)
    token = told.attempt.token.model_copy(update={"kind": TokenKind.FREEVEND_TAG, "candidates": ()})
    attempt = told.attempt.model_copy(update={"token": token, "replayed": replayed})
    verdict = sample.verdict.model_copy(update={"reason": reason}) if reason else None
    return told.model_copy(update={"attempt": attempt, "verdict": verdict})


@pytest.mark.parametrize("replayed", [True, False])
async def test_rule_15_a_freevend_session_that_its_gateway_forgot_is_stopped_while_it_runs(
    replayed: bool,
) -> None:
    desk = await owner()
    await managed(desk)
    tag = Reason.FREEVEND_TAG_IN_MANAGED
    await desk.desk.hear(freevend_tag(replayed=replayed, reason=tag))
    assert stops(desk) == []
    await charge(desk)
    assert [each.cause for each in stops(desk)] == ["REFUSED"]
    # The row has it: also another worker goes on.
    assert (await owner(desk)).states.get(CHARGER) == desk.states.get(CHARGER)


@pytest.mark.parametrize("outcome_first", [True, False])
async def test_rule_16_a_freevend_tag_is_drift_whether_event_or_outcome_comes_first(
    outcome_first: bool,
) -> None:
    """A transaction that began when the vehicle was plugged in, and a tag that follows in it."""
    desk = await owner()
    await managed(desk)
    row = desk.states.get(CHARGER)
    assert row is not None
    assert row.commanded is not None
    then = row.commanded.model_copy(update={"sent_at": ago(3600), "ended_at": ago(3600)})
    desk.states.put(row.model_copy(update={"commanded": then}))
    began: dict[str, Scalar] = {"transactionInfo.transactionId": "tx", "evse.id": 1}
    await desk.event("TransactionEvent", data={**began, "eventType": "Started"})
    outcome = freevend_tag(replayed=False, reason=Reason.FREEVEND_TAG_IN_MANAGED)
    if outcome_first:
        await desk.desk.hear(outcome)
    goes_on: dict[str, Scalar] = {**began, "eventType": "Updated"}
    for _ in range(2):
        await desk.event("TransactionEvent", token=TokenKind.FREEVEND_TAG, data=goes_on)
    if not outcome_first:
        await desk.desk.hear(outcome)
    assert len(desk.facts(ModeFactKind.DRIFT)) == 1
    row = desk.states.get(CHARGER)
    assert row is not None
    assert row.proofs.freevend_at is not None


async def test_rule_12_a_freevend_session_that_ran_over_the_edge_is_not_stopped() -> None:
    desk = await owner()
    await over_the_edge(desk)
    # Its tag is repeated, and the gateway does not know any more what it was answered.
    told = freevend_tag(replayed=False, reason=Reason.FREEVEND_TAG_IN_MANAGED)
    sample = SAMPLES[Outcome]
    assert isinstance(sample, Outcome)
    assert sample.schedule is not None
    managed_since = {"mode": Mode.MANAGED, "starts_at": ago(90)}
    schedule = sample.schedule.model_copy(update=managed_since)
    await desk.desk.hear(told.model_copy(update={"schedule": schedule}))
    await charge(desk)
    assert stops(desk) == []


async def test_rule_24_a_freevend_session_without_a_decision_is_not_stopped() -> None:
    undecided = await owner()
    await managed(undecided)
    await undecided.desk.hear(freevend_tag(replayed=False, reason=None))
    await charge(undecided)
    assert stops(undecided) == []


async def overstayed(action: OverstayAction, grace_s: int = 60) -> Desk:
    """A session whose card was revoked ten minutes ago."""
    desk = await owner()
    await managed(desk, overstay=Overstay(action=action, grace_s=grace_s))
    await charge(desk, at=ago(3000))
    know(desk.replica, IdentityState.REVOKED, ago(600))
    await desk.desk.hear(presented())
    return desk


async def test_rule_29_an_overstay_that_may_finish_is_told_once() -> None:
    desk = await overstayed(OverstayAction.FINISH)
    await charge(desk)
    (fact,) = desk.facts(ModeFactKind.OVERSTAY)
    assert (fact.detail, fact.connector) == (Reason.REVOKED, 1)
    assert stops(desk) == []


async def test_rule_29_stop_ends_it_after_the_grace_time() -> None:
    assert stops(await overstayed(OverstayAction.STOP, grace_s=3600)) == []
    desk = await overstayed(OverstayAction.STOP)
    assert [each.cause for each in stops(desk)] == ["OVERSTAY"]
    assert len(desk.facts(ModeFactKind.OVERSTAY)) == 1


async def test_rule_29_a_card_that_is_revoked_ends_its_session_at_once() -> None:
    desk = await owner()
    await managed(desk, overstay=Overstay(action=OverstayAction.STOP, grace_s=0))
    know(desk.replica, IdentityState.ACTIVE, ago(9000))
    await charge(desk, at=ago(300))
    await desk.desk.hear(presented())
    # Judged just now, and by the clock not before a minute is over.
    assert stops(desk) == []
    know(desk.replica, IdentityState.REVOKED, ago(1))
    async with desk.time_kept():
        await desk.until(lambda: len(stops(desk)) == 1)
    assert [each.cause for each in stops(desk)] == ["OVERSTAY"]
    (fact,) = desk.facts(ModeFactKind.OVERSTAY)
    assert fact.detail == Reason.REVOKED


async def test_rule_13_a_vehicle_that_freevend_started_is_told_once() -> None:
    desk = await owner()
    now = datetime.now(UTC)
    edge_at = (now - timedelta(minutes=2)).replace(second=0, microsecond=0)
    schedule = reserved_since(edge_at)
    opened = schedule.model_copy(
        update={
            "default": Mode.MANAGED,
            "windows": tuple(
                each.model_copy(update={"mode": Mode.FREEVEND}) for each in schedule.windows
            ),
        }
    )
    desk.configure(opened, loaded_at=ago(7200))
    await desk.event(EventName.CONNECTED, received_at=ago(3600))
    await status(desk, "Occupied", edge_at - HOUR / 60)
    await charge(desk, at=edge_at + timedelta(seconds=3))
    await charge(desk)
    (fact,) = desk.facts(ModeFactKind.STARTED_BY_MODE_CHANGE)
    assert (fact.desired, fact.connector) == (Mode.FREEVEND, 1)
