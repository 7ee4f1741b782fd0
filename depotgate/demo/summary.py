"""What a run came to, for people and for whoever greps for `lost: 0`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from depotgate.demo.depot import DemoDepot
from depotgate.demo.tally import Tally, percentile
from depotgate.demo.wording import milliseconds
from models.reasons import Answer

EDGES_SHOWN = 4
"""Of a long run the newest ones."""


def print_summary(console: Console, depot: DemoDepot, tally: Tally, faults: Sequence[str]) -> None:
    """Print the figures, then what did not happen as it must have."""
    console.print()
    for line in figures(depot, tally):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print()
    if not faults:
        console.print(Text("everything that had to happen happened", "bold green"))
        return
    console.print(Text("not everything happened as it must:", "bold red"), soft_wrap=True)
    for fault in faults:
        console.print(Text(f"  {fault}", "red"), soft_wrap=True)


def figures(depot: DemoDepot, tally: Tally) -> Iterator[str]:
    """The figures, a line each, as `name: value`."""
    latencies_s = tally.latencies_s
    p50, p99 = (milliseconds(percentile(latencies_s, share)) for share in (0.5, 0.99))
    undecided = tally.outcomes_count - tally.allowed_count - tally.denied_count
    yield f"attempts: {tally.attempts_count}"
    yield f"allowed: {tally.allowed_count}{_each(tally.by_reason(Answer.ALLOW))}"
    yield f"denied: {tally.denied_count}{_each(tally.by_reason(Answer.DENY))}"
    yield f"undecided: {undecided}"
    yield f"denial records: {tally.denials_count}"
    yield f"mode edges: {len(tally.edges)}{_times(tally.edges, depot.zone)}"
    yield f"switches: {tally.switches.total()}{_each(tally.switches)}"
    yield f"answers, socket to socket: p50 {p50}, p99 {p99}"
    yield f"lost: {tally.lost_count}"


def _times(edges: Collection[datetime], zone: ZoneInfo) -> str:
    newest = sorted(edges)[-EDGES_SHOWN:]
    more = "…, " if len(edges) > EDGES_SHOWN else ""
    times = ", ".join(f"{at.astimezone(zone):%H:%M}" for at in newest)
    return f" ({more}{times})" if newest else ""


def _each(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{name} {count}' for name, count in counts.items())})" if counts else ""
