"""A read-back on a connection, and what a connection knows of its charger's mode (rule 16)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.ocpp.connection import SILENT_FOR_S, ChargerConnection
from models.attempt import ModeKnown
from models.charger import CommandKind, Scalar
from models.ids import CommandId
from models.schedule import Mode
from models.site import Stage
from tests.connectors.ocpp.calls import Stand, running, until
from tests.connectors.ocpp.chargers import site_record
from tests.connectors.ocpp.test_commands import (
    answer,
    command,
    desk,
    read_result,
    result_of,
    set_result,
    tuned,
)
from tests.connectors.ocpp.test_presenting import CARD, NO_AUTHORIZATION, event201
from tests.connectors.ocpp.test_probing import variable


@pytest.fixture
def stand() -> Stand:
    return Stand()


def take(stand: Stand, connection: ChargerConnection, **fields: Any) -> None:
    row = {"kind": CommandKind.READ_BACK, "command_id": CommandId("r1")} | fields
    desk(stand).take(command(connection, **row))


async def told(stand: Stand) -> dict[str, Scalar]:
    await until(lambda: len(stand.events.named("ReadBack")) == 1)
    return dict(stand.events.named("ReadBack")[0].data)


async def test_rule_16_the_mode_is_asked_for_in_each_spelling_and_nothing_is_set(
    stand: Stand,
) -> None:
    async with running(stand) as (connection, wire):
        take(stand, connection)
        frames = [
            await answer(wire, 0, variable("AuthCtrlr.Enabled", "UnknownVariable")),
            await answer(wire, 1, variable("AuthCtrl.Enabled", "Accepted", "false")),
        ]
        assert await told(stand) == {"commandId": "r1", "status": "Accepted", "mode": "freevend"}
        assert connection.mode.known == ModeKnown(observed=Mode.FREEVEND)
        # Asked again by the same id nothing happens.
        take(stand, connection)
        assert len(wire.sent) == 2
    assert [frame[2] for frame in frames] == ["GetVariables", "GetVariables"]


async def test_finding_9_a_charger_that_tells_one_key_at_a_time_is_asked_so(stand: Stand) -> None:
    async with running(stand, "1.6") as (connection, wire):
        take(stand, connection, profile="microocpp")
        await until(lambda: len(wire.sent) == 1)
        wire.receive(4, wire.sent[0][1], "OccurenceConstraintViolation", "too many", {})
        mode = {"key": "Cst_FreeVendActive", "readonly": False, "value": "false"}
        await answer(wire, 1, {"configurationKey": [mode]})
        await answer(wire, 2, {"unknownKey": ["Cst_FreeVendIdTag"]})
        assert (await told(stand))["mode"] == "managed"


async def test_a_charger_that_tells_no_mode_is_unknown(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        take(stand, connection)
        await until(lambda: len(wire.sent) == 1)
        wire.receive(4, wire.sent[0][1], "InternalError", "no", {})
        await answer(wire, 1, variable("AuthCtrl.Enabled", "Accepted", "maybe"))
        await answer(wire, 2, variable("AuthCtrlr.Enabled", "NotSupportedAttributeType"))
        assert await told(stand) == {"commandId": "r1", "status": "unknown"}
        assert connection.mode.known is None


async def test_rule_27_nothing_is_asked_outside_enforce() -> None:
    stand = Stand(site=site_record(stage=Stage.SHADOW))
    async with running(stand) as (connection, wire):
        take(stand, connection)
        assert (await told(stand))["status"] == "stage"
        assert wire.sent == []


async def test_a_late_read_back_asks_nothing(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        take(stand, connection, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        assert (await told(stand))["status"] == "expired"
        assert wire.sent == []


async def test_a_silent_charger_is_not_asked(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        connection.silent_until_s = math.inf
        take(stand, connection)
        assert (await told(stand))["status"] == "timed_out"
        assert wire.sent == []


async def test_a_charger_that_left_a_call_unanswered_is_asked_again_after_five_minutes(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.ocpp.outgoing.CALL_TIMEOUT_S", 0.01)
    async with running(stand) as (connection, wire):
        take(stand, connection)
        assert (await told(stand))["status"] == "unknown"
        assert connection.silent
        connection.silent_until_s -= SILENT_FOR_S
        assert not connection.silent
        assert len(wire.sent) == 1


# What is known of the mode.


async def test_rule_16_an_attempt_tells_what_its_gateway_knows_of_the_mode(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        await stand.handle(connection, "Authorize", {"idToken": event201()["idToken"]})
        desk(stand).take(command(connection))
        await answer(wire, 0, set_result("Accepted"))
        await stand.handle(connection, "Authorize", {"idToken": event201()["idToken"]})
        await answer(wire, 1, {"status": "Accepted"})
        await answer(wire, 2, tuned("Accepted"))
        await answer(wire, 3, read_result("true"))
        await result_of(stand)
        await stand.handle(connection, "TransactionEvent", event201())
    known = [case.attempt.mode for case in stand.desk.cases]
    assert known == [
        None,
        ModeKnown(switching=True),
        ModeKnown(commanded=Mode.MANAGED, observed=Mode.MANAGED),
    ]


async def test_a_replay_is_told_without_it_for_it_is_of_another_time(stand: Stand) -> None:
    connection = stand.connection("2.0.1")
    connection.mode.read_back(Mode.MANAGED)
    await stand.handle(connection, "TransactionEvent", event201(offline=True))
    assert stand.desk.cases[-1].attempt.mode is None


async def test_finding_4_a_freevend_start_weighs_more_than_what_is_read_back(stand: Stand) -> None:
    connection = stand.connection("2.0.1")
    started = event201(idToken=NO_AUTHORIZATION)
    await stand.handle(connection, "TransactionEvent", started)
    connection.mode.read_back(Mode.MANAGED)
    card = {"idToken": {"idToken": CARD, "type": "ISO14443"}}
    await stand.handle(connection, "Authorize", card)
    assert stand.desk.cases[-1].attempt.mode == ModeKnown(observed=Mode.FREEVEND)


async def test_finding_9_after_a_boot_nothing_is_known(stand: Stand) -> None:
    connection = stand.connection("2.0.1")
    connection.mode.read_back(Mode.MANAGED)
    station = {"model": "M", "vendorName": "V"}
    await stand.handle(
        connection, "BootNotification", {"reason": "PowerUp", "chargingStation": station}
    )
    assert connection.mode.known is None
    connection.mode.switch_begins()
    connection.mode.forget()
    assert connection.mode.known == ModeKnown(switching=True)
