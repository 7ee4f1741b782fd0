"""What Kafka permits this user, asked before it is needed.

aiokafka asks for the offsets of a topic that it is not shown until it is out of time and fetches
nothing, silently; an empty topic is read to its end without a fetch; and Faust ends with a trace
where it may not join its group.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.api import Request
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest

from connectors.kafka.refusals import not_permitted
from connectors.kafka.security import Kafka
from connectors.kafka.topics import admin_client
from models.roles import Permit

_BEYOND_ANY_END = 2**63 - 1


async def refuse_lacking(kafka: Kafka, permit: Permit) -> None:
    """Look whether this user may read the topics and join the groups of a role.

    Raises:
        BrokerUnavailableError, KafkaRefusedError: Kafka does not answer, or does not let us in.
        NotPermittedError: one of them is not permitted.
    """
    async with admin_client(kafka) as admin:
        await refuse_unreadable(admin._client, {topic.name for topic in permit.reads})
        for group in permit.joins:
            await _refuse_unjoinable(admin._client, group)


async def refuse_unreadable(client: AIOKafkaClient, topics: Collection[str]) -> None:
    """Look whether this user may read these topics, be there anything in them or not.

    Raises:
        NotPermittedError: Kafka does not permit it for one of them.
    """
    # For one byte from beyond the end of any partition: all that comes is an error, and any broker
    # looks at permissions first, whoever leads the partition.
    asked = [(name, [(0, _BEYOND_ANY_END, 1)]) for name in sorted(topics)]
    request = FetchRequest(
        max_wait_time=0, min_bytes=0, max_bytes=1, isolation_level=0, topics=asked
    )
    told = await _told(client, request)
    _refuse_unauthorised({topic: rows[0][1] for topic, rows in told.topics} if told else {})


async def refuse_hidden(client: AIOKafkaClient, topics: Collection[str]) -> None:
    """Look whether Kafka shows these topics to this user, which is all that their offsets take.

    Raises:
        NotPermittedError: it does not show one of them.
    """
    told = await _told(client, MetadataRequest(sorted(topics)))
    _refuse_unauthorised({row[1]: row[0] for row in told.topics} if told else {})


async def _refuse_unjoinable(client: AIOKafkaClient, group: str) -> None:
    # A heartbeat of nobody takes the same permission as joining, and changes nothing.
    told = await _told(client, HeartbeatRequest(group, -1, ""))
    if told and told.error_code == GroupAuthorizationFailedError.errno:
        raise not_permitted("join the consumer group", [group])


async def _told(client: AIOKafkaClient, request: Request[Any]) -> Any:
    """What a broker answers; None where it has just gone: what follows tries others, and again."""
    try:
        return await client.send(client.get_random_node(), request)
    except KafkaError:
        return None


def _refuse_unauthorised(codes: Mapping[str, int]) -> None:
    refused = [name for name, code in codes.items() if code == TopicAuthorizationFailedError.errno]
    if refused:
        raise not_permitted("read", sorted(refused))
