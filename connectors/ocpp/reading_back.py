"""A read-back on one connection: the mode that the charger has now, as one event (rule 16)."""

from __future__ import annotations

import asyncio

from connectors.ocpp.asking import BUSY, unasked
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.session import CallFailed, FailureCause
from connectors.ocpp.switching import read_keys
from models.charger import ChargerCommand, EventName, Scalar
from models.profiles import profile_named, read_back_mode, read_back_tag
from models.read_backs import read_back_calls
from models.schedule import Mode


async def read_back(connection: ChargerConnection, command: ChargerCommand) -> None:
    """Ask a charger for its mode and tell what it said; never a value, which may be a tag."""
    async with connection.command_turn:
        found = await _found(connection, command)
    await connection.report(
        EventName.READ_BACK,
        about=f"{EventName.READ_BACK} {command.command_id}",
        data={"commandId": command.command_id, **found},
    )


async def _found(connection: ChargerConnection, command: ChargerCommand) -> dict[str, Scalar]:
    unsent = unasked(connection, command)
    if unsent is not None:
        return {"status": unsent}
    try:
        mode = await _mode(connection, command)
    except ChargerBusyError:
        return {"status": BUSY}
    if mode is None:
        return {"status": "unknown"}
    connection.mode.read_back(mode)
    return {"status": "Accepted", "mode": mode}


async def _mode(connection: ChargerConnection, command: ChargerCommand) -> Mode | None:
    """The mode under the first spelling that tells it; raises as `read_keys`."""
    profile = profile_named(command.profile)
    for call in read_back_calls(connection.ocpp, profile):
        answer = await read_keys(connection, call)
        if isinstance(answer, CallFailed):
            if answer.cause is FailureCause.CALL_ERROR:
                continue
            return None
        tag = read_back_tag(connection.ocpp, profile, answer.payload)
        if tag is not None:
            now_s = asyncio.get_running_loop().time()
            charger_id = connection.charger.charger_id
            connection.services.memory.read_back(charger_id, tag, now_s)
        mode = read_back_mode(connection.ocpp, profile, answer.payload)
        if mode is not None:
            return mode
    return None
