"""Reading without a group: a consumer that assigns its partitions itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.structs import ConsumerRecord

from connectors.kafka.lacking import not_permitted
from connectors.kafka.permissions import refuse_hidden, refuse_unreadable
from connectors.kafka.security import Kafka, client_options
from connectors.kafka.starting import ANSWER_WITHIN_S, start_client
from models.topics import Topic

Ends = Mapping[TopicPartition, int]
"""Where partitions ended when they were asked."""


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka ships no types
    """Says that it is not permitted to read, which aiokafka's own does not say in a sentence."""

    def __init__(self, kafka: Kafka, **options: Any) -> None:
        super().__init__(**client_options(kafka), **options)
        self._kafka = kafka

    async def refuse_unreadable(self, topics: Collection[str]) -> None:
        """Look whether these topics may be read, be there anything in them or not.

        Raises:
            NotPermittedError: Kafka does not permit it for one of them.
        """
        await refuse_unreadable(self._kafka, self._client, topics)

    async def refuse_hidden(self, topics: Collection[str]) -> None:
        """Look whether these topics are shown, which is all that their offsets take.

        Raises:
            NotPermittedError: Kafka does not show one of them.
        """
        await refuse_hidden(self._kafka, self._client, topics)

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,
        max_records: int | None = None,
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """As aiokafka's.

        Raises:
            NotPermittedError: Kafka does not permit this user to read one of the topics.
        """
        try:
            found: dict[TopicPartition, list[ConsumerRecord]] = await super().getmany(
                *partitions, timeout_ms=timeout_ms, max_records=max_records
            )
        except TopicAuthorizationFailedError as fault:
            raise not_permitted(self._kafka, ("read", [str(fault.args[0])])) from fault
        return found


async def start_consumer(
    bootstrap: Kafka, group: str | None = None, answer_within_s: float = ANSWER_WITHIN_S
) -> Consumer:
    """A connected consumer with nothing assigned.

    Args:
        group: whose committed offsets are to be read; nothing is ever committed.
        answer_within_s: for one request.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address.
    """
    consumer = Consumer(
        bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # The answer to a waiting driver comes this way: fetches return at the first byte.
        fetch_min_bytes=1,
        fetch_max_wait_ms=500,
        request_timeout_ms=int(answer_within_s * 1000),
    )
    await start_client(consumer, bootstrap, consumer.stop, answer_within_s)
    return consumer


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Disconnect.

    aiokafka 0.14 cancels its fetches and awaits them bare. While Kafka is away one of them sleeps
    before its next try, and its cancellation comes out as if whoever stops had been cancelled, with
    the connections still open. So the stop is a task of its own, where the two can be told apart.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait({stopping})
    if stopping.cancelled():
        await consumer._client.close()
    else:
        stopping.result()


def partitions_of(*topics: Topic) -> list[TopicPartition]:
    """Every partition of these topics."""
    return [
        TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)
    ]


async def read_from_beginning(consumer: Consumer, partitions: Sequence[TopicPartition]) -> Ends:
    """Assign partitions and begin at what they still have; returns where they end now.

    Raises:
        NotPermittedError: Kafka does not permit this user to read one of the topics.
    """
    await consumer.refuse_unreadable({each.topic for each in partitions})
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    ends: Ends = await consumer.end_offsets(partitions)
    return ends


async def read_on(consumer: Consumer, offsets: Ends) -> Ends:
    """Assign partitions and begin at these offsets; returns where they end now.

    Raises:
        NotPermittedError: Kafka does not permit this user to read one of the topics.
    """
    await consumer.refuse_unreadable({each.topic for each in offsets})
    consumer.assign(list(offsets))
    for partition, offset in offsets.items():
        consumer.seek(partition, offset)
    ends: Ends = await consumer.end_offsets(list(offsets))
    return ends


async def read_from_now(consumer: Consumer, partitions: Sequence[TopicPartition]) -> Ends:
    """Assign partitions and begin at their ends, which are returned.

    Offsets asked for now: a seek to the end would be resolved at the first fetch, and lose what is
    written between.

    Raises:
        NotPermittedError: Kafka does not permit this user to read one of the topics.
    """
    await consumer.refuse_unreadable({each.topic for each in partitions})
    consumer.assign(partitions)
    ends: Ends = await consumer.end_offsets(partitions)
    for partition, end in ends.items():
        consumer.seek(partition, end)
    return ends


async def position_reached(consumer: AIOKafkaConsumer, ends: Ends) -> bool:
    """Whether every partition has been read to its end offset.

    By position, not by the last record's offset: in a compacted topic that record may be gone.
    """
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return False
    return True
