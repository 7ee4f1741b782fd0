"""Requests to decisions: decode, gather facts, decide, send."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import structlog

from connectors.kafka.producer import ConsumedMessage
from connectors.kafka.replica import Replica
from connectors.telemetry.metrics import Metrics
from models.attempt import AccessRequest, Attempt, Decision, Facts
from models.decision import decide
from models.facts import gather
from models.metrics import DECIDED, RULES_TIME
from models.site import Stage
from models.topics import DECISIONS
from models.zones import tzdata_version
from streams.outbox import Outbox
from streams.recent import RecentIds

log = structlog.get_logger()

RUNS_REMEMBERED = 20_000
"""Ten seconds of the highest rate aimed at; a second try follows the first by a second."""


class DecisionDesk:
    """Answers one request after another; one that cannot be evaluated too (rule 24)."""

    def __init__(self, replica: Replica, outbox: Outbox, metrics: Metrics) -> None:
        self._replica = replica
        self._outbox = outbox
        self._metrics = metrics
        self._decided = RecentIds(RUNS_REMEMBERED)

    async def answer(self, message: ConsumedMessage, traceparent: str | None) -> None:
        """Decide one request and send the decision to the slot that asked; none in stage off.

        Raises:
            UndecodableRecordError: the message is no request.
        """
        request = AccessRequest.decode(message.value)
        governing = self._replica.governing(request.attempt.charger_id)
        if governing is not None and governing.stage is Stage.OFF:
            # Nothing is decided in `off` (rule 27). A gateway that still asks has yet to hear of
            # it, and by its deadline it has.
            return
        if self._is_second_here(request):
            return
        decision = self._decide(request.attempt)
        await self._outbox.send(
            DECISIONS,
            request.attempt.charger_id,
            decision,
            event_id=decision.decision_id,
            partition=request.slot,
            traceparent=traceparent,
        )
        verdict = decision.verdict
        self._metrics.count(DECIDED, request.attempt.site_id, verdict.answer, verdict.reason)

    def _is_second_here(self, request: AccessRequest) -> bool:
        """Whether the other try of the same run has been decided here: a worker that is late, or
        the only one, is asked twice by a gateway that waits.

        A charger that repeats what nobody answered begins another run, with another deadline.
        """
        run = f"{request.attempt.request_id} {request.deadline_at.timestamp()}"
        return not self._decided.add(run)

    def _decide(self, attempt: Attempt) -> Decision:
        started_s = time.perf_counter()
        now = datetime.now(UTC)
        try:
            decision = decide(attempt, gather(attempt, self._replica, now))
        except Exception as fault:
            # An exception that left the agent would be acknowledged and lost; a failure to
            # evaluate is a record instead (rule 24).
            log.exception("decision.failed", decision_id=attempt.request_id)
            decision = decide(attempt, _unreadable_facts(now, type(fault).__name__))
        self._metrics.observe(RULES_TIME, time.perf_counter() - started_s)
        return decision


def _unreadable_facts(now: datetime, problem: str) -> Facts:
    return Facts(
        evaluated_at=now,
        stage=Stage.SHADOW,
        timezone="UTC",
        schedule=None,
        matches=(),
        site_revision="",
        identity_revision="",
        tzdata_version=tzdata_version(),
        problem=problem,
    )
