"""Requests to decisions: what a stage leaves undecided (rule 27)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.kafka.replica import Replica
from connectors.telemetry.metrics import Metrics
from models.attempt import AccessRequest, Attempt, AttemptKind, Decision, Token, TokenKind
from models.ids import AttemptId, ConnectionId, GatewayInstance, RequestId, Slot
from models.reasons import Reason
from models.site import Stage
from models.stages import EVERY_CHARGER, StageRecord
from models.topics import CHARGERS, DECISIONS, SITES, STAGES
from streams.decisions import DecisionDesk
from tests.connectors.ocpp.chargers import SITE, charger_record, site_record
from tests.streams.recorded import Consumed, Sent

NOW = datetime(2026, 7, 14, 20, 0, tzinfo=UTC)
CHARGER = charger_record()


class Bench:
    """A decision desk over a replica that was never near a Kafka."""

    def __init__(self, **site: object) -> None:
        self.metrics = Metrics("worker")
        self.replica = Replica("127.0.0.1:1", (SITES, CHARGERS, STAGES), self.metrics)
        self.replica.sites[SITE] = site_record(**site)
        self.replica.chargers[CHARGER.charger_id] = CHARGER
        self.sent = Sent(self.metrics)

    def flag(self, stage: Stage) -> None:
        """Have flags rule, and say this stage of the charger."""
        row = StageRecord(
            charger_id=CHARGER.charger_id, site_id=SITE, stage=stage, since=NOW, provider="p"
        )
        every = StageRecord(stage=Stage.SHADOW, since=NOW, provider="p")
        self.replica.stages.update({EVERY_CHARGER: every, CHARGER.charger_id: row})

    async def decisions(self, *requests: AccessRequest) -> list[Decision]:
        desk = DecisionDesk(self.replica, self.sent, self.metrics)
        for request in requests or (_request(),):
            await desk.answer(Consumed(request.encode()), None)
        return [each for each in self.sent.of(DECISIONS) if isinstance(each, Decision)]


def _request() -> AccessRequest:
    attempt = Attempt(
        request_id=RequestId("r"),
        attempt_id=AttemptId("r"),
        charger_id=CHARGER.charger_id,
        site_id=SITE,
        ocpp="2.0.1",
        kind=AttemptKind.AUTHORIZE,
        token=Token(kind=TokenKind.UNREADABLE, display="unreadable"),
        event_at=NOW,
        received_at=NOW,
        uncertainty_s=1.0,
    )
    return AccessRequest(
        attempt=attempt,
        connection_id=ConnectionId("c"),
        gateway_instance=GatewayInstance("g"),
        slot=Slot(0),
        deadline_at=NOW + timedelta(seconds=3),
    )


async def test_rule_27_in_off_a_request_of_a_gateway_that_lags_behind_is_not_decided() -> None:
    assert await Bench(stage=Stage.OFF).decisions() == []


@pytest.mark.parametrize("stage", [Stage.SHADOW, Stage.ENFORCE])
async def test_in_the_other_stages_it_is_decided_as_enforce_would(stage: Stage) -> None:
    (decision,) = await Bench(stage=stage).decisions()
    assert decision.facts.stage == stage
    assert decision.verdict.reason == Reason.UNREADABLE_ID


async def test_a_flag_says_the_stage_of_a_decision_whatever_the_site_says() -> None:
    bench = Bench(stage=Stage.ENFORCE)
    bench.flag(Stage.OFF)
    assert await bench.decisions() == []
    bench = Bench(stage=Stage.OFF)
    bench.flag(Stage.SHADOW)
    (decision,) = await bench.decisions()
    assert decision.facts.stage == Stage.SHADOW


async def test_both_tries_of_a_request_that_come_to_one_worker_are_decided_once() -> None:
    """In whichever order: the partitions of the two are read as they come."""
    first = _request()
    second = first.model_copy(update={"try_number": 2})
    assert len(await Bench().decisions(first, second)) == 1
    assert len(await Bench().decisions(second, first)) == 1


async def test_a_message_that_a_charger_repeats_is_decided_again() -> None:
    """It has the same id; nobody waits for the first decision any more."""
    first = _request()
    later = first.model_copy(update={"deadline_at": first.deadline_at + timedelta(seconds=30)})
    assert len(await Bench().decisions(first, later)) == 2
