"""The listener: opening handshakes, subprotocol, limits; then a socket for its owner.

Path and credentials are looked at before anything else (`admission`). What is logged and counted
here never holds a credential, a header or a charger's id.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, cast

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from connectors.ocpp.admission import (
    PLAIN,
    Admission,
    Link,
    Refusal,
    Refused,
    Unverified,
    version_for,
)
from connectors.ocpp.frames import FRAME_BYTES_MAX
from connectors.ocpp.table import Version
from connectors.ocpp.tls import names_of
from connectors.telemetry.metrics import Metrics
from models.errors import ConfigurationError, cause_of
from models.metrics import CONNECTIONS_REFUSED
from models.site import ChargerRecord

log = structlog.get_logger()

MESSAGE_BYTES_MAX = 4 * FRAME_BYTES_MAX
"""Beyond the frame limit a frame is answered with a CALLERROR and the connection stays; only far
beyond it RFC 6455's 1009 ends it, so that nobody can make the gateway buffer without end."""

RECEIVED_FRAMES_MAX = 8
"""Waiting to be read: chargers send one at a time. With the limit above 2 MB a connection."""

WRITE_BYTES_MAX = 64 * 1024
"""Waiting to be sent before a sender waits: no answer is larger."""

HANDSHAKE_S = 10.0
"""From the TCP connection to the end of the handshake: chargers on mobile networks take seconds."""

HANDSHAKES_MAX = 500
"""TCP connections without a handshake, which anybody can open: a depot's chargers coming back at
once after a power cut fit, and 10 MB is what they can cost."""

CONNECTIONS_MAX = 10_000
"""Authenticated connections: about 100 KB each, and more belong on a second gateway."""

PING_INTERVAL_S = 30.0
PING_TIMEOUT_S = 30.0
"""A charger that lost its network is noticed within a minute; mobile networks keep quiet
connections for about that long."""

CLOSE_S = 3.0
"""For the closing handshake: a peer that is gone must not hold up the newer connection's turn."""

_RETRY_AFTER_S = "30"

OnConnected = Callable[[ServerConnection, ChargerRecord, Version], Awaitable[None]]


def _quiet_logger() -> logging.Logger:
    """websockets' own logger: at DEBUG it writes whole headers and frames, so that is shut off."""
    logger = logging.getLogger("depotgate.websockets")
    logger.setLevel(logging.WARNING)
    return logger


class _Socket(ServerConnection):
    """A connection that counts from the first byte of TCP, not from the end of the handshake."""

    charger: ChargerRecord | None = None

    def __init__(self, listener: Listener, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._listener.handshake_begins(self):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.handshake_ended(self)
        super().connection_lost(exc)


class Listener:
    """Accepts chargers at `ws://host:port/ocpp/{charger id}`, and at `wss://` where it has TLS.

    It may listen at several addresses: what is bounded is bounded over all of them.

    Args:
        on_connected: owns the socket of an authenticated charger that speaks a version we do;
            returning ends the connection.
        connections_count: how many of those there are.
    """

    def __init__(
        self,
        admission: Admission,
        metrics: Metrics,
        on_connected: OnConnected,
        connections_count: Callable[[], int],
        *,
        handshakes_max: int = HANDSHAKES_MAX,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._admission = admission
        self._metrics = metrics
        self._on_connected = on_connected
        self._connections_count = connections_count
        self._handshakes_max = handshakes_max
        self._connections_max = connections_max
        self._handshakes: set[_Socket] = set()

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> Server:
        """Begin to listen; port 0 is any free one.

        Args:
            tls: of security profiles 2 and 3.

        Raises:
            ConfigurationError: the address is taken or not ours.
        """
        secured: dict[str, Any] = {}
        if tls is not None:
            secured = {"ssl": tls, "ssl_handshake_timeout": HANDSHAKE_S}
        server = serve(
            self._connected,
            host,
            port,
            compression=None,
            **secured,
            process_request=self._process_request,
            select_subprotocol=self._select_subprotocol,
            server_header=None,
            open_timeout=HANDSHAKE_S,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            close_timeout=CLOSE_S,
            max_size=MESSAGE_BYTES_MAX,
            max_queue=RECEIVED_FRAMES_MAX,
            write_limit=WRITE_BYTES_MAX,
            logger=_quiet_logger(),
            create_connection=cast("type[ServerConnection]", self._make_socket),
        )
        try:
            return await server
        except OSError as fault:
            raise ConfigurationError(
                f"cannot listen for chargers on {host}:{port} ({cause_of(fault)}); "
                f"choose another address with {'--ocpp' if tls is None else '--ocpp-tls'}"
            ) from fault

    def _make_socket(self, *args: Any, **options: Any) -> _Socket:
        return _Socket(self, *args, **options)

    # Handshake

    def handshake_begins(self, socket: _Socket) -> bool:
        """Count a TCP connection; False when too many are without a handshake."""
        if len(self._handshakes) >= self._handshakes_max:
            self._refuse(Refusal.TOO_MANY_HANDSHAKES)
            return False
        self._handshakes.add(socket)
        return True

    def handshake_ended(self, socket: _Socket) -> None:
        """The handshake is done, or the TCP connection is gone."""
        self._handshakes.discard(socket)

    async def _process_request(self, socket: ServerConnection, request: Request) -> Response | None:
        assert isinstance(socket, _Socket)
        peer, clock = socket.remote_address, asyncio.get_running_loop()
        admitted = self._admission.admit(
            request.path,
            request.headers.get_all("Authorization"),
            str(peer[0]) if peer else "",
            clock.time(),
            _link_of(socket),
        )
        if isinstance(admitted, Unverified):
            admitted = await self._admission.verify(admitted, clock.time())
        if isinstance(admitted, ChargerRecord) and self._full():
            admitted = _FULL
        if isinstance(admitted, Refused):
            self._refuse(admitted.cause)
            return _response(socket, admitted)
        socket.charger = admitted
        return None

    def _full(self) -> bool:
        return self._connections_count() >= self._connections_max

    def _select_subprotocol(
        self, socket: ServerConnection, offered: Sequence[Subprotocol]
    ) -> Subprotocol | None:
        """None completes the handshake without the header; `_connected` then closes the socket.

        OCPP-J 1.6 section 3.1.2 and 2.0.1 part 4 section 3.3 ask for exactly that.
        """
        version = _version_of(socket, offered)
        return Subprotocol(version.subprotocol) if version else None

    async def _connected(self, socket: ServerConnection) -> None:
        assert isinstance(socket, _Socket)
        self.handshake_ended(socket)
        offered = [socket.subprotocol] if socket.subprotocol else []
        version = _version_of(socket, offered)
        if version is None or socket.charger is None:
            self._refuse(Refusal.SUBPROTOCOL)
            await socket.close(CloseCode.PROTOCOL_ERROR, "no common OCPP subprotocol")
            return
        try:
            await self._on_connected(socket, socket.charger, version)
        except Exception as fault:
            # Its text, and a traceback's locals, could hold what a charger sent.
            log.error("connection.failed", error=type(fault).__name__)
            await socket.close(CloseCode.INTERNAL_ERROR)

    def _refuse(self, cause: Refusal) -> None:
        self._metrics.count(CONNECTIONS_REFUSED, cause)


def _link_of(socket: ServerConnection) -> Link:
    tls = socket.transport.get_extra_info("ssl_object")
    # Only what was verified against the bundle is shown here at all.
    certificate = tls.getpeercert() if tls is not None else None
    return Link(encrypted=True, certificate_names=names_of(certificate or {})) if tls else PLAIN


def _version_of(socket: ServerConnection, offered: Sequence[str]) -> Version | None:
    assert isinstance(socket, _Socket)
    return version_for(socket.charger, offered) if socket.charger else None


def _response(socket: ServerConnection, refused: Refused) -> Response:
    response = socket.respond(refused.status, refused.text)
    headers: Headers = response.headers
    for name, value in refused.headers.items():
        headers[name] = value
    return response


_FULL = Refused(
    Refusal.TOO_MANY_CONNECTIONS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    "This gateway holds as many connections as it may.\n",
    {"Retry-After": _RETRY_AFTER_S},
)
