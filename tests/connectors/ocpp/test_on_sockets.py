"""What chargers send over a real socket besides attempts, and in a form of their own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from connectors.ocpp.table import Version
from models.reasons import OcppVersion
from models.site import ChargerRecord
from tests.connectors.ocpp.calls import Stand, Wire, until
from tests.connectors.ocpp.doors import dial, open_door

AT = "2026-07-14T12:00:00Z"

STATUS: dict[str, dict[str, Any]] = {
    "1.6": {"connectorId": 1.0, "errorCode": "NoError", "status": "Preparing"},
    "2.0.1": {
        "timestamp": AT,
        "connectorStatus": "Occupied",
        "evseId": 1.0,
        "connectorId": 1e0,
    },
}
START: dict[str, dict[str, Any]] = {
    "1.6": {"connectorId": 1.0, "idTag": "04A1B2C3", "meterStart": 1200.0, "timestamp": AT},
    "2.0.1": {
        "eventType": "Started",
        "timestamp": AT,
        "triggerReason": "Authorized",
        "seqNo": 0.0,
        "evse": {"id": 1.0},
        "idToken": {"idToken": "04A1B2C3", "type": "ISO14443"},
        "transactionInfo": {"transactionId": "tx-1"},
    },
}
STATUS["2.1"], START["2.1"] = STATUS["2.0.1"], START["2.0.1"]


@asynccontextmanager
async def _connected(stand: Stand, ocpp: OcppVersion) -> AsyncIterator[ClientConnection]:
    async def serve(socket: ServerConnection, _: ChargerRecord, version: Version) -> None:
        await stand.connection(version.name, cast("Wire", socket)).run()

    async with open_door(stand.charger, on_connected=serve) as door:
        charger_id = str(stand.charger.charger_id)
        socket = await dial(door, charger_id, subprotocols=(f"ocpp{ocpp}",))
        yield socket
        await socket.close()


async def _ask(socket: ClientConnection, action: str, payload: dict[str, Any]) -> list[Any]:
    await socket.send(json.dumps([2, action, action, payload]))
    answer: list[Any] = json.loads(await socket.recv())
    return answer


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1", "2.1"])
async def test_a_charger_that_writes_whole_numbers_with_a_fraction_is_understood(
    ocpp: OcppVersion,
) -> None:
    stand = Stand()
    async with _connected(stand, ocpp) as socket:
        assert await _ask(socket, "StatusNotification", STATUS[ocpp]) == [
            3,
            "StatusNotification",
            {},
        ]
        start = "StartTransaction" if ocpp == "1.6" else "TransactionEvent"
        kind, _, answer = await _ask(socket, start, START[ocpp])
        info = answer["idTagInfo" if ocpp == "1.6" else "idTokenInfo"]
        assert (kind, info["status"]) == (3, "Accepted")
    (status,) = stand.events.named("StatusNotification")
    assert status.whole("evseId", "connectorId") == 1
    assert [case.attempt.connector for case in stand.desk.cases] == [1]


SECURITY_16: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("SecurityEventNotification", {"type": "TamperDetectionActivated", "timestamp": AT}, {}),
    ("LogStatusNotification", {"status": "Uploaded", "requestId": 3}, {}),
    ("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 3}, {}),
    ("SignCertificate", {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}, {"status": "Rejected"}),
    ("DataTransfer", {"vendorId": "any.maker"}, {"status": "UnknownVendorId"}),
)


async def test_messages_of_the_security_extension_of_1_6_and_of_vendors_are_answered() -> None:
    stand = Stand()
    async with _connected(stand, "1.6") as socket:
        for action, payload, answer in SECURITY_16:
            assert await _ask(socket, action, payload) == [3, action, answer]
            await until(lambda action=action: stand.events.named(action))  # type: ignore[misc]
