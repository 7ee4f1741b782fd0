"""Attempts under way: asked, decided in time or not, recorded, and only then answered (rule 24).

    request ──▶ Kafka ──▶ decision in time ───────────────┐
       │  a third of the deadline: once more, elsewhere   ├──▶ outcome, durable ──▶ answer
       └──────── the deadline: the posture ───────────────┘

An attempt leaves exactly one outcome, or, where Kafka never took a message that the charger
repeats, none and no answer. Times in `_s` are of the loop's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from connectors.cases import (
    Case,
    Configuration,
    Late,
    PendingAttempt,
    Settled,
    settled_with,
    stage_of,
)
from connectors.deliveries import Delivery, acknowledged, acknowledged_by
from connectors.kafka.partition import partition_of
from connectors.publishing import Publisher
from connectors.recent import Recent
from connectors.telemetry.metrics import Metrics
from models.answers import barred, told_for
from models.attempt import AccessRequest, Attempt, Basis, Outcome, Told, Verdict
from models.given_decision import GivenDecision
from models.ids import GatewayInstance, RequestId, Slot
from models.languages import ENGLISH
from models.metrics import (
    ATTEMPTS,
    DEADLINE_MISSES,
    KAFKA_TIME,
    LATE_DECISIONS,
    OUTCOMES_TOTAL,
    SECOND_TRIES,
)
from models.reasons import Answer, Reason
from models.schedule import Mode
from models.site import Posture, Stage
from models.topics import CHARGER_PARTITIONS, REQUESTS

PENDING_MAX = 10_000
"""Five seconds of the highest rate aimed at; beyond it the posture answers at once."""

LATE_MAX = 10_000
LATE_KEPT_S = 60.0
"""A decision that comes a minute late finds a session that somebody else has dealt with."""

REPEATABLE_WAIT_S = 20.0
"""How long a transaction message waits for Kafka: chargers usually give up after 30 s, and repeat
it; answering within that spares them the repetition."""

SECOND_TRY_AFTER = 1 / 3
"""Of the deadline (design, what always holds, 2)."""

SECOND_TRIES_MAX = 1_000
"""In a row, without a decision in time to any attempt: so many wait for a worker that died, at half
of the highest rate aimed at, until decisions by another one are there. More of them help nobody:
where every worker is late, each is work on top of the work that they are late with."""

OTHER_PARTITION = CHARGER_PARTITIONS // 2
"""How far away the second try goes: with two workers or more, most likely to another one."""


class _Terms(NamedTuple):
    """What of the site's configuration matters to one attempt."""

    stage: Stage
    posture: Posture
    languages: tuple[str, ...]


class _Ruling(NamedTuple):
    terms: _Terms
    told: Told
    decision: GivenDecision | None
    posture: Posture | None


class _Missed(NamedTuple):
    """An attempt that the posture answered, and how."""

    case: Case
    accepted: bool


class _Unanswered(Exception):  # noqa: N818 - no error: Kafka is away, and the charger repeats
    """Kafka did not take a message that the charger repeats."""


class AttemptDesk:
    """Takes attempts from connections and decisions from the sink.

    Args:
        tell_late: called for each decision that came too late to be the answer.
    """

    def __init__(
        self,
        publisher: Publisher,
        configuration: Configuration,
        metrics: Metrics,
        *,
        instance: GatewayInstance,
        slot: Slot,
        deadline_s: float,
        tell_late: Callable[[Late], None],
    ) -> None:
        self._publisher = publisher
        self._configuration = configuration
        self._metrics = metrics
        self._instance = instance
        self._slot = slot
        self._deadline_s = deadline_s
        self._tell_late = tell_late
        self._pending: dict[RequestId, PendingAttempt] = {}
        # What a decision in time gives, and a second try takes.
        self._second_tries_left = SECOND_TRIES_MAX
        self._late: Recent[RequestId, _Missed] = Recent(LATE_MAX, LATE_KEPT_S)

    # From the sink

    def waits_for(self, request_id: RequestId) -> bool:
        """Whether a decision of this id would be of any use here."""
        return request_id in self._pending or request_id in self._late

    def decided(self, decision: GivenDecision) -> None:
        """Take a decision. The first one is the answer; one that is not held is ignored."""
        pending = self._pending.get(decision.decision_id)
        if pending is not None:
            if pending.decide(decision):
                now_s = asyncio.get_running_loop().time()
                self._metrics.observe(KAFKA_TIME, now_s - pending.sent_s)
                self._second_tries_left = min(self._second_tries_left + 1, SECOND_TRIES_MAX)
            return
        now_s = asyncio.get_running_loop().time()
        missed = self._late.pop(decision.decision_id, now_s)
        if missed is not None:
            self._metrics.count(LATE_DECISIONS, decision.verdict.answer)
            stop = self._must_stop(missed, decision.verdict)
            self._tell_late(Late(missed.case, decision, stop))

    def _must_stop(self, missed: _Missed, verdict: Verdict) -> bool:
        """A late denial after an open posture stops that session, in enforce only (rule 24)."""
        charging = missed.accepted and missed.case.stop is not None
        stage = self._terms(missed.case.attempt).stage
        return charging and verdict.answer == Answer.DENY and stage is Stage.ENFORCE

    # From the connections

    async def settle(self, case: Case) -> Settled | None:
        """Have an attempt decided and recorded.

        A repeat of an attempt that is still under way, also on another connection, shares its
        end: one attempt, one outcome.

        Returns:
            What the charger is to be told; None to leave the call unanswered.
        """
        pending = self._pending.get(case.attempt.request_id)
        if pending is not None:
            pending.askers.append(case.asker)
            return await asyncio.shield(pending.settled)
        return await self._settle_first(case)

    async def _settle_first(self, case: Case) -> Settled | None:
        loop = asyncio.get_running_loop()
        pending = PendingAttempt(
            case=case,
            received_s=loop.time(),
            settled=loop.create_future(),
            askers=[case.asker],
            deadline_at=datetime.now(UTC) + timedelta(seconds=self._deadline_s),
        )
        request_id = case.attempt.request_id
        # Whatever comes for an earlier run of the same attempt answers this one.
        self._late.pop(request_id, pending.received_s)
        self._pending[request_id] = pending
        settled = None
        try:
            settled = await self._run(pending)
        except _Unanswered:
            pass
        finally:
            del self._pending[request_id]
            pending.settled.set_result(settled)
            if pending.decision is not None and request_id in self._late:
                # It came after the posture, while its record was being written. Taken up when
                # the answer is on its way: a session cannot be stopped before it has started.
                loop.call_soon(self.decided, pending.decision)
        return settled

    async def _run(self, pending: PendingAttempt) -> Settled | None:
        attempt = pending.case.attempt
        self._metrics.count(ATTEMPTS, attempt.site_id, attempt.kind)
        event = await self._send_event(pending)
        ruling = await self._rule(pending)
        await self._event_delivered(pending, event)
        told = ruling.told if any(asker.open for asker in pending.askers) else None
        outcome = self._outcome(pending, ruling, told)
        if not await self._publisher.record(outcome, pending.case.traceparent):
            return None
        self._count(outcome)
        verdict = ruling.decision.verdict if ruling.decision else None
        return settled_with(ruling.told, verdict, session=pending.case.stop is not None)

    def _terms(self, attempt: Attempt) -> _Terms:
        site = self._configuration.sites.get(attempt.site_id)
        # Without a site its depot was taken away under it.
        open_ = site is not None and site.fail == Posture.OPEN
        stage = stage_of(self._configuration, attempt.charger_id, attempt.site_id)
        languages = site.languages if site else (ENGLISH,)
        return _Terms(stage, Posture.OPEN if open_ else Posture.CLOSED, languages)

    def _freevend(self, attempt: Attempt) -> bool:
        """Whether this gateway's own replica says freevend."""
        governing = self._configuration.governing(attempt.charger_id)
        if governing is None:
            return False
        return governing.timeline.mode_at(attempt.event_at) is Mode.FREEVEND

    async def _send_event(self, pending: PendingAttempt) -> Delivery | None:
        case = pending.case
        delivery = await self._publisher.append_event(case.event, case.traceparent)
        if delivery is None and not case.repeatable:
            self._publisher.hold(case.event)
        return delivery

    async def _event_delivered(self, pending: PendingAttempt, delivery: Delivery | None) -> None:
        """Nothing that a charger repeats is acknowledged before Kafka has it."""
        case = pending.case
        if not case.repeatable:
            if delivery is not None and not self._publisher.away:
                await acknowledged(delivery, self._deadline_s * SECOND_TRY_AFTER)
            return
        until_s = pending.received_s + REPEATABLE_WAIT_S
        delivered = delivery is not None and await acknowledged_by(delivery, until_s)
        if not delivered and not await self._publisher.deliver(case.event, until_s):
            raise _Unanswered

    # Asking

    async def _rule(self, pending: PendingAttempt) -> _Ruling:
        terms = self._terms(pending.case.attempt)
        asking = terms.stage is not Stage.OFF
        decision = await self._ask(pending) if asking else None
        if asking and decision is None:
            # A worker decides nothing in `off`, and it may have heard of that first.
            terms = self._terms(pending.case.attempt)
            asking = terms.stage is not Stage.OFF
        told = self._told(pending.case, terms, decision)
        if asking and decision is None:
            self._missed(pending.case, told)
        posture = terms.posture if told.basis == Basis.POSTURE else None
        return _Ruling(terms, told, decision, posture)

    def _told(self, case: Case, terms: _Terms, decision: GivenDecision | None) -> Told:
        attempt = case.attempt
        evaluated = decision is not None and decision.verdict.answer != Answer.ERROR
        return told_for(
            attempt.ocpp,
            terms.stage,
            decision.verdict if decision else None,
            posture=terms.posture,
            # Only an answer without a decision asks the gateway's own replica.
            freevend=not evaluated and self._freevend(attempt),
            barred=decision is not None and barred(decision.facts),
            languages=terms.languages,
            kind=attempt.kind,
            screen=case.screen,
        )

    def _missed(self, case: Case, told: Told) -> None:
        self._metrics.count(DEADLINE_MISSES, case.attempt.site_id)
        now_s = asyncio.get_running_loop().time()
        self._late.put(case.attempt.request_id, _Missed(case, told.accepted), now_s)

    async def _ask(self, pending: PendingAttempt) -> GivenDecision | None:
        """The decision, None when none came by the deadline.

        Raises:
            _Unanswered: Kafka did not take the request of a repeatable message.
        """
        if len(self._pending) > PENDING_MAX:
            return None
        repeatable = pending.case.repeatable
        wait_s = REPEATABLE_WAIT_S if repeatable else self._deadline_s
        until_s = pending.received_s + wait_s
        sent = await self._send_request(pending, until_s)
        if sent is None:
            if repeatable:
                raise _Unanswered
            return None
        # A transaction message that had to wait for Kafka has its deadline from then on.
        began_s = pending.sent_s if repeatable else pending.received_s
        decision = await pending.decided_by(began_s + self._deadline_s * SECOND_TRY_AFTER)
        if decision is None:
            await self._send_second(pending)
            decision = await pending.decided_by(began_s + self._deadline_s)
        if decision is None and repeatable and not _is_acknowledged(sent):
            return await self._ask_on(pending, sent, until_s)
        return decision

    async def _ask_on(
        self, pending: PendingAttempt, sent: Delivery, until_s: float
    ) -> GivenDecision | None:
        """Kafka went away under the request: when it has it, the deadline begins again."""
        if not await acknowledged_by(sent, until_s):
            raise _Unanswered
        return await pending.decided_by(asyncio.get_running_loop().time() + self._deadline_s)

    async def _send_request(self, pending: PendingAttempt, until_s: float) -> Delivery | None:
        request = self._request(pending, try_number=1)
        pending.tries_count = 1
        attempt = pending.case.attempt
        delivery = await self._publisher.append_when_back(
            REQUESTS,
            attempt.charger_id,
            request,
            event_id=attempt.request_id,
            at=attempt.received_at,
            until_s=until_s,
            traceparent=pending.case.traceparent,
        )
        pending.sent_s = asyncio.get_running_loop().time()
        return delivery

    async def _send_second(self, pending: PendingAttempt) -> None:
        """The same request to another partition, and so, most likely, to another worker."""
        if not self._second_tries_left:
            return
        self._second_tries_left -= 1
        attempt = pending.case.attempt
        partition = (partition_of(attempt.charger_id) + OTHER_PARTITION) % CHARGER_PARTITIONS
        delivery = await self._publisher.append(
            REQUESTS,
            attempt.charger_id,
            self._request(pending, try_number=2),
            event_id=attempt.request_id,
            at=attempt.received_at,
            partition=partition,
            traceparent=pending.case.traceparent,
            within_s=self._deadline_s * SECOND_TRY_AFTER,
        )
        if delivery is not None:
            pending.tries_count = 2
            self._metrics.count(SECOND_TRIES)

    def _request(self, pending: PendingAttempt, try_number: int) -> AccessRequest:
        # Here as in the outcome everything was validated when it came, or is made by this process.
        return AccessRequest.model_construct(
            attempt=pending.case.attempt,
            connection_id=pending.case.asker.connection_id,
            gateway_instance=self._instance,
            slot=self._slot,
            deadline_at=pending.deadline_at,
            try_number=try_number,
        )

    # Ending

    def _outcome(self, pending: PendingAttempt, ruling: _Ruling, told: Told | None) -> Outcome:
        terms, decision = ruling.terms, ruling.decision
        attempt = pending.case.attempt
        reason: Reason | str | None = None
        if decision is not None:
            reason = decision.verdict.reason
        elif terms.stage is not Stage.OFF:
            reason = Reason.DECISION_TIMED_OUT
        return Outcome.model_construct(
            request_id=attempt.request_id,
            attempt=attempt,
            connection_id=pending.case.asker.connection_id,
            gateway_instance=self._instance,
            slot=self._slot,
            stage=terms.stage,
            schedule=decision.facts.schedule if decision else None,
            verdict=decision.verdict if decision else None,
            reason=reason,
            posture=ruling.posture,
            told=told,
            answered_at=datetime.now(UTC),
            deadline_at=pending.deadline_at,
            tries_count=pending.tries_count,
        )

    def _count(self, outcome: Outcome) -> None:
        verdict = outcome.verdict
        # Without a verdict there is no answer to count: either nothing was asked, or none came.
        answer = verdict.answer if verdict else "error" if outcome.reason else "none"
        self._metrics.count(
            OUTCOMES_TOTAL,
            outcome.attempt.site_id,
            outcome.stage,
            answer,
            outcome.reason or "none",
        )


def _is_acknowledged(delivery: Delivery) -> bool:
    return delivery.done() and not delivery.cancelled() and delivery.exception() is None
