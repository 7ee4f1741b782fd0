"""A bare aiokafka echo over the product's topics: the least that two hops through Kafka cost.

`python -m benchmarks.echo serve BOOTSTRAP READY_FILE` answers; `ask PLAN RESULT` is the generator.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks import depot
from benchmarks.attempts import request_of
from benchmarks.drive import Drive, Question
from benchmarks.generator import PAUSE_S, Plan, measured, read_plan, write_runs
from benchmarks.summary import Run
from connectors.kafka.partition import partition_of
from models.identifiers import KEY_BYTES_MIN
from models.topics import DECISIONS, REQUESTS, Topic

REPLY_PARTITION = 0


async def _at_end(bootstrap: str, topic: Topic, partitions: list[int]) -> AIOKafkaConsumer:
    """A consumer of its own partitions, at their end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_min_bytes=1
    )
    await consumer.start()
    assigned = [TopicPartition(topic.name, number) for number in partitions]
    consumer.assign(assigned)
    await consumer.seek_to_end(*assigned)
    for each in assigned:
        await consumer.position(each)
    return consumer


async def _producer(bootstrap: str) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=0)
    await producer.start()
    return producer


async def echo(bootstrap: str, ready: Callable[[], None]) -> None:
    """Send each request's bytes back, until cancelled."""
    producer = await _producer(bootstrap)
    consumer = await _at_end(bootstrap, REQUESTS, [*range(REQUESTS.partitions)])
    ready()
    try:
        while True:
            batches = await consumer.getmany(timeout_ms=1000)
            for messages in batches.values():
                for message in messages:
                    await producer.send(
                        DECISIONS.name, message.value, message.key, partition=REPLY_PARTITION
                    )
    finally:
        await consumer.stop()
        await producer.stop()


class EchoLine:
    """One charger whose questions go to Kafka directly."""

    def __init__(self, charger_id: str, producer: AIOKafkaProducer, value: bytes) -> None:
        self.key = charger_id.encode()
        self._partition = partition_of(charger_id)
        self._producer = producer
        self._value = value

    async def ask(self, _question: Question) -> None:
        """Send a request of usual size."""
        await self._producer.send(REQUESTS.name, self._value, self.key, partition=self._partition)


async def ask(plan: Plan) -> list[Run]:
    """Run the plan's loads; `url` is the bootstrap address."""
    producer = await _producer(plan.url)
    consumer = await _at_end(plan.url, DECISIONS, [REPLY_PARTITION])
    ids = depot.charger_ids(max(load.lines for load in plan.loads))
    # Any key will do: only the size of what travels matters here.
    pseudonymiser = depot.pseudonymiser_of(bytes(KEY_BYTES_MIN))
    value = request_of(depot.card(0, plan.known_cards), 0, pseudonymiser).encode()
    lines = [EchoLine(charger_id, producer, value) for charger_id in ids]
    runs = []
    try:
        for load in plan.loads:
            drive = Drive(lines[: load.lines], plan.known_cards, load)
            answers = asyncio.create_task(_take_answers(consumer, drive, lines))
            runs.append(await measured(drive, plan.target, plan.pids))
            await asyncio.sleep(PAUSE_S)
            answers.cancel()
    finally:
        await consumer.stop()
        await producer.stop()
    return runs


async def _take_answers(consumer: AIOKafkaConsumer, drive: Drive, lines: list[EchoLine]) -> None:
    number_of = {key: number for number, key in enumerate(line.key for line in lines)}
    async for message in consumer:
        number = number_of[message.key]
        following = drive.answered(number, None)
        if following is not None:
            await lines[number].ask(following)


async def _main(arguments: list[str]) -> None:
    match arguments:
        case ["serve", bootstrap, ready_file]:
            await echo(bootstrap, Path(ready_file).touch)
        case ["ask", plan_file, result_file]:
            write_runs(Path(result_file), await ask(read_plan(Path(plan_file))))


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(_main(sys.argv[1:]))
