"""The other side of a worker's topics: what load and a gateway write, what readers see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord, RecordMetadata

from connectors.kafka.consumer import position_reached, start_consumer
from connectors.kafka.producer import Producer
from models.charger import ChargerCommand, CommandKind
from models.record import Record
from models.topics import Topic

R = TypeVar("R", bound=Record)

WITHIN_S = 30.0
"""For one record to come through: milliseconds, unless the machine is busy with other things."""


def headers_of(message: ConsumerRecord) -> dict[str, str]:
    """A message's headers as text."""
    return {name: value.decode() for name, value in message.headers}


Unwanted = Callable[[ConsumerRecord], bool]


BESIDE_THE_MODE = {
    CommandKind.PROBE,
    CommandKind.OFFLINE,
    CommandKind.ANNOUNCE,
    # Once in an hour, at a time that the charger's name makes: it may come in the midst of a test.
    CommandKind.READ_BACK,
}
"""Commands that change nothing of a mode."""


def beside_the_mode(message: ConsumerRecord) -> bool:
    """Whether a command is about something else."""
    return ChargerCommand.decode(message.value).kind in BESIDE_THE_MODE


class Tap(Generic[R]):
    """Every record of one topic from the moment of its opening on, in the order of arrival."""

    def __init__(self, topic: Topic, consumer: AIOKafkaConsumer, without: Unwanted) -> None:
        self.topic = topic
        self._without = without
        self.messages: list[ConsumerRecord] = []
        self._consumer = consumer

    def records(self, about: str = "") -> list[R]:
        """What came so far, decoded; `about` = key, which is the charger."""
        record = cast("type[R]", self.topic.record)
        return [record.decode(message.value) for message in self.messages_about(about)]

    def messages_about(self, about: str = "") -> list[ConsumerRecord]:
        """What came so far as it came; the topic is shared with what other tests left behind."""
        key = about.encode()
        return [message for message in self.messages if not about or message.key == key]

    async def poll(self) -> None:
        """Take what is there."""
        for batch in (await self._consumer.getmany(timeout_ms=50)).values():
            self.messages.extend(message for message in batch if not self._without(message))

    async def catch_up(self) -> None:
        """Take all that is there now."""
        ends = await self._consumer.end_offsets(self._consumer.assignment())
        while not await position_reached(self._consumer, ends):
            await self.poll()

    async def until(
        self, enough: Callable[[], bool], what: str, within_s: float = WITHIN_S
    ) -> None:
        """Read on until there is enough; fails the test when that never comes."""
        deadline_s = asyncio.get_running_loop().time() + within_s
        while not enough():
            late = asyncio.get_running_loop().time() > deadline_s
            assert not late, f"{self.topic.name}: not within {within_s:.0f} s: {what}"
            await self.poll()

    async def some(self, about: str, count: int = 1, within_s: float = WITHIN_S) -> list[R]:
        """Wait for so many records about a charger."""
        what = f"{count} records about {about}"
        await self.until(lambda: len(self.records(about)) >= count, what, within_s)
        return self.records(about)


class Topics:
    """Writes as load and gateways do, with the product's own producer; opens taps."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer = Producer(bootstrap, "tests")
        self._consumers: list[AIOKafkaConsumer] = []

    async def send(
        self,
        topic: Topic,
        key: str,
        record: Record | None,
        *,
        partition: int | None = None,
        traceparent: str | None = None,
    ) -> asyncio.Future[RecordMetadata]:
        """Append one record; awaiting the result waits for Kafka."""
        return await self._producer.send(
            topic,
            key,
            record,
            event_id=key,
            at=datetime.now(UTC),
            partition=partition,
            traceparent=traceparent,
        )

    async def write(
        self, topic: Topic, key: str, record: Record | None, *, traceparent: str | None = None
    ) -> RecordMetadata:
        """Write one record; returns when Kafka has it."""
        return await (await self.send(topic, key, record, traceparent=traceparent))

    async def write_raw(self, topic: Topic, key: str, value: bytes) -> RecordMetadata:
        """Write bytes that no model made."""
        return await self.write(topic, key, cast("Record", _Raw(value)))

    async def tap(self, topic: Topic, without: Unwanted = lambda _: False) -> Tap[Any]:
        """Everything that is written to a topic from now on, without what is unwanted."""
        consumer = await start_consumer(self.bootstrap)
        self._consumers.append(consumer)
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        for partition in partitions:
            await consumer.position(partition)
        return Tap(topic, consumer, without)

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        for consumer in self._consumers:
            await consumer.stop()
        await self._producer.stop()


class _Raw:
    """Bytes that travel as if they were a record."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def encode(self) -> bytes:
        return self._value


@asynccontextmanager
async def topics_on(bootstrap: str) -> AsyncIterator[Topics]:
    """A broker's topics for the length of a block."""
    topics = Topics(bootstrap)
    await topics.start()
    try:
        yield topics
    finally:
        await topics.stop()
