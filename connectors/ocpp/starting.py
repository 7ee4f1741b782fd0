"""Sessions begun from here, by remote start with the reserved token. Only in stage enforce."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

from connectors.ocpp.asking import BUSY, obstacle, request_of, word_of
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.outgoing import ChargerBusyError
from models.assisted import ASSISTED_TAG
from models.charger import ChargerCommand, EventName
from models.schedule import Mode

STARTS = frozenset({"RemoteStartTransaction", "RequestStartTransaction"})
"""As OCPP 1.6 and 2.x call it."""

_TOKEN = {"id_token": ASSISTED_TAG, "type": "Central"}
"""OCPP 2.0.1 part 2, IdTokenEnumType: made by a central system, for remote starts."""


async def run_start(connection: ChargerConnection, command: ChargerCommand) -> None:
    """Begin a session where a command says, and tell what the charger said to it."""
    # The mode is looked up when its turn has come: behind a call without an answer that is 30 s.
    async with connection.command_turn:
        result = await _result(connection, command)
    await connection.report(
        EventName.START_ANSWERED,
        about=f"{EventName.START_ANSWERED} {command.command_id}",
        data={
            "commandId": command.command_id,
            "connector": command.connector,
            "result": result,
        },
    )


async def _result(connection: ChargerConnection, command: ChargerCommand) -> str:
    unsent = obstacle(connection, command)
    if unsent is not None:
        return unsent
    if not _freevend_now(connection):
        # Managed began, or a lock, since it was asked for: nobody may be let in by it.
        return "managed"
    try:
        answer = await connection.call(_request(connection, command))
    except ChargerBusyError:
        return BUSY
    return word_of(answer)


def _freevend_now(connection: ChargerConnection) -> bool:
    configuration = connection.services.configuration
    governing = configuration.governing(connection.charger.charger_id)
    return governing is not None and governing.timeline.mode_at(datetime.now(UTC)) is Mode.FREEVEND


def _request(connection: ChargerConnection, command: ChargerCommand) -> object:
    """The version's own call."""
    request = request_of(connection, STARTS)
    if connection.ocpp == "1.6":
        return request(id_tag=ASSISTED_TAG, connector_id=command.connector)
    # Any number does, as long as it is another one for another start (remoteStartId).
    number = zlib.crc32(command.command_id.encode()) & 0x7FFF_FFFF
    return request(id_token=_TOKEN, remote_start_id=number, evse_id=command.connector)
