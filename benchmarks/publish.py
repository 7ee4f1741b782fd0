"""The benchmark's depot onto its topics: a million records in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime

from aiokafka import AIOKafkaProducer

from benchmarks import depot
from connectors.kafka.partition import partition_of
from connectors.kafka.topics import apply_topics
from models.identifiers import Pseudonymiser
from models.record import Record
from models.site import SiteRecord
from models.topics import CHARGERS, FEEDS, IDENTITIES, SITES, Topic

BATCH_BYTES = 512 * 1024
"""Of one request: half of what a broker takes by default."""

IN_FLIGHT_MAX = 64
"""Batches that wait for Kafka: 32 MB, enough to keep it busy."""

Row = tuple[str, Record]


async def publish_depot(
    bootstrap: str, pseudonymiser: Pseudonymiser, password: str, chargers: int, identities: int
) -> None:
    """Create the topics and publish chargers and cards, then the site, as `depotgate load` does."""
    await apply_topics(bootstrap)
    now = depot.whole_second()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=BATCH_BYTES)
    await producer.start()
    try:
        charger_rows = depot.charger_records(chargers, pseudonymiser, password)
        await _publish(producer, CHARGERS, ((row.charger_id, row) for row in charger_rows), now)
        cards = depot.identity_records(identities, pseudonymiser, now)
        await _publish(producer, IDENTITIES, ((row.key, row) for row in cards), now)
        await _publish(producer, FEEDS, [(depot.SOURCE, depot.receipt(identities, now))], now)
        await _publish(producer, SITES, [(depot.SITE, depot.site_record(now))], now)
    finally:
        await producer.stop()


async def publish_site(bootstrap: str, site: SiteRecord) -> None:
    """Publish a site once more."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await _publish(producer, SITES, [(site.site_id, site)], depot.whole_second())
    finally:
        await producer.stop()


async def _publish(
    producer: AIOKafkaProducer, topic: Topic, rows: Iterable[Row], now: datetime
) -> None:
    batches = [producer.create_batch() for _ in range(topic.partitions)]
    waiting: list[asyncio.Future[object]] = []
    for number, (key, record) in enumerate(rows):
        # Each identity is published once, so where its key lives decides nothing, and hashing a
        # million long keys in Python would take half a minute.
        partition = number % topic.partitions if topic is IDENTITIES else partition_of(key, 8)
        content = (key.encode(), record.encode(), _headers(topic, key, now))
        if not _append(batches[partition], content):
            waiting.append(await _send(producer, batches[partition], topic, partition))
            batches[partition] = producer.create_batch()
            _append(batches[partition], content)
            if len(waiting) >= IN_FLIGHT_MAX:
                await asyncio.gather(*waiting)
                waiting.clear()
    for partition, batch in enumerate(batches):
        if batch.record_count():
            waiting.append(await _send(producer, batch, topic, partition))
    await asyncio.gather(*waiting)


def _append(batch: object, content: tuple[bytes, bytes, list[tuple[str, bytes]]]) -> bool:
    key, value, headers = content
    return batch.append(key=key, value=value, timestamp=None, headers=headers) is not None  # type: ignore[attr-defined]


async def _send(
    producer: AIOKafkaProducer, batch: object, topic: Topic, partition: int
) -> asyncio.Future[object]:
    future: asyncio.Future[object] = await producer.send_batch(
        batch, topic.name, partition=partition
    )
    return future


def _headers(topic: Topic, key: str, now: datetime) -> list[tuple[str, bytes]]:
    """The headers every record carries: reading them is part of a start."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", key.encode()),
        ("ce_type", f"depotgate.{topic.name}".encode()),
        ("ce_source", b"load/bench"),
        ("ce_time", now.isoformat().encode()),
        ("content-type", b"application/json"),
    ]
