"""Many records at once: batches are filled here and sent whole, a million records in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from connectors.kafka.lacking import permission_lacking
from connectors.kafka.partition import partitions_of_keys
from connectors.kafka.permissions import refuse_unwritable
from connectors.kafka.producer import cloud_event_headers
from connectors.kafka.security import Kafka, client_options
from connectors.kafka.starting import start_client
from models.errors import BrokerUnavailableError, DepotgateError
from models.topics import RECORD_MAX_BYTES, Topic

BATCH_BYTES = 512 * 1024
"""Half of what a broker takes by default; one site record may fill a batch of its own."""

IN_FLIGHT_MAX = 32
"""Batches that wait for Kafka: 16 MB, enough to keep it busy."""

ACKNOWLEDGED_WITHIN_S = 30.0
"""Long enough for a broker that is killed and started again (13 s measured), and then some."""


class Keyed(NamedTuple):
    """A record to append.

    Attributes:
        value: None is a tombstone.
        partition: None = by key.
    """

    key: str
    value: bytes | None
    partition: int | None = None


class Bulk:
    """Fills one batch a partition; `settle` proves that Kafka has everything.

    Args:
        source: CloudEvents source of everything sent.
        batch_id: CloudEvents ids are this and a number.
        at: CloudEvents time of everything sent.
    """

    def __init__(
        self,
        kafka: Kafka,
        producer: AIOKafkaProducer,
        source: str,
        batch_id: str,
        at: datetime,
    ) -> None:
        self._kafka = kafka
        self._producer = producer
        self._source = source.encode()
        self._batch_id = batch_id
        self._at = at
        self._count = 0
        self._headers: dict[str, list[tuple[str, bytes]]] = {}
        self._batches: dict[tuple[str, int], Any] = {}
        self._waiting: list[asyncio.Future[object]] = []

    async def add(
        self, topic: Topic, key: str, value: bytes | None, partition: int | None = None
    ) -> None:
        """Append one record.

        Args:
            value: None is a tombstone.
            partition: None = by key.

        Raises:
            BrokerUnavailableError: Kafka has not taken what came before for a while.
        """
        await self.add_many(topic, [Keyed(key, value, partition)])

    async def add_many(self, topic: Topic, records: Sequence[Keyed]) -> None:
        """Append records, in their order.

        Raises:
            BrokerUnavailableError: Kafka has not taken what came before for a while.
        """
        keys = [record.key.encode() for record in records]
        by_key = partitions_of_keys(keys, topic.partitions)
        for key, record, partition in zip(keys, records, by_key, strict=True):
            place = (topic.name, partition if record.partition is None else record.partition)
            headers = self._header(topic)
            content = {"key": key, "value": record.value, "timestamp": None, "headers": headers}
            batch = self._batches.get(place)
            if batch is None or batch.append(**content) is None:
                # aiokafka takes the first record of a batch whatever its size.
                (await self._next_batch(place)).append(**content)

    async def settle(self) -> None:
        """Send what is left and wait until all in-sync replicas have all of it.

        Raises:
            BrokerUnavailableError: they have not for a while.
        """
        for place in [*self._batches]:
            await self._send(place)
        await self._acknowledged()

    async def forget(self) -> None:
        """Look at how everything ended that is on its way, and say nothing of it."""
        await asyncio.gather(*self._waiting, return_exceptions=True)

    def _header(self, topic: Topic) -> list[tuple[str, bytes]]:
        common = self._headers.get(topic.name)
        if common is None:
            headers = cloud_event_headers(topic, self._source, "", self._at)
            common = [header for header in headers if header[0] != "ce_id"]
            self._headers[topic.name] = common
        self._count += 1
        return [("ce_id", f"{self._batch_id}/{self._count}".encode()), *common]

    async def _next_batch(self, place: tuple[str, int]) -> Any:
        """An empty one, after the one that is full."""
        if place in self._batches:
            await self._send(place)
        batch = self._batches[place] = self._producer.create_batch()
        return batch

    async def _send(self, place: tuple[str, int]) -> None:
        topic, partition = place
        batch = self._batches.pop(place)
        try:
            sent = await self._producer.send_batch(batch, topic, partition=partition)
        except KafkaError as fault:
            raise self._not_taken(fault) from fault
        self._waiting.append(sent)
        if len(self._waiting) >= IN_FLIGHT_MAX:
            await self._acknowledged()

    async def _acknowledged(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
                ends = await asyncio.gather(*waiting, return_exceptions=True)
        except TimeoutError as fault:
            raise self._not_taken(fault) from fault
        for end in ends:
            if isinstance(end, BaseException):
                raise self._not_taken(end) from end

    def _not_taken(self, fault: BaseException) -> DepotgateError:
        return permission_lacking(fault, self._kafka, "write to") or BrokerUnavailableError(
            f"Kafka has not taken all of it ({type(fault).__name__}); do it again when it is back"
        )


@asynccontextmanager
async def bulk_producer(
    bootstrap: Kafka,
    source: str,
    batch_id: str,
    at: datetime,
    *,
    writes: Collection[Topic] = (),
) -> AsyncIterator[Bulk]:
    """A connected `Bulk`; everything is settled when the block ends.

    A block that fails leaves nothing on its way: what Kafka has not taken by then it never gets.

    Args:
        writes: topics that this user has to be permitted to write, all of them, before the block
            begins: half of what belongs together would be worse than nothing.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address, or Kafka went away.
        NotPermittedError: this user may not write there.
    """
    # Idempotent: a plain producer gives a batch up after its time-out and loses it silently.
    producer = AIOKafkaProducer(
        **client_options(bootstrap),
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=2 * RECORD_MAX_BYTES,
        request_timeout_ms=int(ACKNOWLEDGED_WITHIN_S * 1000),
    )
    await start_client(producer, bootstrap, producer.stop, ACKNOWLEDGED_WITHIN_S)
    bulk = Bulk(bootstrap, producer, source, batch_id, at)
    try:
        await refuse_unwritable(bootstrap, producer.client, [topic.name for topic in writes])
        yield bulk
        await bulk.settle()
    except BaseException:
        await _give_up(producer)
        await bulk.forget()
        raise
    await producer.stop()


async def _give_up(producer: AIOKafkaProducer) -> None:
    """Stop, and deliver nothing more than what is on the wire.

    aiokafka 0.14 delivers on stop what is pending, however long that takes: rows of this load would
    arrive after those of a later one, and undo them. Without its sender it delivers nothing; the
    batches then have to be told, or its own flush waits for them for ever.
    """
    producer._sender.sender_task.cancel()
    await producer.stop()
    accumulator = producer._message_accumulator
    accumulator.fail_all(ProducerClosed())
    for batches in accumulator._batches.values():
        for batch in batches:
            if batch._drain_waiter.done():
                batch._drain_waiter.exception()  # looked at: else asyncio logs each of them
