"""A probe on a connection: keys by name, no value told, and only in stage enforce."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.ocpp.connection import ChargerConnection
from models.charger import CommandKind, Scalar
from models.ids import CommandId
from models.site import Stage
from tests.connectors.ocpp.calls import Stand, Wire, running, until
from tests.connectors.ocpp.chargers import site_record
from tests.connectors.ocpp.test_commands import answer, command, desk


@pytest.fixture
def stand() -> Stand:
    return Stand()


def take_probe(stand: Stand, connection: ChargerConnection, **fields: Any) -> None:
    row = {"kind": CommandKind.PROBE, "command_id": CommandId("p1")} | fields
    desk(stand).take(command(connection, **row))


async def told(stand: Stand) -> dict[str, Scalar]:
    await until(lambda: len(stand.events.named("Probed")) == 1)
    return dict(stand.events.named("Probed")[0].data)


def variable(name: str, status: str, value: str | None = None) -> dict[str, Any]:
    component, variable_name = name.split(".")
    row = {
        "component": {"name": component},
        "variable": {"name": variable_name},
        "attributeStatus": status,
    }
    return {"getVariableResult": [row if value is None else row | {"attributeValue": value}]}


async def asked(wire: Wire, place: int, payload: dict[str, Any]) -> str:
    """Answer a GetVariables; the one name that it asked for."""
    frame = await answer(wire, place, payload)
    assert frame[2] == "GetVariables"
    (row,) = frame[3]["getVariableData"]
    return f"{row['component']['name']}.{row['variable']['name']}"


async def test_finding_9_each_key_is_asked_by_name_and_its_other_spelling_tried(
    stand: Stand,
) -> None:
    async with running(stand) as (connection, wire):
        take_probe(stand, connection)
        names = [
            await asked(wire, 0, variable("AuthCtrlr.Enabled", "UnknownVariable")),
            await asked(wire, 1, variable("AuthCtrl.Enabled", "Accepted", "true")),
            await asked(wire, 2, variable("AuthCtrlr.LocalPreAuthorize", "Accepted", "secret")),
            await asked(wire, 3, variable("AuthCacheCtrlr.Enabled", "UnknownComponent")),
        ]
        await answer(wire, 4, {"status": "NotSupported"})
        data = await told(stand)
    assert names == [
        "AuthCtrlr.Enabled",
        "AuthCtrl.Enabled",
        "AuthCtrlr.LocalPreAuthorize",
        "AuthCacheCtrlr.Enabled",
    ]
    assert data == {
        "commandId": "p1",
        "profile": "standard",
        "status": "Accepted",
        "mode_key": "present",
        "mode": "managed",
        "pre_authorize": "present",
        "cache": "missing",
    }


async def test_a_charger_of_2_1_is_asked_which_types_of_tokens_it_presents() -> None:
    stand = Stand(site=site_record(identifier_types=("BUSBADGE",)))
    async with running(stand, "2.1") as (connection, wire):
        take_probe(stand, connection)
        for place, name in enumerate(
            ("AuthCtrlr.Enabled", "AuthCtrlr.LocalPreAuthorize", "AuthCacheCtrlr.Enabled")
        ):
            assert await asked(wire, place, variable(name, "Accepted", "true")) == name
        name = "AuthCtrlr.SupportedIdTokenType"
        types = "iso14443,BusBadge,04A1B2C3D4E5F6"
        assert await asked(wire, 3, variable(name, "Accepted", types)) == name
        await answer(wire, 4, {"status": "NotSupported"})
        assert (await told(stand)).get("token_types") == "ISO14443,BUSBADGE,other"


async def test_rule_27_nothing_is_asked_outside_enforce() -> None:
    stand = Stand(site=site_record(stage=Stage.SHADOW))
    async with running(stand) as (connection, wire):
        take_probe(stand, connection)
        assert (await told(stand))["status"] == "stage"
        assert wire.sent == []


async def test_a_profile_without_a_key_and_a_late_command_ask_nothing(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        take_probe(stand, connection, profile="unknown")
        assert (await told(stand))["status"] == "no key"
        late = datetime.now(UTC) - timedelta(seconds=1)
        take_probe(stand, connection, expires_at=late)
        await until(lambda: len(stand.events.named("Probed")) == 2)
        assert stand.events.named("Probed")[1].data["status"] == "expired"
        assert wire.sent == []


async def test_a_connection_that_ends_is_no_answer(stand: Stand) -> None:
    async with running(stand) as (connection, wire):
        take_probe(stand, connection)
        await until(lambda: len(wire.sent) == 1)
    assert (await told(stand))["status"] == "closed"


async def test_a_charger_that_left_the_last_call_unanswered_is_not_asked(stand: Stand) -> None:
    """A switch that is tried again must not wait for a probe's time-out."""
    async with running(stand) as (connection, wire):
        connection.silent_until_s = math.inf
        take_probe(stand, connection)
        assert (await told(stand))["status"] == "timed_out"
        assert wire.sent == []
