"""Many connected chargers, in a process of its own.

`python -m benchmarks.fleet_stations PLAN RESULT`

Each sends heartbeats and meter values, and some of them leave and come back all at once, while
cards are presented at the first of them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import uvloop

from benchmarks import depot
from benchmarks.drive import Drive
from benchmarks.generator import settled
from benchmarks.processes import memory_mb
from benchmarks.stations import Station, connect_stations
from benchmarks.summary import Load, Run
from connectors.ocpp.wire import wire_time

ASKING = 200
"""Chargers at which cards are presented meanwhile, and at which rate."""
ASKED_PER_S = 100.0

EACH_EVERY_S = 60.0
"""How often a charger sends a heartbeat and, as often, meter values: busier than most depots."""

STEADY_S = 20.0
STORM_S = 30.0
"""How long each part lasts; in the storm everything has to be back by then."""


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What is connected, and where.

    Attributes:
        storm: how many leave and come back at once.
        gateway: pid, for its memory.
    """

    url: str
    password: str
    known_cards: int
    chargers: int
    storm: int
    gateway: int


@dataclass(frozen=True, slots=True)
class FleetFound:
    """What was found.

    Attributes:
        kb_per_charger: of the gateway's resident memory, connected and switched.
        connected_s: until all were connected and switched.
        storm_s: from the last of those that left to the last that was back.
    """

    chargers: int
    storm: int
    kb_per_charger: float
    connected_s: float
    storm_s: float
    steady: Run
    stormy: Run


async def measure(plan: FleetPlan) -> FleetFound:
    """Connect everybody, measure the quiet and the storm."""
    ids = depot.charger_ids(plan.chargers)
    staying, leaving = ids[: -plan.storm], ids[-plan.storm :]
    before_mb, _ = memory_mb(plan.gateway)
    began_s = time.perf_counter()
    async with AsyncExitStack() as sockets, asyncio.TaskGroup() as tasks:
        stations = await connect_stations(plan.url, staying, plan.password, sockets)
        storm = AsyncExitStack()
        leavers = await connect_stations(plan.url, leaving, plan.password, storm)
        work = [tasks.create_task(each.listen()) for each in (*stations, *leavers)]
        await settled([*stations, *leavers])
        connected_s = time.perf_counter() - began_s
        after_mb, _ = memory_mb(plan.gateway)
        work.append(tasks.create_task(_keep_telling([*stations[ASKING:], *leavers])))
        steady = await _asked(plan, stations[:ASKING], STEADY_S)
        asking = tasks.create_task(_asked(plan, stations[:ASKING], STORM_S))
        await storm.aclose()
        storm_began_s = time.perf_counter()
        await connect_stations(plan.url, leaving, plan.password, sockets)
        storm_s = time.perf_counter() - storm_began_s
        stormy = await asking
        for task in work:
            task.cancel()
    return FleetFound(
        chargers=plan.chargers,
        storm=plan.storm,
        kb_per_charger=(after_mb - before_mb) * 1024 / plan.chargers,
        connected_s=connected_s,
        storm_s=storm_s,
        steady=steady,
        stormy=stormy,
    )


async def _asked(plan: FleetPlan, stations: list[Station], measured_s: float) -> Run:
    drive = Drive(stations, plan.known_cards, Load(ASKING, ASKED_PER_S, 1.0, measured_s))
    for station in stations:
        station.forget()
        station.drive = drive
    return await drive.run("depotgate", asyncio.Event())


async def _keep_telling(stations: list[Station]) -> None:
    """Heartbeats and meter values, evenly spread, until cancelled."""
    pause_s = EACH_EVERY_S / len(stations)
    while True:
        for station in stations:
            meter = {
                "evseId": 1,
                "meterValue": [
                    {"timestamp": wire_time(datetime.now(UTC)), "sampledValue": [{"value": 7.4}]}
                ],
            }
            await station.tell("Heartbeat", {})
            await station.tell("MeterValues", meter)
            await asyncio.sleep(pause_s)


def main(arguments: list[str]) -> None:
    """Read the plan, measure, write the result."""
    plan_file, result_file = (Path(argument) for argument in arguments)
    uvloop.install()
    found = asyncio.run(measure(FleetPlan(**orjson.loads(plan_file.read_bytes()))))
    part = result_file.with_suffix(".part")
    part.write_bytes(orjson.dumps(asdict(found)))
    part.replace(result_file)


if __name__ == "__main__":
    main(sys.argv[1:])
