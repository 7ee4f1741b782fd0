"""What happens, read from the topics as any consumer of theirs reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import partitions_of, read_from_now, start_consumer, stop_consumer
from connectors.kafka.pacing import pace
from connectors.kafka.security import Kafka
from connectors.recent import Recent
from models.attempt import Denial, Outcome
from models.charger import ChargerState, ModeFact
from models.errors import UndecodableRecordError
from models.topics import DENIALS, MODE, OUTCOMES, STATE, Topic

Heard = Outcome | Denial | ModeFact | ChargerState

TOPICS: dict[str, Topic] = {topic.name: topic for topic in (OUTCOMES, DENIALS, MODE, STATE)}

FETCH_S = 0.25
BATCH_RECORDS = 500
"""A hundred times what a depot of twenty chargers says in the meantime."""

RETRY_AFTER_S = 1.0
"""Between fetches that fail while Kafka is away."""

IDS_MAX = 10_000
IDS_KEPT_S = 3600.0
"""A record may come twice, with the same id: within seconds, when a process was killed."""


class Watch:
    """Follows outcomes, denials, mode facts and charger states, from its entry on.

    Args:
        hear: gets each record once, in the order of its charger.

    Attributes:
        unread_count: records that could not be decoded.
    """

    def __init__(self, bootstrap: Kafka, hear: Callable[[Heard], None]) -> None:
        self._bootstrap = bootstrap
        self._hear = hear
        self._known: Recent[tuple[str, str], None] = Recent(IDS_MAX, IDS_KEPT_S)
        self._consumer: AIOKafkaConsumer | None = None
        self.unread_count = 0

    async def __aenter__(self) -> Self:
        """Take the position: what is written from now on is heard.

        Raises:
            BrokerUnavailableError: nothing answers at the bootstrap address.
        """
        consumer = await start_consumer(self._bootstrap)
        self._consumer = consumer
        pace(consumer)
        await read_from_now(consumer, partitions_of(*TOPICS.values()))
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._consumer is not None:
            await stop_consumer(self._consumer)

    async def follow(self) -> None:
        """Hear what comes until cancelled; a Kafka that is away only makes it later."""
        assert self._consumer is not None, "follow inside of the context"
        while True:
            try:
                batches = await self._consumer.getmany(
                    timeout_ms=int(FETCH_S * 1000), max_records=BATCH_RECORDS
                )
            except KafkaError:
                await asyncio.sleep(RETRY_AFTER_S)
                continue
            for partition, messages in batches.items():
                for record in self._new(TOPICS[partition.topic], messages):
                    self._hear(record)

    def _new(self, topic: Topic, messages: list[ConsumerRecord]) -> Iterator[Heard]:
        now_s = asyncio.get_running_loop().time()
        for message in messages:
            record = self._decoded(topic, message.value)
            if record is None:
                continue
            key = (topic.name, _id_of(record))
            if key not in self._known:
                self._known.put(key, None, now_s)
                yield record

    def _decoded(self, topic: Topic, raw: bytes | None) -> Heard | None:
        if raw is None:
            return None  # a tombstone: a charger was taken away
        assert topic.record is not None, "only topics with a record are followed"
        with suppress(UndecodableRecordError):
            record = topic.record.decode(raw)
            assert isinstance(record, Heard), "the four topics hold these four records"
            return record
        self.unread_count += 1
        return None


def _id_of(record: Heard) -> str:
    """What makes a record itself: the same when it is written twice."""
    match record:
        case Outcome():
            return record.request_id
        case Denial():
            return record.denial_id
        case ModeFact():
            return record.fact_id
        case ChargerState():
            return f"{record.charger_id} {record.updated_at.isoformat()}"
