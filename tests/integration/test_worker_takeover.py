"""What a worker that was killed leaves to the next owner of its chargers: each thing told once.

Killed workers are back before their session is over, as a supervisor starts them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.kafka.broker import Broker
from connectors.kafka.topics import apply_topics
from models.charger import ChargerCommand, ChargerState, ModeFact, ModeFactKind
from models.schedule import Mode
from models.topics import COMMANDS, MODE, STATE
from tests.integration.topics_io import Tap, Topics, beside_the_mode
from tests.integration.worker_depot import (
    Depot,
    Station,
    ahead_of,
    everything_is_applied,
    facts_about,
    managed_from,
    next_edge,
    row_with,
)
from tests.integration.workers import Workers, workers_on

pytestmark = pytest.mark.integration


@pytest.fixture
def workers(broker: Broker, tmp_path: Path) -> Iterator[Workers]:
    asyncio.run(apply_topics(broker.bootstrap))
    with workers_on(broker.bootstrap, tmp_path) as workers:
        yield workers


async def test_rule_14_edges_that_pass_while_a_charger_is_away_are_told_once_by_who_is_left(
    topics: Topics, workers: Workers
) -> None:
    # Two edges: reserved for an hour.
    edge = next_edge()
    ends = edge + timedelta(hours=1)
    both = [workers.start(f"takeover-{number}").wait_ready() for number in (1, 2)]
    depot = await Depot(8, schedule=managed_from(edge)).known(topics, both[1])
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    states: Tap[ChargerState] = await topics.tap(STATE)
    stations = [Station(topics, depot, charger_id) for charger_id in depot.charger_ids]
    for station in stations:
        await station.connect()
        (first,) = await commands.some(station.charger_id)
        await station.end(first, Mode.FREEVEND)
        await station.disconnect()
        await row_with(states, station, lambda row: row.disconnected_at is not None)
    both[0].kill()
    after = ahead_of(ends + timedelta(minutes=1))
    both[1].set_clock(after)
    workers.start("takeover-1", clock_ahead_s=after).wait_ready()
    for station in stations:
        missed = await facts_about(facts, station, ModeFactKind.EDGE_MISSED, 2)
        assert _edges(missed) == [(edge, Mode.MANAGED), (ends, Mode.FREEVEND)]
    both[1].kill()
    workers.start("takeover-2", clock_ahead_s=after).wait_ready()
    for station in stations:
        await station.connect()
        # Only the mode due now is pushed, and nothing is told again.
        second = (await commands.some(station.charger_id, 2))[1]
        assert second.mode == Mode.FREEVEND
        await station.end(second, Mode.FREEVEND)
        await everything_is_applied(station, states)
    await facts.poll()
    for station in stations:
        told = facts.records(station.charger_id)
        missed = [each for each in told if each.kind == ModeFactKind.EDGE_MISSED]
        assert len({each.fact_id for each in missed}) == 2
        assert not [each for each in told if each.kind == ModeFactKind.EDGE]


def _edges(missed: list[ModeFact]) -> list[tuple[datetime, Mode | None]]:
    return sorted({(each.at, each.desired) for each in missed}, key=lambda each: each[0])
