"""What Kafka permits this user, asked before it is needed, and again while it is.

aiokafka asks for the offsets of a topic that it is not shown until it is out of time and fetches
nothing, silently; an empty topic is read to its end without a fetch; what may not be written is
said with the first record; and Faust ends with a trace where it may not join its group.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError
from aiokafka.protocol.group import HeartbeatRequest

from connectors.kafka.lacking import not_permitted
from connectors.kafka.security import Kafka
from connectors.kafka.shown import Shown, shown_topics
from connectors.kafka.topics import admin_client
from models.errors import NotPermittedError
from models.roles import Operation, Permit


class Lacking(NamedTuple):
    """What a role has and a user lacks: names of topics, and of groups."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, one for each permission."""
        return (*self.reads, *self.writes, *self.joins)

    def said(self, kafka: Kafka, permit: Permit) -> NotPermittedError:
        """The same in a sentence, with the command that gives it."""
        verbs = ("read", "write to", "join the consumer group")
        deeds = [(verb, names) for verb, names in zip(verbs, self, strict=True) if names]
        return not_permitted(kafka, *deeds, role=permit.role)


async def refuse_lacking(kafka: Kafka, permit: Permit) -> None:
    """Look whether this user may read and write the topics and join the groups of a role.

    Raises:
        BrokerUnavailableError, KafkaRefusedError: Kafka does not answer, or does not let us in.
        NotPermittedError: one of them is not permitted.
    """
    async with admin_client(kafka) as admin:
        try:
            lacking = await lacking_of(admin._client, permit)
        except KafkaError:
            # The broker has just gone: what follows tries others, and again.
            return
    if lacking.names:
        raise lacking.said(kafka, permit)


async def lacking_of(client: AIOKafkaClient, permit: Permit) -> Lacking:
    """What this user lacks of a role.

    Raises:
        KafkaError: the broker that was asked has gone.
    """
    names = {topic.name for topic in (*permit.reads, *permit.writes)}
    shown = await shown_topics(client, names) if names else {}
    unjoinable = [group for group in permit.joins if not await _joinable(client, group)]
    return Lacking(
        _without(Operation.READ, shown, (topic.name for topic in permit.reads)),
        _without(Operation.WRITE, shown, (topic.name for topic in permit.writes)),
        tuple(unjoinable),
    )


async def refuse_unreadable(kafka: Kafka, client: AIOKafkaClient, topics: Collection[str]) -> None:
    """Look whether this user may read these topics, be there anything in them or not.

    Raises:
        NotPermittedError: Kafka does not permit it for one of them.
    """
    await _refuse_without(Operation.READ, "read", kafka, client, topics)


async def refuse_unwritable(kafka: Kafka, client: AIOKafkaClient, topics: Collection[str]) -> None:
    """Look whether this user may write to these topics.

    Raises:
        NotPermittedError: Kafka does not permit it for one of them.
    """
    await _refuse_without(Operation.WRITE, "write to", kafka, client, topics)


async def refuse_hidden(kafka: Kafka, client: AIOKafkaClient, topics: Collection[str]) -> None:
    """Look whether Kafka shows these topics to this user, which is all that their offsets take.

    Raises:
        NotPermittedError: it does not show one of them.
    """
    await _refuse_without(Operation.DESCRIBE, "read", kafka, client, topics)


async def _refuse_without(
    operation: Operation, verb: str, kafka: Kafka, client: AIOKafkaClient, topics: Collection[str]
) -> None:
    try:
        shown = await shown_topics(client, topics) if topics else {}
    except KafkaError:
        # The broker has just gone: what follows tries others, and again.
        return
    lacking = _without(operation, shown, topics)
    if lacking:
        raise not_permitted(kafka, (verb, lacking))


def _without(
    operation: Operation, shown: Mapping[str, Shown], names: Iterable[str]
) -> tuple[str, ...]:
    return tuple(name for name in names if name in shown and not shown[name].permits(operation))


async def _joinable(client: AIOKafkaClient, group: str) -> bool:
    # A heartbeat of nobody takes the same permission as joining, and changes nothing.
    told = await client.send(client.get_random_node(), HeartbeatRequest(group, -1, ""))
    return bool(told.error_code != GroupAuthorizationFailedError.errno)
