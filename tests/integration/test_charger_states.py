"""Rows of chargers on a real broker, of which one came from a worker that was thought dead."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

import pytest

from connectors.kafka.broker import Broker
from connectors.kafka.partition import partition_of
from connectors.kafka.producer import Producer
from connectors.kafka.topics import apply_topics
from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState
from models.ids import ChargerId, SiteId
from models.topics import STATE
from streams.looking_back import look_back
from streams.states import ChargerStates
from tests.integration.installations import until_holds
from tests.integration.topics_io import Tap, Topics
from tests.integration.worker_depot import Depot, Station, row_with
from tests.integration.workers import workers_on

pytestmark = pytest.mark.integration

CHARGER = ChargerId(f"CP-{token_hex(4)}")


def row(offset: int, owner_epoch: int, firmware: str) -> ChargerState:
    return ChargerState(
        charger_id=CHARGER,
        site_id=SiteId("north"),
        offset=offset,
        owner_epoch=owner_epoch,
        firmware=firmware,
        updated_at=datetime.now(UTC),
    )


async def append(broker: Broker, *rows: ChargerState) -> None:
    producer = Producer(broker.bootstrap, "tests")
    await producer.start()
    for each in rows:
        event_id, at = f"{CHARGER}-{each.offset}", each.updated_at
        await (await producer.send(STATE, CHARGER, each, event_id=event_id, at=at))
    await producer.stop()


async def test_what_a_worker_wrote_that_was_thought_dead_counts_for_nobody(broker: Broker) -> None:
    await apply_topics(broker.bootstrap)
    # The partition is also that of other chargers, whose owners count on.
    rows = (row(7, 1_005, "first"), row(8, 1_006, "owner"), row(9, 1_005, "thought dead"))
    await append(broker, *rows)
    states = ChargerStates(broker.bootstrap, Metrics("worker"))
    partitions = {partition_of(CHARGER)}
    assert await states.load(partitions, 2)
    known = states.get(CHARGER)
    assert known is not None
    assert known.firmware == "owner"
    assert states.buried == {CHARGER}
    # Whoever takes over writes it once more: nothing lies behind it then.
    await append(broker, states.owned(known))
    assert await states.load(partitions, 2)
    again = states.get(CHARGER)
    assert again is not None
    assert (again.firmware, again.owner_epoch) == ("owner", 1_007)
    assert states.buried == frozenset()


async def test_an_owner_writes_over_what_is_written_late_while_it_owns_the_row(
    broker: Broker,
) -> None:
    await apply_topics(broker.bootstrap)
    await append(broker, row(7, 2_005, "first"))
    states = ChargerStates(broker.bootstrap, Metrics("worker"))
    assert await states.load({partition_of(CHARGER)}, 2)
    owned = states.owned(row(8, 0, "owner"))
    states.put(owned)
    await append(broker, owned)
    assert CHARGER not in await states.written_over()
    await append(broker, row(9, 2_005, "thought dead"))
    written: list[ChargerId] = []

    async def written_again() -> list[ChargerId]:
        return written

    looking = asyncio.create_task(look_back(states, written.extend, every_s=0.1))
    await until_holds(written_again, lambda found: CHARGER in found, "it is written again")
    looking.cancel()
    await asyncio.wait({looking})
    await append(broker, row(9, 2_005, "thought dead"), owned)
    assert CHARGER not in await states.written_over()


async def test_each_owner_writes_above_the_one_before_it_and_puts_right_what_that_wrote_late(
    broker: Broker, topics: Topics, tmp_path: Path
) -> None:
    await apply_topics(broker.bootstrap)
    with workers_on(broker.bootstrap, tmp_path) as workers:
        first = workers.start().wait_ready()
        depot = await Depot().known(topics, first)
        station = Station(topics, depot)
        states: Tap[ChargerState] = await topics.tap(STATE)
        connected = await station.connect()
        old = await row_with(states, station, lambda row: row.offset == connected)
        first.stop()
        second = workers.start().wait_ready()
        booted = await station.event("BootNotification", data={"firmwareVersion": "2.0"})
        new = await row_with(states, station, lambda row: row.offset == booted)
        assert old.owner_epoch is not None
        assert new.owner_epoch is not None
        assert new.owner_epoch > old.owner_epoch >= 1
        # As if the first one had only been away for a while.
        late = old.model_copy(update={"offset": booted + 5, "firmware": "late"})
        await topics.write(STATE, station.charger_id, late)
        second.stop()
        workers.start().wait_ready()
        again = await row_with(
            states, station, lambda row: (row.owner_epoch or 0) > (new.owner_epoch or 0)
        )
        assert (again.firmware, again.offset) == ("2.0", booted)
