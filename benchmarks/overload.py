"""More attempts than can be decided, and what is left when they are over.

`python -m benchmarks.overload 300 600 1000 300`: rates of attempts a second, one after another.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import depot
from benchmarks.pipeline import measure_pipeline
from benchmarks.processes import Children
from benchmarks.publish import publish_depot
from benchmarks.summary import Load, Run
from connectors.kafka.broker import start_broker
from models.identifiers import KEY_BYTES_MIN

RATES_PER_S = (300.0, 600.0, 1_000.0, 300.0)
"""What cores carry on which saturated lines get 500 answers a second, twice as much, more, and then
what they carry again."""

LINES = 3_000
"""So many wait at once: the deadline's worth of the highest rate."""

IDENTITIES = 20_000
WARM_UP_S, MEASURED_S = 3.0, 12.0


async def measure_overload(
    folder: Path, console: Console, rates_per_s: Sequence[float]
) -> list[Run]:
    """One load after another on one gateway and one worker that are not started again."""
    loads = [Load(LINES, rate_per_s, WARM_UP_S, MEASURED_S) for rate_per_s in rates_per_s]
    key, password = secrets.token_bytes(KEY_BYTES_MIN), secrets.token_urlsafe(16)
    broker = await start_broker(
        folder / "broker", named=None, on_progress=lambda line: console.print(f"  {line}")
    )
    try:
        pseudonymiser = depot.pseudonymiser_of(key)
        await publish_depot(broker.bootstrap, pseudonymiser, password, LINES, IDENTITIES)
        async with Children(folder) as children:
            return await measure_pipeline(
                children, broker, loads, IDENTITIES, key=key, password=password
            )
    finally:
        await broker.stop()


def _said(run: Run) -> str:
    right = run.answered - run.errors.get("posture", 0)
    waits = f"{run.latency.p50_ms:,.0f} / {run.latency.p99_ms:,.0f} ms" if run.latency else "none"
    cut = ", cut short" if run.overloaded else ""
    return (
        f"{run.load}: {run.answers_per_s:,.0f} answers/s{cut}, {right:,} of {run.answered:,} "
        f"decided in time, p50 / p99 {waits}, CPU s for 10,000 {run.cpu_s_per_10k}"
    )


def main(
    rates_per_s: Annotated[list[float] | None, typer.Argument(help="Attempts a second.")] = None,
) -> None:
    """Measure loads one after another; prints a line of each."""
    console = Console()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="depotgate-bench-") as folder:
        runs = asyncio.run(measure_overload(Path(folder), console, rates_per_s or RATES_PER_S))
    for run in runs:
        console.print(_said(run), highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
