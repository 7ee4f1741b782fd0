"""What a simulated charger tells its central system, in every OCPP version.

`charger16` and `charger201` provide the messages; here is when and how they are sent: boot, status
and heartbeat on each connection, and transaction messages until they are answered.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar

from websockets.asyncio.client import ClientConnection

from depotgate.demo.link import Answer, ChargerError, ConnectionLostError, Link, UnansweredError
from depotgate.demo.session import (
    ACCEPTED,
    NO_CARD,
    Attempted,
    AttemptResult,
    Behaviour,
    Card,
    ModeSwitch,
    Plug,
    Session,
    Shown,
    Started,
    Stop,
)
from depotgate.demo.station import Station
from models.schedule import Mode

CHORES_MAX = 64
"""Far more than a charger of a few plugs is ever asked for at once; more are dropped."""

REMEMBERED_MAX = 200
"""How many texts and switches a charger remembers: more than any test or screen looks back."""

BOOT_WAIT_S = (1.0, 30.0)
"""Bounds on the interval that a central system may ask for between boots it does not accept."""


def _now() -> datetime:
    return datetime.now(UTC)


def _untold(_: Attempted) -> None:
    """Nobody keeps account."""


class Speaker(ABC):
    """A charger as the central system hears it: its connection, and messages in its own words.

    Args:
        charger_id: user name and last part of the address.
        endpoint: address without the id, as `ws://127.0.0.1:9000/ocpp`.
        password: None on security profile 0.
        mode: what it was set to before it was first connected.
        clock: the charger's own, which may be wrong.
        on_attempt: told of every token presented to start, once its answer is there or given up.
        rng: chance in its waits; seed it to repeat a run.
        tls: whom it trusts, and its certificate on security profile 3.

    Attributes:
        link: its connection, with the tally of calls.
        shown: what drivers were shown, oldest first.
        switches: mode switches that it accepted, oldest first.
        stops: why its sessions ended, oldest first.
        mute: actions of the central system that it leaves unanswered.
        resets_count: how often the central system had it restart.
    """

    subprotocol: ClassVar[str]
    triggered: ClassVar[dict[str, Callable[[Any], Any]]] = {
        "BootNotification": lambda charger: charger._boot(restarted=False),
        "Heartbeat": lambda charger: charger._heartbeat(),
    }

    def __init__(
        self,
        charger_id: str,
        endpoint: str,
        *,
        password: str | None = None,
        plugs_count: int = 1,
        mode: Mode = Mode.MANAGED,
        behaviour: Behaviour | None = None,
        clock: Callable[[], datetime] = _now,
        on_attempt: Callable[[Attempted], None] = _untold,
        rng: random.Random | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.charger_id = charger_id
        self.mode = mode
        self.behaviour = behaviour or Behaviour()
        self.plugs = tuple(Plug(evse) for evse in range(1, plugs_count + 1))
        self.shown: deque[Shown] = deque(maxlen=REMEMBERED_MAX)
        self.switches: deque[ModeSwitch] = deque(maxlen=REMEMBERED_MAX)
        self.stops: deque[Stop] = deque(maxlen=REMEMBERED_MAX)
        self.mute: set[str] = set()
        self.resets_count = 0
        self.link = Link(
            charger_id,
            endpoint,
            subprotocol=self.subprotocol,
            password=password,
            station=self._station,
            validate=self.behaviour.validate,
            back_off=self.behaviour.back_off,
            rng=rng or random.Random(),
            tls=tls,
        )
        self._clock = clock
        self._on_attempt = on_attempt
        self._boot_due = True
        self._booted_before = False
        self._heartbeat_s = BOOT_WAIT_S[1]
        self._chores: asyncio.Queue[Callable[[], Awaitable[object]]] = asyncio.Queue(CHORES_MAX)

    # Connection

    async def connected(self, timeout_s: float = 10.0) -> None:
        """Wait until connected, booted and its status told.

        Raises:
            ConnectionLostError: it was not in time; the message says how the last dial ended.
        """
        await self.link.until_ready(timeout_s)

    def disconnect(self) -> None:
        """Abort the TCP connection and stay away until `connect`."""
        self.link.hold()

    def connect(self) -> None:
        """Come back after `disconnect`."""
        self.link.resume()

    def move_to(self, endpoint: str) -> None:
        """Abort the connection and dial another gateway."""
        self.link.endpoint = endpoint
        self.link.cut()

    async def raw(self, frame: str | bytes, timeout_s: float = 5.0) -> str:
        """Send any frame and return what comes back; raises as `Link.raw` does."""
        return await self.link.raw(frame, timeout_s)

    async def authorize(self, card: Card) -> AttemptResult:
        """Ask whether a card may charge, and nothing more.

        Raises:
            ConnectionLostError, UnansweredError, CallRefusedError: see `Link.ask`.
        """
        return await self._present(card, self._ask_authorize(card))

    # What the version's module provides

    @abstractmethod
    def _station(self, socket: ClientConnection) -> Station: ...

    @abstractmethod
    def _boot(self, restarted: bool) -> Any: ...

    @abstractmethod
    def _heartbeat(self) -> Any: ...

    @abstractmethod
    def _authorize(self, card: Card) -> Any: ...

    @abstractmethod
    def _status(self, plug: Plug) -> tuple[str, Any]:
        """The status, and the message that tells it."""

    @abstractmethod
    def _verdict(self, action: str, answer: Answer) -> AttemptResult: ...

    @abstractmethod
    async def _send_start(self, plug: Plug, session: Session, by: Started) -> AttemptResult: ...

    @abstractmethod
    async def _send_energised(self, plug: Plug, session: Session) -> None: ...

    @abstractmethod
    async def _send_meter(self, plug: Plug, session: Session) -> None: ...

    @abstractmethod
    async def _send_stop(
        self, plug: Plug, session: Session, why: Stop, card: Card | None, at: datetime
    ) -> None: ...

    @abstractmethod
    async def _identify(self, session: Session, card: Card) -> AttemptResult | None:
        """Tell whose a running session is; None where the version has no message for it."""

    @abstractmethod
    def _configured_mode(self) -> Mode:
        """The mode that the stored settings ask for, whatever the charger does."""

    @property
    @abstractmethod
    def _asks_first(self) -> bool:
        """Whether a presented card is authorised before it starts anything."""

    # How it is told

    async def _present(self, card: Card | None, asking: Awaitable[AttemptResult]) -> AttemptResult:
        """Wait for the answer to a token, show it to the driver, and give account of it."""
        label = NO_CARD if card is None else card.label
        at = self._clock()
        try:
            result = await asking
        except ChargerError as error:
            why = type(error).__name__
            self._on_attempt(Attempted(self.charger_id, label, at, None, why))
            raise
        self.shown.append(Shown(result.status, result.text, self._clock()))
        self._on_attempt(Attempted(self.charger_id, label, at, result, None))
        return result

    async def _ask_authorize(self, card: Card) -> AttemptResult:
        return self._verdict("Authorize", await self.link.ask(self._authorize(card)))

    async def _greet(self) -> None:
        if self._boot_due:
            await self._boot_until_accepted()
        for plug in self.plugs:
            plug.reported = None
            await self._report(plug)
        self.link.greeted()
        while True:
            await asyncio.sleep(self._heartbeat_s)
            with suppress(ChargerError):
                await self.link.ask(self._heartbeat())

    async def _boot_until_accepted(self) -> None:
        shortest_s, longest_s = BOOT_WAIT_S
        while True:
            answer = await self.link.ask(self._boot(restarted=self._booted_before))
            # An interval of 0 leaves the choice to the charger.
            interval_s = float(answer.payload.interval) or longest_s
            if answer.payload.status == ACCEPTED:
                break
            await asyncio.sleep(min(max(interval_s, shortest_s), longest_s))
        self._boot_due, self._booted_before, self._heartbeat_s = False, True, interval_s

    async def _report(self, plug: Plug) -> None:
        status, message = self._status(plug)
        if status == plug.reported:
            return
        # Told again on the next connection; nothing waits for a status.
        with suppress(ChargerError):
            await self.link.ask(message)
            plug.reported = status

    async def _deliver(self, message: Any) -> Answer:
        """Send a transaction message until it is answered, as often as the charger's make does."""
        attempts_count = self.behaviour.message_attempts_count
        for attempt in range(1, attempts_count + 1):
            await self.link.until_ready(self.behaviour.away_s)
            try:
                return await self.link.ask(message)
            except (ConnectionLostError, UnansweredError):
                if attempt == attempts_count:
                    raise
            await asyncio.sleep(self.behaviour.retry_interval_s * attempt)
        raise AssertionError("the last attempt returns or raises")
