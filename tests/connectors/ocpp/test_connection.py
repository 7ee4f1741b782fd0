"""One connection: the charger's calls, our own, and how it begins and ends."""

from __future__ import annotations

import asyncio

import pytest
from ocpp.v201 import call as call201

from connectors.ocpp import connection as connection_module
from connectors.ocpp import outgoing
from connectors.ocpp.connection import CHORES_MAX
from connectors.ocpp.session import CallFailed, FailureCause
from tests.connectors.ocpp.calls import WITHIN_S, Stand, Wire, running, until


@pytest.fixture
def stand() -> Stand:
    return Stand()


# Life


async def test_a_connection_is_told_when_it_begins_and_when_it_ends(stand: Stand) -> None:
    async with running(stand) as (connection, _):
        assert stand.registry.by_id(connection.connection_id) is connection
    assert [event.name for event in stand.events.reported] == ["Connected", "Disconnected"]
    assert {event.connection_id for event in stand.events.reported} == {connection.connection_id}
    assert stand.registry.every() == ()


async def test_the_newest_connection_wins_and_both_are_told(stand: Stand) -> None:
    async with running(stand) as (older, older_wire), running(stand) as (newer, newer_wire):
        await until(lambda: len(stand.registry) == 1)
        assert older_wire.closed == (1008, "replaced by a newer connection")
        assert newer_wire.closed is None
        assert stand.registry.of(stand.charger.charger_id) is newer
        assert not older.open


async def test_a_handler_that_fails_is_an_internal_error_and_the_next_call_is_answered(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_event: object) -> None:
        raise ValueError("a payload's own words")

    monkeypatch.setattr(stand.events, "report", broken)
    wire = Wire()
    connection = stand.connection("1.6", wire)
    monkeypatch.setattr(connection, "report", lambda *_, **__: asyncio.sleep(0))
    task = asyncio.create_task(connection.run())
    wire.receive(2, "1", "FirmwareStatusNotification", {"status": "Idle"})
    wire.receive(2, "2", "Heartbeat", {})
    await until(lambda: len(wire.sent) == 2)
    wire.cut()
    await task
    answers = {frame[1]: frame for frame in wire.sent}
    assert answers["1"][:3] == [4, "1", "InternalError"]
    assert "words" not in str(answers["1"])
    assert answers["2"][0] == 3


async def test_a_repeated_message_id_is_answered_from_memory_and_not_run_twice(
    stand: Stand,
) -> None:
    async with running(stand, "1.6") as (_, wire):
        wire.receive(2, "1", "Authorize", {"idTag": "04A1B2C3"})
        await until(lambda: len(wire.sent) == 1)
        wire.receive(2, "1", "Authorize", {"idTag": "04A1B2C3"})
        await until(lambda: len(wire.sent) == 2)
    assert wire.sent[0] == wire.sent[1]
    assert len(stand.desk.cases) == 1


async def test_a_heartbeat_does_not_wait_for_an_authorize(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def settle(_case: object) -> None:
        await asked.wait()

    monkeypatch.setattr(stand.desk, "settle", settle)
    async with running(stand, "1.6") as (_, wire):
        wire.receive(2, "1", "Authorize", {"idTag": "04A1B2C3"})
        wire.receive(2, "2", "Heartbeat", {})
        await until(lambda: wire.sent)
        assert [frame[1] for frame in wire.sent] == ["2"]
        asked.set()


async def test_a_flood_of_bad_frames_is_read_slowly_and_ends_nothing(stand: Stand) -> None:
    async with running(stand, "1.6") as (_, wire):
        for _ in range(connection_module.FAULTS_BURST + 3):
            wire.receive(2, "1", "NoSuchAction", {})
        began_s = asyncio.get_running_loop().time()
        wire.receive(2, "2", "Heartbeat", {})
        await until(lambda: wire.sent and wire.sent[-1][0] == 3)
        took_s = asyncio.get_running_loop().time() - began_s
    assert took_s >= 2 * connection_module.FAULT_EVERY_S
    assert len(wire.sent) == connection_module.FAULTS_BURST + 4


# Our own calls


async def test_a_call_ends_with_the_connection(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        call = asyncio.create_task(connection.call(call201.ClearCache()))
        await until(lambda: wire.sent)
        wire.cut()
        failed = await call
    assert isinstance(failed, CallFailed)
    assert failed.cause is FailureCause.CLOSED


async def test_a_call_on_a_connection_that_has_ended_fails_at_once(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        wire.cut()
        await until(lambda: not stand.registry.every())
        async with asyncio.timeout(WITHIN_S):
            failed = await connection.call(call201.ClearCache())
    assert isinstance(failed, CallFailed)
    assert failed.cause is FailureCause.CLOSED


async def test_a_call_that_the_charger_leaves_unanswered_times_out_and_the_next_is_sent(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "CALL_TIMEOUT_S", 0.05)
    async with running(stand) as (connection, wire):
        first = asyncio.create_task(connection.call(call201.ClearCache()))
        await until(lambda: wire.sent)
        # It is answered, however long that takes on a busy machine.
        monkeypatch.setattr(outgoing, "CALL_TIMEOUT_S", WITHIN_S)
        second = asyncio.create_task(connection.call(call201.ClearCache()))
        failed = await first
        await until(lambda: len(wire.sent) == 2)
        wire.receive(3, wire.sent[1][1], {"status": "Accepted"})
        answered = await second
    assert isinstance(failed, CallFailed)
    assert failed.cause is FailureCause.TIMED_OUT
    assert not isinstance(answered, CallFailed)


async def test_chores_are_bounded(stand: Stand) -> None:
    async with running(stand) as (connection, _):
        hold = asyncio.Event()

        async def chore() -> None:
            await hold.wait()

        begun = [connection.later(chore) for _ in range(CHORES_MAX + 1)]
        assert begun == [True] * CHORES_MAX + [False]
        hold.set()


async def test_rule_26_a_call_is_printed_without_its_payload() -> None:
    stand = Stand()
    _, call = await stand.handle(stand.connection("1.6"), "Authorize", {"idTag": "04A1B2C3D4E580"})
    assert call.payload["idTag"] not in repr(call)
