"""A charger's connection without a network and without Kafka: what it is given, what it gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosedOK
from websockets.protocol import State

from connectors.attempts import AttemptDesk
from connectors.cases import Case, Settled
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.gateway import HANDLERS
from connectors.ocpp.incoming import IncomingCall, Services
from connectors.ocpp.memory import AttemptMemory
from connectors.ocpp.registry import Registry
from connectors.ocpp.versions import VERSIONS
from connectors.publishing import Publisher
from connectors.telemetry.metrics import Metrics
from models.attempt import Basis, Told
from models.charger import ChargerEvent
from models.governing import Governing
from models.ids import ChargerId, GatewayInstance, SiteId, Slot
from models.reasons import OcppVersion
from models.site import ChargerRecord, SiteRecord
from tests.connectors.ocpp.chargers import PSEUDONYMISER, charger_record, site_record

WITHIN_S = 30.0
"""For what takes milliseconds, unless the machine is busy with other things."""

ENDS_WITHIN_S = 8.0
"""Less than whatever a connection could be waiting for when it ends (NEXT_PART_WITHIN_S)."""

NOW = datetime(2026, 3, 1, 6, 0, 0, 250_000, tzinfo=UTC)


@dataclass
class Rows:
    """The depot's configuration, as a table in a test."""

    sites: dict[SiteId, SiteRecord]
    chargers: dict[ChargerId, ChargerRecord]

    def governing(self, charger_id: ChargerId) -> Governing | None:
        return None


@dataclass
class Settling:
    """Settles every attempt alike, and keeps the cases."""

    status: str = "Accepted"
    stop: bool = False
    cases: list[Case] = field(default_factory=list)

    async def settle(self, case: Case) -> Settled | None:
        self.cases.append(case)
        told = Told(
            accepted=self.status == "Accepted",
            status=self.status,
            text=None,
            basis=Basis.DECISION,
        )
        return Settled(told, cacheable=True, stop=self.stop)


@dataclass
class Events:
    """Takes charger events, at once."""

    away: bool = False
    reported: list[ChargerEvent] = field(default_factory=list)
    delivered: list[ChargerEvent] = field(default_factory=list)

    async def report(self, event: ChargerEvent) -> None:
        self.reported.append(event)

    async def deliver(self, event: ChargerEvent, _until_s: float) -> bool:
        if not self.away:
            self.delivered.append(event)
        return not self.away

    def named(self, name: str) -> list[ChargerEvent]:
        return [event for event in self.reported if event.name == name]


class Wire:
    """The gateway's end of a socket; the test is at the other one."""

    def __init__(self) -> None:
        self.state = State.OPEN
        self.sent: list[Any] = []
        self.closed: tuple[int, str] | None = None
        self._received: asyncio.Queue[str | None] = asyncio.Queue()

    def receive(self, *frame: object) -> None:
        """Have the charger send a frame."""
        self._received.put_nowait(orjson.dumps(frame).decode())

    def cut(self) -> None:
        """Have the connection end."""
        self.state = State.CLOSED
        self._received.put_nowait(None)

    async def recv(self) -> str:
        text = await self._received.get()
        if text is None:
            raise ConnectionClosedOK(None, None)
        return text

    async def send(self, text: str) -> None:
        if self.state is not State.OPEN:
            raise ConnectionClosedOK(None, None)
        self.sent.append(orjson.loads(text))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = (code, reason)
        self.cut()


class Stand:
    """One gateway's services around connections of one charger."""

    def __init__(
        self, charger: ChargerRecord | None = None, site: SiteRecord | None = None
    ) -> None:
        self.charger = charger or charger_record()
        self.desk = Settling()
        self.events = Events()
        self.metrics = Metrics("gateway")
        self.registry: Registry[ChargerConnection] = Registry(self.metrics)
        self.rows = Rows(
            {self.charger.site_id: site or site_record()}, {self.charger.charger_id: self.charger}
        )
        self.services = Services(
            configuration=self.rows,
            publisher=cast("Publisher", self.events),
            desk=cast("AttemptDesk", self.desk),
            memory=AttemptMemory(),
            pseudonymiser=PSEUDONYMISER,
            metrics=self.metrics,
            instance=GatewayInstance("gw"),
            slot=Slot(3),
        )

    def connection(
        self, ocpp: OcppVersion, wire: Wire | None = None, since: datetime | None = None
    ) -> ChargerConnection:
        """A connection, entered and not yet run."""
        connection = ChargerConnection(
            cast("ServerConnection", wire or Wire()),
            self.charger,
            VERSIONS[ocpp],
            handlers=HANDLERS[ocpp],
            services=self.services,
            on_over=self.registry.leave,
        )
        if since is not None:
            connection.since = since
        self.registry.enter(connection)
        return connection

    async def handle(
        self,
        connection: ChargerConnection,
        action: str,
        payload: dict[str, Any],
        *,
        message_id: str = "1",
        at: datetime = NOW,
        now_s: float | None = None,
    ) -> tuple[Any, IncomingCall]:
        """Run an action's handler; its response and the call as it was left."""
        call = IncomingCall(
            connection=connection,
            row=connection.version.rows[action],
            message_id=message_id,
            payload=payload,
            received_at=at,
            received_s=asyncio.get_running_loop().time() if now_s is None else now_s,
        )
        return await HANDLERS[connection.ocpp][action](call), call


async def until(holds: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Poll a condition until it holds."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - any condition, without an event of its own
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running(
    stand: Stand, ocpp: OcppVersion = "2.0.1"
) -> AsyncIterator[tuple[ChargerConnection, Wire]]:
    """A connection that serves its charger, and the wire that the test speaks on."""
    wire = Wire()
    connection = stand.connection(ocpp, wire)
    task = asyncio.create_task(connection.run())
    await until(lambda: stand.events.named("Connected"))
    try:
        yield connection, wire
    finally:
        if not task.done():
            wire.cut()
        async with asyncio.timeout(ENDS_WITHIN_S):
            await task
