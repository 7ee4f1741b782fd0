"""A worker's start with a million identities: from its first instruction to ready."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.baselines import READY_S
from benchmarks.processes import Child, Children, cpu_s, memory_mb
from connectors.kafka.broker import Broker

LOAD_MAX_S = 180.0
"""Ten times the aim: a start that takes longer is a finding, not a figure."""


@dataclass(frozen=True, slots=True)
class StartUp:
    """One start of a worker.

    Attributes:
        ready_s: from starting the process to partitions assigned and their state loaded.
        memory_mb: resident when ready; `memory_highest_mb` at any time before.
    """

    identities: int
    ready_s: float
    cpu_s: float
    memory_mb: float
    memory_highest_mb: float


def start_worker(children: Children, broker: Broker) -> tuple[Child, float]:
    """Start a worker process; returns it and when it was started."""
    folder = children.folder
    ready = folder / "worker.ready"
    ready.unlink(missing_ok=True)
    started_s = time.perf_counter()
    command = ["benchmarks.worker", broker.bootstrap, str(folder / "faust"), str(ready)]
    return children.start("worker", command), started_s


async def worker_ready(children: Children, worker: Child, within_s: float = READY_S) -> None:
    """Wait until it has its partitions and their state."""
    await worker.wait_until((children.folder / "worker.ready").exists, within_s, "ready")


async def measure_start_up(children: Children, broker: Broker, identities: int) -> StartUp:
    """Start a worker on a broker that holds the depot, and end it again."""
    worker, started_s = start_worker(children, broker)
    await worker_ready(children, worker, LOAD_MAX_S)
    took_s = time.perf_counter() - started_s
    now_mb, highest_mb = memory_mb(worker.pid)
    used_s = cpu_s(worker.pid)
    await worker.stop()
    return StartUp(identities, took_s, used_s, now_mb, highest_mb)
