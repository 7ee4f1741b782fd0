"""A charger's way to the mode it should have: desired, commanded, observed, on a real broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.charger import (
    ChargerCommand,
    ChargerState,
    CommandKind,
    CommandStatus,
    ModeFact,
    ModeFactKind,
)
from models.schedule import Mode
from models.site import Stage
from models.topics import COMMANDS, MODE, STATE
from tests.integration.topics_io import Tap, Topics, beside_the_mode
from tests.integration.worker_depot import (
    ALWAYS_FREEVEND,
    Depot,
    Station,
    everything_is_applied,
    facts_about,
    managed_from,
    row_with,
)
from tests.integration.workers import WorkerProcess

pytestmark = pytest.mark.integration


async def test_rule_14_a_charger_that_connects_gets_the_mode_due_now_and_its_result_is_kept(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot().known(topics, worker)
    station = Station(topics, depot, slot=7)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    states: Tap[ChargerState] = await topics.tap(STATE)
    await station.connect()
    (command,) = await commands.some(station.charger_id)
    assert (command.kind, command.mode) == (CommandKind.SWITCH, Mode.MANAGED)
    assert (command.connection_id, command.slot) == (station.connection_id, 7)
    assert [message.partition for message in commands.messages_about(station.charger_id)] == [7]
    offset = await station.end(command, Mode.MANAGED)
    (switched,) = await facts_about(facts, station, ModeFactKind.SWITCHED)
    assert (switched.command_id, switched.stage) == (command.command_id, Stage.ENFORCE)
    row = await row_with(states, station, lambda row: row.offset == offset)
    # Rule 16: three modes, stored separately.
    assert row.commanded is not None
    assert row.observed is not None
    assert (row.desired, row.commanded.mode, row.observed.mode) == (Mode.MANAGED,) * 3
    assert row.commanded.status == CommandStatus.DONE
    (commanded,) = await facts_about(facts, station, ModeFactKind.SWITCH_COMMANDED)
    assert commanded.command_id == command.command_id


async def test_rule_16_a_charger_that_reads_back_the_other_mode_is_drift_and_told_again(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot().known(topics, worker)
    station = Station(topics, depot)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    await station.connect()
    (first,) = await commands.some(station.charger_id)
    await station.end(first, Mode.FREEVEND)
    (drift,) = await facts_about(facts, station, ModeFactKind.DRIFT)
    assert (drift.desired, drift.observed) == (Mode.MANAGED, Mode.FREEVEND)
    second = (await commands.some(station.charger_id, 2))[-1]
    assert second.mode == Mode.MANAGED
    assert second.command_id != first.command_id


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
async def test_rule_27_only_enforce_sends_anything_and_entering_it_pushes_the_mode(
    topics: Topics, worker: WorkerProcess, stage: Stage
) -> None:
    depot = await Depot(stage=stage).known(topics, worker)
    station = Station(topics, depot)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    states: Tap[ChargerState] = await topics.tap(STATE)
    await station.connect()
    await everything_is_applied(station, states)
    await commands.poll()
    assert commands.records(station.charger_id) == []
    if stage is Stage.SHADOW:
        (would,) = await facts_about(facts, station, ModeFactKind.WOULD_SWITCH)
        assert (would.desired, would.stage) == (Mode.MANAGED, Stage.SHADOW)
    else:
        await facts.poll()
        assert facts.records(station.charger_id) == []
    await depot.publish_site(topics, stage=Stage.ENFORCE)
    (command,) = await commands.some(station.charger_id)
    assert command.mode == Mode.MANAGED


async def test_entering_enforce_pushes_the_mode_even_where_it_was_seen(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot().known(topics, worker)
    station = Station(topics, depot)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    states: Tap[ChargerState] = await topics.tap(STATE)
    await station.connect()
    (first,) = await commands.some(station.charger_id)
    await station.end(first, Mode.MANAGED)
    await row_with(states, station, lambda row: row.observed is not None)
    await depot.publish_site(topics, stage=Stage.SHADOW)
    await row_with(states, station, lambda row: row.stage == Stage.SHADOW)
    await depot.publish_site(topics, stage=Stage.ENFORCE)
    second = (await commands.some(station.charger_id, 2))[-1]
    assert second.mode == Mode.MANAGED
    assert second.command_id != first.command_id


async def test_a_changed_timetable_reaches_a_connected_charger_and_so_does_changing_it_back(
    topics: Topics, worker: WorkerProcess
) -> None:
    # Reserved since the same edge each time: only what was commanded in between differs.
    reserved = managed_from(datetime.now(UTC) - timedelta(minutes=10))
    depot = await Depot(schedule=reserved).known(topics, worker)
    station = Station(topics, depot)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    await station.connect()
    for number, schedule in enumerate((ALWAYS_FREEVEND, reserved, ALWAYS_FREEVEND), start=1):
        command = (await commands.some(station.charger_id, number))[-1]
        await station.end(command, command.mode)
        await depot.publish_site(topics, schedule=schedule)
    sent = await commands.some(station.charger_id, 4)
    assert [command.mode for command in sent] == [
        Mode.MANAGED,
        Mode.FREEVEND,
        Mode.MANAGED,
        Mode.FREEVEND,
    ]
    assert len({command.command_id for command in sent}) == 4


async def test_a_newer_connection_elsewhere_closes_the_older_one(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot().known(topics, worker)
    old, new = (Station(topics, depot, slot=slot) for slot in (1, 2))
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    states: Tap[ChargerState] = await topics.tap(STATE)
    await old.connect()
    await new.connect()
    sent = await commands.some(new.charger_id, 3)
    close = next(command for command in sent if command.kind == CommandKind.CLOSE)
    assert (close.connection_id, close.slot) == (old.connection_id, 1)
    # A Disconnected counts only for the current connection.
    await old.disconnect()
    offset = await new.event("BootNotification", data={"chargingStation.model": "M-1"})
    row = await row_with(states, new, lambda row: row.offset == offset)
    assert row.connection is not None
    assert row.connection.connection_id == new.connection_id
    await new.disconnect()
    await row_with(states, new, lambda row: row.connection is None)


async def test_a_charger_that_cannot_be_switched_is_told_of_and_sent_nothing(
    topics: Topics, worker: WorkerProcess
) -> None:
    depot = await Depot(profile="unknown").known(topics, worker)
    station = Station(topics, depot)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    await station.connect()
    (fact,) = await facts_about(facts, station, ModeFactKind.NOT_SWITCHABLE)
    assert fact.detail == "unknown"
