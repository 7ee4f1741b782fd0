"""Permissions that one of the brokers does not act by."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NodeNotReadyError

from connectors.kafka import grants
from models.errors import DepotgateError


@pytest.mark.parametrize("fault", [TimeoutError(), NodeNotReadyError()], ids=repr)
async def test_a_broker_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def silent(*_: object) -> None:
        raise fault

    cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(nodeId=7)])
    admin: Any = SimpleNamespace(
        _client=SimpleNamespace(cluster=cluster), _send_request_to_node=silent
    )
    monkeypatch.setattr(grants, "ACTED_WITHIN_S", 0.0)
    row = (2, "topic", 3, "User:anna", "*", 3, 3)
    with pytest.raises(DepotgateError, match="its broker 7 does not act by all of them"):
        await grants._until_in_force(admin, "User:anna", {row}, lambda _done, _all: None)
