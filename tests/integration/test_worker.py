"""The worker on a real broker: decisions, denials, dead letters and bad configuration."""

from __future__ import annotations

import orjson
import pytest

from models.attempt import AccessRequest, Decision, Denial, Verdict
from models.decision import decide
from models.metrics import DEAD_LETTERS, REPLICA_BAD
from models.reasons import Answer, Reason
from models.site import Posture, Stage
from models.topics import (
    CHARGERS,
    DECISIONS,
    DENIALS,
    EVENTS,
    IDENTITIES,
    OUTCOMES,
    REQUESTS,
    SITES,
    STATE,
    TOPICS,
    Topic,
)
from tests.integration.topics_io import Tap, Topics, headers_of
from tests.integration.worker_depot import KNOWN, UNKNOWN, Depot, Station
from tests.integration.workers import FOLLOWS_WITHIN_S, WorkerProcess, holds

pytestmark = pytest.mark.integration

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

# Decisions.


async def test_a_decision_goes_to_the_slot_that_asked_and_is_made_again_from_itself(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot().known(topics, worker)
    station = Station(topics, depot, slot=5)
    decisions: Tap[Decision] = await topics.tap(DECISIONS)
    await station.ask(station.request("1", KNOWN), traceparent=TRACEPARENT)
    await station.ask(station.request("2", UNKNOWN), traceparent=TRACEPARENT)
    made = await decisions.some(station.charger_id, 2)
    assert [decision.verdict.reason for decision in made] == [Reason.OWN_FLEET, Reason.UNKNOWN_ID]
    for decision, message in zip(made, decisions.messages_about(station.charger_id), strict=True):
        # What always holds, 1: the facts are in it, and give the same bytes again.
        assert decision.facts.site_revision == "r1"
        assert decide(decision.attempt, decision.facts).encode() == message.value
        assert message.partition == 5
        headers = headers_of(message)
        assert headers["ce_id"] == decision.decision_id == decision.attempt.request_id
        assert headers["ce_type"] == "depotgate.access.decisions.v1"
        assert headers["traceparent"] == TRACEPARENT


async def test_rule_24_a_request_that_cannot_be_evaluated_is_answered_with_a_record(
    topics: Topics, worker: WorkerProcess
) -> None:
    nowhere = Depot()
    station = Station(topics, nowhere)
    decisions: Tap[Decision] = await topics.tap(DECISIONS)
    await station.ask(station.request("1"))
    (decision,) = await decisions.some(station.charger_id)
    assert (decision.verdict.answer, decision.verdict.reason) == (
        Answer.ERROR,
        Reason.DECISION_ERROR,
    )
    assert decision.facts.problem is not None


# What cannot be read.


@pytest.mark.parametrize("origin", [REQUESTS, EVENTS, OUTCOMES], ids=lambda topic: topic.name)
async def test_what_cannot_be_read_becomes_a_dead_letter_and_the_stream_goes_on(
    topics: Topics, worker: WorkerProcess, origin: Topic
) -> None:
    depot = await Depot().known(topics, worker)
    station = Station(topics, depot)
    counted = worker.metric(DEAD_LETTERS, origin.name)
    letters = await topics.tap(
        next(topic for topic in TOPICS if topic.name == origin.dead_letter_name)
    )
    answers = {topic: await topics.tap(topic) for topic in (DECISIONS, STATE, DENIALS)}
    bad = await topics.write_raw(origin, station.charger_id, b'{"no": "such record"}')
    await letters.until(lambda: bool(letters.messages_about(station.charger_id)), "a dead letter")
    (letter,) = letters.messages_about(station.charger_id)
    assert (letter.key, letter.value) == (station.charger_id.encode(), b'{"no": "such record"}')
    headers = headers_of(letter)
    assert headers["origin_topic"] == origin.name
    assert (headers["origin_partition"], headers["origin_offset"]) == (
        str(bad.partition),
        str(bad.offset),
    )
    assert headers["cause"].startswith("expected a")
    assert holds(lambda: worker.metric(DEAD_LETTERS, origin.name) == counted + 1, FOLLOWS_WITHIN_S)
    # One of each, behind the bad one on its partition.
    await station.connect()
    await station.ask(request := station.request("1", UNKNOWN))
    await answers[STATE].some(station.charger_id)
    (decision,) = await answers[DECISIONS].some(station.charger_id)
    await station.record(station.outcome(request, decision.verdict))
    await answers[DENIALS].some(station.charger_id)


async def test_a_bad_configuration_row_keeps_the_last_good_one_and_is_counted(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot().known(topics, worker)
    station = Station(topics, depot)
    decisions: Tap[Decision] = await topics.tap(DECISIONS)
    identity = depot.identity()
    for topic, key in (
        (SITES, depot.site_id),
        (CHARGERS, depot.charger_id),
        (IDENTITIES, identity.key),
    ):
        counted = worker.metric(REPLICA_BAD, topic.name)
        await topics.write_raw(topic, key, b"\xff no record")
        assert holds(
            lambda topic=topic, counted=counted: (  # type: ignore[misc]
                worker.metric(REPLICA_BAD, topic.name) == counted + 1
            ),
            FOLLOWS_WITHIN_S,
        )
    await station.ask(station.request("1", KNOWN))
    (decision,) = await decisions.some(station.charger_id)
    assert decision.verdict.reason == Reason.OWN_FLEET
    assert decision.facts.site_revision == "r1"


# Denials.


async def refused(
    topics: Topics, station: Station, decisions: Tap[Decision], message_id: str
) -> tuple[AccessRequest, Verdict]:
    """A request with a card that nobody knows, and what was decided."""
    request = station.request(message_id, UNKNOWN)
    await station.ask(request)
    made = await decisions.some(station.charger_id, int(message_id))
    return request, made[-1].verdict


async def test_rule_24_an_outcome_gives_one_denial_however_often_it_is_read(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot().known(topics, worker)
    station = Station(topics, depot)
    decisions: Tap[Decision] = await topics.tap(DECISIONS)
    denials: Tap[Denial] = await topics.tap(DENIALS)
    first, verdict = await refused(topics, station, decisions, "1")
    for _ in range(2):
        await station.record(station.outcome(first, verdict))
    second, verdict = await refused(topics, station, decisions, "2")
    await station.record(station.outcome(second, verdict))
    await denials.until(
        lambda: (
            denials.records(station.charger_id)[-1:] != []
            and denials.records(station.charger_id)[-1].denial_id == second.attempt.request_id
        ),
        "the second denial",
    )
    told = denials.records(station.charger_id)
    assert [denial.denial_id for denial in told] == [
        first.attempt.request_id,
        second.attempt.request_id,
    ]
    assert {(denial.reason, denial.would_deny) for denial in told} == {(Reason.UNKNOWN_ID, False)}
    assert (
        headers_of(denials.messages_about(station.charger_id)[-1])["ce_id"]
        == second.attempt.request_id
    )


async def test_rule_27_a_refusal_in_shadow_is_marked_would_deny(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot(stage=Stage.SHADOW).known(topics, worker)
    station = Station(topics, depot)
    decisions: Tap[Decision] = await topics.tap(DECISIONS)
    denials: Tap[Denial] = await topics.tap(DENIALS)
    request, verdict = await refused(topics, station, decisions, "1")
    await station.record(station.outcome(request, verdict, stage=Stage.SHADOW))
    (denial,) = await denials.some(station.charger_id)
    assert denial.would_deny
    assert denial.stage == Stage.SHADOW


async def test_rule_24_a_failure_a_missed_deadline_or_a_posture_is_no_denial(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot().known(topics, worker)
    station = Station(topics, depot)
    decisions: Tap[Decision] = await topics.tap(DECISIONS)
    denials: Tap[Denial] = await topics.tap(DENIALS)
    _request, verdict = await refused(topics, station, decisions, "1")
    error = verdict.model_copy(update={"answer": Answer.ERROR, "reason": Reason.DECISION_ERROR})
    timed_out = Reason.DECISION_TIMED_OUT
    no_denials: tuple[tuple[Verdict | None, dict[str, object]], ...] = (
        (error, {"posture": Posture.CLOSED}),
        (None, {"posture": Posture.CLOSED, "reason": timed_out}),
        (verdict, {"posture": Posture.OPEN}),
    )
    for number, (said, fields) in enumerate(no_denials):
        request = station.request(f"outcome {number}", UNKNOWN)
        await station.record(station.outcome(request, said, **fields))
    last = station.request("last", UNKNOWN)
    await station.record(station.outcome(last, verdict))
    (denial,) = await denials.some(station.charger_id)
    assert denial.denial_id == last.attempt.request_id


# What it says.


async def test_a_worker_writes_log_lines_and_nothing_else(worker: WorkerProcess) -> None:
    assert all(orjson.loads(line) for line in worker.log.splitlines())
    assert not set(worker.log.split()) & {KNOWN, UNKNOWN}
