"""What an attempt is made of on its way through the gateway, from its message to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from models.attempt import Attempt, Basis, Told, Verdict
from models.charger import ChargerEvent
from models.given_decision import GivenDecision
from models.governing import Governing
from models.ids import ChargerId, ConnectionId, SiteId
from models.reasons import Reason
from models.screens import UNKNOWN_SCREEN, Screen
from models.site import ChargerRecord, SiteRecord, Stage


class Configuration(Protocol):
    """What the gateway reads of the depot's configuration (a Replica)."""

    @property
    def sites(self) -> Mapping[SiteId, SiteRecord]: ...

    @property
    def chargers(self) -> Mapping[ChargerId, ChargerRecord]: ...

    def governing(self, charger_id: ChargerId) -> Governing | None: ...


def stage_of(configuration: Configuration, charger_id: ChargerId, site_id: SiteId) -> Stage:
    """The charger's stage as it stands now (rule 27); the last resort is what a new site has."""
    governing = configuration.governing(charger_id)
    if governing is not None:
        return governing.stage
    site = configuration.sites.get(site_id)
    return site.stage_known() if site else Stage.SHADOW


class Asker(Protocol):
    """The connection that waits for the answer."""

    @property
    def connection_id(self) -> ConnectionId: ...

    @property
    def open(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Case:
    """One attempt as the gateway has it before it.

    Attributes:
        event: the message that presented the token, as a charger event.
        repeatable: the charger repeats it while it stays unanswered (transaction messages).
        stop: the call that ends the session it is about; None where there is no session.
        screen: what the charger can show its driver.
    """

    attempt: Attempt
    event: ChargerEvent
    asker: Asker
    repeatable: bool
    stop: object | None
    traceparent: str
    screen: Screen = UNKNOWN_SCREEN


class Settled(NamedTuple):
    """How an attempt ended.

    Attributes:
        cacheable: the charger may keep the answer; False for every one that does not rest on the
            identity: an accept by timetable or stage (finding 5), and a refusal by the posture or
            of the freevend tag, which nothing would ever end (rule 23).
        stop: the freevend tag started a session in a managed interval, which must not go on: it is
            ended at once where it was accepted (C02.FR.02), else when energy flows all the same.
        valid_until: no copy of a cacheable answer may live up to it (rule 23); None = no limit is
            known.
    """

    told: Told
    cacheable: bool
    stop: bool
    valid_until: datetime | None = None


def settled_with(told: Told, verdict: Verdict | None, *, session: bool) -> Settled:
    """How an attempt ends that was told this.

    Args:
        verdict: the decision's; None when there was none.
        session: whether it is about a session, which can be stopped.
    """
    reason = verdict.reason if verdict else None
    by_decision = told.basis == Basis.DECISION
    drift = by_decision and reason == Reason.FREEVEND_TAG_IN_MANAGED
    by_identity = by_decision and not drift and reason != Reason.FREEVEND_OPEN
    return Settled(
        told=told,
        cacheable=by_identity,
        stop=drift and session,
        valid_until=verdict.valid_until if verdict and by_identity else None,
    )


class Late(NamedTuple):
    """A decision that came after the posture had answered (rule 24)."""

    case: Case
    decision: GivenDecision
    stop: bool


@dataclass(slots=True, eq=False)
class PendingAttempt:
    """An attempt between its request and its answer."""

    case: Case
    received_s: float
    settled: asyncio.Future[Settled | None]
    askers: list[Asker]
    deadline_at: datetime
    sent_s: float = 0.0
    tries_count: int = 0
    decision: GivenDecision | None = None
    waiter: asyncio.Future[None] | None = field(default=None, repr=False)

    async def decided_by(self, until_s: float) -> GivenDecision | None:
        """The decision, as soon as it is there, None when `until_s` comes first."""
        if self.decision is None:
            loop = asyncio.get_running_loop()
            # A future and a timer: wait_for would take a task's worth of work for each attempt.
            self.waiter = loop.create_future()
            timer = loop.call_at(until_s, self._wake)
            try:
                await self.waiter
            finally:
                timer.cancel()
        return self.decision

    def decide(self, decision: GivenDecision) -> bool:
        """Take the first decision; whether it was the first."""
        first = self.decision is None
        if first:
            self.decision = decision
            self._wake()
        return first

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)
