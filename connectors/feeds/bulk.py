"""Many records to few partitions: batches are filled here and sent whole (1,000,000 in seconds)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from models.errors import BrokerUnavailableError
from models.topics import RECORD_MAX_BYTES, Topic

BATCH_BYTES = 512 * 1024
"""Half of what a broker takes by default; one site record may fill a batch of its own."""

IN_FLIGHT_MAX = 32
"""Batches that wait for Kafka: 16 MB, enough to keep it busy."""


class Bulk:
    """Fills one batch a partition; `settle` proves that Kafka has everything."""

    def __init__(self, producer: AIOKafkaProducer, source: str) -> None:
        self._producer = producer
        self._source = source.encode()
        self._batches: dict[tuple[str, int], Any] = {}
        self._waiting: list[asyncio.Future[object]] = []

    async def add(
        self, topic: Topic, key: str, value: bytes | None, partition: int, at: datetime
    ) -> None:
        """Append one record; None is a tombstone."""
        place = (topic.name, partition)
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", key.encode()),
            ("ce_type", f"depotgate.{topic.name}".encode()),
            ("ce_source", self._source),
            ("ce_time", at.isoformat().encode()),
            ("content-type", b"application/json"),
        ]
        content = {"key": key.encode(), "value": value, "timestamp": None, "headers": headers}
        batch = self._batches.get(place)
        if batch is not None and batch.append(**content) is not None:
            return
        if batch is not None:
            await self._send(place)
        batch = self._batches[place] = self._producer.create_batch()
        if batch.append(**content) is None:
            raise BrokerUnavailableError(f"a record of {topic.name} is larger than Kafka takes")

    async def settle(self) -> None:
        """Send what is left and wait until all in-sync replicas have all of it."""
        for place in [*self._batches]:
            await self._send(place)
        await self._acknowledged()

    async def _send(self, place: tuple[str, int]) -> None:
        topic, partition = place
        batch = self._batches.pop(place)
        self._waiting.append(await self._producer.send_batch(batch, topic, partition=partition))
        if len(self._waiting) >= IN_FLIGHT_MAX:
            await self._acknowledged()

    async def _acknowledged(self) -> None:
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*waiting)


@asynccontextmanager
async def bulk_sender(bootstrap: str, source: str) -> AsyncIterator[Bulk]:
    """A connected sender; everything is settled when the block ends.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address, or Kafka went away.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=2 * RECORD_MAX_BYTES,
    )
    try:
        await producer.start()
        bulk = Bulk(producer, source)
        yield bulk
        await bulk.settle()
    except KafkaError as fault:
        raise BrokerUnavailableError(
            f"Kafka at {bootstrap} did not take all of it ({type(fault).__name__}); load again"
        ) from fault
    finally:
        await producer.stop()
