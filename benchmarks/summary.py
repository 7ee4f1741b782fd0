"""What one load gave, as numbers: the JSON file and the table are made from these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

PRODUCT = "depotgate"
"""The target of a run through the product, beside the baselines."""


@dataclass(frozen=True, slots=True)
class Load:
    """One load on one target.

    Attributes:
        rate_per_s: of Poisson arrivals (open loop); None = saturated, each line asks at once again.
        lines: chargers with one question outstanding at most, as OCPP-J demands.
        warm_up_s: asked before anything counts.
        measured_s: how long arrivals count.
    """

    lines: int
    rate_per_s: float | None
    warm_up_s: float
    measured_s: float

    @property
    def name(self) -> str:
        """As the table shows it."""
        if self.rate_per_s is None:
            return f"saturated, {self.lines:,} lines"
        return f"{self.rate_per_s:,.0f}/s arriving"


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Run:
    """One load on one target, measured.

    Attributes:
        answers_per_s: counted answers over the time from the first counted arrival to the last
            counted answer.
        latency: from the scheduled arrival in open loop, from sending when saturated; None
            without a single answer.
        errors: by cause; empty when every question was answered as the rules have it.
        overloaded: arrivals came faster than answers; the load was cut short.
        cpu_s_per_10k: CPU seconds per 10,000 answers, by process.
    """

    target: str
    load: str
    lines: int
    rate_per_s: float | None
    answered: int
    answers_per_s: float
    latency: Latency | None
    errors: dict[str, int]
    overloaded: bool
    cpu_s_per_10k: dict[str, float] = field(default_factory=dict)

    @property
    def errors_count(self) -> int:
        """Questions that were not answered as they should have been."""
        return sum(self.errors.values())


def latency_of(seconds: Sequence[float]) -> Latency | None:
    """Percentiles of latencies in seconds; None when there are none."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return Latency(
        p50_ms=1000 * percentile(ordered, 50),
        p90_ms=1000 * percentile(ordered, 90),
        p99_ms=1000 * percentile(ordered, 99),
        max_ms=1000 * ordered[-1],
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of sorted values: always a value that was seen.

    Raises:
        ValueError: there are no values, or `percent` is not in (0, 100].
    """
    if not ordered or not 0 < percent <= 100:
        raise ValueError(f"expected values and a percentage in (0, 100], got {percent}")
    rank = -(-len(ordered) * percent // 100)
    return ordered[int(rank) - 1]


def per_10k(cpu_s: float, answered: int) -> float:
    """CPU seconds per 10,000 answers."""
    return cpu_s * 10_000 / answered if answered else 0.0
