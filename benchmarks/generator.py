"""The load generator, a process of its own: `python -m benchmarks.generator PLAN RESULT`."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson
import uvloop

from benchmarks import depot
from benchmarks.drive import Drive
from benchmarks.processes import cpu_s
from benchmarks.stations import Station, connect_stations
from benchmarks.summary import Load, Run, per_10k

SETTLE_S = 1.5
"""Without a call from the gateway for this long, the mode switches after connecting are over."""

SETTLED_WITHIN_S = 30.0
"""A thousand stations are switched well within this."""

PAUSE_S = 0.5
"""Between two loads, so that one does not pay for the other."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a generator is to do: JSON in a file.

    Attributes:
        url: up to the charger id.
        pids: processes whose CPU time is counted, by name.
    """

    target: str
    url: str
    password: str
    known_cards: int
    pids: dict[str, int]
    loads: tuple[Load, ...]


def read_plan(path: Path) -> Plan:
    """The plan in a file."""
    content = orjson.loads(path.read_bytes())
    loads = tuple(Load(**load) for load in content.pop("loads"))
    return Plan(**content, loads=loads)


def write_plan(path: Path, plan: Plan) -> None:
    """The plan for a generator to read."""
    path.write_bytes(orjson.dumps(asdict(plan)))


def write_runs(path: Path, runs: list[Run]) -> None:
    """All of the result at once: whoever sees the file sees it whole."""
    part = path.with_suffix(".part")
    part.write_bytes(orjson.dumps([asdict(run) for run in runs]))
    part.replace(path)


async def measured(drive: Drive, target: str, pids: dict[str, int]) -> Run:
    """Run one load and count what each process spent on it."""
    pids = {"generator": os.getpid(), **pids}
    between = asyncio.Event()
    running = asyncio.create_task(drive.run(target, between))
    await between.wait()
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    run = await running
    spent = {name: per_10k(cpu_s(pid) - before[name], run.answered) for name, pid in pids.items()}
    return replace(run, cpu_s_per_10k=spent)


async def generate(plan: Plan) -> list[Run]:
    """Connect as many stations as the largest load needs, and run the loads on them."""
    lines = max(load.lines for load in plan.loads)
    async with AsyncExitStack() as open_sockets, asyncio.TaskGroup() as tasks:
        charger_ids = depot.charger_ids(lines)
        stations = await connect_stations(plan.url, charger_ids, plan.password, open_sockets)
        listening = [tasks.create_task(station.listen()) for station in stations]
        await settled(stations)
        runs = []
        for load in plan.loads:
            runs.append(await _one(plan, load, stations[: load.lines]))
            await asyncio.sleep(PAUSE_S)
        for task in listening:
            task.cancel()
    return runs


async def _one(plan: Plan, load: Load, stations: list[Station]) -> Run:
    drive = Drive(stations, plan.known_cards, load)
    for station in stations:
        station.forget()
        station.drive = drive
    return await measured(drive, plan.target, plan.pids)


async def settled(stations: list[Station]) -> None:
    """Wait until the gateway has switched every station and asks nothing more."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + SETTLED_WITHIN_S
    called, quiet_since_s = -1, loop.time()
    while loop.time() < deadline_s and loop.time() - quiet_since_s < SETTLE_S:
        now_called = sum(station.called_count for station in stations)
        if now_called != called:
            called, quiet_since_s = now_called, loop.time()
        await asyncio.sleep(0.1)


def main(arguments: list[str]) -> None:
    """Read the plan, run it, write the result."""
    plan_file, result_file = (Path(argument) for argument in arguments)
    uvloop.install()
    write_runs(result_file, asyncio.run(generate(read_plan(plan_file))))


if __name__ == "__main__":
    main(sys.argv[1:])
