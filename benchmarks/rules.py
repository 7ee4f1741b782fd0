"""The rules alone, on a real replica: no socket, no Kafka, one core."""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks import depot
from benchmarks.attempts import request_of
from connectors.collector import collect_seldom
from connectors.kafka.replica import Replica
from connectors.telemetry.metrics import Metrics
from models.attempt import AccessRequest
from models.decision import decide
from models.facts import gather
from models.identifiers import Pseudonymiser
from streams.app import REPLICA_TOPICS

ATTEMPTS_COUNT = 2_000
"""Different cards and chargers, so that no cache of one of them answers for all."""

ROUNDS = 9
"""The median of nine passes over a neighbour's short bursts on shared cores."""


@dataclass(frozen=True, slots=True)
class RulesTime:
    """Microseconds a decision: the median round, and the fastest.

    Attributes:
        rules: gather and decide together, which is "the rules alone".
        decode: the request's bytes read.
        encode: the decision's bytes written.
    """

    gather_us: float
    decide_us: float
    rules_us: float
    rules_fastest_us: float
    decode_us: float
    encode_us: float
    attempts_count: int


async def measure_rules(
    bootstrap: str, pseudonymiser: Pseudonymiser, known_cards: int
) -> RulesTime:
    """Load a replica from the broker and decide realistic attempts from it."""
    async with _loaded_replica(bootstrap) as replica:
        return _measured(replica, _requests(pseudonymiser, known_cards))


@asynccontextmanager
async def _loaded_replica(bootstrap: str) -> AsyncIterator[Replica]:
    replica = Replica(bootstrap, REPLICA_TOPICS, Metrics("worker"))
    await replica.load()
    following = asyncio.create_task(replica.follow())
    # Begun at least: a task that is cancelled before its first step closes nothing.
    await asyncio.sleep(0)
    try:
        yield replica
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def _requests(pseudonymiser: Pseudonymiser, known_cards: int) -> list[AccessRequest]:
    drawn = random.Random(7)
    numbers = (drawn.randrange(depot.drawn_from(known_cards)) for _ in range(ATTEMPTS_COUNT))
    return [
        request_of(depot.card(number, known_cards), place, pseudonymiser)
        for place, number in enumerate(numbers)
    ]


def _measured(replica: Replica, requests: list[AccessRequest]) -> RulesTime:
    # As a worker does when its replica is loaded.
    collect_seldom()
    now = datetime.now(UTC)
    raws = [request.encode() for request in requests]
    attempts = [request.attempt for request in requests]
    facts = [gather(attempt, replica, now) for attempt in attempts]
    decisions = [decide(*each) for each in zip(attempts, facts, strict=True)]
    assert all(decision.facts.problem is None for decision in decisions)
    rules = _rounds(lambda: [decide(each, gather(each, replica, now)) for each in attempts])
    return RulesTime(
        gather_us=statistics.median(_rounds(lambda: [gather(e, replica, now) for e in attempts])),
        decide_us=statistics.median(
            _rounds(lambda: [decide(*each) for each in zip(attempts, facts, strict=True)])
        ),
        rules_us=statistics.median(rules),
        rules_fastest_us=min(rules),
        decode_us=statistics.median(_rounds(lambda: [AccessRequest.decode(raw) for raw in raws])),
        encode_us=statistics.median(_rounds(lambda: [each.encode() for each in decisions])),
        attempts_count=len(attempts),
    )


def _rounds(work: Callable[[], object]) -> list[float]:
    """Microseconds an attempt, by round. The collector runs as it does in a worker."""
    work()
    taken = []
    for _ in range(ROUNDS):
        gc.collect()
        started_s = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started_s) * 1e6 / ATTEMPTS_COUNT)
    return taken
