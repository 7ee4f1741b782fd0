"""Records found by the time at which they were written, wherever that is (real broker)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from connectors.kafka.broker import Broker
from connectors.kafka.consumer import start_consumer, stop_consumer
from connectors.kafka.period import count_of, read_spans, spans_written
from connectors.kafka.topics import apply_topics
from depotgate.explaining.finding import SEARCHES, Search, find_attempt
from depotgate.replaying.period import Period, decisions_of
from models.attempt import Decision
from models.decision import decide
from models.errors import NotFoundError
from models.ids import AttemptId, RequestId, timed_id
from models.topics import DECISIONS
from tests.integration.own_broker import start_own
from tests.models.samples import FACTS
from tests.models.test_replaying import LIVE

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC).replace(microsecond=0)


class Written:
    """Decisions, each with the time in its id and the time at which it is written."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def decision(
        self, happened_at: datetime, written_at: datetime, partition: int
    ) -> Decision:
        """Write one. Each test has a partition of its own: times of writing only go up in one."""
        request_id = RequestId(timed_id(happened_at, token_hex(8)))
        attempt = LIVE.model_copy(
            update={
                "request_id": request_id,
                "attempt_id": AttemptId(request_id),
                "event_at": happened_at,
            }
        )
        decision = decide(attempt, FACTS)
        await self._producer.send_and_wait(
            DECISIONS.name,
            value=decision.encode(),
            partition=partition,
            timestamp_ms=int(written_at.timestamp() * 1000),
        )
        return decision


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """Of these tests alone: they write of times long past, and times of writing only go up."""
    own = await start_own(tmp_path_factory.mktemp("period"))
    yield own
    own.kill()


@pytest.fixture
async def written(broker: Broker) -> AsyncIterator[Written]:
    await apply_topics(broker.bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    await producer.start()
    yield Written(producer)
    await producer.stop()


@pytest.mark.parametrize(
    ("late", "search", "partition"),
    [
        (timedelta(seconds=1), SEARCHES[0], 0),
        (timedelta(days=3), SEARCHES[1], 1),
        (timedelta(days=90), SEARCHES[2], 2),
        (timedelta(days=-90), SEARCHES[2], 3),
    ],
)
async def test_an_attempt_is_found_however_late_it_was_written(
    broker: Broker, written: Written, late: timedelta, search: Search, partition: int
) -> None:
    """Rule 15: chargers report afterwards; one with a wrong clock names any time."""
    happened_at = NOW - timedelta(days=100)
    decision = await written.decision(happened_at, happened_at + late, partition)
    found = await find_attempt(broker.bootstrap, decision.decision_id)
    assert found.decision == decision
    assert found.outcome is None
    assert found.searched == search.said


async def test_an_attempt_that_is_nowhere_is_said_to_be(broker: Broker, written: Written) -> None:
    with pytest.raises(NotFoundError, match="all that the topics still have"):
        await find_attempt(broker.bootstrap, timed_id(NOW, "never made"))


async def test_only_what_was_written_in_the_period_is_read(
    broker: Broker, written: Written
) -> None:
    begins = NOW - timedelta(days=200)
    made = [
        await written.decision(begins + timedelta(hours=hour), begins + timedelta(hours=hour), 4)
        for hour in range(6)
    ]
    consumer = await start_consumer(broker.bootstrap)
    try:
        until = begins + timedelta(hours=4)
        spans = await spans_written(consumer, (DECISIONS,), begins + timedelta(hours=2), until)
        read = [record async for batch in read_spans(consumer, spans) for record in batch]
    finally:
        await stop_consumer(consumer)
    of_mine = [record.value for record in read if record.partition == 4]
    assert of_mine == [each.encode() for each in made[2:4]]
    assert len(read) == count_of(spans)


async def test_attempts_reported_late_belong_to_the_period_in_which_they_happened(
    broker: Broker, written: Written
) -> None:
    """Rule 11."""
    begins = NOW - timedelta(days=300)
    live = await written.decision(begins, begins, 5)
    await written.decision(begins + timedelta(days=2), begins + timedelta(days=2), 5)
    replayed = await written.decision(begins + timedelta(minutes=1), begins + timedelta(days=6), 5)
    period = Period.of(begins, begins + timedelta(hours=1))
    values = [value async for batch in decisions_of(broker.bootstrap, period) for value in batch]
    assert sorted(values) == sorted([live.encode(), replayed.encode()])
