"""Commands on a connection: switch and read back, stop a session, close. Only in stage enforce."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from ocpp.charge_point import camel_to_snake_case

from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.registry import CLOSE_REPLACED, Registry
from connectors.ocpp.session import CallAnswered, CallFailed, FailureCause
from connectors.telemetry.metrics import Metrics
from models.charger import (
    ChargerCommand,
    CommandKind,
    CommandResult,
    CommandStatus,
    EventName,
)
from models.metrics import COMMANDS_RUN
from models.profiles import (
    Profile,
    Setting,
    WireCall,
    profile_named,
    read_back_mode,
    read_back_tag,
    set_status,
    setting,
    spellings,
    switch_calls,
)
from models.schedule import Mode


class Switched(NamedTuple):
    """How a switch ended.

    Attributes:
        observed: the mode that was read back, None when it could not be, or is not in force yet.
        detail: OCPP status or CALLERROR code of the step that decided; never a value.
        tag: the freevend tag that was read back.
    """

    status: CommandStatus
    observed: Mode | None
    detail: str
    tag: str | None = None


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
        elif command.kind == CommandKind.SWITCH:
            self._take_switch(connection, command)

    def _take_switch(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        now_s = asyncio.get_running_loop().time()
        known = connection.commands.get(command.command_id, now_s)
        if known is not None:
            connection.later(partial(_tell, connection, known))
        elif command.command_id not in connection.commands:
            begun = connection.later(partial(self._switch, connection, command))
            if begun:
                connection.commands.put(command.command_id, None, now_s)

    async def _switch(self, connection: ChargerConnection, command: ChargerCommand) -> None:
        # One after the other: two switches at once would read back each other's settings.
        async with connection.command_turn:
            try:
                switched = await run_switch(connection, command)
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


async def run_switch(connection: ChargerConnection, command: ChargerCommand) -> Switched:
    """Switch a charger to a mode and read it back; every spelling of its profile is tried."""
    if datetime.now(UTC) >= command.expires_at:
        return Switched(CommandStatus.EXPIRED, None, "expired")
    if not connection.enforcing:
        return Switched(CommandStatus.REJECTED, None, "stage")
    profile = profile_named(command.profile)
    names = spellings(connection.ocpp, profile)
    switched = Switched(CommandStatus.REJECTED, None, "not switchable")
    for alias in range(len(names)):
        switched, other_name = await _switch_by(connection, command, profile, alias)
        if not other_name:
            break
    return switched


async def _switch_by(
    connection: ChargerConnection, command: ChargerCommand, profile: Profile, alias: int
) -> tuple[Switched, bool]:
    """Switch with one spelling; and whether another one should be tried."""
    site = connection.site
    tag = site.freevend_tag if site else None
    been_set = _Set(CommandStatus.DONE, "", Setting.DONE)
    switched = Switched(been_set.status, None, been_set.detail)
    for step in switch_calls(connection.ocpp, profile, command.mode, tag=tag, alias=alias):
        answer = await _call(connection, step)
        if step.purpose == "set":
            been_set = _set_result(connection, answer)
            unknown_name = been_set.meaning is Setting.NOT_SUPPORTED
            if isinstance(answer, CallFailed) or unknown_name:
                return Switched(been_set.status, None, been_set.detail), unknown_name
        elif step.purpose == "read_back":
            switched = _read_back(connection, profile, been_set, answer)
    return switched, False


class _Set(NamedTuple):
    """How the call ended that sets the mode, and what its answer means."""

    status: CommandStatus
    detail: str
    meaning: Setting


def _set_result(connection: ChargerConnection, answer: CallAnswered | CallFailed) -> _Set:
    if isinstance(answer, CallFailed):
        timed_out = answer.cause is FailureCause.TIMED_OUT
        status = CommandStatus.TIMED_OUT if timed_out else CommandStatus.FAILED
        return _Set(status, answer.code or answer.cause, Setting.REJECTED)
    told = set_status(connection.ocpp, answer.payload)
    meaning = setting(told)
    done = meaning in {Setting.DONE, Setting.REBOOT_REQUIRED}
    return _Set(CommandStatus.DONE if done else CommandStatus.REJECTED, told, meaning)


def _read_back(
    connection: ChargerConnection,
    profile: Profile,
    been_set: _Set,
    answer: CallAnswered | CallFailed,
) -> Switched:
    if isinstance(answer, CallFailed):
        return Switched(been_set.status, None, been_set.detail)
    observed = read_back_mode(connection.ocpp, profile, answer.payload)
    if been_set.meaning is Setting.REBOOT_REQUIRED:
        # What is read back is stored, and not in force before the reboot.
        observed = None
    tag = read_back_tag(connection.ocpp, profile, answer.payload)
    return Switched(been_set.status, observed, been_set.detail, tag)


async def _call(connection: ChargerConnection, step: WireCall) -> CallAnswered | CallFailed:
    return await connection.call(_request(connection, step.action, step.payload))


def _request(connection: ChargerConnection, action: str, payload: Mapping[str, Any]) -> object:
    """The `ocpp` package's dataclass for a payload in the wire's spelling."""
    calls = connection.version.calls
    request = next(request for request, own in calls.items() if own.action == action)
    return request(**camel_to_snake_case(dict(payload)))


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
