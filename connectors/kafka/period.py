"""Records of a topic by the time at which they were written, between bounds fixed at the start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import Consumer, partitions_of
from models.errors import BrokerUnavailableError
from models.topics import Topic

BATCH_RECORDS = 2_000
"""Handed over at once: 5 MB of decisions, and a few hundredths of a second of work."""

POLL_MS = 500

SILENT_MAX_S = 30.0
"""Without a record though some are left: the broker is away, or takes longer than its restart."""


class Span(NamedTuple):
    """A stretch of one partition: `end` is the first offset that is not in it."""

    partition: TopicPartition
    begin: int
    end: int


async def spans_written(
    consumer: Consumer,
    topics: tuple[Topic, ...],
    since: datetime | None,
    until: datetime | None,
) -> tuple[Span, ...]:
    """Where the records are that were written in [since, until), without the empty stretches.

    Clocks of producers differ, so a record may stand some offsets from where its time says: ask for
    a margin. By default Kafka 4 takes no record that is more than an hour ahead of its own clock.

    Args:
        since: None = all that the topics still have.
        until: None = to where they end now.

    Raises:
        BrokerUnavailableError: Kafka went away.
        NotPermittedError: Kafka does not permit this user to read one of the topics.
    """
    partitions = partitions_of(*topics)
    await consumer.refuse_unreadable({topic.name for topic in topics})
    try:
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        first = await _offsets_at(consumer, partitions, since) if since else begins
        last = await _offsets_at(consumer, partitions, until) if until else ends
    except KafkaError as fault:
        raise _went_away(fault) from fault
    found = (
        # No record that late: then it ends where the partition ends.
        Span(
            each,
            begins[each] if since is None else first.get(each, ends[each]),
            last.get(each, ends[each]),
        )
        for each in partitions
    )
    return tuple(span for span in found if span.begin < span.end)


async def _offsets_at(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], at: datetime
) -> dict[TopicPartition, int]:
    """The first offset written at or after an instant; partitions without one are left out."""
    # Kafka knows no time before 1970.
    millis = max(0, int(at.timestamp() * 1000))
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, millis))
    return {each: place.offset for each, place in found.items() if place is not None}


def count_of(spans: tuple[Span, ...]) -> int:
    """How many records there are in these spans, at most: compaction and retention take some."""
    return sum(span.end - span.begin for span in spans)


async def read_spans(
    consumer: AIOKafkaConsumer, spans: tuple[Span, ...]
) -> AsyncIterator[list[ConsumerRecord]]:
    """The records of these spans, each partition in its order.

    Raises:
        BrokerUnavailableError: Kafka went away, and stayed away.
    """
    ends = {span.partition: span.end for span in spans}
    consumer.assign([*ends])
    consumer.resume(*ends)
    for span in spans:
        consumer.seek(span.partition, span.begin)
    loop = asyncio.get_running_loop()
    heard_s = loop.time()
    while ends:
        try:
            batches = await consumer.getmany(*ends, timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
        except KafkaError as fault:
            raise _went_away(fault) from fault
        found = [
            record
            for partition, records in batches.items()
            for record in records
            if record.offset < ends[partition]
        ]
        if found:
            heard_s = loop.time()
            yield found
        for each in [each for each, end in ends.items() if await consumer.position(each) >= end]:
            # A fetch that waits for news of what is read already would hold up all the others.
            consumer.pause(each)
            del ends[each]
        if ends and loop.time() - heard_s > SILENT_MAX_S:
            raise BrokerUnavailableError(
                f"Kafka has handed over nothing for {SILENT_MAX_S:.0f} s; try again when it is back"
            )


def _went_away(fault: KafkaError) -> BrokerUnavailableError:
    return BrokerUnavailableError(
        f"Kafka went away while its records were read ({type(fault).__name__}); "
        "try again when it is back"
    )
