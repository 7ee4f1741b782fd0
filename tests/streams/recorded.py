"""Stand-ins for a worker's own parts, for what a broker cannot be made to do on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from aiokafka.structs import RecordMetadata

from connectors.deliveries import Delivery
from connectors.kafka.producer import ConsumedMessage, Producer
from connectors.telemetry.metrics import Metrics
from models.record import Record
from models.topics import Topic
from streams.outbox import Outbox


@dataclass
class Consumed:
    """A message as an agent gets it."""

    value: bytes | None
    offset: int = 0
    topic: str = "charger.events.v1"
    partition: int = 0
    key: bytes | None = b"CP-1"


class ScriptedProducer(Producer):
    """A producer whose appends end as the script says; after it they are delivered.

    Args:
        script: for each append an error to raise, or a future that tells of its delivery.
    """

    def __init__(self, *script: Exception | Delivery) -> None:
        super().__init__("127.0.0.1:1", "tests")
        self.appended: list[tuple[str, str]] = []
        self._script: Iterator[Exception | Delivery] = iter(script)

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
    ) -> Delivery:
        return self._append(topic.name, event_id)

    async def send_dead_letter(
        self, origin: Topic, message: ConsumedMessage, cause: str
    ) -> Delivery:
        return self._append(origin.dead_letter_name, cause)

    async def flush(self) -> None:
        await asyncio.sleep(0)

    def _append(self, topic: str, what: str) -> Delivery:
        ending = next(self._script, None)
        if isinstance(ending, Exception):
            raise ending
        self.appended.append((topic, what))
        return ending if ending is not None else delivered()


def delivered() -> Delivery:
    """A delivery that Kafka has acknowledged."""
    delivery: Delivery = asyncio.get_running_loop().create_future()
    delivery.set_result(RecordMetadata("t", 0, None, 0, 0, 0, 0))
    return delivery


def failed(fault: Exception) -> Delivery:
    """A delivery that failed for good."""
    delivery: Delivery = asyncio.get_running_loop().create_future()
    delivery.set_exception(fault)
    return delivery


class Sent(Outbox):
    """An outbox that keeps what is sent, in order."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(ScriptedProducer(), metrics)
        self.records: list[tuple[Topic, Record]] = []

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
        self.records.append((topic, record))
        return delivered()

    def of(self, topic: Topic) -> list[Record]:
        return [record for sent_to, record in self.records if sent_to is topic]
