"""The topic table applied to a broker, or held against it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAuthorizationFailedError, for_code

from connectors.kafka.lacking import how_given
from connectors.kafka.security import Kafka, client_options, principal_of
from connectors.kafka.shown import shown_topics
from connectors.kafka.starting import ANSWER_WITHIN_S, start_client
from models.errors import DepotgateError, NotPermittedError, TopicMismatchError
from models.topics import TOPICS, Topic, topic_config

REPLICAS_WANTED = 3
"""Of each partition, where the cluster has as many brokers: one may be lost while one is away."""

_TOPIC_ALREADY_EXISTS = 36
"""Kafka protocol error code: another process applied the table at the same moment."""


APPLIED_WITHIN_S = 30.0
"""A controller says that it is done before its brokers know: milliseconds on an idle machine."""

_LOOK_EVERY_S = 0.05

_FOR_AN_ADMINISTRATOR = "topics are for an administrator of Kafka to apply"


class TopicChange(NamedTuple):
    """One difference between table and broker: what is created or set."""

    topic: str
    change: str


@asynccontextmanager
async def admin_client(
    bootstrap: Kafka, answer_within_s: float = ANSWER_WITHIN_S
) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin connection.

    Args:
        answer_within_s: for one request.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address.
    """
    admin = AIOKafkaAdminClient(
        **client_options(bootstrap), request_timeout_ms=int(answer_within_s * 1000)
    )
    await start_client(admin, bootstrap, admin.close, answer_within_s)
    try:
        yield admin
    finally:
        await admin.close()


async def apply_topics(bootstrap: Kafka, *, dry_run: bool = False) -> list[TopicChange]:
    """Create what the table has and the broker lacks, and set what differs.

    Returns when the broker shows it: who starts next finds every topic.

    Raises:
        DepotgateError: the broker refused, or did not show it in time.
        NotPermittedError: Kafka does not show a topic to this user, so it may be missing or not.
        TopicMismatchError: a topic has another number of partitions: keys and slots would move.
    """
    whose = f"{principal_of(bootstrap)}; {_FOR_AN_ADMINISTRATOR}"
    async with admin_client(bootstrap) as admin:
        existing = await _partition_counts(admin, whose)
        _refuse_partition_changes(existing)
        missing = [topic for topic in TOPICS if topic.name not in existing]
        present = [topic for topic in TOPICS if topic.name in existing]
        differing = await _differing_settings(admin, present)
    if not dry_run and (missing or differing):
        # A broker that answers: it may take its time to make them.
        async with admin_client(bootstrap, APPLIED_WITHIN_S) as admin:
            await _create(admin, missing)
            await _set(admin, differing)
            await _wait_until_applied(admin, whose)
    return [
        *(TopicChange(topic.name, f"create, {topic.partitions} partitions") for topic in missing),
        *(
            TopicChange(topic.name, f"set {name}={value}")
            for topic, settings in differing.items()
            for name, value in settings.items()
        ),
    ]


async def check_topics(bootstrap: Kafka) -> None:
    """Hold the broker's topics against the table, as every process does before it starts.

    Raises:
        TopicMismatchError: a topic is missing or has another number of partitions.
        NotPermittedError: Kafka does not show one to this user.
    """
    whose = f"{principal_of(bootstrap)}; {how_given(bootstrap)}"
    async with admin_client(bootstrap) as admin:
        existing = await _partition_counts(admin, whose)
    _refuse_partition_changes(existing)
    missing = [topic.name for topic in TOPICS if topic.name not in existing]
    if missing:
        raise TopicMismatchError(
            f"{len(missing)} topics are missing, first {missing[0]}; run `depotgate topics apply`"
        )


def _refuse_partition_changes(existing: dict[str, int]) -> None:
    for topic in TOPICS:
        count = existing.get(topic.name, topic.partitions)
        if count != topic.partitions:
            raise TopicMismatchError(
                f"{topic.name} has {count} partitions, expected {topic.partitions}; "
                "partitions are fixed for life: use another cluster or move the old topic away"
            )


async def _partition_counts(admin: AIOKafkaAdminClient, whose: str) -> dict[str, int]:
    """Of the topics of the table that are there.

    Args:
        whose: for the refusal: who may see them.

    Raises:
        NotPermittedError: Kafka does not show all of them to this user, be they there or not.
    """
    names = [topic.name for topic in TOPICS]
    shown = await shown_topics(admin._client, names)
    hidden = [name for name in names if shown[name].hidden]
    if hidden:
        raise NotPermittedError(
            f"Kafka does not show {len(hidden)} of the {len(TOPICS)} topics, be they there or not, "
            f"first {hidden[0]}, to {whose}"
        )
    counts = {name: shown[name].partitions_count for name in names}
    return {name: count for name, count in counts.items() if count is not None}


async def _differing_settings(
    admin: AIOKafkaAdminClient, topics: list[Topic]
) -> dict[Topic, dict[str, str]]:
    if not topics:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    current: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for row in response.resources:
            if row[0] == TopicAuthorizationFailedError.errno:
                raise NotPermittedError(
                    f"Kafka does not permit this user to see the settings of {row[3]}; "
                    f"{_FOR_AN_ADMINISTRATOR}"
                )
            current[row[3]] = {entry[0]: entry[1] for entry in row[4]}
    differing: dict[Topic, dict[str, str]] = {}
    for topic in topics:
        wanted = topic_config(topic)
        changed = {
            name: value for name, value in wanted.items() if current[topic.name].get(name) != value
        }
        if changed:
            differing[topic] = changed
    return differing


async def _create(admin: AIOKafkaAdminClient, missing: list[Topic]) -> None:
    if not missing:
        return
    brokers_count = len((await admin.describe_cluster())["brokers"])
    replicas = min(REPLICAS_WANTED, brokers_count)
    response = await admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, replicas, topic_configs=topic_config(topic))
            for topic in missing
        ]
    )
    for name, code, *_rest in response.topic_errors:
        if code not in (0, _TOPIC_ALREADY_EXISTS):
            raise DepotgateError(f"the broker refused to create {name}: {for_code(code).__name__}")


async def _set(admin: AIOKafkaAdminClient, differing: dict[Topic, dict[str, str]]) -> None:
    if differing:
        # The old AlterConfigs replaces a topic's settings as a whole, so all of ours are given.
        await admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, topic.name, topic_config(topic))
                for topic in differing
            ]
        )


async def _wait_until_applied(admin: AIOKafkaAdminClient, whose: str) -> None:
    """Wait until the broker that answers shows every topic with the settings of the table."""
    deadline_s = asyncio.get_running_loop().time() + APPLIED_WITHIN_S
    while True:
        existing = await _partition_counts(admin, whose)
        # Another process may have created one meanwhile, and not by this table.
        _refuse_partition_changes(existing)
        present = [topic for topic in TOPICS if topic.name in existing]
        if len(present) == len(TOPICS) and not await _differing_settings(admin, present):
            return
        if asyncio.get_running_loop().time() > deadline_s:
            raise DepotgateError(
                f"the broker does not show the topics {APPLIED_WITHIN_S:.0f} s after it was told; "
                "run `depotgate topics apply` again"
            )
        await asyncio.sleep(_LOOK_EVERY_S)
