"""How often a consumer fetches that nobody waits for.

Each fetch names and answers every partition, so that by aiokafka's own settings each record costs a
fetch of them all.
"""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer

FETCH_MIN_BYTES = 262_144
"""About ninety attempts' events and outcomes, some ten milliseconds of work: a worker that is busy
fetches twenty times a second, as one that is not."""

FETCH_MAX_WAIT_S = 0.05
"""How late a charger's event, and what follows from it, may be noticed: less than an edge."""

QUIET_WAIT_S = 0.25
"""Of a fetch after one that brought nothing; the first byte ends it. Each costs a quiet worker 2 ms
and its Kafka 4 ms, and what is asked on the same connection in a rebalance waits behind it."""


def pace(consumer: AIOKafkaConsumer) -> None:
    """Have the first record after a while fetched at once, and those that follow it together.

    Args:
        consumer: one that was started; aiokafka (0.14.0) makes its fetcher then.
    """
    fetcher = consumer._fetcher
    fetch = fetcher._proc_fetch_request

    async def paced(*request: Any) -> bool:
        found: bool = await fetch(*request)
        wait_for(found)
        return found

    def wait_for(more: bool) -> None:
        fetcher._fetch_min_bytes = FETCH_MIN_BYTES if more else 1
        fetcher._fetch_max_wait_ms = int((FETCH_MAX_WAIT_S if more else QUIET_WAIT_S) * 1000)

    wait_for(more=False)
    fetcher._proc_fetch_request = paced
