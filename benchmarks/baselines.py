"""The baselines of the same run, under the same loads."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from benchmarks.generator import SETTLED_WITHIN_S, Plan, write_plan
from benchmarks.processes import Children
from benchmarks.summary import Latency, Load, Run
from connectors.kafka.broker import Broker
from connectors.kafka.broker_files import LOOPBACK, free_port, port_free
from connectors.processes import ended_within

READY_S = 60.0
"""For a process to be ready: seconds usually, more on a busy machine."""

CONNECT_S = 60.0
"""For a thousand handshakes, each with a credential to check."""

PHASE_SPARE_S = 15.0
"""Of one load, beside its own time: the last answers, and the pause after it."""


async def measure_echo(
    children: Children, broker: Broker, loads: Sequence[Load], known_cards: int
) -> list[Run]:
    """The bare aiokafka echo over the topics of requests and decisions."""
    ready = children.folder / "echo.ready"
    echo = children.start("echo", ["benchmarks.echo", "serve", broker.bootstrap, str(ready)])
    await echo.wait_until(ready.exists, READY_S, "ready")
    plan = Plan(
        target="echo",
        url=broker.bootstrap,
        password="",
        known_cards=known_cards,
        pids=with_broker({"echo": echo.pid}, broker),
        loads=tuple(loads),
    )
    runs = await generated(children, plan, ["benchmarks.echo", "ask"])
    await echo.stop()
    return runs


async def measure_ocpp_loop(
    children: Children, loads: Sequence[Load], known_cards: int
) -> list[Run]:
    """The central-system loop of the `ocpp` package, without Kafka."""
    port = free_port()
    central = children.start("central", ["benchmarks.ocpp_central", f"{port}", f"{known_cards}"])
    await central.wait_until(lambda: not port_free(port), READY_S, "listening")
    runs = []
    for lines_loads in by_lines(loads):
        plan = Plan(
            target="ocpp loop",
            url=f"ws://{LOOPBACK}:{port}",
            password="any",  # noqa: S106 - the loop asks for none
            known_cards=known_cards,
            pids={"central": central.pid},
            loads=lines_loads,
        )
        runs += await generated(children, plan, ["benchmarks.generator"])
    await central.stop()
    return runs


async def generated(children: Children, plan: Plan, command: list[str]) -> list[Run]:
    """Have a generator process run a plan, and take its result.

    Raises:
        ChildFailedError: it ended or hung before it had one.
    """
    plan_file = children.folder / "plan.json"
    result_file = children.folder / "result.json"
    result_file.unlink(missing_ok=True)
    write_plan(plan_file, plan)
    generator = children.start("generator", [*command, str(plan_file), str(result_file)])
    longest_s = (
        CONNECT_S
        + SETTLED_WITHIN_S
        + sum(load.warm_up_s + load.measured_s + PHASE_SPARE_S for load in plan.loads)
    )
    await generator.wait_until(result_file.exists, longest_s, "done")
    await ended_within(lambda: generator.ended, READY_S)
    return [_run(row) for row in orjson.loads(result_file.read_bytes())]


def _run(row: dict[str, object]) -> Run:
    latency = row.pop("latency")
    return Run(latency=Latency(**latency) if isinstance(latency, dict) else None, **row)  # type: ignore[arg-type]


def by_lines(loads: Sequence[Load]) -> list[tuple[Load, ...]]:
    """Loads of as many lines each go to one generator: others would carry idle connections."""
    counts = dict.fromkeys(load.lines for load in loads)
    return [tuple(load for load in loads if load.lines == count) for count in counts]


def with_broker(pids: dict[str, int], broker: Broker) -> dict[str, int]:
    """The processes to count, with the broker's where it is one of ours (not in a container)."""
    return pids if broker.pid is None else {**pids, "broker": broker.pid}
