"""The grants of a role, given to a user of Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Set
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    SecurityDisabled,
    for_code,
)
from aiokafka.protocol.admin import CreateAclsRequest_v1, DescribeAclsRequest
from aiokafka.protocol.api import Request

from connectors.kafka.security import Kafka
from connectors.kafka.shown import OPERATION_CODES
from connectors.kafka.topics import admin_client
from models.errors import ConfigurationError, DepotgateError, NotPermittedError
from models.roles import Grant, ResourceType

# Codes of Kafka's protocol, which are those of its Java enums.
_RESOURCE_TYPES = {ResourceType.TOPIC: 2, ResourceType.GROUP: 3}
_ANY = 1
_LITERAL = 3
_ALLOW = 3
_FROM_ANYWHERE = "*"

ACTED_WITHIN_S = 30.0
"""From the controller, who takes permissions, to every broker, who acts by them: milliseconds, and
6 s where a broker on two busy cores is making the topics of the table."""

_LOOK_EVERY_S = 0.2

_Row = tuple[int, str, int, str, str, int, int]
"""Resource type, name, pattern, principal, host, operation and permission, as Kafka has them."""


class _CreateAcls(Request[CreateAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    """All grants in one request: aiokafka's own takes one, which may leave a role half given."""

    API_KEY = CreateAclsRequest_v1.API_KEY

    def __init__(self, rows: Collection[_Row]) -> None:
        self._rows = list(rows)

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self._rows)


def _row(principal: str, grant: Grant) -> _Row:
    resource, operation = _RESOURCE_TYPES[grant.resource], OPERATION_CODES[grant.operation]
    return (resource, grant.name, _LITERAL, principal, _FROM_ANYWHERE, operation, _ALLOW)


async def give(
    kafka: Kafka,
    principal: str,
    grants: Collection[Grant],
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> None:
    """Have Kafka permit all of it; what it permits already it goes on permitting.

    Returns when every broker acts by it: who is given something may use it next.

    Args:
        principal: `User:NAME`, as the broker calls who logs in.
        on_progress: takes how many are in force, of how many: each counts at every broker.

    Raises:
        BrokerUnavailableError, KafkaRefusedError: Kafka does not answer, or does not let us in.
        NotPermittedError: this user may not give permissions, or gave them and may not see them.
        ConfigurationError: this Kafka asks nobody who they are.
        DepotgateError: it took them, and a broker does not act by them yet.
    """
    if not grants:
        return
    rows = {_row(principal, grant) for grant in grants}
    async with admin_client(kafka) as admin:
        told = await admin._send_to_controller(_CreateAcls(rows))
        _refuse_not_given(kafka, told)
        await _until_in_force(admin, principal, rows, on_progress)


def _refuse_not_given(kafka: Kafka, told: Any) -> None:
    codes = {code for code, _message in told.creation_responses if code}
    if ClusterAuthorizationFailedError.errno in codes:
        raise NotPermittedError(
            "Kafka does not permit this user to give permissions; log in as an administrator of "
            "Kafka, or hand the printed lines to one"
        )
    if SecurityDisabled.errno in codes:
        raise ConfigurationError(
            f"the Kafka at {kafka} permits everything to everybody; set authorizer.class.name in "
            "its server.properties first"
        )
    if codes:
        names = ", ".join(sorted(for_code(code).__name__ for code in codes))
        raise DepotgateError(f"Kafka refused to give these permissions: {names}")


async def _until_in_force(
    admin: AIOKafkaAdminClient,
    principal: str,
    rows: Set[_Row],
    on_progress: Callable[[int, int], None],
) -> None:
    """Wait until every broker lists them: a broker answers this out of what it acts by."""
    brokers = [broker.nodeId for broker in admin._client.cluster.brokers()]
    deadline_s = asyncio.get_running_loop().time() + ACTED_WITHIN_S
    while True:
        listed = [len(rows & await _listed(admin, broker, principal)) for broker in brokers]
        on_progress(sum(listed), len(rows) * len(brokers))
        behind = [
            broker for broker, count in zip(brokers, listed, strict=True) if count < len(rows)
        ]
        if not behind:
            return
        if asyncio.get_running_loop().time() > deadline_s:
            raise DepotgateError(
                f"Kafka took the permissions, and its broker {behind[0]} does not act by all of "
                f"them {ACTED_WITHIN_S:.0f} s later; look at that broker, then give them again, "
                "which waits for it"
            )
        await asyncio.sleep(_LOOK_EVERY_S)


async def _listed(admin: AIOKafkaAdminClient, broker: int, principal: str) -> set[_Row]:
    """What one broker permits a user, of resources that are named literally.

    Nothing while it does not answer: others may have gone on without it.
    """
    asked = DescribeAclsRequest(_ANY, None, _LITERAL, principal, None, _ANY, _ANY)
    try:
        told = await admin._send_request_to_node(broker, asked)
    except (KafkaError, TimeoutError):
        return set()
    if told.error_code == ClusterAuthorizationFailedError.errno:
        raise NotPermittedError(
            "Kafka took the permissions, and does not permit this user to see whether its brokers "
            "act by them already (Describe on the cluster)"
        )
    return {
        (resource, name, pattern, *rule)
        for resource, name, pattern, rules in told.resources
        for rule in rules
    }
