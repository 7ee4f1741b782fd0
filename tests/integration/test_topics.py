"""The topic table on a real broker: what is created, set back, refused or left alone.

Tests without topics come first, so that all of them are made only once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from connectors.feeds.publish import load_depot
from connectors.kafka.broker import Broker
from connectors.kafka.topics import TopicChange, admin_client, apply_topics, check_topics
from models.errors import TopicMismatchError
from models.topics import DECISIONS, STATE, TOPICS, topic_config
from tests.connectors.feeds.folders import KEYS, write
from tests.integration.own_broker import start_own
from tests.integration.workers import workers_on

pytestmark = pytest.mark.integration

SHOWN_WITHIN_S = 30.0
"""A controller says that it is done before its broker knows."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of the tests' own: they take its topics away."""
    broker = asyncio.run(start_own(tmp_path_factory.mktemp("own")))
    yield broker
    broker.kill()


@pytest.fixture
async def empty(own: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    """Admin of a broker without topics."""
    async with admin_client(own.bootstrap) as admin:
        await remove(admin, [name for name in await admin.list_topics() if name[:2] != "__"])
        yield admin


@pytest.fixture
async def applied(own: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    """Admin of a broker with the topics of the table."""
    await apply_topics(own.bootstrap)
    async with admin_client(own.bootstrap) as admin:
        yield admin


async def shown(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the broker shows what its controller was told."""
    deadline_s = asyncio.get_running_loop().time() + SHOWN_WITHIN_S
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline_s
        await asyncio.sleep(0.02)


async def remove(admin: AIOKafkaAdminClient, names: Collection[str]) -> None:
    async def gone() -> bool:
        return not set(names) & set(await admin.list_topics())

    if names:
        await admin.delete_topics(list(names))
    await shown(gone)


async def create(admin: AIOKafkaAdminClient, name: str, partitions_count: int) -> None:
    async def there() -> bool:
        return name in await admin.list_topics()

    await admin.create_topics([NewTopic(name, partitions_count, 1)])
    await shown(there)


async def settings_of(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {entry[0]: entry[1] for entry in response.resources[0][4]}


async def partitions_of(admin: AIOKafkaAdminClient) -> dict[str, int]:
    names = [topic.name for topic in TOPICS]
    return {row["topic"]: len(row["partitions"]) for row in await admin.describe_topics(names)}


async def test_a_dry_run_tells_and_does_nothing(own: Broker, empty: AIOKafkaAdminClient) -> None:
    told = await apply_topics(own.bootstrap, dry_run=True)
    assert TopicChange(STATE.name, f"create, {STATE.partitions} partitions") in told
    assert len(told) == len(TOPICS)
    assert not set(await empty.list_topics()) & {topic.name for topic in TOPICS}


async def test_a_worker_without_topics_refuses_to_start_in_one_sentence(
    own: Broker, empty: AIOKafkaAdminClient, tmp_path: Path
) -> None:
    with workers_on(own.bootstrap, tmp_path) as workers:
        worker = workers.start()
        assert worker.wait_ended() == 1
        assert worker.log == (
            f"{len(TOPICS)} topics are missing, first {TOPICS[0].name}; "
            "run `depotgate topics apply`\n"
        )


async def test_without_topics_nothing_is_loaded_and_what_to_do_is_said(
    own: Broker, empty: AIOKafkaAdminClient, tmp_path: Path
) -> None:
    with pytest.raises(TopicMismatchError, match="run `depotgate topics apply`"):
        await load_depot(own.bootstrap, write(tmp_path), KEYS, actor="test")


async def test_a_change_of_partitions_is_refused_and_changes_nothing(
    own: Broker, empty: AIOKafkaAdminClient
) -> None:
    await create(empty, STATE.name, 3)
    for _ in range(2):
        with pytest.raises(TopicMismatchError, match=r"charger\.state\.v1 has 3 partitions") as no:
            await apply_topics(own.bootstrap)
        assert "expected 16" in str(no.value)
    assert set(await empty.list_topics()) & {topic.name for topic in TOPICS} == {STATE.name}


async def test_every_topic_is_created_as_the_table_has_it(
    own: Broker, empty: AIOKafkaAdminClient
) -> None:
    created = await apply_topics(own.bootstrap)
    assert {change.topic for change in created} == {topic.name for topic in TOPICS}
    assert await partitions_of(empty) == {topic.name: topic.partitions for topic in TOPICS}
    for topic in TOPICS:
        found = await settings_of(empty, topic.name)
        assert topic_config(topic).items() <= found.items()
    await check_topics(own.bootstrap)


async def test_a_second_time_changes_nothing(own: Broker, applied: AIOKafkaAdminClient) -> None:
    assert await apply_topics(own.bootstrap) == []


async def test_a_changed_retention_is_set_back(own: Broker, applied: AIOKafkaAdminClient) -> None:
    shorter = topic_config(DECISIONS) | {"retention.ms": "1000"}
    settings = ConfigResource(ConfigResourceType.TOPIC, DECISIONS.name, shorter)
    await applied.alter_configs([settings])

    async def is_shorter() -> bool:
        return (await settings_of(applied, DECISIONS.name))["retention.ms"] == "1000"

    await shown(is_shorter)
    wanted = topic_config(DECISIONS)["retention.ms"]
    for dry_run in (True, False):
        changes = await apply_topics(own.bootstrap, dry_run=dry_run)
        assert changes == [TopicChange(DECISIONS.name, f"set retention.ms={wanted}")]
    found = await settings_of(applied, DECISIONS.name)
    assert topic_config(DECISIONS).items() <= found.items()
    assert await apply_topics(own.bootstrap) == []


async def test_a_worker_refuses_another_number_of_partitions_and_no_broker_in_one_sentence(
    own: Broker, applied: AIOKafkaAdminClient, tmp_path: Path
) -> None:
    await remove(applied, [STATE.name])
    await create(applied, STATE.name, 3)
    with workers_on(own.bootstrap, tmp_path / "other") as workers:
        worker = workers.start()
        assert worker.wait_ended() == 1
        assert worker.log.startswith("charger.state.v1 has 3 partitions, expected 16; ")
        assert worker.log.count("\n") == 1
    with workers_on("127.0.0.1:1", tmp_path / "absent") as workers:
        worker = workers.start()
        assert worker.wait_ended() == 1
        assert worker.log.splitlines()[-1] == (
            "no Kafka answers at 127.0.0.1:1; start it with `depotgate up`, "
            "or name another with DEPOTGATE_KAFKA"
        )
        assert "Traceback" not in worker.log
