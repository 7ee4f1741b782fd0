"""What a worker sends, and the proof that Kafka has it before an offset is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from connectors.deliveries import Delivery
from connectors.kafka.producer import ConsumedMessage, Producer
from connectors.telemetry.metrics import Metrics
from models.errors import DeliveryFailedError, UndecodableRecordError
from models.metrics import DEAD_LETTERS
from models.record import Record
from models.topics import Topic

log = structlog.get_logger()

RETRY_AFTER_S = 0.2
"""Between two tries to append while Kafka is away; each try waits for the producer's time-out."""


class Outbox:
    """Sends through the worker's own idempotent producer and remembers the first failure.

    Faust's Topic.send costs twice the time and its producer thread a hop more (measured: p99 at
    2,000/s 83 ms instead of 17 ms), so agents send here, with an explicit partition.
    """

    def __init__(self, producer: Producer, metrics: Metrics) -> None:
        self._producer = producer
        self._metrics = metrics
        self._failure: BaseException | None = None

    async def send(
        self,
        topic: Topic,
        key: str,
        record: Record,
        *,
        event_id: str,
        partition: int | None = None,
        traceparent: str | None = None,
    ) -> Delivery:
        """Append one record; its delivery is proven by `settle` or `delivered`.

        Raises:
            DeliveryFailedError: the producer has failed for good.
            MessageSizeTooLargeError: the record is larger than any may be.
        """

        async def append() -> Delivery:
            return await self._producer.send(
                topic,
                key,
                record,
                event_id=event_id,
                at=datetime.now(UTC),
                partition=partition,
                traceparent=traceparent,
            )

        return await self._appended(topic.name, append)

    async def handled(
        self, origin: Topic, message: ConsumedMessage, handling: Awaitable[None]
    ) -> None:
        """Await the handling of one message; what it could not do is kept as a dead letter.

        Never raises: Faust acknowledges an event also when an exception leaves its agent, so the
        event would be lost without a trace.
        """
        try:
            try:
                await handling
            except UndecodableRecordError as fault:
                await self._dead_letter(origin, message, str(fault))
            except DeliveryFailedError:
                raise
            except Exception as fault:
                log.exception("message.unhandled", topic=origin.name, offset=message.offset)
                cause = f"expected to handle it, got {type(fault).__name__}"
                await self._dead_letter(origin, message, cause)
        except (DeliveryFailedError, MessageSizeTooLargeError) as fault:
            # Nothing is committed any more: the next commit stops the worker.
            self._failure = self._failure or fault
            log.error("outbox.failed", topic=origin.name, cause=str(fault))

    async def settle(self) -> None:
        """Wait until Kafka has acknowledged everything sent so far.

        Raises:
            DeliveryFailedError: something was not delivered: nothing may be committed any more.
        """
        await self._producer.flush()
        self._refuse_after_failure()

    async def delivered(self, deliveries: Collection[Delivery]) -> None:
        """Wait until Kafka has acknowledged these records.

        Raises:
            DeliveryFailedError: something was not delivered: nothing may be committed any more.
        """
        if deliveries:
            await asyncio.wait(deliveries)
        self._refuse_after_failure()

    async def _dead_letter(self, origin: Topic, message: ConsumedMessage, cause: str) -> None:
        """Keep what could not be read, as it came, with origin and cause; counted and said."""
        self._metrics.count(DEAD_LETTERS, origin.name)
        log.error(
            "dead_letter",
            topic=origin.name,
            partition=message.partition,
            offset=message.offset,
            cause=cause,
        )

        async def append() -> Delivery:
            return await self._producer.send_dead_letter(origin, message, cause)

        await self._appended(origin.dead_letter_name, append)

    async def _appended(self, topic: str, append: Callable[[], Awaitable[Delivery]]) -> Delivery:
        """Append until it succeeds.

        While Kafka is away and the buffer full, an exception would leave the agent and its event
        would be lost. So this waits, and with it the partition.
        """
        while True:
            try:
                delivery = await append()
            except MessageSizeTooLargeError:
                raise
            except KafkaError as fault:
                if not (fault.retriable or isinstance(fault, KafkaTimeoutError)):
                    self._failure = self._failure or fault
                self._refuse_after_failure()
                log.warning("outbox.waiting", topic=topic, error=type(fault).__name__)
                await asyncio.sleep(RETRY_AFTER_S)
                continue
            delivery.add_done_callback(self._delivered)
            return delivery

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            raise DeliveryFailedError(
                f"a record was not delivered ({self._producer.cause_of(self._failure)}); "
                "the worker starts again from its last committed offsets"
            ) from self._failure

    def _delivered(self, delivery: Delivery) -> None:
        if delivery.cancelled():
            self._failure = self._failure or asyncio.CancelledError()
        elif delivery.exception() is not None:
            self._failure = self._failure or delivery.exception()
