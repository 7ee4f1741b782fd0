"""A real listener on loopback, and ways to knock at it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from connectors.ocpp.admission import Admission, Refusal
from connectors.ocpp.server import Listener
from connectors.ocpp.table import Version
from connectors.telemetry.metrics import Metrics
from depotgate.demo.station import SILENT
from models.metrics import CONNECTIONS_REFUSED
from models.site import ChargerRecord
from tests.connectors.ocpp.chargers import PASSWORD, PSEUDONYMISER, basic, charger_record

CHARGER_ID = "NORTH/CP 1"


@dataclass
class Door:
    """An open listener, who came in, and who did not."""

    metrics: Metrics = field(default_factory=lambda: Metrics("gateway"))
    came: list[tuple[ChargerRecord, Version]] = field(default_factory=list)
    received: list[str | bytes] = field(default_factory=list)
    port: int = 0
    connections_count: int = 0

    async def keep(
        self, socket: ServerConnection, charger: ChargerRecord, version: Version
    ) -> None:
        self.came.append((charger, version))
        with suppress(ConnectionClosed):
            while True:
                self.received.append(await socket.recv())

    def refused(self, cause: Refusal) -> float:
        labels = {"cause": str(cause)}
        return self.metrics.registry.get_sample_value(CONNECTIONS_REFUSED.name, labels) or 0.0

    @property
    def endpoint(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    @property
    def tls_endpoint(self) -> str:
        return f"wss://127.0.0.1:{self.port}/ocpp"


OnConnected = Callable[[ServerConnection, ChargerRecord, Version], Coroutine[None, None, None]]


@asynccontextmanager
async def open_door(
    *chargers: ChargerRecord,
    on_connected: OnConnected | None = None,
    allow_unauthenticated: bool = False,
    tls: ssl.SSLContext | None = None,
    **limits: int,
) -> AsyncIterator[Door]:
    """A listener on a port of its own."""
    door = Door()
    rows = chargers or (charger_record(CHARGER_ID),)
    admission = Admission(
        {row.charger_id: row for row in rows},
        PSEUDONYMISER,
        allow_unauthenticated=allow_unauthenticated,
    )
    listener = Listener(
        admission,
        door.metrics,
        on_connected or door.keep,
        lambda: door.connections_count,
        **limits,
    )
    server = await listener.open("127.0.0.1", 0, tls)
    door.port = next(iter(server.sockets)).getsockname()[1]
    try:
        yield door
    finally:
        server.close()
        await server.wait_closed()


async def dial(
    door: Door,
    charger_id: str = CHARGER_ID,
    password: str | None = PASSWORD,
    subprotocols: Sequence[str] = ("ocpp2.0.1",),
    tls: ssl.SSLContext | None = None,
) -> ClientConnection:
    """Connect as a charger does."""
    headers = {} if password is None else {"Authorization": basic(charger_id, password)}
    return await connect(
        f"{door.endpoint if tls is None else door.tls_endpoint}/{quote(charger_id, safe='')}",
        ssl=tls,
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        additional_headers=headers,
        compression=None,
        proxy=None,
        open_timeout=30,
        close_timeout=1,
        max_size=None,
        logger=SILENT,
    )


async def status_of(door: Door, charger_id: str = CHARGER_ID, password: str | None = None) -> int:
    """The HTTP status that a refused charger gets."""
    with pytest.raises(InvalidStatus) as refused:
        await dial(door, charger_id, password)
    return refused.value.response.status_code


async def ask(door: Door, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send any bytes instead of a handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(request)
    return reader, writer


async def ends(reader: asyncio.StreamReader, within_s: float) -> bytes:
    """What came before the connection ended, be it by a reset."""
    async with asyncio.timeout(within_s):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
