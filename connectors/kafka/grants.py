"""The grants of a role, given to a user of Kafka."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.errors import ClusterAuthorizationFailedError, SecurityDisabled, for_code
from aiokafka.protocol.admin import CreateAclsRequest_v1
from aiokafka.protocol.api import Request

from connectors.kafka.security import Kafka
from connectors.kafka.topics import admin_client
from models.errors import ConfigurationError, DepotgateError, NotPermittedError
from models.roles import Grant, Operation, ResourceType

# Codes of Kafka's protocol, which are those of its Java enums.
_RESOURCE_TYPES = {ResourceType.TOPIC: 2, ResourceType.GROUP: 3}
_OPERATIONS = {Operation.READ: 3, Operation.WRITE: 4, Operation.DESCRIBE: 8}
_LITERAL = 3
_ALLOW = 3
_FROM_ANYWHERE = "*"


class _CreateAcls(Request[CreateAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    """All grants in one request: aiokafka's own takes one, which may leave a role half given."""

    API_KEY = CreateAclsRequest_v1.API_KEY

    def __init__(self, principal: str, grants: Sequence[Grant]) -> None:
        self._rows = [
            (
                _RESOURCE_TYPES[grant.resource],
                grant.name,
                _LITERAL,
                principal,
                _FROM_ANYWHERE,
                _OPERATIONS[grant.operation],
                _ALLOW,
            )
            for grant in grants
        ]

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self._rows)


async def give(kafka: Kafka, principal: str, grants: Sequence[Grant]) -> None:
    """Have Kafka permit all of it; what it permits already it goes on permitting.

    Args:
        principal: `User:NAME`, as the broker calls who logs in.

    Raises:
        BrokerUnavailableError, KafkaRefusedError: Kafka does not answer, or does not let us in.
        NotPermittedError: this user may not give permissions.
        ConfigurationError: this Kafka asks nobody who they are.
    """
    if not grants:
        return
    async with admin_client(kafka) as admin:
        told = await admin._send_to_controller(_CreateAcls(principal, grants))
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
