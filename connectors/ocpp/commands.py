"""Commands on a connection: switch, reset, start, stop, probe, read-back, close: in enforce."""

from __future__ import annotations

import asyncio
from functools import partial

from connectors.ocpp.asking import BUSY
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.displays import announce
from connectors.ocpp.offline import set_offline
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.probing import probe
from connectors.ocpp.reading_back import read_back
from connectors.ocpp.registry import CLOSE_REPLACED, Registry
from connectors.ocpp.starting import run_start
from connectors.ocpp.stopping import run_stop
from connectors.ocpp.switching import Switched, run_reset, run_switch
from connectors.telemetry.metrics import Metrics
from models.charger import (
    ChargerCommand,
    CommandKind,
    CommandResult,
    CommandStatus,
    EventName,
)
from models.ids import ConnectionId
from models.metrics import COMMANDS_RUN
from models.turns import SWITCHES_PER_S, URGENCY, Turns

RUNS = {CommandKind.SWITCH: run_switch, CommandKind.RESET: run_reset}
"""Commands that a charger is asked to carry out; each has a result."""

ONCE = {
    CommandKind.START: run_start,
    CommandKind.STOP: run_stop,
    CommandKind.READ_BACK: read_back,
    CommandKind.OFFLINE: set_offline,
    CommandKind.ANNOUNCE: announce,
}
"""Commands that are run once, and whose end is told by an event of theirs or of the charger's."""

TURN_EVERY_S = 0.02
"""How finely waiting commands are spread: a wake-up for each of a thousand a second costs more."""


class CommandDesk:
    """Runs the worker's commands for the connections that are held here; ignores all others.

    Args:
        switches_per_s: so many switches and resets are begun in a second at most, those towards
            managed first. Workers keep to it as well, so that few wait here.
    """

    def __init__(
        self,
        connections: Registry[ChargerConnection],
        metrics: Metrics,
        switches_per_s: float = SWITCHES_PER_S,
    ) -> None:
        self._connections = connections
        self._metrics = metrics
        self._turns: Turns[ConnectionId] = Turns(switches_per_s)
        self._waiting: dict[ConnectionId, ChargerCommand] = {}
        self._timer: asyncio.TimerHandle | None = None

    def take(self, command: ChargerCommand) -> None:
        """Begin a command. An id is run once per connection; a repeat gives its result again."""
        connection = self._connections.by_id(command.connection_id)
        if connection is None:
            return
        if command.kind == CommandKind.CLOSE:
            connection.close(CLOSE_REPLACED, "replaced by a connection to another gateway")
        elif command.kind == CommandKind.PROBE:
            connection.later(partial(probe, connection, command))
        elif command.kind in ONCE:
            self._take_once(connection, command)
        elif command.kind in RUNS:
            self._take_work(connection, command)

    def _take_once(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        """Beside switches: what came of it is an event of its own."""
        known = command.command_id in connection.commands
        run = ONCE[CommandKind(command.kind)]
        if not known and connection.later(partial(run, connection, command)):
            now_s = asyncio.get_running_loop().time()
            connection.commands.put(command.command_id, None, now_s)

    def _take_work(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        now_s = asyncio.get_running_loop().time()
        known = connection.commands.get(command.command_id, now_s)
        if known is not None:
            connection.later(partial(_tell, connection, known))
        elif command.command_id not in connection.commands:
            if self._turns.ask(connection.connection_id, URGENCY[command.mode], now_s):
                self._begin(connection, command)
            else:
                # The newest of a connection: the worker has moved on from an older one.
                self._waiting[connection.connection_id] = command
                self._arm()

    def _begin(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        if connection.later(partial(self._run, connection, command)):
            now_s = asyncio.get_running_loop().time()
            connection.commands.put(command.command_id, None, now_s)

    def _arm(self) -> None:
        """Be woken for the next turn, while anybody waits."""
        loop = asyncio.get_running_loop()
        wait_s = self._turns.wait_s(loop.time())
        if self._timer is None and wait_s is not None:
            self._timer = loop.call_later(max(wait_s, TURN_EVERY_S), self._take_turns)

    def _take_turns(self) -> None:
        self._timer = None
        for connection_id in self._turns.due(asyncio.get_running_loop().time()):
            command = self._waiting.pop(connection_id, None)
            connection = self._connections.by_id(connection_id)
            if command is not None and connection is not None:
                self._begin(connection, command)
        self._arm()

    async def _run(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        # One after the other: two switches at once would read back each other's settings.
        async with connection.command_turn:
            if command.kind == CommandKind.SWITCH:
                connection.mode.switch_begins()
            try:
                switched = await RUNS[CommandKind(command.kind)](connection, command)
            except ChargerBusyError:
                switched = Switched(CommandStatus.FAILED, None, BUSY)
            if command.kind == CommandKind.SWITCH:
                connection.mode.switch_ended(switched.status, command.mode, switched.observed)
        now_s = asyncio.get_running_loop().time()
        if switched.tag is not None:
            charger_id = connection.charger.charger_id
            connection.services.memory.read_back(charger_id, switched.tag, now_s)
        result = CommandResult(
            command_id=command.command_id,
            status=switched.status,
            mode=command.mode,
            observed=switched.observed,
            detail=switched.detail,
            stored=switched.stored,
            refused=switched.refused,
        )
        connection.commands.put(command.command_id, result, now_s)
        self._metrics.count(COMMANDS_RUN, command.site_id, command.mode, switched.status)
        await _tell(connection, result)


async def _tell(connection: ChargerConnection, result: CommandResult) -> None:
    await connection.report(
        EventName.COMMAND_RESULT,
        about=f"{EventName.COMMAND_RESULT} {result.command_id}",
        result=result,
    )
