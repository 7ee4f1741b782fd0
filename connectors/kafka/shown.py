"""What Kafka shows a user of topics, and what it permits on them: one question, and no record.

aiokafka asks for metadata as Kafka 1.0 answered them, and has every topic that it asks for created
where the broker permits that. Since Kafka 2.3 the answer says too what the one who asks may do
(KIP-430); an older one is asked without that, and nobody is refused for what it does not say. A
Kafka without an authorizer says that everything is permitted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from models.roles import Operation

OPERATION_CODES = {Operation.READ: 3, Operation.WRITE: 4, Operation.DESCRIBE: 8}
"""Of Kafka's protocol, which are those of its Java enum."""

_NOT_TOLD = -(2**31)
"""In place of the operations: this Kafka does not say."""


class Shown(NamedTuple):
    """One topic, as Kafka shows it to the user who asks.

    Attributes:
        partitions_count: None where it is missing, or may be: it is not shown.
        hidden: Kafka does not show it to this user, whether it is there or not.
        permitted: what this user may do; None where Kafka does not say.
    """

    partitions_count: int | None
    hidden: bool
    permitted: frozenset[Operation] | None

    def permits(self, operation: Operation) -> bool:
        """Whether this may be done, as far as Kafka says."""
        return self.permitted is None or operation in self.permitted


async def shown_topics(client: AIOKafkaClient, names: Collection[str]) -> Mapping[str, Shown]:
    """Ask about topics, by name.

    Raises:
        KafkaError: the broker that was asked has gone.
    """
    told = await client.send(client.get_random_node(), _Metadata(names))
    return {row[1]: _shown(row) for row in told.topics}


def _shown(row: tuple[Any, ...]) -> Shown:
    code, _name, _internal, partitions, *told = row
    if code == TopicAuthorizationFailedError.errno:
        return Shown(None, hidden=True, permitted=frozenset())
    missing = code == UnknownTopicOrPartitionError.errno
    permitted = None if told in ([], [_NOT_TOLD]) else _operations_in(*told)
    return Shown(None if missing else len(partitions), hidden=False, permitted=permitted)


def _operations_in(bits: int) -> frozenset[Operation]:
    return frozenset(each for each, code in OPERATION_CODES.items() if bits >> code & 1)


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(
                ("node_id", Int32),
                ("host", String("utf-8")),
                ("port", Int32),
                ("rack", String("utf-8")),
            ),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Metadata(Request[MetadataRequest_v5 | _MetadataRequest]):  # type: ignore[misc]
    """By the newer version that the broker has. The older one is that of Kafka 1.0."""

    API_KEY = _MetadataRequest.API_KEY

    def __init__(self, names: Collection[str]) -> None:
        self._names = sorted(names)

    def build(
        self, request_struct_class: type[MetadataRequest_v5 | _MetadataRequest]
    ) -> MetadataRequest_v5 | _MetadataRequest:
        creating, of_cluster, of_topics = False, False, True
        if request_struct_class is MetadataRequest_v5:
            return request_struct_class(self._names, creating)
        return request_struct_class(self._names, creating, of_cluster, of_topics)
