"""The product under load: a real gateway, a real Kafka, a real worker, each its own process."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.baselines import READY_S, by_lines, generated, with_broker
from benchmarks.generator import Plan
from benchmarks.processes import Child, Children
from benchmarks.start_up import start_worker, worker_ready
from benchmarks.summary import PRODUCT, Load, Run
from connectors.kafka.broker import Broker
from connectors.kafka.broker_files import LOOPBACK, free_port


async def measure_pipeline(
    children: Children,
    broker: Broker,
    loads: Sequence[Load],
    known_cards: int,
    *,
    key: bytes,
    password: str,
) -> list[Run]:
    """Socket to socket, from the frame with the card to the frame with the answer.

    Args:
        key: of the pseudonyms in the depot's records.
        password: of every charger.
    """
    worker, _ = start_worker(children, broker)
    await worker_ready(children, worker)
    gateway, url = await start_gateway(children, broker, key)
    pids = with_broker({"gateway": gateway.pid, "worker": worker.pid}, broker)
    runs = []
    for lines_loads in by_lines(loads):
        plan = Plan(
            target=PRODUCT,
            url=url,
            password=password,
            known_cards=known_cards,
            pids=pids,
            loads=lines_loads,
        )
        runs += await generated(children, plan, ["benchmarks.generator"])
    await gateway.stop()
    await worker.stop()
    return runs


async def start_gateway(children: Children, broker: Broker, key: bytes) -> tuple[Child, str]:
    """Start a gateway process; returns it and where chargers connect, up to their id."""
    folder = children.folder
    ready, key_file = folder / "gateway.ready", folder / "pseudonym.key"
    ready.unlink(missing_ok=True)
    key_file.touch(mode=0o600)
    key_file.write_bytes(key)
    port = free_port()
    gateway = children.start(
        "gateway",
        [
            "benchmarks.gateway",
            broker.bootstrap,
            str(folder / "gateway"),
            f"{port}",
            str(key_file),
            str(ready),
        ],
    )
    await gateway.wait_until(ready.exists, READY_S, "ready")
    return gateway, f"ws://{LOOPBACK}:{port}/ocpp"
