"""Fetches that nobody waits for are few, and the first record is there at once."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState

from connectors.kafka.pacing import FETCH_MIN_BYTES, pace


class Finding(Fetcher):  # type: ignore[misc]  # aiokafka ships no types
    """A fetcher that finds something or nothing, as a test has it."""

    def __init__(self, finds: list[bool]) -> None:
        super().__init__(AIOKafkaClient(), SubscriptionState())
        self._finds = iter(finds)

    async def _proc_fetch_request(self, *_request: object) -> bool:
        return next(self._finds)


async def test_the_first_record_ends_a_fetch_and_those_that_follow_are_fetched_together() -> None:
    consumer = AIOKafkaConsumer()
    fetcher = consumer._fetcher = Finding([False, True, True, False])
    pace(consumer)
    waits = []
    try:
        for _ in range(4):
            waits.append((fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms))
            await fetcher._proc_fetch_request()
    finally:
        await fetcher.close()
        await consumer.stop()
    assert waits == [(1, 250), (1, 250), (FETCH_MIN_BYTES, 50), (FETCH_MIN_BYTES, 50)]
    assert (fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms) == (1, 250)
