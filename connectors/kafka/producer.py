"""Records to Kafka: one idempotent producer per process, with CloudEvents headers."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import cache
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from connectors.kafka.lacking import permission_lacking
from connectors.kafka.partition import partition_of
from connectors.kafka.security import Kafka, client_options
from connectors.kafka.starting import start_client
from models.record import Record
from models.topics import HEADERS_MAX_BYTES, RECORD_MAX_BYTES, Topic

REQUEST_TIMEOUT_MS = 10_000
"""One request to a broker; an idempotent producer goes on trying after it (kafka 4.3 measured)."""

BATCH_MAX_BYTES = 131_072
"""A batch of one partition; larger than a burst of decisions, so none waits for a drain."""

DEAD_LETTER_CAUSE_MAX_CHARS = 500
"""A cause is for a person; headers are not the place for a novel."""


_SPEC_VERSION = ("ce_specversion", b"1.0")
_CONTENT_TYPE = ("content-type", b"application/json")


class ConsumedMessage(Protocol):
    """What a dead letter needs to know of the message it came from (aiokafka's ConsumerRecord)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Producer:
    """Sends records; `send` returns once appended, its future once all in-sync replicas have it.

    Args:
        bootstrap: `HOST:PORT[,HOST:PORT]`.
        source: CloudEvents source of everything sent, for instance `gateway/…`.
    """

    def __init__(self, bootstrap: Kafka, source: str) -> None:
        self._bootstrap = bootstrap
        self._source = source.encode()
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailableError: nothing answers at the bootstrap address.
            KafkaRefusedError, NotPermittedError: it answers, and does not let this client in.
        """
        # Idempotent: a plain producer gives a batch up after its time-out and loses it silently;
        # this one tries until the broker is back, in order and without duplicates.
        producer = AIOKafkaProducer(
            **client_options(self._bootstrap),
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_MAX_BYTES,
            # A dead letter is a full record with its headers, and headers of its own.
            max_request_size=RECORD_MAX_BYTES + 2 * HEADERS_MAX_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        await start_client(producer, self._bootstrap, producer.stop, REQUEST_TIMEOUT_MS / 1000)
        self._producer = producer

    async def stop(self) -> None:
        """Deliver what is pending, then disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def flush(self) -> None:
        """Wait until everything appended so far is acknowledged or has failed."""
        await self._connected().flush()

    async def send(
        self,
        topic: Topic,
        key: str,
        record: Record | None,
        *,
        event_id: str,
        at: datetime,
        partition: int | None = None,
        traceparent: str | None = None,
    ) -> asyncio.Future[RecordMetadata]:
        """Append one record.

        Args:
            record: None is a tombstone of a compacted topic.
            event_id: CloudEvents id: the record's own id, the same when it is sent twice.
            at: CloudEvents time.
            partition: a slot; None = by key.

        Raises:
            KafkaTimeoutError: the partition's buffer stayed full (Kafka is away).
            MessageSizeTooLargeError: the record is larger than RECORD_MAX_BYTES; said here, because
                the broker would say it only when the record is long forgotten.
        """
        value = record.encode() if record is not None else None
        if value is not None and len(value) > RECORD_MAX_BYTES:
            raise MessageSizeTooLargeError(f"{topic.name}: {len(value)} bytes")
        headers = cloud_event_headers(topic, self._source, event_id, at)
        if traceparent is not None:
            headers.append(("traceparent", traceparent.encode()))
        future: asyncio.Future[RecordMetadata] = await self._connected().send(
            topic.name,
            value=value,
            key=key.encode(),
            partition=partition_of(key, topic.partitions) if partition is None else partition,
            headers=headers,
        )
        return future

    async def send_dead_letter(
        self, origin: Topic, message: ConsumedMessage, cause: str
    ) -> asyncio.Future[RecordMetadata]:
        """Keep a message that could not be read, as it came, with origin and cause as headers."""
        headers = [
            ("origin_topic", message.topic.encode()),
            ("origin_partition", str(message.partition).encode()),
            ("origin_offset", str(message.offset).encode()),
            ("cause", cause[:DEAD_LETTER_CAUSE_MAX_CHARS].encode()),
            ("ce_source", self._source),
        ]
        future: asyncio.Future[RecordMetadata] = await self._connected().send(
            origin.dead_letter_name,
            value=message.value or b"",
            key=message.key,
            partition=message.partition,
            headers=headers,
        )
        return future

    def cause_of(self, fault: BaseException) -> str:
        """Why a record was not delivered: what is not permitted in a sentence, else the error."""
        lacking = permission_lacking(fault, self._bootstrap, "write to")
        return str(lacking) if lacking else type(fault).__name__

    def _connected(self) -> AIOKafkaProducer:
        assert self._producer is not None, "send before start or after stop"
        return self._producer


def cloud_event_headers(
    topic: Topic, source: bytes, event_id: str, at: datetime
) -> list[tuple[str, bytes]]:
    """CloudEvents 1.0, Kafka binding, binary mode. W3C trace context may stand beside it."""
    return [
        _SPEC_VERSION,
        ("ce_id", event_id.encode()),
        _type_header(topic.name),
        ("ce_source", source),
        ("ce_time", at.isoformat().encode()),
        _CONTENT_TYPE,
    ]


@cache
def _type_header(topic: str) -> tuple[str, bytes]:
    return "ce_type", f"depotgate.{topic}".encode()
