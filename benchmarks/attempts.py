"""Requests as a gateway publishes them for a presented card."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from benchmarks import depot
from benchmarks.depot import CARD_TYPE, Card
from models.attempt import (
    AccessRequest,
    Attempt,
    AttemptKind,
    PseudonymousCandidate,
    Token,
    TokenKind,
)
from models.identifiers import Pseudonymiser, candidates, display_form
from models.ids import (
    AttemptId,
    ChargerId,
    ConnectionId,
    GatewayInstance,
    RequestId,
    Slot,
    timed_id,
)

DEADLINE_S = 3.0
"""The gateway's default."""

CONNECTION = ConnectionId(str(uuid4()))
INSTANCE = GatewayInstance("bench")


def request_of(card: Card, number: int, pseudonymiser: Pseudonymiser) -> AccessRequest:
    """The request of a 2.0.1 Authorize with this card."""
    now = datetime.now(UTC)
    charger_id = ChargerId(f"CP-{number % 1000:04d}")
    request_id = RequestId(timed_id(now, charger_id, CONNECTION, number))
    attempt = Attempt(
        request_id=request_id,
        attempt_id=AttemptId(request_id),
        charger_id=charger_id,
        site_id=depot.SITE,
        ocpp="2.0.1",
        kind=AttemptKind.AUTHORIZE,
        token=_token(card, pseudonymiser),
        event_at=now,
        received_at=now,
        uncertainty_s=1.0,
    )
    return AccessRequest(
        attempt=attempt,
        connection_id=CONNECTION,
        gateway_instance=INSTANCE,
        slot=Slot(0),
        deadline_at=now + timedelta(seconds=DEADLINE_S),
    )


def _token(card: Card, pseudonymiser: Pseudonymiser) -> Token:
    found = candidates(card.serial, CARD_TYPE)
    return Token(
        kind=TokenKind.IDENTIFIED,
        display=display_form(found[0]),
        candidates=tuple(
            PseudonymousCandidate(
                identifier_type=candidate.identifier_type, pseudonyms=pseudonymiser.all(candidate)
            )
            for candidate in found
        ),
    )
