"""Commands on a connection: run once, in turn, reported always, and only in stage enforce."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp.v201 import call as call201

from connectors.ocpp.commands import CommandDesk
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.session import WAITING_MAX, CallFailed
from connectors.ocpp.stopping import run_stop
from models.charger import ChargerCommand, CommandKind, CommandResult, CommandStatus
from models.ids import CommandId, ConnectionId, Slot
from models.profiles import STANDARD, spellings
from models.reasons import OcppVersion
from models.schedule import Mode
from models.site import Stage
from models.tuning import TUNED_2X
from tests.connectors.ocpp.calls import Stand, Wire, running, until
from tests.connectors.ocpp.chargers import site_record


@pytest.fixture
def stand() -> Stand:
    return Stand()


def command(
    connection: ChargerConnection, mode: Mode = Mode.MANAGED, **fields: Any
) -> ChargerCommand:
    now = datetime.now(UTC)
    row: dict[str, Any] = {
        "command_id": CommandId("c1"),
        "kind": CommandKind.SWITCH,
        "charger_id": connection.charger.charger_id,
        "site_id": connection.charger.site_id,
        "connection_id": connection.connection_id,
        "slot": Slot(3),
        "ocpp": connection.ocpp,
        "mode": mode,
        "profile": "standard",
        "sent_at": now,
        "expires_at": now + timedelta(seconds=60),
    }
    return ChargerCommand(**row | fields)


def results(stand: Stand) -> list[CommandResult]:
    told = [event.result for event in stand.events.named("CommandResult")]
    return [result for result in told if result is not None]


async def result_of(stand: Stand, count: int = 1) -> CommandResult:
    await until(lambda: len(results(stand)) == count)
    return results(stand)[-1]


def desk(stand: Stand) -> CommandDesk:
    return CommandDesk(stand.registry, stand.metrics)


async def answer(wire: Wire, place: int, payload: dict[str, Any]) -> list[Any]:
    """Answer the call that was sent at that place; it as it was sent."""
    await until(lambda: len(wire.sent) > place)
    sent: list[Any] = wire.sent[place]
    wire.receive(3, sent[1], payload)
    return sent


NAMED = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}


def set_result(status: str) -> dict[str, Any]:
    return {"setVariableResult": [NAMED | {"attributeStatus": status}]}


def tuned(*statuses: str) -> dict[str, Any]:
    return {"setVariableResult": [NAMED | {"attributeStatus": status} for status in statuses]}


def read_result(value: str) -> dict[str, Any]:
    row = NAMED | {"attributeStatus": "Accepted", "attributeValue": value}
    return {"getVariableResult": [row]}


async def test_a_switch_is_set_then_the_cache_cleared_then_read_back(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection))
        sent = [
            await answer(wire, 0, set_result("Accepted")),
            await answer(wire, 1, {"status": "Rejected"}),
            await answer(wire, 2, tuned("Accepted", "UnknownVariable", "Accepted", "Rejected")),
            await answer(wire, 3, read_result("true")),
        ]
        result = await result_of(stand)
    actions = ["SetVariables", "ClearCache", "SetVariables", "GetVariables"]
    assert [frame[2] for frame in sent] == actions
    assert (result.status, result.observed, result.detail) == ("done", Mode.MANAGED, "Accepted")
    # What it does not have, or did not answer, is noted and fails nothing.
    names = list(TUNED_2X)
    assert result.refused == (names[1], *names[3:])


async def test_a_charger_that_takes_one_variable_at_a_time_gets_one_at_a_time(
    stand: Stand,
) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection))
        await answer(wire, 0, set_result("Accepted"))
        await answer(wire, 1, {"status": "Accepted"})
        await until(lambda: len(wire.sent) > 2)
        wire.receive(4, wire.sent[2][1], "OccurrenceConstraintViolation", "too many", {})
        statuses = ("Accepted", "Rejected", "Accepted", "Accepted")
        for place, status in enumerate(statuses, 3):
            await answer(wire, place, tuned(status))
        await until(lambda: len(wire.sent) > 7)
        wire.receive(4, wire.sent[7][1], "InternalError", "no", {})
        await answer(wire, 8, read_result("true"))
        result = await result_of(stand)
    asked = [frame[3]["setVariableData"] for frame in wire.sent[3:8]]
    assert [len(rows) for rows in asked] == [1] * 5
    names = list(TUNED_2X)
    assert (result.status, result.refused) == ("done", (names[1], names[4]))


async def test_a_charger_that_said_how_many_variables_it_takes_gets_so_many(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        connection.settings_at_once = 3
        desk(stand).take(command(connection))
        await answer(wire, 0, set_result("Accepted"))
        await answer(wire, 1, {"status": "Accepted"})
        for place, count in ((2, 3), (3, 2)):
            await answer(wire, place, tuned(*["Accepted"] * count))
        await answer(wire, 4, read_result("true"))
        result = await result_of(stand)
    assert [len(frame[3]["setVariableData"]) for frame in wire.sent[2:4]] == [3, 2]
    assert (result.status, result.refused) == ("done", ())


async def test_a_refused_set_is_read_back_for_it_may_be_set_already(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection, Mode.FREEVEND))
        await answer(wire, 0, set_result("Rejected"))
        await answer(wire, 1, read_result("false"))
        result = await result_of(stand)
    assert (result.status, result.observed) == ("rejected", Mode.FREEVEND)


@pytest.mark.parametrize(
    ("ocpp", "kind", "told", "status"),
    [
        ("1.6", "Soft", "Accepted", "done"),
        ("1.6", "Soft", "Rejected", "rejected"),
        ("2.0.1", "OnIdle", "Scheduled", "done"),
        ("2.0.1", "OnIdle", "Rejected", "rejected"),
    ],
)
async def test_a_reset_waits_for_nothing_to_run(
    stand: Stand, ocpp: OcppVersion, kind: str, told: str, status: str
) -> None:
    async with running(stand, ocpp) as (connection, wire):
        desk(stand).take(command(connection, kind=CommandKind.RESET))
        sent = await answer(wire, 0, {"status": told})
        result = await result_of(stand)
    assert sent[2:] == ["Reset", {"type": kind}]
    assert (result.status, result.observed, result.detail) == (status, None, told)


async def test_a_command_id_is_run_once_and_its_result_told_again(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        once = command(connection, Mode.FREEVEND)
        for _ in range(3):
            desk(stand).take(once)
        await answer(wire, 0, set_result("Accepted"))
        await answer(wire, 1, read_result("false"))
        first = await result_of(stand)
        desk(stand).take(once)
        assert await result_of(stand, count=2) == first
        assert len(wire.sent) == 2
        ids = [event.event_id for event in stand.events.named("CommandResult")]
    assert first.command_id == "c1"
    assert len(ids) == 2


async def test_a_reboot_that_is_required_leaves_the_mode_unknown(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection, Mode.FREEVEND))
        await answer(wire, 0, set_result("RebootRequired"))
        await answer(wire, 1, read_result("false"))
        result = await result_of(stand)
    assert (result.status, result.observed) == ("reboot_required", None)
    assert (result.stored, result.detail) == (Mode.FREEVEND, "RebootRequired")


async def test_another_spelling_is_tried_where_the_first_is_unknown(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection, Mode.FREEVEND))
        first = await answer(wire, 0, set_result("UnknownComponent"))
        second = await answer(wire, 1, set_result("Accepted"))
        await answer(wire, 2, read_result("false"))
        result = await result_of(stand)
    names = [frame[3]["setVariableData"][0]["component"]["name"] for frame in (first, second)]
    assert names[0] == "AuthCtrlr" != names[1]
    assert result.status == CommandStatus.DONE


async def test_a_set_point_apart_from_what_is_in_force_is_set(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection, Mode.FREEVEND))
        await answer(wire, 0, set_result("NotSupportedAttributeType"))
        await answer(wire, 1, set_result("UnknownComponent"))
        setting = await answer(wire, 2, set_result("Accepted"))
        target = NAMED | {"attributeType": "Target", "attributeStatus": "Accepted"}
        answered = {"getVariableResult": [target | {"attributeValue": "false"}]}
        reading = await answer(wire, 3, answered)
        result = await result_of(stand)
    rows = (setting[3]["setVariableData"][0], reading[3]["getVariableData"][0])
    assert [row["attributeType"] for row in rows] == ["Target", "Target"]
    assert (result.status, result.observed) == (CommandStatus.DONE, Mode.FREEVEND)


async def test_what_no_spelling_names_is_not_supported_by_the_answer_to_the_first(
    stand: Stand,
) -> None:
    statuses = ["UnknownVariable", "UnknownComponent", "NotSupportedAttributeType"]
    assert len(statuses) == len(spellings("2.0.1", STANDARD))
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection, Mode.FREEVEND))
        for place, status in enumerate(statuses):
            await answer(wire, place, set_result(status))
        result = await result_of(stand)
    assert (result.status, result.detail) == ("not_supported", "UnknownVariable")


@pytest.mark.parametrize(
    ("frame", "status", "detail"),
    [
        ([4, "NotSupported", "its own words", {}], "failed", "NotSupported"),
        ([4, "TheirOwn", "its own words", {}], "failed", "Unknown"),
        ([3, {"no": "result"}], "failed", "invalid_result"),
    ],
)
async def test_a_refused_set_ends_the_switch_and_says_how(
    stand: Stand, frame: list[Any], status: str, detail: str
) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection))
        await until(lambda: wire.sent)
        wire.receive(frame[0], wire.sent[0][1], *frame[1:])
        result = await result_of(stand)
        assert len(wire.sent) == 1
    assert (result.status, result.detail, result.observed) == (status, detail, None)


async def test_an_expired_command_is_dropped_and_reported(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection, expires_at=datetime.now(UTC)))
        result = await result_of(stand)
        assert wire.sent == []
    assert result.status == CommandStatus.EXPIRED


async def test_a_command_that_expires_while_another_runs_is_dropped(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        soon = datetime.now(UTC) + timedelta(seconds=0.5)
        desk(stand).take(command(connection, Mode.FREEVEND))
        desk(stand).take(command(connection, command_id=CommandId("c2"), expires_at=soon))
        await until(lambda: datetime.now(UTC) > soon)
        await answer(wire, 0, set_result("Accepted"))
        await answer(wire, 1, read_result("false"))
        assert (await result_of(stand, count=2)).status == CommandStatus.EXPIRED
        assert len(wire.sent) == 2


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
async def test_rule_27_nothing_is_sent_outside_of_enforce(stage: Stage) -> None:
    stand = Stand(site=site_record(stage=stage))
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection))
        result = await result_of(stand)
        assert wire.sent == []
    assert (result.status, result.detail) == ("rejected", "stage")


async def test_a_command_for_another_connection_is_ignored(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        foreign = ConnectionId("00000000-0000-7000-8000-000000000000")
        desk(stand).take(command(connection, connection_id=foreign))
        desk(stand).take(command(connection, connection_id=foreign, kind=CommandKind.CLOSE))
        desk(stand).take(command(connection, kind="no such kind"))
        wire.receive(2, "1", "Heartbeat", {})
        await until(lambda: wire.sent)
        assert [frame[0] for frame in wire.sent] == [3]
        assert connection.open
    assert results(stand) == []


async def test_a_command_to_close_closes_and_switches_nothing(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection, kind=CommandKind.CLOSE))
        await until(lambda: wire.closed)
    assert wire.closed == (1008, "replaced by a connection to another gateway")
    assert wire.sent == []


async def test_a_charger_that_is_too_busy_for_a_command_is_a_failed_command(
    stand: Stand,
) -> None:
    async with running(stand) as (connection, _):
        calls = [
            asyncio.create_task(connection.call(call201.ClearCache()))
            for _ in range(WAITING_MAX + 1)
        ]
        await asyncio.sleep(0)
        desk(stand).take(command(connection))
        result = await result_of(stand)
    assert (result.status, result.detail) == ("failed", "busy")
    assert {type(await call) for call in calls} == {CallFailed}


async def test_a_switch_that_waits_its_turn_ends_with_the_connection(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        desk(stand).take(command(connection))
        desk(stand).take(command(connection, command_id=CommandId("c2")))
        await until(lambda: wire.sent)
        wire.cut()
        await until(lambda: len(results(stand)) == 2)
    assert {result.detail for result in results(stand)} == {"closed"}


async def test_a_tag_that_was_read_back_is_reserved_from_then_on(stand: Stand) -> None:
    async with running(stand, "1.6") as (connection, wire):
        desk(stand).take(command(connection, profile="microocpp", mode=Mode.FREEVEND))
        await answer(wire, 0, {"status": "Accepted"})
        rows = [
            {"key": "Cst_FreeVendActive", "readonly": False, "value": "true"},
            {"key": "Cst_FreeVendIdTag", "readonly": False, "value": "YardTag"},
        ]
        await answer(wire, 1, {"configurationKey": rows})
        await result_of(stand)
        wire.receive(2, "9", "Authorize", {"idTag": "YARDTAG"})
        await until(lambda: stand.desk.cases)
    assert stand.desk.cases[0].attempt.token.kind == "freevend_tag"
    assert "YardTag" not in "".join(event.model_dump_json() for event in stand.events.reported)


async def test_commands_beyond_the_rate_wait_and_the_newest_of_a_connection_runs(
    stand: Stand,
) -> None:
    async with running(stand) as (connection, wire):
        slow = CommandDesk(stand.registry, stand.metrics, switches_per_s=5.0)
        for number in range(5):
            # Each takes one of the second's turns: of this id only the first is run.
            slow.take(command(connection, Mode.FREEVEND, command_id=CommandId(f"c{number}")))
        for number, mode in ((8, Mode.FREEVEND), (9, Mode.MANAGED)):
            slow.take(command(connection, mode, command_id=CommandId(f"c{number}")))
        ids = [event.result for event in stand.events.named("CommandResult")]
        assert ids == []
        for place in range(0, 10, 2):
            await answer(wire, place, set_result("Accepted"))
            await answer(wire, place + 1, read_result("false"))
        await answer(wire, 10, set_result("Accepted"))
        await answer(wire, 11, {"status": "Accepted"})
        await answer(wire, 12, tuned(*["Accepted"] * len(TUNED_2X)))
        await answer(wire, 13, read_result("true"))
        await result_of(stand, count=6)
    assert [result.command_id for result in results(stand)] == ["c0", "c1", "c2", "c3", "c4", "c9"]


async def test_a_command_that_waits_for_its_turn_is_gone_with_its_connection(stand: Stand) -> None:
    slow = CommandDesk(stand.registry, stand.metrics, switches_per_s=1.0)
    async with running(stand) as (connection, wire):
        for number in range(2):
            slow.take(command(connection, command_id=CommandId(f"c{number}")))
        await until(lambda: wire.sent)
        wire.cut()
        await until(lambda: len(results(stand)) == 1)
    assert [result.command_id for result in results(stand)] == ["c0"]


def stop(connection: ChargerConnection, **fields: Any) -> ChargerCommand:
    told: dict[str, Any] = {"kind": CommandKind.STOP, "transaction_id": "tx-1", "cause": "EDGE"}
    return command(connection, **told | fields)


async def test_a_stop_ends_its_session_once_and_tells_how_that_went(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        commands = desk(stand)
        for _ in range(2):
            commands.take(stop(connection))
        sent = await answer(wire, 0, {"status": "Accepted"})
        await until(lambda: bool(stand.events.named("SessionStopped")))
        assert len(wire.sent) == 1
    assert sent[2:] == ["RequestStopTransaction", {"transactionId": "tx-1"}]
    (told,) = stand.events.named("SessionStopped")
    assert told.data == {"transactionId": "tx-1", "cause": "EDGE", "result": "Accepted"}


async def test_a_stop_that_comes_too_late_is_not_sent(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        commands = desk(stand)
        commands.take(stop(connection, expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        # Whatever is sent of it is sent before this one.
        commands.take(stop(connection, command_id=CommandId("c2"), transaction_id="tx-2"))
        sent = await answer(wire, 0, {"status": "Rejected"})
    assert sent[3] == {"transactionId": "tx-2"}


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
async def test_rule_27_no_stop_is_sent_in_off_and_shadow(stage: Stage) -> None:
    stand = Stand(site=site_record(stage=stage))
    async with running(stand) as (connection, wire):
        await run_stop(connection, stop(connection))
        assert wire.sent == []
    assert stand.events.named("SessionStopped") == []
