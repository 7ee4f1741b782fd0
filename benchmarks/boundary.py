"""A mode edge for every charger of a gateway at once, with decisions going on meanwhile.

`python -m benchmarks.boundary [--chargers 10000]`. The chargers are sockets of this one process.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
import uvloop
from rich.console import Console

from benchmarks import depot
from benchmarks.drive import Drive
from benchmarks.pipeline import start_gateway
from benchmarks.processes import Child, Children, memory_mb
from benchmarks.publish import publish_depot, publish_site
from benchmarks.start_up import start_worker, worker_ready
from benchmarks.stations import Station, connect_stations
from benchmarks.summary import Latency, Load
from connectors.kafka.broker import start_broker
from models.identifiers import KEY_BYTES_MIN
from models.schedule import Mode, Schedule
from models.turns import SWITCHES_PER_S

RESULTS = Path("benchmarks/results/boundary.json")

CHARGERS = 10_000
IDENTITIES = 10_000
ASKING = 200
ASKED_PER_S = 100.0
"""Drivers meanwhile: at a depot of 10,000 chargers each would charge every 100 s."""

SLACK = 3.0
"""How many times the rate's own time an edge may take before it counts as not over."""

LOOK_EVERY_S = 0.1

OPEN, RESERVED = "false", "true"
"""Values of AuthCtrlr.Enabled."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """One edge.

    Attributes:
        took_s: from publishing the timetable to the last charger's read-back; None = not in time.
        half_s: to the read-back of half of them.
        confirmed: chargers that read back the new mode.
        latency: of decisions asked while the edge lasted.
        quiet: of decisions just before it.
        gateway_kb_per_charger: resident memory of the gateway that connecting them added.
    """

    chargers: int
    rate_per_s: float
    took_s: float | None
    half_s: float | None
    confirmed: int
    asked_per_s: float
    quiet: Latency | None
    latency: Latency | None
    errors: dict[str, int]
    gateway_kb_per_charger: float


async def measure_boundary(folder: Path, console: Console, chargers: int) -> Boundary:
    """Connect them open, make the depot reserved, and watch."""
    key, password = secrets.token_bytes(KEY_BYTES_MIN), secrets.token_urlsafe(16)
    broker = await start_broker(
        folder / "broker", named=None, on_progress=lambda line: console.print(f"  {line}")
    )
    try:
        pseudonymiser = depot.pseudonymiser_of(key)
        console.print(f"  publishing {IDENTITIES:,} identities, {chargers:,} chargers")
        await publish_depot(broker.bootstrap, pseudonymiser, password, chargers, IDENTITIES)
        reserved = depot.site_record(depot.whole_second())
        open_all_day = Schedule(id="depot", default=Mode.FREEVEND)
        await publish_site(
            broker.bootstrap,
            reserved.model_copy(update={"schedules": (open_all_day,), "revision": "open"}),
        )
        async with Children(folder) as children:
            worker, _ = start_worker(children, broker)
            await worker_ready(children, worker)
            gateway, url = await start_gateway(children, broker, key)
            async with AsyncExitStack() as sockets:
                return await _watch(
                    console, sockets, gateway, url, password, chargers,
                    edge=lambda: publish_site(broker.bootstrap, reserved),
                )  # fmt: skip
    finally:
        await broker.stop()


async def _watch(  # noqa: PLR0917 - what was started, and what to do with it
    console: Console,
    sockets: AsyncExitStack,
    gateway: Child,
    url: str,
    password: str,
    chargers: int,
    *,
    edge: Callable[[], Awaitable[None]],
) -> Boundary:
    before_mb, _ = memory_mb(gateway.pid)
    stations = await connect_stations(url, depot.charger_ids(chargers), password, sockets)
    listening = [asyncio.create_task(station.listen()) for station in stations]
    console.print("  connected; brought to freevend first")
    took = await _until_read_back(stations, OPEN, chargers)
    after_mb, _ = memory_mb(gateway.pid)
    console.print(f"  all open after {took[0]} s; decisions alone")
    # In freevend every card is accepted, so only the time of these answers counts.
    quiet, _ = await _asked(stations, 10.0)
    console.print("  the edge")
    spread_s = chargers / SWITCHES_PER_S
    await edge()
    asking = asyncio.create_task(_asked(stations, max(spread_s - 5.0, 5.0), warm_up_s=3.0))
    took_s, half_s, confirmed = await _until_read_back(stations, RESERVED, chargers)
    latency, errors = await asking
    for task in listening:
        task.cancel()
    return Boundary(
        chargers=chargers,
        rate_per_s=SWITCHES_PER_S,
        took_s=took_s,
        half_s=half_s,
        confirmed=confirmed,
        asked_per_s=ASKED_PER_S,
        quiet=quiet,
        latency=latency,
        errors=errors,
        gateway_kb_per_charger=round((after_mb - before_mb) * 1024 / chargers, 1),
    )


async def _until_read_back(
    stations: Sequence[Station], value: str, chargers: int
) -> tuple[float | None, float | None, int]:
    begins_s = time.perf_counter()
    within_s = chargers / SWITCHES_PER_S * SLACK + 30.0
    half_s: float | None = None
    while True:
        spent_s = round(time.perf_counter() - begins_s, 1)
        confirmed = sum(station.read_back == value for station in stations)
        if half_s is None and confirmed * 2 >= len(stations):
            half_s = spent_s
        if confirmed == len(stations):
            return spent_s, half_s, confirmed
        if spent_s > within_s:
            return None, half_s, confirmed
        await asyncio.sleep(LOOK_EVERY_S)


async def _asked(
    stations: Sequence[Station], for_s: float, warm_up_s: float = 1.0
) -> tuple[Latency | None, dict[str, int]]:
    """Drivers at some of the chargers; the latency of their answers."""
    lines = list(stations[:ASKING])
    load = Load(len(lines), ASKED_PER_S, warm_up_s, for_s)
    drive = Drive(lines, IDENTITIES, load)
    for station in lines:
        station.forget()
        station.drive = drive
    run = await drive.run("depotgate", asyncio.Event())
    return run.latency, run.errors


def main(
    chargers: Annotated[int, typer.Option(min=200, help="Connected to one gateway.")] = CHARGERS,
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = RESULTS,
) -> None:
    """Measure one edge; prints what it took and writes JSON."""
    console = Console()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="depotgate-bench-") as folder:
        found = uvloop.run(measure_boundary(Path(folder), console, chargers))
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part")
    part.write_bytes(orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2))
    part.replace(out)
    console.print_json(data=asdict(found))
    if found.took_s is None:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
