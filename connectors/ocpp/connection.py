"""One charger's connection: frames to the session, calls to their handlers, answers back.

Every call runs as a task of its own, so that an Authorize that waits for its decision never keeps a
Heartbeat or the answer to one of our own calls waiting. The session bounds how many there are.
"""

from __future__ import annotations

import asyncio
import math
import traceback
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Protocol

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from connectors.cases import stage_of
from connectors.ocpp.connection_ids import new_connection_id
from connectors.ocpp.frames import Json
from connectors.ocpp.incoming import Handler, IncomingCall, Services
from connectors.ocpp.mode_memory import ModeMemory
from connectors.ocpp.outgoing import OwnCalls
from connectors.ocpp.ratelimit import Buckets
from connectors.ocpp.session import (
    CallAnswered,
    CallFailed,
    CallReceived,
    Dropped,
    Event,
    FailureCause,
    Reply,
    Session,
    SessionCause,
)
from connectors.ocpp.table import Version
from connectors.recent import Recent
from models.charger import ChargerEvent, CommandResult, EventName, Scalar
from models.clocks import ClockOffset
from models.ids import CommandId, ConnectionId, timed_id
from models.languages import LANGUAGES_MAX
from models.local_list import HeldList
from models.metrics import FRAMES_DROPPED, MESSAGES, SOCKET_TO_SOCKET
from models.reasons import OcppVersion
from models.screens import Screen
from models.site import ChargerRecord, SiteRecord, Stage

log = structlog.get_logger()

FAULTS_BURST = 20
FAULT_EVERY_S = 0.1
"""Faulty frames read at once, and how often one more after that: nothing is lost but the speed of
whoever sends them, and the other chargers keep theirs."""

CHORES_MAX = 32
"""Commands and stops under way on one connection; a charger has a few connectors."""

SILENT_FOR_S = 300.0
"""The tries of a mode switch are over by then; for ever would be the end of hourly read-backs."""

COMMANDS_KEPT = 64
"""Ids of commands on one connection: a command has a new id per edge and try."""


class ReportParts(Protocol):
    """Who waits for the parts of a report (connectors/ocpp/reporting.py)."""

    def take(self, payload: Json) -> None: ...

    def end(self) -> None: ...


class ChargerConnection:
    """The connection of an authenticated charger.

    Args:
        handlers: by action, one for each row of the version's table.
        on_over: called once, when nothing more will be read.
    """

    def __init__(
        self,
        socket: ServerConnection,
        charger: ChargerRecord,
        version: Version,
        *,
        handlers: Mapping[str, Handler],
        services: Services,
        on_over: Callable[[ChargerConnection], None],
    ) -> None:
        self.connection_id: ConnectionId = new_connection_id()
        self.charger = charger
        self.version = version
        self.services = services
        self.since = datetime.now(UTC)
        self.commands: Recent[CommandId, CommandResult | None] = Recent(COMMANDS_KEPT, math.inf)
        self.command_turn = asyncio.Lock()
        # What was sent over this connection, for differences (connectors/ocpp/local_list.py).
        self.local_list: HeldList | None = None
        # How many entries it took of a list that was longer.
        self.list_room: int | None = None
        self.display_turn = asyncio.Lock()
        # Messages that may stand on its display: of earlier connections nothing is known.
        self.messages_count = LANGUAGES_MAX
        self.offline_turn = asyncio.Lock()
        self.silent_until_s = -math.inf
        self.report_parts: ReportParts | None = None
        # How many one message may have, by the charger's word (connectors/ocpp/key_reading.py).
        self.keys_at_once: int | None = None
        self.settings_at_once: int | None = None
        self.mode = ModeMemory()
        self._socket = socket
        self._handlers = handlers
        self._on_over = on_over
        self._session = Session(version)
        self._own_calls = OwnCalls(self._session, self)
        self._faults: Buckets[None] = Buckets(FAULTS_BURST, FAULT_EVERY_S, keys_max=1)
        self._tasks: asyncio.TaskGroup | None = None
        self._chores_count = 0
        self._closing = False
        self._clock_told: ClockOffset | None = None

    @property
    def ocpp(self) -> OcppVersion:
        """The version that was negotiated."""
        return self.version.name

    @property
    def open(self) -> bool:
        """Whether an answer could still reach the charger."""
        return not self._closing and self._socket.state is State.OPEN

    @property
    def site(self) -> SiteRecord | None:
        """The charger's site, as it is configured now."""
        return self.services.configuration.sites.get(self.charger.site_id)

    @property
    def enforcing(self) -> bool:
        """Whether anything may be sent to the charger (rule 27)."""
        charger = self.charger
        stage = stage_of(self.services.configuration, charger.charger_id, charger.site_id)
        return stage is Stage.ENFORCE

    @property
    def silent(self) -> bool:
        """Whether a call had no answer lately, and none since: only what is urgent is asked."""
        return asyncio.get_running_loop().time() < self.silent_until_s

    @property
    def screen(self) -> Screen:
        """What the charger can show a driver, as far as it told."""
        now_s = asyncio.get_running_loop().time()
        return self.services.memory.screen_of(self.charger.charger_id, now_s)

    def keep_screen(self, screen: Screen) -> None:
        """Remember what the charger told of its display."""
        now_s = asyncio.get_running_loop().time()
        self.services.memory.shows(self.charger.charger_id, screen, now_s)

    # Life

    async def run(self) -> None:
        """Serve the charger until its connection ends; what was begun is ended first."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await self.report(EventName.CONNECTED)
                await self._read()
            finally:
                self._over()
                await self.report(EventName.DISCONNECTED)

    def close(self, code: int, reason: str) -> None:
        """Begin to close; what was begun is ended without telling the charger."""
        if not self._closing and self._tasks is not None:
            self._closing = True
            self._tasks.create_task(self._socket.close(code, reason))

    def later(self, chore: Callable[[], Coroutine[None, None, None]]) -> bool:
        """Do something beside the calls, as long as the connection is there; whether it will be."""
        if self._tasks is None or not self.open or self._chores_count >= CHORES_MAX:
            return False
        self._chores_count += 1
        self._tasks.create_task(self._chore(chore))
        return True

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Do something of the connection's own beside the calls; it must be open."""
        assert self._tasks is not None
        self._tasks.create_task(work)

    async def _chore(self, chore: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await chore()
        except Exception as fault:
            _say_failed("chore.failed", fault)
        finally:
            self._chores_count -= 1

    def _over(self) -> None:
        self._closing = True
        self._own_calls.end()
        if self.report_parts is not None:
            self.report_parts.end()
        self._on_over(self)

    # Reading

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                text = await self._socket.recv()
                for event in self._session.receive(text, loop.time()):
                    await self._on(event)
        except ConnectionClosed:
            return

    async def _on(self, event: Event) -> None:
        match event:
            case CallReceived():
                await self._begin(event)
            case CallAnswered() | CallFailed():
                self._own_calls.take_result(event)
                await self._own_calls.send_next()
            case Reply():
                self._count_reply(event)
                await self.send(event.text)
                await self._slow_down()
            case Dropped():
                self.count_fault(event.cause)
                await self._slow_down()

    async def _slow_down(self) -> None:
        """Read a flood of faulty frames no faster than it is worth."""
        now_s = asyncio.get_running_loop().time()
        wait_s = self._faults.wait_s(None, now_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self._faults.take(None, asyncio.get_running_loop().time())

    # The charger's calls

    async def _begin(self, received: CallReceived) -> None:
        assert self._tasks is not None
        call = IncomingCall(
            connection=self,
            row=received.row,
            message_id=received.message_id,
            payload=received.payload,
            received_at=datetime.now(UTC),
            received_s=asyncio.get_running_loop().time(),
        )
        self.services.memory.clocks.note(
            self.charger.charger_id,
            call.row.action,
            call.payload,
            self.since,
            call.received_at,
            call.received_s,
        )
        if received.row.kind == "always":
            # Waits for nothing but the socket, so it needs no task.
            await self._run(call)
        else:
            self._tasks.create_task(self._run(call))

    async def _run(self, call: IncomingCall) -> None:
        text, result = await self._handled(call)
        sent = text is not None and await self.send(text)
        metrics = self.services.metrics
        metrics.count(MESSAGES, self.ocpp, call.row.action, result)
        if call.attempt_kind is not None and sent:
            latency_s = asyncio.get_running_loop().time() - call.received_s
            metrics.observe(SOCKET_TO_SOCKET, latency_s, call.attempt_kind)
        if call.after is not None and sent:
            self.later(call.after)

    async def _handled(self, call: IncomingCall) -> tuple[str | None, str]:
        """The frame that answers a call, and one word for how."""
        try:
            response = await self._handlers[call.row.action](call)
            if response is not None:
                return self._session.answer(call.message_id, response), "answered"
        except Exception as fault:
            # One bad message must not end the connection: the charger is told, and so are we.
            _say_failed("call.failed", fault, action=call.row.action)
            text = self._session.fail(call.message_id, "InternalError", "this call failed here")
            return text, "failed"
        self._session.leave_unanswered(call.message_id)
        return None, "unanswered"

    def _count_reply(self, reply: Reply) -> None:
        self.count_fault(reply.cause)
        result = "repeated" if reply.cause is SessionCause.REPEATED else "refused"
        action = reply.action or "unknown"
        self.services.metrics.count(MESSAGES, self.ocpp, action, result)

    def count_fault(self, cause: str) -> None:
        """Count a frame that was dropped or answered with a CALLERROR."""
        self.services.metrics.count(FRAMES_DROPPED, cause)

    async def send(self, text: str) -> bool:
        """Send a frame; whether it went out."""
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            return False
        return True

    async def call(self, request: object) -> CallAnswered | CallFailed:
        """Call the charger and wait for its answer; once the connection has ended it fails at once.

        Raises:
            ChargerBusyError: too many calls wait already.
        """
        answer = await self._own_calls.call(request)
        timed_out = isinstance(answer, CallFailed) and answer.cause is FailureCause.TIMED_OUT
        now_s = asyncio.get_running_loop().time()
        self.silent_until_s = now_s + SILENT_FOR_S if timed_out else -math.inf
        if isinstance(answer, CallFailed) and answer.cause is FailureCause.INVALID_RESULT:
            self.count_fault(answer.cause)
        return answer

    # Events

    def id_of(self, at: datetime, about: str) -> str:
        """The id of what happened on this connection.

        Args:
            about: tells it from others of the same second: a message id, or its name.
        """
        return timed_id(at, self.charger.charger_id, self.connection_id, about)

    def event(
        self,
        name: str,
        at: datetime,
        event_id: str,
        *,
        data: dict[str, Scalar] | None = None,
        token: str | None = None,
        result: CommandResult | None = None,
    ) -> ChargerEvent:
        """A charger event of this connection; `event_id`: see `id_of`."""
        # Its data are what the schema of the message allows, its ids this process's own.
        return ChargerEvent.model_construct(
            event_id=event_id,
            charger_id=self.charger.charger_id,
            site_id=self.charger.site_id,
            ocpp=self.ocpp,
            connection_id=self.connection_id,
            gateway_instance=self.services.instance,
            slot=self.services.slot,
            name=name,
            received_at=at,
            data=data or {},
            token=token,
            result=result,
            clock=self._clock_news(),
        )

    def _clock_news(self) -> ClockOffset | None:
        """The charger's clock, where it is not what the last event of this connection told."""
        clocks, now_s = self.services.memory.clocks, asyncio.get_running_loop().time()
        news = clocks.news(self.charger.charger_id, self._clock_told, now_s)
        self._clock_told = news or self._clock_told
        return news

    async def report(
        self,
        name: str,
        *,
        about: str = "",
        data: dict[str, Scalar] | None = None,
        result: CommandResult | None = None,
    ) -> None:
        """Publish an event of the gateway's own about this connection."""
        at = datetime.now(UTC)
        event = self.event(name, at, self.id_of(at, about or name), data=data, result=result)
        await self.services.publisher.report(event)


def _say_failed(what: str, fault: Exception, **fields: str) -> None:
    """Log a failure by its type and place: its text, and a frame's locals, may hold a payload."""
    places = traceback.extract_tb(fault.__traceback__, limit=-1)
    place = f"{places[0].name}:{places[0].lineno}" if places else ""
    log.error(what, error=type(fault).__name__, place=place, **fields)
