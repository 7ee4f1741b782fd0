"""`make bench`: the whole path beside bare baselines, the rules alone, a worker's start."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from benchmarks import depot
from benchmarks.baselines import measure_echo, measure_ocpp_loop
from benchmarks.feed_load import FeedLoad, measure_feed_loads
from benchmarks.fleet import measure_fleet
from benchmarks.pipeline import measure_pipeline
from benchmarks.processes import Children
from benchmarks.publish import publish_depot
from benchmarks.report import Machine, Report, print_report
from benchmarks.rules import RulesTime, measure_rules
from benchmarks.schedules import CHARGERS as SCHEDULED
from benchmarks.schedules import SchedulesTime, measure_schedules
from benchmarks.start_up import StartUp, measure_start_up
from benchmarks.summary import Load, Run
from connectors.kafka.broker import Broker, start_broker
from models.errors import DepotgateError
from models.identifiers import KEY_BYTES_MIN

RESULTS = Path("benchmarks/results/latest.json")

RATES_PER_S = (100.0, 500.0, 1_000.0, 2_000.0)
OPEN_LINES = 200
"""Chargers in open loop: more than are ever waiting at once, so that none waits for a line."""

SATURATED_LINES = (100, 1_000)
IDENTITIES = 100_000
START_IDENTITIES = 1_000_000

TABLE_WIDTH = 132
"""Columns in a file or a pipe, which say of no width of their own: the widest table fits."""

EDGE_CHARGERS = 2_000
"""40 s at the default rate of switches; ten thousand take 200 s by intent, and show no more."""

EDGE_WITHIN_S = 400.0
"""For a broker, connecting, and two edges of at most three times their own time."""

CHARGERS = max(OPEN_LINES, *SATURATED_LINES)


def loads_of(*, quick: bool) -> tuple[Load, ...]:
    """The loads, lightest first: a target that falls behind has then shown what it can."""
    warm_up_s, measured_s = (1.0, 4.0) if quick else (2.0, 8.0)
    rates = RATES_PER_S[1:3] if quick else RATES_PER_S
    return (
        *(Load(OPEN_LINES, rate, warm_up_s, measured_s) for rate in rates),
        *(Load(lines, None, warm_up_s, measured_s) for lines in SATURATED_LINES),
    )


class Parts:
    """How long each part took, in s."""

    def __init__(self) -> None:
        self.took_s: dict[str, float] = {}

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Time a part."""
        began_s = time.perf_counter()
        yield
        self.took_s[part] = round(time.perf_counter() - began_s, 1)


@asynccontextmanager
async def a_broker(folder: Path, console: Console) -> AsyncIterator[Broker]:
    """A broker with nothing in it. Never a named one: a million records are no gift."""
    broker = await start_broker(
        folder / "broker", named=None, on_progress=lambda line: console.print(f"  {line}")
    )
    try:
        yield broker
    finally:
        await broker.stop()


async def measure_all(folder: Path, console: Console, *, quick: bool) -> Report:
    """Every part, one after the other: two at once would measure each other."""
    started_s, started_at = time.perf_counter(), depot.whole_second()
    loads = loads_of(quick=quick)
    parts = Parts()
    with parts.timed("loads"):
        async with a_broker(folder / "depot", console) as broker:
            machine = _machine(broker)
            rules, runs = await _measure_loads(folder, broker, loads, console)
    with parts.timed("schedules"):
        schedules = await _measure_schedules(folder, console, quick=quick)
    start_up, fleet, boundary = None, None, None
    feed_loads: tuple[FeedLoad, ...] = ()
    if not quick:
        with parts.timed("start"):
            start_up = await _measure_start(folder, console)
        with parts.timed("feeds"):
            feed_loads = await _measure_feeds(folder, console)
        with parts.timed("fleet"):
            fleet = await _measure_fleet(folder, console)
        with parts.timed("edge"):
            boundary = await _measure_boundary(folder, console)
    return Report(
        started_at=started_at.isoformat(),
        quick=quick,
        took_s=round(time.perf_counter() - started_s, 1),
        identities=IDENTITIES,
        machine=machine,
        runs=tuple(runs),
        rules=rules,
        schedules=schedules,
        start_up=start_up,
        feed_loads=feed_loads,
        fleet=fleet,
        boundary=boundary,
        parts_s=parts.took_s,
    )


async def _measure_loads(
    folder: Path, broker: Broker, loads: tuple[Load, ...], console: Console
) -> tuple[RulesTime, list[Run]]:
    key, password = secrets.token_bytes(KEY_BYTES_MIN), secrets.token_urlsafe(16)
    pseudonymiser = depot.pseudonymiser_of(key)
    console.print(f"  publishing {IDENTITIES:,} identities, {CHARGERS:,} chargers")
    await publish_depot(broker.bootstrap, pseudonymiser, password, CHARGERS, IDENTITIES)
    console.print("  the rules alone")
    rules = await measure_rules(broker.bootstrap, pseudonymiser, IDENTITIES)
    async with Children(folder) as children:
        console.print("  gateway, Kafka and worker under load")
        runs = await measure_pipeline(
            children, broker, loads, IDENTITIES, key=key, password=password
        )
        # After the worker has ended: it would take the echo's requests for its own.
        console.print("  an aiokafka echo under the same load")
        runs += await measure_echo(children, broker, loads, IDENTITIES)
        console.print("  the ocpp package's loop under the same load")
        runs += await measure_ocpp_loop(children, loads, IDENTITIES)
    return rules, runs


async def _measure_schedules(folder: Path, console: Console, *, quick: bool) -> SchedulesTime:
    """With nothing else running: the broker has ended."""
    chargers = SCHEDULED // 10 if quick else SCHEDULED
    console.print(f"  compiling {chargers:,} schedules")
    async with Children(folder) as children:
        return await measure_schedules(children, chargers)


async def _measure_start(folder: Path, console: Console) -> StartUp:
    """On a broker of its own: its topics hold a million identities and nothing else."""
    pseudonymiser = depot.pseudonymiser_of(secrets.token_bytes(KEY_BYTES_MIN))
    async with a_broker(folder / "million", console) as broker, Children(folder) as children:
        console.print(f"  publishing {START_IDENTITIES:,} identities")
        await publish_depot(broker.bootstrap, pseudonymiser, "any", 10, START_IDENTITIES)
        console.print("  a worker starts")
        return await measure_start_up(children, broker, START_IDENTITIES)


async def _measure_feeds(folder: Path, console: Console) -> tuple[FeedLoad, ...]:
    """On a broker of its own: a load reads all identities that stand."""
    async with a_broker(folder / "feeds", console) as broker, Children(folder) as children:
        console.print(f"  a source of {START_IDENTITIES:,} identities is loaded, twice")
        return await measure_feed_loads(children, broker, START_IDENTITIES)


async def _measure_fleet(folder: Path, console: Console) -> dict[str, Any]:
    """On a broker of its own, as every charger leaves a row on it."""
    console.print("  ten thousand chargers connect, and some of them come back at once")
    own = folder / "fleet"
    own.mkdir()
    return await measure_fleet(own, console)


async def _measure_boundary(folder: Path, console: Console) -> dict[str, Any]:
    """In a process of its own, whose sockets the chargers are."""
    console.print(f"  a mode edge for {EDGE_CHARGERS:,} chargers at once")
    out = folder / "boundary.json"
    async with Children(folder) as children:
        command = ["benchmarks.boundary", "--chargers", f"{EDGE_CHARGERS}", "--out", str(out)]
        child = children.start("boundary", command)
        await child.wait_until(out.exists, EDGE_WITHIN_S, "done")
    found: dict[str, Any] = orjson.loads(out.read_bytes())
    return found


def _machine(broker: Broker) -> Machine:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(memory / 2**30, 1),
        processor=_processor(),
        python=platform.python_version(),
        broker=broker.kind,
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


async def _until_told_to_stop(folder: Path, console: Console, *, quick: bool) -> Report:
    task = asyncio.current_task()
    assert task is not None
    # Ctrl-C already cancels; SIGTERM shall end what was started just as well.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await measure_all(folder, console, quick=quick)


def main(
    quick: Annotated[
        bool, typer.Option(help="Two minutes: shorter, fewer rates, no start with a million.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = RESULTS,
) -> None:
    """Measure depotgate beside bare baselines; prints a table and writes JSON."""
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
    # What aiokafka says of a topic's first moments and of a broker that ends is no news here.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory(prefix="depotgate-bench-") as folder:
            report = asyncio.run(_until_told_to_stop(Path(folder), console, quick=quick))
    except DepotgateError as fault:
        console.print(str(fault), style="red", markup=False)
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped; everything that was started has ended")
        raise typer.Exit(130) from None
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2))
    print_report(report, console)
    parts = ", ".join(f"{part} {took_s:.0f}" for part, took_s in report.parts_s.items())
    console.print(f"took {report.took_s:.0f} s ({parts}); JSON in {out}", highlight=False)
    if any(run.errors_count for run in report.runs):
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
