"""The figures for a person: one table, and a few lines on the rules, the start and the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.feed_load import FeedLoad, said
from benchmarks.fleet import said as fleet_said
from benchmarks.rules import RulesTime
from benchmarks.schedules import SchedulesTime
from benchmarks.start_up import StartUp
from benchmarks.summary import PRODUCT, Run

RULES_AIM_US = 20
SATURATED_AIM_PER_S = 3_000
P99_AIM_MS = 50
START_AIM_S = 15
START_AIM_MB = 600
FEED_AIM_PER_S = 50_000
"""What docs/benchmarks.md aims at."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the figures come from: without it they mean nothing."""

    cores: int
    memory_gb: float
    processor: str
    python: str
    broker: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one benchmark found; the JSON file is this.

    Attributes:
        parts_s: how long each part took, with what it needed to begin.
    """

    started_at: str
    quick: bool
    took_s: float
    identities: int
    machine: Machine
    runs: tuple[Run, ...]
    rules: RulesTime
    schedules: SchedulesTime
    start_up: StartUp | None
    feed_loads: tuple[FeedLoad, ...] = ()
    fleet: dict[str, Any] | None = None
    boundary: dict[str, Any] | None = None
    parts_s: dict[str, float] = field(default_factory=dict)


def print_report(report: Report, console: Console) -> None:
    """Print all of it."""
    console.print(_table(report))
    console.print(_cpu_table(report.runs))
    for line in _lines(report):
        console.print(line, highlight=False)


def _table(report: Report) -> Table:
    machine = report.machine
    table = Table(
        title=f"{report.identities:,} identities, {machine.cores} cores shared by all processes",
        caption="latency in ms, open loop from the scheduled arrival; "
        "ratios: depotgate to the baseline in that row",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("load", "target"):
        table.add_column(heading, no_wrap=True)
    for heading in ("answers/s", "p50", "p99", "max", "CPU s/10k", "errors"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("rate ratio", "p50 ratio", "p99 ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in dict.fromkeys((run.load, run.lines) for run in report.runs):
        same = [run for run in report.runs if (run.load, run.lines) == name]
        product = next((run for run in same if run.target == PRODUCT), None)
        for run in same:
            table.add_row(*_cells(run, product), end_section=run is same[-1])
    return table


def _cells(run: Run, product: Run | None) -> list[str]:
    latency = run.latency
    times = (latency.p50_ms, latency.p99_ms, latency.max_ms) if latency else ()
    return [
        run.load,
        run.target,
        f"{run.answers_per_s:,.0f}" + (" overloaded" if run.overloaded else ""),
        *(f"{time:,.1f}" for time in times or (0.0,) * 3),
        f"{sum(run.cpu_s_per_10k.values()):.1f}",
        str(run.errors_count),
        *_ratios(run, product),
    ]


def _ratios(run: Run, product: Run | None) -> list[str]:
    if product is None or product is run or not product.latency or not run.latency:
        return ["", "", ""]
    return [
        f"{product.answers_per_s / run.answers_per_s:.2f}",
        f"{product.latency.p50_ms / run.latency.p50_ms:.1f}",
        f"{product.latency.p99_ms / run.latency.p99_ms:.1f}",
    ]


def _cpu_table(runs: Sequence[Run]) -> Table:
    """Where the time goes: the generator is part of the machine's load but not of the product."""
    names = tuple(dict.fromkeys(name for run in runs for name in run.cpu_s_per_10k))
    table = Table(title="where the time goes: CPU s per 10,000 answers", box=box.SIMPLE_HEAD)
    for heading in ("target", "load"):
        table.add_column(heading, no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    for run in runs:
        spent = (run.cpu_s_per_10k.get(name) for name in names)
        table.add_row(
            run.target,
            run.load,
            *("" if each is None else f"{each:.2f}" for each in spent),
        )
    return table


def _lines(report: Report) -> list[str]:
    rules, start = report.rules, report.start_up
    lines = [
        f"rules alone: {rules.rules_us:.1f} µs a decision (aim < {RULES_AIM_US}), "
        f"fastest round {rules.rules_fastest_us:.1f}; gather {rules.gather_us:.1f}, "
        f"decide {rules.decide_us:.1f}; beside them decode {rules.decode_us:.1f}, "
        f"encode {rules.encode_us:.1f}",
        *_aims(report.runs),
        *_schedule_lines(report.schedules),
    ]
    if start is not None:
        lines.append(
            f"worker start with {start.identities:,} identities: {start.ready_s:.1f} s "
            f"(aim {START_AIM_S}), {start.memory_mb:,.0f} MB (aim {START_AIM_MB}), "
            f"{start.cpu_s:.1f} CPU s"
        )
    lines += fleet_said(report.fleet) if report.fleet else []
    lines += _edge_lines(report.boundary) if report.boundary else []
    lines += [f"{said(load)} (aim {FEED_AIM_PER_S:,} rows/s)" for load in report.feed_loads]
    lines += [
        f"errors, {run.target}, {run.load}: {count:,} × {cause}"
        for run in report.runs
        for cause, count in run.errors.items()
    ]
    return lines


def _edge_lines(found: dict[str, Any]) -> list[str]:
    quiet, meanwhile = found["quiet"] or {}, found["latency"] or {}
    took = f"in {found['took_s']:.1f} s" if found["took_s"] else "not in time"
    return [
        f"an edge for {found['chargers']:,} chargers at {found['rate_per_s']:.0f}/s: "
        f"{found['confirmed']:,} confirmed {took}; answers before it p99 "
        f"{quiet.get('p99_ms', 0):.1f} ms, meanwhile {meanwhile.get('p99_ms', 0):.1f} ms"
    ]


def _schedule_lines(found: SchedulesTime) -> list[str]:
    compiling, asking = found.compiling, found.asking
    highest_mb = max(part.memory_mb for part in compiling)
    return [
        f"schedules: {found.compiled_count:,} of {found.windows_count} windows compiled over "
        f"{found.days} days in {found.compiled_s:.0f} s on {len(compiling)} cores, "
        f"{found.ms_each:.1f} ms each; {highest_mb:,.0f} MB a process at the highest",
        f"mode look-ups: {asking.lookups_per_s:,.0f}/s at any instant, "
        f"{asking.outlooks_per_s:,.0f}/s of now with the next changes, for "
        f"{asking.chargers_count:,} chargers of {asking.schedules_count} schedules; "
        f"{asking.memory_mb:,.0f} MB at the highest",
    ]


def _aims(runs: Sequence[Run]) -> list[str]:
    found = []
    for run in runs:
        if run.target != PRODUCT or run.latency is None:
            continue
        if run.rate_per_s is None and run.lines == 100:
            found.append(
                f"saturated with 100 lines: {run.answers_per_s:,.0f} decisions/s "
                f"(aim ≥ {SATURATED_AIM_PER_S:,})"
            )
        elif run.rate_per_s == 1_000:
            found.append(f"at 1,000/s: p99 {run.latency.p99_ms:.1f} ms (aim < {P99_AIM_MS})")
    return found
