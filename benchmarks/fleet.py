"""A gateway that holds ten thousand chargers: memory, a storm, and who has to wait meanwhile.

`python -m benchmarks.fleet [--chargers N] [--storm N]`
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from benchmarks import depot
from benchmarks.fleet_stations import EACH_EVERY_S, STEADY_S, STORM_S, FleetPlan
from benchmarks.pipeline import start_gateway
from benchmarks.processes import Children
from benchmarks.publish import publish_depot
from benchmarks.start_up import start_worker, worker_ready
from connectors.kafka.broker import start_broker
from models.identifiers import KEY_BYTES_MIN

CHARGERS = 10_000
STORM = 2_000
IDENTITIES = 10_000

MEMORY_AIM_KB = 40
"""For each connected charger; docs/benchmarks.md."""

WITHIN_S = 600.0
"""For ten thousand handshakes and switches on two cores that share them with the chargers."""


async def measure_fleet(
    folder: Path, console: Console, *, chargers: int = CHARGERS, storm: int = STORM
) -> dict[str, Any]:
    """Connect `chargers`, have `storm` of them leave and come back, and ask all the while."""
    key, password = secrets.token_bytes(KEY_BYTES_MIN), secrets.token_urlsafe(16)
    broker = await start_broker(folder / "broker", named=None, on_progress=console.print)
    try:
        pseudonymiser = depot.pseudonymiser_of(key)
        await publish_depot(broker.bootstrap, pseudonymiser, password, chargers, IDENTITIES)
        async with Children(folder) as children:
            worker, _ = start_worker(children, broker)
            await worker_ready(children, worker)
            gateway, url = await start_gateway(children, broker, key)
            plan = FleetPlan(url, password, IDENTITIES, chargers, storm, gateway.pid)
            plan_file, result_file = folder / "fleet.plan", folder / "fleet.json"
            plan_file.write_bytes(orjson.dumps(asdict(plan)))
            stations = children.start(
                "fleet", ["benchmarks.fleet_stations", str(plan_file), str(result_file)]
            )
            await stations.wait_until(result_file.exists, WITHIN_S, "done")
            found: dict[str, Any] = orjson.loads(result_file.read_bytes())
            return found
    finally:
        await broker.stop()


def said(found: dict[str, Any]) -> list[str]:
    """A few lines for a person."""
    lines = [
        f"{found['chargers']:,} chargers connected and switched in {found['connected_s']:.0f} s; "
        f"{found['kb_per_charger']:.0f} KB of the gateway's memory each (aim {MEMORY_AIM_KB})",
        f"{found['storm']:,} of them left and were back in {found['storm_s']:.1f} s",
    ]
    for name, about in (
        (
            "steady",
            f"heartbeats and meter values every {EACH_EVERY_S:.0f} s, {STEADY_S:.0f} s",
        ),
        ("stormy", f"through the storm, {STORM_S:.0f} s"),
    ):
        run, latency = found[name], found[name]["latency"] or {}
        lines.append(
            f"{about}: {run['answered']:,} cards answered, p50 {latency.get('p50_ms', 0):.1f} ms, "
            f"p99 {latency.get('p99_ms', 0):.1f} ms, wrong or late {sum(run['errors'].values())}"
        )
    return lines


def main(
    chargers: Annotated[int, typer.Option(help="Connected.")] = CHARGERS,
    storm: Annotated[int, typer.Option(help="Of them leave and come back at once.")] = STORM,
) -> None:
    """Measure it and say what was found."""
    console = Console()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="depotgate-bench-") as folder:
        found = asyncio.run(measure_fleet(Path(folder), console, chargers=chargers, storm=storm))
    for line in said(found):
        console.print(line, highlight=False)


if __name__ == "__main__":
    typer.run(main)
