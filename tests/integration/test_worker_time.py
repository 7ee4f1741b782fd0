"""Edges of the timetable, also when the worker that should notice them is not there any more.

Edges are whole minutes: the workers' clocks are set to a moment before one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.kafka.broker import Broker
from connectors.kafka.topics import apply_topics
from models.charger import (
    ChargerCommand,
    ChargerState,
    CommandStatus,
    ModeFact,
    ModeFactKind,
)
from models.metrics import EDGES
from models.mode_commands import RESEND_AFTER_S
from models.schedule import Mode
from models.topics import COMMANDS, MODE, STATE
from tests.integration.topics_io import Tap, Topics, beside_the_mode
from tests.integration.worker_depot import (
    Depot,
    Station,
    ahead_of,
    facts_about,
    managed_from,
    next_edge,
    row_with,
)
from tests.integration.workers import FOLLOWS_WITHIN_S, Workers, holds, workers_on

pytestmark = pytest.mark.integration

MOMENT = timedelta(seconds=1)
"""Before an edge: what is told of it is told because it came, not because a clock was set."""


def switched(row: ChargerState) -> bool:
    """The last command has ended as it should."""
    return row.commanded is not None and row.commanded.status == CommandStatus.DONE


@pytest.fixture
def workers(broker: Broker, tmp_path: Path) -> Iterator[Workers]:
    asyncio.run(apply_topics(broker.bootstrap))
    with workers_on(broker.bootstrap, tmp_path) as workers:
        yield workers


def different(commands: Tap[ChargerCommand], station: Station) -> list[ChargerCommand]:
    """Its commands in order, each once: what goes unanswered is sent again as it was."""
    sent = commands.records(station.charger_id)
    return list({each.command_id: each for each in sent}.values())


async def test_an_edge_reaches_every_connected_charger_and_is_told_once(
    topics: Topics, workers: Workers
) -> None:
    edge = next_edge()
    depot = await Depot(20, schedule=managed_from(edge)).publish(topics)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    both = [workers.start() for _ in range(2)]
    for worker in both:
        worker.wait_ready()
    stations = [Station(topics, depot, charger_id) for charger_id in depot.charger_ids]
    for station in stations:
        await station.connect()
    for station in stations:
        await commands.some(station.charger_id)
        (first,) = different(commands, station)
        assert first.mode == Mode.FREEVEND
        await station.end(first, Mode.FREEVEND)
    # What has no result when the clock jumps is a command that expired, and commanded once more.
    for station in stations:
        await facts_about(facts, station, ModeFactKind.SWITCHED)
    for worker in both:
        worker.set_clock(ahead_of(edge - MOMENT))
    for station in stations:
        await commands.until(lambda: len(different(commands, station)) == 2, "second")  # noqa: B023
        second = different(commands, station)[1]
        assert (second.mode, second.connection_id) == (Mode.MANAGED, station.connection_id)
        # Its own clock runs ahead as the worker's does.
        assert second.sent_at >= edge
        await station.end(second, Mode.MANAGED)
    for station in stations:
        edges = await facts_about(facts, station, ModeFactKind.EDGE)
        await facts_about(facts, station, ModeFactKind.SWITCHED, 2)
        assert [(fact.desired, fact.detail) for fact in edges] == [(Mode.MANAGED, "reserved")]
        assert len(different(commands, station)) == 2

    def counted() -> list[float]:
        return [worker.metric(EDGES, depot.site_id, Mode.MANAGED) for worker in both]

    assert holds(lambda: sum(counted()) >= len(stations), FOLLOWS_WITHIN_S)
    assert sum(counted()) == len(stations)
    # Both did their part: the partitions are shared.
    assert all(counted())


async def test_the_edge_of_a_quiet_partition_is_noticed_after_a_take_over(
    topics: Topics, workers: Workers
) -> None:
    edge = next_edge()
    depot = await Depot(schedule=managed_from(edge)).publish(topics)
    station = Station(topics, depot)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    states: Tap[ChargerState] = await topics.tap(STATE)
    first_owner = workers.start().wait_ready()
    await station.connect()
    (command,) = await commands.some(station.charger_id)
    await station.end(command, Mode.FREEVEND)
    await row_with(states, station, switched)
    next_owner = workers.start()
    first_owner.stop()
    next_owner.wait_ready()
    next_owner.set_clock(ahead_of(edge - MOMENT))
    # No event comes any more: the row alone tells that the charger is there.
    command = (await commands.some(station.charger_id, 2))[1]
    assert (command.mode, command.connection_id) == (Mode.MANAGED, station.connection_id)
    assert len(await facts_about(facts, station, ModeFactKind.EDGE)) == 1


async def test_a_command_without_a_result_is_repeated_by_the_next_owner_with_its_id(
    topics: Topics, workers: Workers
) -> None:
    depot = await Depot().publish(topics)
    station = Station(topics, depot)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    states: Tap[ChargerState] = await topics.tap(STATE)
    owner = workers.start("time-1").wait_ready()
    await station.connect()
    (command,) = await commands.some(station.charger_id)
    await row_with(states, station, lambda row: row.commanded is not None)
    owner.kill()
    workers.start("time-1", clock_ahead_s=RESEND_AFTER_S + 1.0).wait_ready()
    again = (await commands.some(station.charger_id, 2))[1]
    assert (again.command_id, again.expires_at) == (command.command_id, command.expires_at)
    await station.end(command, Mode.MANAGED)
    await facts_about(facts, station, ModeFactKind.SWITCHED)
    await row_with(states, station, switched)
    # A row is written after all that follows from it: by now no other command can come.
    await commands.poll()
    assert {sent.command_id for sent in commands.records(station.charger_id)} == {
        command.command_id
    }


async def test_an_edge_that_was_noticed_by_a_worker_without_a_row_gives_the_same_command_again(
    topics: Topics, workers: Workers
) -> None:
    """What a worker sent before it was killed, and its row was not: the same ids once more."""
    # The first worker does not come to it, and for the other two it has passed.
    edge = next_edge()
    ahead_s = ahead_of(edge)
    depot = await Depot(schedule=managed_from(edge)).publish(topics)
    station = Station(topics, depot)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    states: Tap[ChargerState] = await topics.tap(STATE)
    before = workers.start("time-1").wait_ready()
    await station.connect()
    (first,) = await commands.some(station.charger_id)
    await station.end(first, Mode.FREEVEND)
    row = await row_with(states, station, switched)
    before.stop()
    after = workers.start("time-1", clock_ahead_s=ahead_s).wait_ready()
    at_the_edge = (await commands.some(station.charger_id, 2))[1]
    after.kill()
    # The row as it was before the edge becomes the newest: nothing of the edge was written.
    # Without an owner it counts by where it lies.
    nobodys = row.model_copy(update={"owner_epoch": None})
    await topics.write(STATE, row.charger_id, nobodys)
    workers.start("time-1", clock_ahead_s=ahead_s).wait_ready()
    again = (await commands.some(station.charger_id, 3))[2]
    assert again.command_id == at_the_edge.command_id
    edges = await facts_about(facts, station, ModeFactKind.EDGE, 2)
    assert len({fact.fact_id for fact in edges}) == 1
