"""Requests read in batches: what is decided is committed, and nothing else is (rule 24)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest
from aiokafka.structs import ConsumerRecord

from connectors.kafka.broker import Broker
from connectors.kafka.producer import Producer
from connectors.kafka.topics import apply_topics
from connectors.telemetry.metrics import Metrics
from models.errors import DeliveryFailedError, UndecodableRecordError
from models.topics import REQUESTS, TOPICS
from streams.outbox import Outbox
from streams.requests import follow_requests
from tests.connectors.ocpp.calls import until
from tests.integration.topics_io import Topics

pytestmark = pytest.mark.integration

WITHIN_S = 60.0
"""A member that left without a word keeps its partitions for a session of 10 s."""


class Undelivered(Outbox):
    """As after a record that Kafka refused for good."""

    async def settle(self) -> None:
        raise DeliveryFailedError("nothing is delivered here")


class Member:
    """One member of the group, and what it was given to decide of one test's requests."""

    def __init__(self, mark: str) -> None:
        self.keys: list[str] = []
        self.ready = asyncio.Event()
        self._mark = mark

    async def decide(self, message: ConsumerRecord) -> None:
        key = message.key.decode()
        if key.startswith(self._mark):
            self.keys.append(key)
        if message.value == b"no request":
            raise UndecodableRecordError("expected a request")

    async def until(self, count: int, *others: Member) -> None:
        def enough() -> bool:
            return len({key for member in (self, *others) for key in member.keys}) >= count

        await until(enough, within_s=WITHIN_S)


@asynccontextmanager
async def joined(
    broker: Broker, mark: str, outbox: type[Outbox] = Outbox
) -> AsyncIterator[tuple[Member, asyncio.Task[None]]]:
    """A member of the group, until the block ends."""
    producer = Producer(broker.bootstrap, "tests")
    await producer.start()
    member = Member(mark)
    following = asyncio.create_task(
        follow_requests(
            broker.bootstrap,
            None,
            outbox(producer, Metrics("worker")),
            member.decide,
            member.ready.set,
        )
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            await member.ready.wait()
        yield member, following
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError, ExceptionGroup, DeliveryFailedError):
            await following
        await producer.stop()


@pytest.fixture
async def mark(broker: Broker) -> str:
    await apply_topics(broker.bootstrap)
    return f"requests-{uuid4().hex[:8]}-"


async def ask(topics: Topics, mark: str, numbers: range) -> None:
    """Messages on all partitions; what they hold is for the decision desk to read."""
    for number in numbers:
        await topics.write_raw(REQUESTS, f"{mark}{number}", b"a request")


async def test_what_was_decided_is_not_decided_again(
    broker: Broker, topics: Topics, mark: str
) -> None:
    async with joined(broker, mark) as (first, _following):
        await ask(topics, mark, range(50))
        await first.until(50)
        assert len(first.keys) == 50
    async with joined(broker, mark) as (second, _following):
        await ask(topics, mark, range(50, 51))
        await second.until(1)
        assert second.keys == [f"{mark}50"]


async def test_what_is_not_delivered_is_decided_again(
    broker: Broker, topics: Topics, mark: str
) -> None:
    async with joined(broker, mark, Undelivered) as (first, following):
        await ask(topics, mark, range(20))
        with pytest.raises((DeliveryFailedError, ExceptionGroup)):
            async with asyncio.timeout(WITHIN_S):
                await following
        assert first.keys, "it was decided, and nothing of it was committed"
    async with joined(broker, mark) as (second, _following):
        await second.until(20)


async def test_a_request_that_cannot_be_read_is_kept_and_passed(
    broker: Broker, topics: Topics, mark: str
) -> None:
    kept = next(topic for topic in TOPICS if topic.name == REQUESTS.dead_letter_name)
    dead_letters = await topics.tap(kept)
    async with joined(broker, mark) as (member, _following):
        await topics.write_raw(REQUESTS, f"{mark}bad", b"no request")
        await topics.write_raw(REQUESTS, f"{mark}good", b"a request")
        await member.until(2)
        assert set(member.keys) == {f"{mark}bad", f"{mark}good"}
        await dead_letters.until(
            lambda: bool(dead_letters.messages_about(f"{mark}bad")), "the one that is no request"
        )
    assert not dead_letters.messages_about(f"{mark}good")


async def test_two_members_share_and_one_that_leaves_loses_nothing(
    broker: Broker, topics: Topics, mark: str
) -> None:
    async with joined(broker, mark) as (staying, _following):
        async with joined(broker, mark) as (leaving, _other):
            await ask(topics, mark, range(160))
            await staying.until(160, leaving)
            assert staying.keys
            assert leaving.keys
        await ask(topics, mark, range(160, 200))
        await staying.until(200, leaving)
    decided = staying.keys + leaving.keys
    assert len(set(decided)) == 200
