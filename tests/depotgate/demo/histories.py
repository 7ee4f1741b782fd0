"""Histories of a demo run, made as the product would have written them, to be judged in tests."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from depotgate.demo.cards import CARD_TYPE, DemoCard
from depotgate.demo.depot import DemoDepot, write_demo_depot
from depotgate.demo.judging import verdict_of
from depotgate.demo.session import NO_CARD, Attempted, AttemptResult
from models.answers import told_for
from models.attempt import (
    Attempt,
    AttemptKind,
    Outcome,
    PseudonymousCandidate,
    Token,
    TokenKind,
)
from models.charger import ChargerState, Connection, ModeFact, ModeFactKind, Observed
from models.ids import (
    AttemptId,
    ChargerId,
    ConnectionId,
    GatewayInstance,
    Pseudonym,
    RequestId,
    Slot,
)
from models.reasons import OcppVersion
from models.schedule import Mode
from models.site import Posture, Stage

WRITTEN_AT = datetime(2026, 11, 24, 3, 10, 17, tzinfo=UTC)
FIRST_EDGE_AT = datetime(2026, 11, 24, 3, 11, tzinfo=UTC)
CONNECTION = ConnectionId("0199c000-0000-7000-8000-000000000001")
GATEWAY = GatewayInstance("gateway-test")

BUS_LANE_201 = ChargerId("DD-04")
BUS_LANE_16 = ChargerId("DD-01")
STREET_SIDE = ChargerId("DD-09")
VISITOR_BAY = ChargerId("DD-13")
FIXED = ChargerId("DD-16")
"""One charger of each behaviour: always reserved (2.0.1, 1.6), always open, by turns, and one that
cannot be switched."""


def demo_depot(folder: Path) -> DemoDepot:
    """A depot whose first edge is at FIRST_EDGE_AT."""
    return write_demo_depot(folder / "depot", WRITTEN_AT, rng=random.Random(7))


def card(depot: DemoDepot, label: str) -> DemoCard:
    """The first card of a label."""
    return next(each for each in depot.cards if each.card.label == label)


@dataclass
class History:
    """Makes records of one depot, each with an id of its own."""

    depot: DemoDepot
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def outcome(
        self,
        charger_id: ChargerId,
        label: str,
        at: datetime = WRITTEN_AT,
        kind: AttemptKind = AttemptKind.AUTHORIZE,
    ) -> Outcome:
        """An attempt that ended as the rules say."""
        attempt = self._attempt(charger_id, label, at, kind)
        verdict = verdict_of(self.depot, attempt)
        told = told_for(
            attempt.ocpp, Stage.ENFORCE, verdict,
            posture=Posture.CLOSED, freevend=False, barred=False,
        )  # fmt: skip
        return Outcome(
            request_id=attempt.request_id,
            attempt=attempt,
            connection_id=CONNECTION,
            gateway_instance=GATEWAY,
            slot=Slot(0),
            stage=Stage.ENFORCE,
            schedule=None,
            verdict=verdict,
            reason=verdict.reason,
            posture=None,
            told=told,
            answered_at=at,
            deadline_at=at + timedelta(seconds=3),
            tries_count=1,
        )

    def account(self, outcome: Outcome, latency_s: float = 0.005) -> Attempted:
        """What the driver of an outcome has to tell."""
        told = outcome.told
        assert told is not None
        attempt = outcome.attempt
        result = AttemptResult(str(attempt.kind), told.status, told.text, latency_s)
        label = self.depot.label_of(attempt.token)
        return Attempted(attempt.charger_id, label, attempt.event_at, result, None)

    def fact(self, kind: ModeFactKind, charger_id: ChargerId, mode: Mode, at: datetime) -> ModeFact:
        """Something that happened to a charger's mode."""
        return ModeFact(
            fact_id=str(next(self._numbers)),
            kind=kind,
            charger_id=charger_id,
            site_id=self.depot.site.site_id,
            at=at,
            desired=mode,
            observed=mode,
            stage=Stage.ENFORCE,
        )

    def state(
        self, charger_id: ChargerId, at: datetime, observed: Mode | None = None
    ) -> ChargerState:
        """A connected charger in the mode of its schedule, or seen in another one."""
        desired = self.depot.timeline(charger_id).mode_at(at)
        return ChargerState(
            charger_id=charger_id,
            site_id=self.depot.site.site_id,
            offset=next(self._numbers),
            desired=desired,
            desired_since=at,
            stage=Stage.ENFORCE,
            observed=Observed(mode=observed or desired, at=at, evidence="read_back"),
            connection=Connection(
                connection_id=CONNECTION,
                gateway_instance=GATEWAY,
                slot=Slot(0),
                ocpp=self._ocpp(charger_id),
                since=at,
            ),
            updated_at=at,
        )

    def _ocpp(self, charger_id: ChargerId) -> OcppVersion | str:
        ocpp = self.depot.governing(charger_id).charger.ocpp
        assert ocpp is not None
        return ocpp

    def _attempt(
        self, charger_id: ChargerId, label: str, at: datetime, kind: AttemptKind
    ) -> Attempt:
        number = next(self._numbers)
        return Attempt(
            request_id=RequestId(f"request-{number}"),
            attempt_id=AttemptId(f"attempt-{number}"),
            charger_id=charger_id,
            site_id=self.depot.site.site_id,
            ocpp=self._ocpp(charger_id),
            kind=kind,
            token=self._token(label),
            event_at=at,
            received_at=at,
            uncertainty_s=1.0,
        )

    def _token(self, label: str) -> Token:
        if label == NO_CARD:
            return Token(kind=TokenKind.FREEVEND_TAG, display="freevend tag")
        held = card(self.depot, label)
        pseudonym = Pseudonym(f"k1:{label}")
        reading = PseudonymousCandidate(identifier_type=CARD_TYPE, pseudonyms=(pseudonym,))
        return Token(kind=TokenKind.IDENTIFIED, display=held.display, candidates=(reading,))
