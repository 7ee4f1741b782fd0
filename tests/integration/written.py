"""What topics have: everything that was written, or as much as a test waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from models.record import Record
from models.topics import Topic

R = TypeVar("R", bound=Record)

FOLLOWS_WITHIN_S = 30.0
"""For what follows in milliseconds or a few seconds, unless the machine is busy with other things:
denials follow outcomes, rows follow facts, processes follow files."""


async def read_all(kafka: str, topic: Topic, about: str = "") -> list[Record]:
    """Every record that a topic has now, a repeated one as often as it is there.

    Args:
        about: only those that have this text in them: on a broker that tests share there are
            others too, and some that are no records on purpose.
    """
    assert topic.record is not None
    values = await read_values(kafka, topic)
    return [topic.record.decode(value) for value in values if about.encode() in value]


async def read_kind(kafka: str, topic: Topic, kind: type[R], about: str = "") -> list[R]:
    """Those records of `read_all` that are of a kind."""
    return [each for each in await read_all(kafka, topic, about) if isinstance(each, kind)]


async def read_until(
    kafka: str,
    topic: Topic,
    kind: type[R],
    holds: Callable[[list[R]], Any],
    what: str,
    *,
    within_s: float = FOLLOWS_WITHIN_S,
) -> list[R]:
    """Every record of a kind that a topic has, once something holds of them.

    Only an outcome, and what comes before it, is there as soon as a driver has the answer; all else
    follows what it tells of. Each record is read once, however long that takes.
    """
    assert topic.record is not None
    found: list[R] = []
    deadline_s = asyncio.get_running_loop().time() + within_s
    async with _read(kafka, topic) as new_values:
        async for values in new_values:
            records = [topic.record.decode(value) for value in values]
            found += [record for record in records if isinstance(record, kind)]
            if holds(found):
                break
            assert asyncio.get_running_loop().time() < deadline_s, (
                f"not within {within_s:.0f} s: {what}"
            )
    return found


async def read_values(kafka: str, topic: Topic) -> list[bytes]:
    """The bytes of every record that a topic has now."""
    async with _read(kafka, topic) as new_values:
        return await anext(new_values)


@asynccontextmanager
async def _read(kafka: str, topic: Topic) -> AsyncIterator[AsyncIterator[list[bytes]]]:
    """What a topic has now, all at once, and then what comes, or nothing five times a second."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        async with aclosing(_new_values(consumer, topic)) as new_values:
            yield new_values
    finally:
        await consumer.stop()


async def _new_values(consumer: AIOKafkaConsumer, topic: Topic) -> AsyncGenerator[list[bytes]]:
    partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    ends = await consumer.end_offsets(partitions)
    values: list[bytes] = []
    while not all([await consumer.position(each) >= ends[each] for each in partitions]):
        values += await _next(consumer)
    yield values
    while True:
        yield await _next(consumer)


async def _next(consumer: AIOKafkaConsumer) -> list[bytes]:
    batches = await consumer.getmany(timeout_ms=200)
    return [bytes(message.value or b"") for messages in batches.values() for message in messages]
