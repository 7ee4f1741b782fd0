"""A 1.6 charger that charges in spite of Invalid is stopped (rule 25's table, finding 1)."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.wire import wire_time
from models.site import Stage
from tests.connectors.ocpp.calls import NOW, Stand, Wire, running, until
from tests.connectors.ocpp.chargers import site_record

FREEVEND_TAG = "YARDISOPEN"


@pytest.fixture
def stand() -> Stand:
    refusing = Stand(site=site_record(freevend_tag=FREEVEND_TAG))
    refusing.desk.status, refusing.desk.stop = "Invalid", True
    return refusing


async def start(stand: Stand, connection: ChargerConnection, meter: int = 0) -> int:
    """Start a session; the id that the transaction was given."""
    payload = {"connectorId": 1, "idTag": FREEVEND_TAG, "meterStart": meter}
    payload["timestamp"] = wire_time(NOW)
    response, call = await stand.handle(connection, "StartTransaction", payload)
    assert call.after is None
    return int(response.transaction_id)


async def stops(stand: Stand, connection: ChargerConnection, action: str, **payload: Any) -> bool:
    """Whether a message makes the gateway stop the session."""
    _, call = await stand.handle(connection, action, {"connectorId": 1} | payload)
    return call.after is not None


def status(value: str, connector: int = 1) -> dict[str, Any]:
    return {"connectorId": connector, "status": value, "errorCode": "NoError"}


async def test_every_sign_of_energy_is_answered_by_a_remote_stop(stand: Stand) -> None:
    connection = stand.connection("1.6")
    transaction_id = await start(stand, connection)
    values = {"transactionId": transaction_id, "meterValue": []}
    assert await stops(stand, connection, "MeterValues", **values)
    assert await stops(stand, connection, "StatusNotification", **status("Charging"))
    assert await stops(stand, connection, "StatusNotification", **status("Charging"))


async def test_what_is_no_sign_of_energy_stops_nothing(stand: Stand) -> None:
    connection = stand.connection("1.6")
    await start(stand, connection)
    for value in ("Preparing", "SuspendedEVSE", "Finishing", "Faulted"):
        assert not await stops(stand, connection, "StatusNotification", **status(value))
    other = status("Charging", connector=2)
    assert not await stops(stand, connection, "StatusNotification", **other)
    assert not await stops(stand, connection, "MeterValues", meterValue=[])
    assert not await stops(stand, connection, "MeterValues", transactionId=7, meterValue=[])


async def test_a_refusal_is_over_with_the_next_session_or_when_the_vehicle_goes(
    stand: Stand,
) -> None:
    connection = stand.connection("1.6")
    await start(stand, connection)
    stand.desk.status, stand.desk.stop = "Accepted", False
    await start(stand, connection, meter=5)
    assert not await stops(stand, connection, "StatusNotification", **status("Charging"))
    stand.desk.stop = True
    await start(stand, connection, meter=9)
    await stops(stand, connection, "StatusNotification", **status("Available"))
    assert not await stops(stand, connection, "StatusNotification", **status("Charging"))


async def charge_on(stand: Stand) -> Wire:
    """Charge in spite of Invalid; the wire as it was left."""
    async with running(stand, "1.6") as (connection, wire):
        wire.receive(2, "1", "StartTransaction", START)
        await until(lambda: wire.sent)
        wire.receive(2, "2", "StatusNotification", status("Charging"))
        wire.receive(2, "3", "Heartbeat", {})
        await until(lambda: len(wire.sent) >= 3)
        assert connection.open
    return wire


START = {"connectorId": 1, "idTag": FREEVEND_TAG, "meterStart": 0, "timestamp": wire_time(NOW)}


async def test_the_stop_names_the_transaction_that_the_start_was_given(stand: Stand) -> None:
    wire = await charge_on(stand)
    given = next(frame[2]["transactionId"] for frame in wire.sent if frame[1] == "1")
    (stop,) = (frame for frame in wire.sent if frame[0] == 2)
    assert stop[2:] == ["RemoteStopTransaction", {"transactionId": given}]
    (told,) = stand.events.named("SessionStopped")
    assert told.data == {"transactionId": given, "cause": "freevend tag", "result": "closed"}


@pytest.mark.parametrize("stage", [Stage.SHADOW, Stage.OFF])
async def test_rule_27_nothing_is_stopped_outside_of_enforce(stage: Stage) -> None:
    stand = Stand(site=site_record(stage=stage, freevend_tag=FREEVEND_TAG))
    stand.desk.stop = True
    wire = await charge_on(stand)
    assert [frame[0] for frame in wire.sent] == [3, 3, 3]
    assert stand.events.named("SessionStopped") == []
