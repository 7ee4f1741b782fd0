"""A valid call of a charger on its way to its answer, and what all of them share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from connectors.attempts import AttemptDesk
from connectors.cases import Configuration
from connectors.known_identities import KnownIdentities
from connectors.ocpp.frames import Json
from connectors.ocpp.memory import AttemptMemory
from connectors.ocpp.table import Row, Version, event_data
from connectors.publishing import Publisher
from connectors.telemetry.metrics import Metrics
from models.charger import ChargerEvent
from models.identifiers import Pseudonymiser
from models.ids import GatewayInstance, Slot

if TYPE_CHECKING:
    from connectors.ocpp.connection import ChargerConnection

REPEATABLE_UNTIL_S = 20.0
"""How long a transaction message waits for Kafka (see attempts.REPEATABLE_WAIT_S)."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every connection of a gateway shares."""

    configuration: Configuration
    publisher: Publisher
    desk: AttemptDesk
    memory: AttemptMemory
    pseudonymiser: Pseudonymiser
    metrics: Metrics
    instance: GatewayInstance
    slot: Slot
    identities: KnownIdentities | None = None


@dataclass(slots=True)
class IncomingCall:
    """A valid call of the charger, on its way to its answer.

    Attributes:
        received_s: of the loop's clock.
        attempt_kind: set when it turned out to be an attempt, for its latency.
        after: done once the answer was sent.
    """

    connection: ChargerConnection
    row: Row
    message_id: str
    payload: Json = field(repr=False)  # rule 26: it has tokens
    received_at: datetime
    received_s: float
    attempt_kind: str | None = None
    after: Callable[[], Coroutine[None, None, None]] | None = None
    _event_id: str | None = field(default=None, init=False)

    @property
    def services(self) -> Services:
        return self.connection.services

    @property
    def version(self) -> Version:
        return self.connection.version

    @property
    def event_id(self) -> str:
        """The id of this message as a charger event, and of the attempt that an Authorize is."""
        if self._event_id is None:
            self._event_id = self.connection.id_of(self.received_at, self.message_id)
        return self._event_id

    def event(self, token: str | None = None) -> ChargerEvent:
        """This message as a charger event: allow-listed fields, and the kind of its token."""
        return self.connection.event(
            self.row.action,
            self.received_at,
            self.event_id,
            data=event_data(self.row, self.payload),
            token=token,
        )

    async def report(self) -> None:
        """Publish it as a status: Kafka has it, or will have the newest."""
        await self.services.publisher.report(self.event())

    async def deliver(self, token: str | None = None) -> bool:
        """Publish it as a transaction message; False = leave it unanswered."""
        until_s = self.received_s + REPEATABLE_UNTIL_S
        return await self.services.publisher.deliver(self.event(token), until_s)


Handler = Callable[[IncomingCall], Awaitable[object | None]]
"""Gives the response to send, a dataclass of the `ocpp` package; None leaves it unanswered."""
