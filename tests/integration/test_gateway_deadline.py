"""No decision in time: the second try, the posture, and what comes too late (rule 24)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from connectors.kafka.partition import partition_of
from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger201 import Charger201
from models.attempt import Basis
from models.metrics import DEADLINE_MISSES, LATE_DECISIONS, REPLICA_ROWS, SECOND_TRIES
from models.overrides import OverrideRequest, Scope, Target, begun
from models.reasons import Answer, Reason
from models.schedule import Mode
from models.site import Posture
from models.topics import OVERRIDES, REQUESTS
from tests.integration.gateways import BOTH, CARDS, DEADLINE_S, MISSED_S, House, Running
from tests.integration.records import until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


ANSWER_S = MISSED_S + 5.0
"""The deadline, and what a busy machine adds to writing the outcome."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(house: House) -> AsyncIterator[Running]:
    """A gateway in this process, of little patience."""
    async with house.gateway(slot=5, deadline_s=MISSED_S) as running:
        yield running


@BOTH
@pytest.mark.parametrize("site", ["closed", "open", "freevend"])
async def test_rule_24_a_missed_deadline_is_answered_by_the_posture_or_the_open_hour(
    kind: type[Charger], site: str, house: House, gateway: Running
) -> None:
    accepted = site != "closed"
    posture = Posture.OPEN if site == "open" else Posture.CLOSED
    async with house.charger(kind, site, gateway) as charger:
        house.worker.silence(charger.charger_id)
        misses = gateway.metric(DEADLINE_MISSES.name, site=house.site_id(site))
        result = await charger.authorize(CARDS["unknown"])
        outcome = await house.records.outcome(charger.charger_id)
    closed = "Invalid" if kind is Charger16 else "Unknown"
    assert result.status == ("Accepted" if accepted else closed)
    assert MISSED_S * 0.95 <= result.latency_s <= ANSWER_S
    assert (outcome.reason, outcome.verdict, outcome.posture, outcome.tries_count) == (
        Reason.DECISION_TIMED_OUT,
        None,
        posture,
        2,
    )
    assert outcome.told is not None
    assert (outcome.told.basis, outcome.told.accepted) == (Basis.POSTURE, accepted)
    assert gateway.metric(DEADLINE_MISSES.name, site=house.site_id(site)) == misses + 1


async def test_rule_9_an_override_to_freevend_opens_the_hour_for_the_posture_too(
    house: House, gateway: Running
) -> None:
    async with house.charger(Charger201, "closed", gateway) as charger:
        house.worker.silence(charger.charger_id)
        now = datetime.now(UTC)
        target = Target(house.site_id("closed"), Scope.CHARGER, charger.charger_id)
        until_ = now + timedelta(hours=1)
        wanted = OverrideRequest(target, Mode.FREEVEND, False, None, until_, "Ada", "open day")
        record = begun(wanted, now)
        rows = gateway.metric(REPLICA_ROWS.name, table=OVERRIDES.name)
        await house.write(OVERRIDES, record.override_id, record)
        await until(
            lambda: gateway.metric(REPLICA_ROWS.name, table=OVERRIDES.name) > rows,
            "the gateway has the override",
        )
        result = await charger.authorize(CARDS["unknown"])
        outcome = await house.records.outcome(charger.charger_id)
    assert result.accepted
    assert outcome.told is not None
    assert outcome.told.basis == Basis.POSTURE


async def test_an_unanswered_request_is_sent_once_more_to_another_partition(
    house: House,
) -> None:
    async with (
        house.gateway(slot=6) as gateway,
        house.charger(Charger201, "closed", gateway) as charger,
    ):
        house.worker.withholds[charger.charger_id] = lambda request: request.try_number == 1
        tries = gateway.metric(SECOND_TRIES.name)
        result = await charger.authorize(CARDS["own fleet"])
        outcome = await house.records.outcome(charger.charger_id)
        await until(lambda: len(house.records.requests(charger.charger_id)) == 2, "both tries")
        sent = house.records.of(REQUESTS, charger.charger_id)
    assert result.status == "Accepted"
    assert result.latency_s >= DEADLINE_S / 3 * 0.95
    assert (outcome.reason, outcome.tries_count) == (Reason.OWN_FLEET, 2)
    first, second = house.records.requests(charger.charger_id)
    assert (first.try_number, second.try_number) == (1, 2)
    assert first.attempt == second.attempt
    assert sent[0].partition == partition_of(charger.charger_id) != sent[1].partition
    assert gateway.metric(SECOND_TRIES.name) == tries + 1


@BOTH
async def test_rule_24_a_late_denial_after_an_open_posture_stops_the_session(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    async with house.charger(kind, "open", gateway) as charger:
        session_id = await start_without_a_decision(charger, house)
        await house.worker.answer(house.worker.withheld[charger.charger_id][-1])
        await until(lambda: charger.session_at() is None, "the session was stopped")
        stopped = await house.records.event(charger.charger_id, "SessionStopped")
        late = await house.records.event(charger.charger_id, "DecisionLate")
    assert stopped.data == {
        "transactionId": session_id,
        "cause": Reason.UNKNOWN_ID,
        "result": "Accepted",
    }
    outcome = house.records.outcomes(charger.charger_id)[-1]
    assert late.data == {
        "requestId": outcome.request_id,
        "answer": Answer.DENY,
        "reason": Reason.UNKNOWN_ID,
    }
    assert outcome.verdict is None
    assert gateway.metric(LATE_DECISIONS.name, answer="deny") >= 1


@pytest.mark.parametrize("site", ["shadow", "closed", "freevend"])
async def test_rule_24_any_other_late_decision_is_recorded_and_stops_nothing(
    site: str, house: House, gateway: Running
) -> None:
    async with house.charger(Charger201, site, gateway) as charger:
        house.worker.silence(charger.charger_id)
        await charger.replay(CARDS["unknown"], datetime.now(UTC), None)
        await house.worker.answer(house.worker.withheld[charger.charger_id][0])
        late = await house.records.event(charger.charger_id, "DecisionLate")
        # Whatever was sent to stop it would have come before the answer to this.
        await charger.authorize(CARDS["own fleet"])
        assert charger.session_at() is not None
        assert house.records.events(charger.charger_id, "SessionStopped") == []
    answer = Answer.ALLOW if site == "freevend" else Answer.DENY
    assert late.data["answer"] == answer
    first = house.records.outcomes(charger.charger_id)[0]
    assert (first.reason, first.verdict) == (Reason.DECISION_TIMED_OUT, None)


async def test_rule_24_a_decision_for_a_charger_that_has_gone_is_recorded_as_late(
    house: House, gateway: Running
) -> None:
    async with house.charger(Charger201, "closed", gateway) as charger:
        house.worker.silence(charger.charger_id)
        await charger.authorize(CARDS["unknown"])
    await house.records.event(charger.charger_id, "Disconnected")
    await house.worker.answer(house.worker.withheld[charger.charger_id][0])
    assert (await house.records.event(charger.charger_id, "DecisionLate")).data[
        "answer"
    ] == Answer.DENY


async def start_without_a_decision(charger: Charger, house: House) -> int | str:
    """Plug in and start on the posture alone; the transaction's id."""
    house.worker.silence(charger.charger_id)
    await charger.plug_in()
    result = await charger.tap(CARDS["unknown"])
    assert result is not None
    assert result.accepted
    session = charger.session_at()
    assert session is not None
    assert session.transaction_id is not None
    return session.transaction_id
