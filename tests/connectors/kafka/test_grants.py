"""Permissions that are given, and whether a broker acts by them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import ClusterAuthorizationFailedError, NodeNotReadyError

from connectors.kafka import grants
from models.errors import DepotgateError, NotPermittedError

ROW = (2, "topic", 3, "User:anna", "*", 3, 3)


def admin_of(told: Any) -> Any:
    """Of a cluster with one broker, 7, that answers so, or not at all."""

    async def send(*_: object) -> Any:
        if isinstance(told, Exception):
            raise told
        return told

    cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(nodeId=7)])
    return SimpleNamespace(_client=SimpleNamespace(cluster=cluster), _send_request_to_node=send)


def no_progress(_done: int, _all: int) -> None:
    """Nobody looks at it."""


@pytest.mark.parametrize("fault", [TimeoutError(), NodeNotReadyError()], ids=repr)
async def test_a_broker_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    monkeypatch.setattr(grants, "ACTED_WITHIN_S", 0.0)
    with pytest.raises(DepotgateError, match="its broker 7 does not act by all of them"):
        await grants._until_in_force(admin_of(fault), "User:anna", {ROW}, no_progress)


async def test_who_may_give_permissions_and_not_see_them_is_told_so_at_once() -> None:
    refused = SimpleNamespace(error_code=ClusterAuthorizationFailedError.errno, resources=[])
    with pytest.raises(NotPermittedError, match="Kafka took the permissions, and does not permit"):
        await grants._until_in_force(admin_of(refused), "User:anna", {ROW}, no_progress)
