"""What a gateway wrote to its topics, collected while a test goes on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import start_consumer
from connectors.kafka.pacing import pace
from models.attempt import AccessRequest, Outcome
from models.charger import ChargerEvent, CommandResult
from models.topics import EVENTS, OUTCOMES, REQUESTS, Topic

WITHIN_S = 30.0
"""For what takes milliseconds, unless the machine is busy with other things."""


async def until(holds: Callable[[], Any], what: str, within_s: float = WITHIN_S) -> None:
    """Poll a condition; fails the test by name when it never holds."""
    deadline_s = asyncio.get_running_loop().time() + within_s
    while not holds():
        assert asyncio.get_running_loop().time() < deadline_s, (
            f"not within {within_s:.0f} s: {what}"
        )
        await asyncio.sleep(0.01)


@asynccontextmanager
async def reading(
    bootstrap: str,
    topics: dict[str, int],
    take: Callable[[ConsumerRecord], Any],
    *,
    paced: bool = False,
) -> AsyncIterator[None]:
    """Hand over every record that is written to these topics (name → partitions) from now on.

    Args:
        paced: up to twenty times a second.
    """
    consumer = await start_consumer(bootstrap)
    if paced:
        pace(consumer)
    partitions = [TopicPartition(name, n) for name, count in topics.items() for n in range(count)]
    consumer.assign(partitions)
    for partition, end in (await consumer.end_offsets(partitions)).items():
        consumer.seek(partition, end)
    task = asyncio.create_task(_read(consumer, take))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, take: Callable[[ConsumerRecord], Any]) -> None:
    while True:
        with suppress(KafkaError):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                for message in batch:
                    took = take(message)
                    if asyncio.iscoroutine(took):
                        await took


class Records:
    """What was written to the topics since the house was opened."""

    def __init__(self) -> None:
        self._messages: defaultdict[tuple[str, bytes], list[ConsumerRecord]] = defaultdict(list)

    def take(self, message: ConsumerRecord) -> None:
        """One more."""
        self._messages[message.topic, message.key or b""].append(message)

    def of(self, topic: Topic, charger_id: str) -> list[ConsumerRecord]:
        return [*self._messages[topic.name, charger_id.encode()]]

    def requests(self, charger_id: str) -> list[AccessRequest]:
        return [AccessRequest.decode(m.value) for m in self.of(REQUESTS, charger_id)]

    def outcomes(self, charger_id: str) -> list[Outcome]:
        return [Outcome.decode(m.value) for m in self.of(OUTCOMES, charger_id)]

    def events(self, charger_id: str, name: str = "") -> list[ChargerEvent]:
        events = [ChargerEvent.decode(m.value) for m in self.of(EVENTS, charger_id)]
        return [event for event in events if event.name == name or not name]

    def results(self, charger_id: str) -> list[CommandResult]:
        """Of commands."""
        told = [event.result for event in self.events(charger_id, "CommandResult")]
        return [result for result in told if result is not None]

    def dead_letters(self, topic: Topic) -> list[ConsumerRecord]:
        of_any = (
            each for (name, _), each in self._messages.items() if name == topic.dead_letter_name
        )
        return [message for messages in of_any for message in messages]

    async def event(self, charger_id: str, name: str) -> ChargerEvent:
        """The latest event of that name, once there is one."""
        await until(lambda: self.events(charger_id, name), f"{name} of {charger_id}")
        return self.events(charger_id, name)[-1]

    async def outcome(self, charger_id: str, count: int = 1) -> Outcome:
        """The latest, once there are so many; fails the test when there are more."""
        await until(
            lambda: len(self.outcomes(charger_id)) >= count, f"{count} outcomes of {charger_id}"
        )
        outcomes = self.outcomes(charger_id)
        assert len(outcomes) == count
        return outcomes[-1]
