"""Attempts under way: the first decision is the answer, what comes late is recorded as late.

What happens between the gateway and a real Kafka is in tests/integration/test_gateway.py; here are
the moments between two steps, which a real one hits by chance only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from aiokafka.structs import RecordMetadata

from connectors import attempts
from connectors.attempts import OTHER_PARTITION, AttemptDesk
from connectors.cases import Case, Late, Settled
from connectors.deliveries import Delivery
from connectors.kafka.partition import partition_of
from connectors.ocpp.handlers import expiry_of
from connectors.ocpp.tokens import FREEVEND_TOKEN
from connectors.publishing import Publisher
from connectors.telemetry.metrics import Metrics
from models.attempt import (
    AccessRequest,
    Attempt,
    AttemptKind,
    Basis,
    Facts,
    Outcome,
    ScheduleFacts,
    Token,
    TokenKind,
)
from models.charger import ChargerEvent
from models.decision import decide
from models.given_decision import GivenDecision
from models.ids import AttemptId, ConnectionId, GatewayInstance, RequestId, Slot
from models.reasons import Answer, Reason
from models.schedule import Mode
from models.site import Posture, Stage
from models.topics import REQUESTS, Topic
from tests.connectors.ocpp.calls import NOW, Rows, until
from tests.connectors.ocpp.chargers import SITE, charger_record, site_record

PATIENT_S = 30.0
"""Where a decision comes: it is in time, however busy the machine is."""

MISSED_S = 0.15
"""Where none comes."""

CHARGER = charger_record()
STOP = object()
CONNECTION = ConnectionId("c-1")


@dataclass
class Line:
    """A connection that waits."""

    connection_id: ConnectionId = CONNECTION
    open: bool = True


@dataclass
class Ledger:
    """Takes what the desk publishes; writing an outcome waits for `writable`."""

    takes_events: bool = True
    takes_outcomes: bool = True
    requests: list[tuple[int | None, AccessRequest]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    held: list[ChargerEvent] = field(default_factory=list)
    writable: asyncio.Event = field(default_factory=asyncio.Event)
    recording: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    async def append_event(self, _event: ChargerEvent, _traceparent: str) -> Delivery | None:
        return _done() if self.takes_events else None

    async def deliver(self, _event: ChargerEvent, _until_s: float) -> bool:
        return self.takes_events

    async def append_when_back(
        self, topic: Topic, _key: str, request: AccessRequest, **_: Any
    ) -> Delivery:
        assert topic is REQUESTS
        self.requests.append((None, request))
        return _done()

    async def append(
        self, _topic: Topic, _key: str, request: AccessRequest, *, partition: int, **_: Any
    ) -> Delivery:
        self.requests.append((partition, request))
        return _done()

    def hold(self, event: ChargerEvent) -> None:
        self.held.append(event)

    async def record(self, outcome: Outcome, _traceparent: str) -> bool:
        self.recording.set()
        await self.writable.wait()
        if self.takes_outcomes:
            self.outcomes.append(outcome)
        return self.takes_outcomes


def _done() -> Delivery:
    delivery: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
    delivery.set_result(cast("RecordMetadata", None))
    return delivery


class Bench:
    """A desk, its ledger, and what it told of late decisions."""

    def __init__(self, deadline_s: float = PATIENT_S, **site: Any) -> None:
        self.ledger = Ledger()
        self.ledger.writable.set()
        self.late: list[Late] = []
        self.rows = Rows({SITE: site_record(**site)}, {CHARGER.charger_id: CHARGER})
        self.metrics = Metrics("gateway")
        self.desk = AttemptDesk(
            cast("Publisher", self.ledger),
            self.rows,
            self.metrics,
            instance=GatewayInstance("gw"),
            slot=Slot(3),
            deadline_s=deadline_s,
            tell_late=self.late.append,
        )

    def settle(self, case: Case) -> asyncio.Task[Settled | None]:
        return asyncio.create_task(self.desk.settle(case))


def case_of(
    kind: AttemptKind = AttemptKind.TRANSACTION_EVENT,
    token: Token | None = None,
    request_id: str = "20260301T060000-0000000000000001",
) -> Case:
    attempt = Attempt(
        request_id=RequestId(request_id),
        attempt_id=AttemptId(request_id),
        charger_id=CHARGER.charger_id,
        site_id=SITE,
        ocpp="2.0.1",
        kind=kind,
        token=token or Token(kind=TokenKind.IDENTIFIED, display="ISO14443 …2C3"),
        event_at=NOW,
        received_at=NOW,
        uncertainty_s=1.0,
    )
    event = ChargerEvent(
        event_id=request_id,
        charger_id=CHARGER.charger_id,
        site_id=SITE,
        ocpp="2.0.1",
        connection_id=CONNECTION,
        gateway_instance=GatewayInstance("gw"),
        slot=Slot(3),
        name=kind,
        received_at=NOW,
    )
    starts = kind is not AttemptKind.AUTHORIZE
    return Case(attempt, event, Line(), starts, STOP if starts else None, "00-trace")


def decision_on(case: Case, mode: Mode = Mode.MANAGED, problem: str | None = None) -> GivenDecision:
    """As a worker that knows no card decides it: denied in managed, open in freevend."""
    schedule = ScheduleFacts(
        schedule_id="day",
        scope="site",
        mode=mode,
        layer="default",
        name="default",
        date=None,
        starts_at=None,
        ends_at=None,
        edges_ahead=(),
        conflict=False,
    )
    facts = Facts(
        evaluated_at=NOW,
        stage=Stage.ENFORCE,
        timezone="UTC",
        schedule=schedule,
        matches=(),
        site_revision="1",
        identity_revision="",
        tzdata_version="",
        problem=problem,
    )
    return GivenDecision.decode(decide(case.attempt, facts).encode())


# In time


async def test_the_first_decision_is_the_answer_and_a_second_one_is_ignored() -> None:
    bench, case = Bench(), case_of()
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    bench.desk.decided(decision_on(case, Mode.FREEVEND))
    bench.desk.decided(decision_on(case))
    settled = await settling
    assert settled is not None
    assert settled.told.status == "Accepted"
    bench.desk.decided(decision_on(case))
    assert [outcome.reason for outcome in bench.ledger.outcomes] == [Reason.FREEVEND_OPEN]
    assert bench.late == []
    assert not bench.desk.waits_for(case.attempt.request_id)


async def test_nobody_waits_for_a_decision_that_was_never_asked_for() -> None:
    bench, case = Bench(), case_of()
    assert not bench.desk.waits_for(case.attempt.request_id)
    bench.desk.decided(decision_on(case))
    assert bench.late == []


async def test_a_second_try_has_the_same_id_and_another_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "SECOND_TRY_AFTER", MISSED_S / PATIENT_S)
    bench, case = Bench(), case_of()
    settling = bench.settle(case)
    await until(lambda: len(bench.ledger.requests) == 2)
    bench.desk.decided(decision_on(case))
    await settling
    (_, first), (partition, second) = bench.ledger.requests
    assert (first.try_number, second.try_number) == (1, 2)
    assert first.attempt == second.attempt
    assert partition == (partition_of(CHARGER.charger_id) + OTHER_PARTITION) % 16
    assert bench.ledger.outcomes[0].tries_count == 2


async def test_where_no_decision_comes_in_time_second_tries_end_until_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Workers that are all late are not asked twice what they are late with."""
    monkeypatch.setattr(attempts, "SECOND_TRIES_MAX", 2)
    monkeypatch.setattr(attempts, "SECOND_TRY_AFTER", 0.0)
    bench = Bench(deadline_s=MISSED_S)
    cases = [case_of(request_id=f"20260301T060000-{number:016d}") for number in range(10, 14)]
    for case in cases:
        await bench.settle(case)
    tries = [outcome.tries_count for outcome in bench.ledger.outcomes]
    assert tries == [2, 2, 1, 1]
    # That one came late, and the next one comes in time.
    bench.desk.decided(decision_on(cases[-1]))
    asked = len(bench.ledger.requests)
    settling = bench.settle(case_of())
    await until(lambda: len(bench.ledger.requests) > asked)
    bench.desk.decided(decision_on(case_of()))
    await settling
    await bench.settle(cases[0])
    await bench.settle(cases[1])
    tries = [outcome.tries_count for outcome in bench.ledger.outcomes]
    assert tries == [2, 2, 1, 1, 1, 2, 1]


async def test_an_answer_is_given_only_when_its_outcome_is_durable() -> None:
    bench, case = Bench(), case_of()
    bench.ledger.writable.clear()
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    bench.desk.decided(decision_on(case))
    await bench.ledger.recording.wait()
    assert not settling.done()
    bench.ledger.writable.set()
    assert await settling is not None


@pytest.mark.parametrize("kind", [AttemptKind.AUTHORIZE, AttemptKind.START_TRANSACTION])
async def test_an_attempt_whose_outcome_nobody_took_stays_unanswered(kind: AttemptKind) -> None:
    bench, case = Bench(), case_of(kind)
    bench.ledger.takes_outcomes = False
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    bench.desk.decided(decision_on(case))
    assert await settling is None


async def test_a_start_whose_event_kafka_did_not_take_has_no_outcome_and_no_answer() -> None:
    bench, case = Bench(), case_of()
    bench.ledger.takes_events = False
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    bench.desk.decided(decision_on(case))
    assert await settling is None
    assert bench.ledger.outcomes == []


async def test_a_repeat_on_another_connection_shares_the_end() -> None:
    bench, case = Bench(), case_of()
    gone = Line(open=False)
    first = bench.settle(replace(case, asker=gone))
    await until(lambda: bench.ledger.requests)
    second = bench.settle(replace(case, asker=Line(ConnectionId("c-2"))))
    await asyncio.sleep(0)
    bench.desk.decided(decision_on(case))
    assert await first == await second
    (outcome,) = bench.ledger.outcomes
    # Told, as the second one still listens.
    assert outcome.told is not None
    assert outcome.connection_id == CONNECTION


async def test_an_outcome_says_when_the_socket_was_gone_before_the_answer() -> None:
    bench, case = Bench(), case_of()
    settling = bench.settle(replace(case, asker=Line(open=False)))
    await until(lambda: bench.ledger.requests)
    bench.desk.decided(decision_on(case))
    await settling
    assert bench.ledger.outcomes[0].told is None
    assert bench.ledger.outcomes[0].reason == Reason.UNKNOWN_ID


async def test_a_flood_beyond_the_bound_is_answered_by_the_posture_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "PENDING_MAX", 1)
    bench = Bench()
    first = bench.settle(case_of())
    await until(lambda: bench.ledger.requests)
    crowded = await bench.settle(case_of(request_id="20260301T060000-0000000000000002"))
    assert crowded is not None
    assert crowded.told.basis == Basis.POSTURE
    assert len(bench.ledger.requests) == 1
    bench.desk.decided(decision_on(case_of()))
    await first


# Rules 24, 25, 27: without a decision


@pytest.mark.parametrize(
    ("fail", "status", "text"),
    [(Posture.CLOSED, "Unknown", "Please contact the depot."), (Posture.OPEN, "Accepted", None)],
)
async def test_rule_24_a_missed_deadline_is_answered_by_the_posture(
    fail: Posture, status: str, text: str | None
) -> None:
    bench, case = Bench(MISSED_S, fail=fail), case_of()
    settled = await bench.settle(case)
    assert settled is not None
    assert (settled.told.status, settled.told.text) == (status, text)
    (outcome,) = bench.ledger.outcomes
    assert (outcome.reason, outcome.verdict, outcome.posture) == (
        Reason.DECISION_TIMED_OUT,
        None,
        fail,
    )
    # A posture says nothing about the card: kept, its refusal would outlive every edge (rule 23).
    assert not settled.cacheable
    assert (expiry := expiry_of(settled)) is not None
    assert expiry <= datetime.now(UTC)


async def test_rule_24_an_error_is_a_decision_and_no_missed_deadline() -> None:
    bench, case = Bench(), case_of()
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    bench.desk.decided(decision_on(case, problem="unreadable"))
    settled = await settling
    (outcome,) = bench.ledger.outcomes
    assert outcome.reason == Reason.DECISION_ERROR
    assert outcome.verdict is not None
    assert outcome.posture == Posture.CLOSED
    assert settled is not None
    assert not settled.cacheable, "rule 23: what could not be worked out is not kept"
    assert bench.metrics.registry.get_sample_value(
        "depotgate_deadline_misses_total", {"site": SITE}
    ) in {None, 0.0}


async def test_rule_27_in_off_nobody_is_asked_and_the_outcome_names_no_reason() -> None:
    bench, case = Bench(stage=Stage.OFF), case_of(token=FREEVEND_TOKEN)
    settled = await bench.settle(case)
    assert settled is not None
    assert settled.told.status == "Accepted"
    assert bench.ledger.requests == []
    (outcome,) = bench.ledger.outcomes
    assert (outcome.stage, outcome.reason, outcome.verdict) == (Stage.OFF, None, None)


async def test_rule_27_in_shadow_the_outcome_has_what_enforce_would_have_said() -> None:
    bench, case = Bench(stage=Stage.SHADOW), case_of()
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    bench.desk.decided(decision_on(case))
    settled = await settling
    assert settled is not None
    assert (settled.told.status, settled.cacheable, settled.stop) == ("Accepted", False, False)
    (outcome,) = bench.ledger.outcomes
    assert outcome.verdict is not None
    assert outcome.verdict.answer == Answer.DENY


async def test_rule_23_an_answer_by_identity_is_kept_until_the_decision_says() -> None:
    bench, case = Bench(), case_of()
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    decision = decision_on(case)
    limit = case.attempt.event_at + timedelta(minutes=5)
    verdict = decision.verdict.model_copy(update={"valid_until": limit})
    bench.desk.decided(decision.model_copy(update={"verdict": verdict}))
    settled = await settling
    assert settled is not None
    assert (settled.cacheable, settled.valid_until) == (True, limit)
    assert expiry_of(settled) == limit


@pytest.mark.parametrize(
    ("kind", "stops"), [(AttemptKind.TRANSACTION_EVENT, True), (AttemptKind.AUTHORIZE, False)]
)
async def test_c02_fr_02_a_freevend_session_in_managed_is_accepted_and_stopped(
    kind: AttemptKind, stops: bool
) -> None:
    bench, case = Bench(), case_of(kind, FREEVEND_TOKEN)
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    bench.desk.decided(decision_on(case))
    settled = await settling
    assert settled is not None
    assert (settled.told.status, settled.told.accepted) == ("Accepted", False)
    assert (settled.stop, settled.cacheable) == (stops, False)


# Rule 24: late


async def test_rule_24_a_late_denial_after_an_open_posture_stops_the_session() -> None:
    bench, case = Bench(MISSED_S, fail=Posture.OPEN), case_of()
    await bench.settle(case)
    bench.desk.decided(decision_on(case))
    bench.desk.decided(decision_on(case))
    (late,) = bench.late
    assert (late.case, late.stop) == (case, True)
    assert len(bench.ledger.outcomes) == 1


@pytest.mark.parametrize(
    ("site", "kind", "mode"),
    [
        ({"fail": Posture.CLOSED}, AttemptKind.TRANSACTION_EVENT, Mode.MANAGED),
        ({"fail": Posture.OPEN}, AttemptKind.TRANSACTION_EVENT, Mode.FREEVEND),
        ({"fail": Posture.OPEN}, AttemptKind.AUTHORIZE, Mode.MANAGED),
        ({"stage": Stage.SHADOW}, AttemptKind.TRANSACTION_EVENT, Mode.MANAGED),
    ],
    ids=["closed posture", "late allow", "no session", "shadow"],
)
async def test_rule_24_any_other_late_decision_is_recorded_and_stops_nothing(
    site: dict[str, Any], kind: AttemptKind, mode: Mode
) -> None:
    bench, case = Bench(MISSED_S, **site), case_of(kind)
    await bench.settle(case)
    bench.desk.decided(decision_on(case, mode))
    assert [late.stop for late in bench.late] == [False]


async def test_rule_24_a_decision_that_comes_while_the_posture_is_recorded_is_late() -> None:
    bench, case = Bench(MISSED_S, fail=Posture.OPEN), case_of()
    bench.ledger.writable.clear()
    settling = bench.settle(case)
    await bench.ledger.recording.wait()
    bench.desk.decided(decision_on(case))
    assert bench.late == []
    bench.ledger.writable.set()
    settled = await settling
    assert settled is not None
    assert settled.told.basis == Basis.POSTURE
    await until(lambda: bench.late)
    assert [late.stop for late in bench.late] == [True]
    assert [outcome.verdict for outcome in bench.ledger.outcomes] == [None]


async def test_rule_24_an_attempt_decided_in_time_at_its_repeat_has_nothing_late() -> None:
    bench, case = Bench(MISSED_S, fail=Posture.OPEN), case_of()
    await bench.settle(case)
    bench.ledger.requests.clear()
    bench.desk._deadline_s = PATIENT_S
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    bench.desk.decided(decision_on(case))
    settled = await settling
    assert settled is not None
    assert settled.told.basis == Basis.DECISION
    await asyncio.sleep(0)
    assert bench.late == []


# Stages


async def test_rule_27_a_stage_that_became_off_while_a_decision_was_waited_for_accepts() -> None:
    """A worker that heard of it first decides nothing, and the driver must not hear a posture."""
    bench, case = Bench(MISSED_S, fail=Posture.CLOSED), case_of(AttemptKind.AUTHORIZE)
    settling = bench.settle(case)
    await until(lambda: bench.ledger.requests)
    bench.rows.sites[SITE] = site_record(stage=Stage.OFF)
    settled = await settling
    assert settled is not None
    assert (settled.told.status, settled.told.basis) == ("Accepted", Basis.STAGE)
    (outcome,) = bench.ledger.outcomes
    assert (outcome.stage, outcome.verdict, outcome.reason) == (Stage.OFF, None, None)
    assert not bench.desk.waits_for(case.attempt.request_id)
