"""Commands on a connection: switch, reset, stop a session, close. Only in stage enforce."""

from __future__ import annotations

import asyncio
from functools import partial

from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.registry import CLOSE_REPLACED, Registry
from connectors.ocpp.session import CallAnswered, CallFailed
from connectors.ocpp.switching import Switched, run_reset, run_switch
from connectors.telemetry.metrics import Metrics
from models.charger import (
    ChargerCommand,
    CommandKind,
    CommandResult,
    CommandStatus,
    EventName,
)
from models.metrics import COMMANDS_RUN

RUNS = {CommandKind.SWITCH: run_switch, CommandKind.RESET: run_reset}
"""Commands that a charger is asked to carry out; each has a result."""


class CommandDesk:
    """Runs the worker's commands for the connections that are held here; ignores all others."""

    def __init__(self, connections: Registry[ChargerConnection], metrics: Metrics) -> None:
        self._connections = connections
        self._metrics = metrics

    def take(self, command: ChargerCommand) -> None:
        """Begin a command. An id is run once per connection; a repeat gives its result again."""
        connection = self._connections.by_id(command.connection_id)
        if connection is None:
            return
        if command.kind == CommandKind.CLOSE:
            connection.close(CLOSE_REPLACED, "replaced by a connection to another gateway")
        elif command.kind in RUNS:
            self._take_work(connection, command)

    def _take_work(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        now_s = asyncio.get_running_loop().time()
        known = connection.commands.get(command.command_id, now_s)
        if known is not None:
            connection.later(partial(_tell, connection, known))
        elif command.command_id not in connection.commands:
            begun = connection.later(partial(self._run, connection, command))
            if begun:
                connection.commands.put(command.command_id, None, now_s)

    async def _run(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        # One after the other: two switches at once would read back each other's settings.
        async with connection.command_turn:
            try:
                switched = await RUNS[CommandKind(command.kind)](connection, command)
            except ChargerBusyError:
                switched = Switched(CommandStatus.FAILED, None, "busy")
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


async def stop_session(connection: ChargerConnection, request: object, cause: str) -> None:
    """End a session from here, and tell how that went.

    Args:
        request: RemoteStopTransaction or RequestStopTransaction.
        cause: a reason of the reason table, or a few words.
    """
    if not connection.enforcing:
        return
    try:
        answer = await connection.call(request)
    except ChargerBusyError:
        result = "busy"
    else:
        result = _stop_result(answer)
    transaction_id = getattr(request, "transaction_id", None)
    await connection.report(
        EventName.SESSION_STOPPED,
        about=f"{EventName.SESSION_STOPPED} {transaction_id}",
        data={"transactionId": transaction_id, "cause": cause, "result": result},
    )


def _stop_result(answer: CallAnswered | CallFailed) -> str:
    if isinstance(answer, CallFailed):
        return answer.code or str(answer.cause)
    return str(answer.payload.get("status", ""))
