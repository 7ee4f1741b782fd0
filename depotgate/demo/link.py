"""A simulated charger's connection: dial, back off, one call at a time.

Everything here is the same in every OCPP version. What a charger says is in `charger`.
"""

from __future__ import annotations

import asyncio
import base64
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from depotgate.demo.station import SILENT, Station
from models.errors import DepotgateError

OPEN_TIMEOUT_S = 10.0
"""A gateway that cannot finish a handshake in this time is as good as away."""

CLOSE_TIMEOUT_S = 1.0
"""How long a charger that is switched off waits for the closing handshake."""

PING_INTERVAL_S = 20.0


class ChargerError(DepotgateError):
    """Something a simulated charger could not do. Messages never hold a payload."""


class ConnectionLostError(ChargerError):
    """There is no connection, or it ended before the answer came."""


class UnansweredError(ChargerError):
    """The call got no answer within the response time-out."""


class CallRefusedError(ChargerError):
    """The call was answered by a CALLERROR, or by something that breaks the schema.

    Attributes:
        code: the CALLERROR code, or that of the rule which the answer breaks.
    """

    def __init__(self, action: str, code: str) -> None:
        super().__init__(f"{action} was answered with {code}")
        self.code = code


class Answer(NamedTuple):
    """The payload that answered a call, and the time from sending it to having it read."""

    payload: Any
    latency_s: float


@dataclass(frozen=True)
class BackOff:
    """Waits between two dials: doubled from `first_s` up to `most_s`, less up to half by chance."""

    first_s: float = 0.2
    most_s: float = 5.0

    def delay_s(self, failures_count: int, rng: random.Random) -> float:
        """The wait after so many failures in a row; chance keeps a fleet from dialling at once."""
        # 2**10 is past any sensible `most_s`; without the limit the power would grow for ever.
        longest_s = min(self.most_s, self.first_s * 2.0 ** min(failures_count, 10))
        return longest_s * rng.uniform(0.5, 1.0)


Greeting = Callable[[], Coroutine[Any, Any, None]]
"""Speaks first on a fresh socket, calls `Link.greeted`, and stays for as long as the socket."""


@dataclass
class _Wire:
    """One socket and what belongs to it alone."""

    socket: ClientConnection
    station: Station
    greeted: bool = False
    lost: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Link:
    """Keeps a charger connected and carries its calls.

    Args:
        endpoint: address without the charger's id, as `ws://127.0.0.1:9000/ocpp`; may be changed,
            the next dial uses it.
        password: of HTTP Basic authentication; None sends no credentials (security profile 0).
        station: makes the version's ChargePoint for a fresh socket.
        tls: of a `wss` address; None = as the machine trusts.
        validate: whether the package checks calls and answers by its schemas (0.6 ms each);
            a generator of load leaves it out.

    Attributes:
        ready: set while connected and greeted (booted, status told).
        tally: how calls ended, by (action, `answered` | `refused` | `unanswered` | `lost`).
        refusal: why the last dial failed, None when it did not: an HTTP status or an error's name.
    """

    def __init__(
        self,
        charger_id: str,
        endpoint: str,
        *,
        subprotocol: str,
        password: str | None,
        station: Callable[[ClientConnection], Station],
        validate: bool,
        back_off: BackOff,
        rng: random.Random,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.charger_id = charger_id
        self._tls: dict[str, Any] = {} if tls is None else {"ssl": tls}
        self.endpoint = endpoint
        self.ready = asyncio.Event()
        self.tally: Counter[tuple[str, str]] = Counter()
        self.refusal: str | None = None
        self.connections_count = 0
        self._subprotocol = Subprotocol(subprotocol)
        self._headers = _basic(charger_id, password)
        self._station = station
        self._validate = validate
        self._back_off = back_off
        self._rng = rng
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._wire: _Wire | None = None
        # OCPP-J: one outstanding CALL in each direction.
        self._turn = asyncio.Lock()

    @property
    def open(self) -> bool:
        """Whether a socket is open, greeted or not."""
        return self._wire is not None

    async def run(self, greet: Greeting) -> None:
        """Stay connected until cancelled; `greet` speaks first on each socket and stays on it."""
        failures_count = 0
        while True:
            await self._wanted.wait()
            greeted = await self._once(greet)
            failures_count = 0 if greeted else failures_count + 1
            await asyncio.sleep(self._back_off.delay_s(failures_count, self._rng))

    def greeted(self) -> None:
        """Told by the greeting once the charger is booted and its status is told."""
        if self._wire is not None:
            self._wire.greeted = True
            self.ready.set()

    def cut(self) -> None:
        """Abort the TCP connection, as a lost network would; it is dialled again."""
        wire = self._wire
        if wire is not None:
            self._forget(wire)
            wire.socket.transport.abort()

    def hold(self) -> None:
        """Cut, and stay away until `resume`."""
        self._wanted.clear()
        self.cut()

    def resume(self) -> None:
        """Dial again after `hold`."""
        self._wanted.set()

    async def until_ready(self, timeout_s: float) -> None:
        """Wait for a greeted connection.

        Raises:
            ConnectionLostError: there was none in time; says how the last dial ended.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self.ready.wait()
        except TimeoutError:
            reason = f"last dial: {self.refusal}" if self.refusal else "not greeted"
            raise ConnectionLostError(f"no connection within {timeout_s} s ({reason})") from None

    async def ask(self, payload: Any) -> Answer:
        """Send a call and wait for its answer, after those that were asked before.

        Raises:
            ConnectionLostError: there is no connection, or it ended first.
            UnansweredError: the response time-out passed.
            CallRefusedError: a CALLERROR came, or an answer that breaks the schema.
        """
        action = type(payload).__name__
        async with self._turn:
            asked_s = time.perf_counter()
            try:
                answer = await self._call(action, payload)
            except ChargerError as error:
                self.tally[action, _OUTCOME_OF[type(error)]] += 1
                raise
            self.tally[action, "answered"] += 1
            return Answer(answer, time.perf_counter() - asked_s)

    async def raw(self, frame: str | bytes, timeout_s: float) -> str:
        """Send any frame; the next frame that is not a CALL is its answer.

        Raises:
            ConnectionLostError: the connection was closed instead.
            UnansweredError: nothing came back.
        """
        async with self._turn:
            wire = self._open_wire("a raw frame")
            answer = wire.station.expect_raw()
            try:
                await wire.socket.send(frame)
                await _first_of(answer, wire.lost, timeout_s=timeout_s)
            except ConnectionClosed:
                raise ConnectionLostError("the connection closed under a raw frame") from None
            finally:
                if not answer.done():
                    answer.cancel()
            if answer.cancelled():
                error = ConnectionLostError if wire.lost.done() else UnansweredError
                raise error(f"a raw frame got no answer within {timeout_s} s")
            return answer.result()

    async def send(self, frame: str | bytes) -> None:
        """Send any frame and wait for nothing.

        Raises:
            ConnectionLostError: there is no connection, or it ended.
        """
        wire = self._open_wire("a raw frame")
        try:
            await wire.socket.send(frame)
        except ConnectionClosed:
            raise ConnectionLostError("the connection closed under a raw frame") from None

    def _forget(self, wire: _Wire) -> None:
        self._wire = None
        self.ready.clear()
        wire.lost.set_result(None)

    def _open_wire(self, what: str) -> _Wire:
        if self._wire is None:
            raise ConnectionLostError(f"no connection to send {what} on")
        return self._wire

    async def _call(self, action: str, payload: Any) -> Any:
        wire = self._open_wire(action)
        call = asyncio.ensure_future(
            wire.station.call(payload, suppress=False, skip_schema_validation=not self._validate)
        )
        try:
            # The package would wait out its time-out on a socket that is gone.
            await _first_of(call, wire.lost)
            if not call.done():
                raise ConnectionLostError(f"the connection ended before {action} was answered")
            # From None: the package's errors quote the frame.
            return call.result()
        except TimeoutError:
            raise UnansweredError(f"{action} was not answered") from None
        except ConnectionClosed:
            raise ConnectionLostError(f"the connection ended before {action} was sent") from None
        except OCPPError as error:
            raise CallRefusedError(action, error.code) from None
        except UnknownCallErrorCodeError:
            raise CallRefusedError(action, "an unknown CALLERROR code") from None
        finally:
            if not call.done():
                call.cancel()
                await asyncio.wait({call})

    async def _once(self, greet: Greeting) -> bool:
        """Dial and stay; whether the connection came as far as to be greeted."""
        socket = await self._dial()
        if socket is None:
            return False
        wire = _Wire(socket, self._station(socket))
        self._wire = wire
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(wire.station.start())
                tasks.create_task(greet())
        except* (ChargerError, ConnectionClosed):
            # The connection is gone or the greeting failed: both end in another dial.
            pass
        finally:
            if self._wire is wire:
                self._forget(wire)
            with suppress(ConnectionClosed):
                await socket.close()
        return wire.greeted

    async def _dial(self) -> ClientConnection | None:
        try:
            socket = await connect(
                f"{self.endpoint}/{quote(self.charger_id, safe='')}",
                subprotocols=[self._subprotocol],
                additional_headers=self._headers,
                compression=None,
                proxy=None,
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=PING_INTERVAL_S,
                logger=SILENT,
                **self._tls,
            )
        except InvalidStatus as error:
            self.refusal = f"HTTP {error.response.status_code}"
            return None
        except (OSError, TimeoutError, InvalidHandshake) as error:
            self.refusal = type(error).__name__
            return None
        if socket.subprotocol != self._subprotocol:
            self.refusal = f"{self._subprotocol} was not agreed"
            await socket.close()
            return None
        self.refusal = None
        self.connections_count += 1
        return socket


async def _first_of(*futures: asyncio.Future[Any], timeout_s: float | None = None) -> None:
    await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)


_OUTCOME_OF: dict[type[ChargerError], str] = {
    ConnectionLostError: "lost",
    UnansweredError: "unanswered",
    CallRefusedError: "refused",
}


def _basic(user: str, password: str | None) -> dict[str, str]:
    """RFC 7617: the user name is the charger's id (OCPP security profile 1)."""
    if password is None:
        return {}
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    return {"Authorization": f"Basic {credentials}"}
