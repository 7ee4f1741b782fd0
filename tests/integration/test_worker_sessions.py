"""Vehicles that wait when the worker that follows them is killed: one record for each.

Killed workers are back before their session is over, as a supervisor starts them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.kafka.broker_jars import JarsBroker
from models.attempt import Denial
from models.charger import ChargerState
from models.reasons import Reason
from models.site import SiteRecord
from models.topics import DENIALS, STATE
from tests.integration.marks import OWN_KAFKA
from tests.integration.own_broker import broker_in
from tests.integration.topics_io import Tap, Topics, topics_on
from tests.integration.worker_depot import Depot, Station
from tests.integration.workers import Workers, workers_on

pytestmark = [*OWN_KAFKA]

AFTER_S = 8
CHARGERS = 12
"""Over 16 partitions: each of two workers has some, whichever is killed."""

WITHIN_S = 60.0


class Waiting(Depot):
    """A depot that is always managed, where vehicles without a card are soon recorded."""

    def site(self) -> SiteRecord:
        return super().site().model_copy(update={"no_identification_after_s": AFTER_S})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JarsBroker]:
    with broker_in(tmp_path_factory.mktemp("own")) as broker:
        yield broker


@pytest.fixture
def workers(own: JarsBroker, tmp_path: Path) -> Iterator[Workers]:
    with workers_on(own.bootstrap, tmp_path) as workers:
        yield workers


@pytest.fixture
async def topics(own: JarsBroker) -> AsyncIterator[Topics]:
    async with topics_on(own.bootstrap) as topics:
        yield topics


async def occupied(topics: Topics, depot: Depot, tap: Tap[ChargerState]) -> list[Station]:
    """Chargers with a vehicle each, in the log of their workers."""
    stations = [Station(topics, depot, charger_id) for charger_id in depot.charger_ids]
    for station in stations:
        # Since long enough that a reconnect does not put the record off.
        await station.event("Connected", received_at=datetime.now(UTC) - timedelta(hours=1))
        data = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied"}
        await station.event("StatusNotification", data=data)

    def known() -> set[str]:
        rows = [row for each in stations for row in tap.records(each.charger_id)]
        return {row.charger_id for row in rows if row.sessions.occupied}

    await tap.until(lambda: len(known()) == len(stations), "a vehicle at each", WITHIN_S)
    return stations


async def test_a_killed_worker_leaves_one_no_identification_for_each_vehicle(
    topics: Topics, workers: Workers
) -> None:
    first, second = (workers.start(f"sessions-{number}").wait_ready() for number in (1, 2))
    depot = await Waiting(CHARGERS).known(topics, second)
    denials: Tap[Denial] = await topics.tap(DENIALS)
    states: Tap[ChargerState] = await topics.tap(STATE)
    stations = await occupied(topics, depot, states)
    first.kill()
    workers.start("sessions-1")

    def recorded() -> list[Denial]:
        found = [each for station in stations for each in denials.records(station.charger_id)]
        return [each for each in found if each.reason == Reason.NO_IDENTIFICATION]

    await denials.until(
        lambda: {each.charger_id for each in recorded()} == set(depot.charger_ids),
        "a record of each vehicle",
        WITHIN_S,
    )

    def noted() -> set[str]:
        rows = [row for each in stations for row in states.records(each.charger_id)]
        return {r.charger_id for r in rows if all(v.noted_at for v in r.sessions.occupied)}

    # The rows that say so are written after the records.
    await states.until(lambda: noted() == set(depot.charger_ids), "noted", WITHIN_S)
    # Written twice at most by who died before its row was: with the same id it is the same record.
    assert len({each.denial_id for each in recorded()}) == CHARGERS
    second.kill()
    workers.start("sessions-2").wait_ready()
    for station in stations:
        data = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied"}
        offset = await station.event("BootNotification", data=data)
        await states.until(
            lambda s=station, o=offset: any(  # type: ignore[misc]
                row.offset >= o for row in states.records(s.charger_id)
            ),
            "applied by whoever took over",
            WITHIN_S,
        )
    assert len({each.denial_id for each in recorded()}) == CHARGERS
