"""Reading without a group: a consumer that assigns its partitions itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from models.errors import BrokerUnavailableError


async def start_consumer(bootstrap: str, group: str | None = None) -> AIOKafkaConsumer:
    """A connected consumer with nothing assigned.

    Args:
        group: whose committed offsets are to be read; nothing is ever committed.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # The answer to a waiting driver comes this way: fetches return at the first byte.
        fetch_min_bytes=1,
        fetch_max_wait_ms=500,
    )
    try:
        await consumer.start()
    except KafkaError as fault:
        await consumer.stop()
        raise BrokerUnavailableError(
            f"no Kafka answers at {bootstrap}; start it with `depotgate up`, "
            "or name another with DEPOTGATE_KAFKA"
        ) from fault
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


async def position_reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    """Whether every partition has been read to its end offset.

    By position, not by the last record's offset: in a compacted topic that record may be gone.
    """
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return False
    return True
