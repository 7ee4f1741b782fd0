"""What a worker loses when it, its neighbour or Kafka is gone: nothing; what it repeats: ids.

On a broker of its own: killed members hold up their group until their session is over, and topics
are made to refuse records here.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from connectors.kafka.broker_jars import JarsBroker
from connectors.kafka.consumer import start_consumer
from connectors.kafka.topics import admin_client
from models.attempt import Decision
from models.decision import decide
from models.metrics import DECIDED
from models.reasons import Answer, Reason
from models.topics import DECISIONS, IDENTITIES, REQUESTS, REQUESTS_GROUP, topic_config
from streams.overrides import STOP_MAX_S
from tests.integration.installations import until_holds
from tests.integration.marks import OWN_KAFKA
from tests.integration.own_broker import broker_in
from tests.integration.topics_io import Tap, Topics, headers_of, topics_on
from tests.integration.worker_depot import Depot, Station
from tests.integration.workers import READY_S, STOP_S, WorkerProcess, Workers, workers_on

pytestmark = [*OWN_KAFKA]

BACKLOG = 2_000
"""Requests that wait: twenty batches of a worker's."""

ROUND = 20
"""Requests that are published at once by a steady load."""

REQUESTS_PER_S = 150
"""Of a steady load: the tests in other processes need the machine too."""

REPEATED_MAX = 0.01
"""Of the requests around an orderly rebalance; without the commit before it, all since the last
commit are repeated."""

COMMITS_WITHIN_S = 30.0
"""Six commit intervals are 1.5 s, on a machine that has nothing else to do."""

REFUSES_WITHIN_S = 30.0
"""A controller says that a setting is changed before its broker goes by it."""

ALL_WITHIN_S = 90.0
"""For all answers through a killed worker: its session of 10 s, and a busy machine."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JarsBroker]:
    with broker_in(tmp_path_factory.mktemp("own")) as broker:
        yield broker


@pytest.fixture
def workers(own: JarsBroker, tmp_path: Path) -> Iterator[Workers]:
    with workers_on(own.bootstrap, tmp_path) as workers:
        yield workers


@pytest.fixture
async def topics(own: JarsBroker) -> AsyncIterator[Topics]:
    async with topics_on(own.bootstrap) as topics:
        yield topics


class Asking:
    """Requests of one charger, spread over all partitions, and the answers to them."""

    def __init__(self, station: Station, decisions: Tap[Decision]) -> None:
        self.station = station
        self.decisions = decisions
        self.asked: list[str] = []
        self._answers: Counter[str] = Counter()
        self._looked_at = 0

    async def ask(self, count: int) -> None:
        """Publish requests, and wait until Kafka has them."""
        first = len(self.asked)
        requests = [self.station.request(str(number)) for number in range(first, first + count)]
        self.asked += [request.attempt.request_id for request in requests]
        await self.station.ask_often(requests)

    async def ask_until(self, condition: Callable[[], bool]) -> None:
        """A steady load until something holds."""
        deadline_s = asyncio.get_running_loop().time() + READY_S
        while not condition():
            assert asyncio.get_running_loop().time() < deadline_s
            await self.ask(ROUND)
            await asyncio.sleep(ROUND / REQUESTS_PER_S)

    def answers(self) -> Counter[str]:
        """How often each request was answered."""
        key = self.station.charger_id.encode()
        new = self.decisions.messages[self._looked_at :]
        self._looked_at += len(new)
        self._answers.update(headers_of(message)["ce_id"] for message in new if message.key == key)
        return self._answers

    async def all_answered(self, within_s: float = ALL_WITHIN_S) -> Counter[str]:
        """Wait until every request has an answer; what is answered more than once is the same."""
        await self.decisions.until(
            lambda: len(self.answers()) >= len(self.asked),
            f"answers to {len(self.asked)} requests",
            within_s,
        )
        assert self._answers.keys() == set(self.asked)
        return self._answers.copy()


async def asking(topics: Topics) -> Asking:
    depot = await Depot().publish(topics)
    return Asking(Station(topics, depot), await topics.tap(DECISIONS))


async def lag(bootstrap: str) -> int:
    """Requests whose offsets the group has not committed."""
    consumer = await start_consumer(bootstrap, REQUESTS_GROUP)
    try:
        partitions = [TopicPartition(REQUESTS.name, n) for n in range(REQUESTS.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
        committed = {
            partition: await consumer.committed(partition) or begins[partition]
            for partition in partitions
        }
        return sum(ends[partition] - committed[partition] for partition in partitions)
    finally:
        await consumer.stop()


async def everything_is_committed(bootstrap: str) -> None:
    await until_holds(lambda: lag(bootstrap), lambda found: found == 0, "no lag", COMMITS_WITHIN_S)


def decided_by(worker: WorkerProcess, station: Station) -> float:
    return worker.metric(DECIDED, station.site_id, Answer.ALLOW, Reason.OWN_FLEET)


async def limit_decisions(bootstrap: str, max_bytes: int | None = None) -> None:
    """Make Kafka refuse larger decisions; None = as the table has it. Returns when it does."""
    settings = topic_config(DECISIONS)
    if max_bytes is not None:
        settings["max.message.bytes"] = str(max_bytes)
    async with admin_client(bootstrap) as admin:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, DECISIONS.name, settings)]
        )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for partition in range(DECISIONS.partitions):
            await until_holds(
                lambda partition=partition: taken(producer, partition),  # type: ignore[misc]
                lambda found: found is (max_bytes is None),
                f"partition {partition} goes by it",
                REFUSES_WITHIN_S,
            )
    finally:
        await producer.stop()


async def taken(producer: AIOKafkaProducer, partition: int) -> bool:
    """Whether Kafka takes something of the size of a decision, which is about nobody."""
    try:
        await producer.send_and_wait(DECISIONS.name, bytes(1_000), partition=partition)
    except MessageSizeTooLargeError:
        return False
    return True


# Workers without an id: the group forgets them when they stop.


async def test_workers_that_come_and_go_in_order_lose_nothing_and_repeat_next_to_nothing(
    own: JarsBroker, topics: Topics, workers: Workers
) -> None:
    """Offsets are committed before partitions are given away, and when a worker stops."""
    asking_ = await asking(topics)
    first = workers.start().wait_ready()
    second = workers.start()
    await asking_.ask_until(lambda: second.ready)
    first.signal(signal.SIGTERM)
    await asking_.ask_until(lambda: first.ended)
    assert first.wait_ended() == 0
    answers = await asking_.all_answered()
    # What is underway in the milliseconds of a rebalance: 2 of 4,360 measured.
    assert answers.total() - len(answers) <= len(answers) * REPEATED_MAX
    assert second.stop() == 0
    assert await lag(own.bootstrap) == 0
    # Also what was answered twice.
    await asking_.decisions.catch_up()
    answered_count = asking_.answers().total()
    workers.start().wait_ready()
    await asking_.ask(1)
    assert (await asking_.all_answered()).total() == answered_count + 1


async def test_a_spare_worker_takes_over_partitions_with_a_backlog_and_loses_nothing(
    own: JarsBroker, topics: Topics, workers: Workers
) -> None:
    asking_ = await asking(topics)
    owner = workers.start().wait_ready()
    await asking_.ask(16)
    await asking_.all_answered()
    # More members than partitions of a topic would be needed for a spare that has none at all, so
    # the backlog arrives while the only other worker stands still, and two more come.
    owner.signal(signal.SIGSTOP)
    await asking_.ask(BACKLOG)
    spares = [workers.start() for _ in range(2)]
    for spare in spares:
        spare.wait_ready()
    await asking_.ask(BACKLOG)
    owner.signal(signal.SIGCONT)
    await asking_.ask(500)
    await asking_.all_answered()
    assert all(decided_by(spare, asking_.station) > 0 for spare in spares)
    await everything_is_committed(own.bootstrap)


async def test_known_identities_are_known_from_the_first_request_on(
    topics: Topics, workers: Workers
) -> None:
    """What always holds, 6: the replica is complete before the group is joined."""
    asking_ = await asking(topics)
    filler = Depot()
    writing = [
        await topics.send(IDENTITIES, identity.key, identity)
        for identity in (filler.identity(f"{number:014X}") for number in range(10_000))
    ]
    await asyncio.gather(*writing)
    await asking_.ask(500)
    workers.start().wait_ready()
    await asking_.all_answered()
    reasons = {
        decision.verdict.reason
        for decision in asking_.decisions.records(asking_.station.charger_id)
    }
    assert reasons == {Reason.OWN_FLEET}


# Workers with an id, which are back before their session is over.


async def test_a_decision_that_kafka_refuses_stops_the_worker_and_its_request_stays(
    own: JarsBroker, topics: Topics, workers: Workers
) -> None:
    asking_ = await asking(topics)
    worker = workers.start("crash-1").wait_ready()
    await asking_.ask(1)
    await asking_.all_answered()
    await everything_is_committed(own.bootstrap)
    # Kafka goes on taking commits, and takes no decision.
    await limit_decisions(own.bootstrap, max_bytes=100)
    try:
        await asking_.ask(50)
        assert worker.wait_ended() == 1
        assert "a record was not delivered (MessageSizeTooLargeError)" in worker.log
        assert await lag(own.bootstrap) == 50
    finally:
        await limit_decisions(own.bootstrap)
    workers.start("crash-1").wait_ready()
    await asking_.all_answered()
    await everything_is_committed(own.bootstrap)


async def test_an_outage_of_kafka_loses_nothing_and_a_worker_can_be_stopped_in_it(
    own: JarsBroker, topics: Topics, workers: Workers
) -> None:
    asking_ = await asking(topics)
    staying, leaving = (workers.start(f"crash-{number}") for number in (1, 2))
    for worker in (staying, leaving):
        worker.wait_ready()
    await asking_.ask(BACKLOG)
    own.kill()
    try:
        # Its last commit waits for Kafka; the stop does not.
        leaving.signal(signal.SIGTERM)
        leaving.wait_ended(STOP_MAX_S + STOP_S)
    finally:
        await own.start_again()
    workers.start("crash-2")
    await asking_.ask(100)
    await asking_.all_answered()
    assert not staying.ended


async def test_a_worker_killed_under_load_leaves_no_request_unanswered(
    topics: Topics, workers: Workers
) -> None:
    asking_ = await asking(topics)
    first, second = (workers.start(f"crash-{number}") for number in (1, 2))
    first.wait_ready()
    second.wait_ready()
    await asking_.ask(500)
    first.kill()
    again = workers.start("crash-1")
    await asking_.ask_until(lambda: again.ready)
    # What the killed one had answered and not committed is answered again, with the same ids.
    await asking_.all_answered()
    for message in asking_.decisions.messages_about(asking_.station.charger_id):
        decision = Decision.decode(message.value)
        assert decide(decision.attempt, decision.facts) == decision
    # Both took part: neither had all the partitions.
    assert decided_by(second, asking_.station) < len(asking_.asked)
