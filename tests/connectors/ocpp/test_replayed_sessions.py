"""Of the sessions that are told of later only those that still run are stopped (rule 15)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.ocpp.wire import wire_time
from tests.connectors.ocpp.calls import NOW, Stand

SINCE = NOW - timedelta(minutes=2)
BEFORE = SINCE - timedelta(hours=3)
NO_TOKEN = {"idToken": "", "type": "NoAuthorization"}
VERSIONS_2 = pytest.mark.parametrize("ocpp", ["2.0.1", "2.1"])


@pytest.fixture
def stand() -> Stand:
    """A gateway where every start is one of a freevend tag in a managed hour."""
    stand = Stand()
    stand.desk.stop = True
    return stand


def event(kind: str, at: Any = BEFORE, **fields: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": wire_time(at),
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "T1"},
    } | fields


OFFLINE = {"offline": True}


@VERSIONS_2
async def test_rule_15_a_replayed_session_that_still_runs_is_stopped(
    stand: Stand, ocpp: Any
) -> None:
    connection = stand.connection(ocpp, since=SINCE)

    async def tell(payload: dict[str, Any]) -> bool:
        _, call = await stand.handle(connection, "TransactionEvent", payload)
        return call.after is not None

    assert not await tell(event("Started", idToken=NO_TOKEN, **OFFLINE))
    assert not await tell(event("Updated", **OFFLINE))
    assert await tell(event("Updated", NOW))
    # The stop itself may fail: each sign of life asks again.
    assert await tell(event("Updated", NOW))
    assert not await tell(event("Ended", NOW))
    assert not await tell(event("Updated", NOW))


@VERSIONS_2
async def test_rule_15_a_replayed_session_that_has_ended_is_not_stopped(
    stand: Stand, ocpp: Any
) -> None:
    connection = stand.connection(ocpp, since=SINCE)
    for payload in (
        event("Started", idToken=NO_TOKEN, **OFFLINE),
        event("Ended", **OFFLINE),
        event("Updated", NOW, transactionInfo={"transactionId": "T2"}),
    ):
        _, call = await stand.handle(connection, "TransactionEvent", payload)
        assert call.after is None


def start16() -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "FREEVEND", "meterStart": 5, "timestamp": wire_time(BEFORE)}


def values16(transaction_id: int, at: Any) -> dict[str, Any]:
    value = {"timestamp": wire_time(at), "sampledValue": [{"value": "7"}]}
    return {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}


async def test_rule_15_replayed_meter_values_are_no_sign_of_a_running_session_in_16(
    stand: Stand,
) -> None:
    connection = stand.connection("1.6", since=SINCE)
    response, _ = await stand.handle(connection, "StartTransaction", start16())
    transaction_id = response.transaction_id
    _, replayed = await stand.handle(connection, "MeterValues", values16(transaction_id, BEFORE))
    assert replayed.after is None
    _, live = await stand.handle(connection, "MeterValues", values16(transaction_id, NOW))
    assert live.after is not None


async def test_rule_15_a_replayed_session_that_has_ended_is_not_stopped_in_16(
    stand: Stand,
) -> None:
    connection = stand.connection("1.6", since=SINCE)
    response, _ = await stand.handle(connection, "StartTransaction", start16())
    stop = {
        "transactionId": response.transaction_id,
        "meterStop": 9,
        "timestamp": wire_time(BEFORE + timedelta(hours=1)),
    }
    await stand.handle(connection, "StopTransaction", stop)
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
    _, call = await stand.handle(connection, "StatusNotification", status)
    assert call.after is None
