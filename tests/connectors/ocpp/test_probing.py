"""A probe on a connection: keys by name, no value told, and only in stage enforce."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.ocpp.connection import ChargerConnection
from models.charger import CommandKind, Scalar
from models.ids import CommandId
from models.metrics import FRAMES_DROPPED
from models.reasons import OcppVersion
from models.site import Stage
from tests.connectors.ocpp.calls import Stand, running, until
from tests.connectors.ocpp.chargers import site_record
from tests.connectors.ocpp.keyed import (
    BYTES_2X,
    LIMIT_2X,
    LIMIT_16,
    SETTABLE,
    SETTABLE_BYTES,
    Keyed,
)
from tests.connectors.ocpp.test_commands import command, desk


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


STANDARD = {"AuthCtrlr.Enabled": "true", "AuthCtrlr.LocalPreAuthorize": "secret"}
TARGET = "AuthCtrlr.Enabled/Target"
MISSPELT = {"AuthCtrl.Enabled": "true", "AuthCtrlr.LocalPreAuthorize": "secret"}
NAMES = ["AuthCtrlr.Enabled", "AuthCtrlr.LocalPreAuthorize", "AuthCacheCtrlr.Enabled"]
OTHERS = ["AuthCtrl.Enabled", TARGET]
FOUND = {
    "commandId": "p1",
    "profile": "standard",
    "status": "Accepted",
    "mode_key": "present",
    "mode": "managed",
    "pre_authorize": "present",
    "cache": "missing",
}


async def probed(
    stand: Stand,
    values: dict[str, str],
    ocpp: OcppVersion = "2.0.1",
    profile: str = "standard",
    **oddities: Any,
) -> tuple[dict[str, Scalar], list[list[str]]]:
    """What is told of a charger that has these keys, and which were asked for in each message."""
    async with (
        running(stand, ocpp) as (connection, wire),
        Keyed(wire, values, **oddities).answering() as charger,
    ):
        take_probe(stand, connection, profile=profile)
        await until(lambda: stand.events.named("Probed") or charger.others)
        if not stand.events.named("Probed"):
            (report,) = charger.others
            wire.receive(3, report[1], {"status": "NotSupported"})
        return await told(stand), charger.asked


async def test_finding_9_a_charger_that_states_no_number_is_asked_one_key_at_a_time(
    stand: Stand,
) -> None:
    data, asked = await probed(stand, MISSPELT, takes=1)
    limits = (SETTABLE, SETTABLE_BYTES)
    assert asked == [[name] for name in (LIMIT_2X, *NAMES, *limits, "AuthCtrl.Enabled")]
    assert data == FOUND


async def test_a_charger_is_asked_for_as_many_keys_at_once_as_it_states(stand: Stand) -> None:
    data, asked = await probed(stand, MISSPELT | {LIMIT_2X: "3", SETTABLE: "2"}, takes=3)
    limits = [SETTABLE, SETTABLE_BYTES]
    assert asked == [[LIMIT_2X], [BYTES_2X], NAMES, limits, ["AuthCtrl.Enabled"]]
    assert data == FOUND


@pytest.mark.parametrize(("room", "most"), [("40", 1), ("419", 1), ("420", 2), ("65000", 5)])
async def test_a_charger_is_asked_for_no_more_than_has_room_in_its_message(
    stand: Stand, room: str, most: int
) -> None:
    data, asked = await probed(stand, STANDARD | {LIMIT_2X: "10", BYTES_2X: room})
    assert max(len(names) for names in asked) == most
    assert data == FOUND


async def test_a_charger_is_set_no_more_at_once_than_has_room_in_its_message(stand: Stand) -> None:
    values = STANDARD | {LIMIT_2X: "10", SETTABLE: "10", SETTABLE_BYTES: "600"}
    async with running(stand) as (connection, wire), Keyed(wire, values).answering() as charger:
        take_probe(stand, connection)
        await until(lambda: charger.others)
        assert connection.settings_at_once == 3


async def test_a_charger_of_1_6_is_asked_for_as_many_keys_as_it_states(stand: Stand) -> None:
    values = {"Cst_FreeVendActive": "false", "LocalPreAuthorize": "false", LIMIT_16: "7"}
    data, asked = await probed(stand, values, "1.6", "microocpp", takes=7)
    names = ["Cst_FreeVendActive", "Cst_FreeVendIdTag"]
    names += ["LocalPreAuthorize", "AuthorizationCacheEnabled"]
    assert asked == [[LIMIT_16], names, ["AO_FreeVendIdTag"]]
    assert (data["mode_key"], data["mode"], data["tag_key"]) == ("writable", "managed", "missing")
    assert (data["pre_authorize"], data["cache"]) == ("writable", "missing")


@pytest.mark.parametrize("limit", ["0", "-3", "many", "", "99999999999999999999"])
async def test_a_number_that_is_none_is_one(stand: Stand, limit: str) -> None:
    data, asked = await probed(stand, STANDARD | {LIMIT_2X: limit}, takes=1)
    assert {len(names) for names in asked} == {1}
    assert data == FOUND


@pytest.mark.parametrize("oddity", ["takes", "tells"])
async def test_a_charger_that_does_not_keep_to_its_number_is_asked_one_key_at_a_time(
    stand: Stand, oddity: str
) -> None:
    oddities: dict[str, Any] = {oddity: 1}
    data, asked = await probed(stand, STANDARD | {LIMIT_2X: "20"}, **oddities)
    assert [names for names in asked if len(names) > 1] == [[*NAMES, SETTABLE, SETTABLE_BYTES]]
    assert data == FOUND


async def test_how_many_a_charger_takes_is_asked_once_over_a_connection(stand: Stand) -> None:
    values = STANDARD | {LIMIT_2X: "20", SETTABLE: "2"}
    async with (
        running(stand) as (connection, wire),
        Keyed(wire, values).answering() as charger,
    ):
        for number in (1, 2):
            take_probe(stand, connection, command_id=CommandId(f"p{number}"))
            await until(lambda number=number: len(charger.others) == number)  # type: ignore[misc]
            wire.receive(3, charger.others[-1][1], {"status": "NotSupported"})
            await until(lambda number=number: len(stand.events.named("Probed")) == number)  # type: ignore[misc]
        first = [*NAMES, SETTABLE, SETTABLE_BYTES]
        assert charger.asked == [[LIMIT_2X], [BYTES_2X], first, NAMES]
        assert connection.settings_at_once == 2


async def test_one_senseless_answer_leaves_its_key_unknown_and_is_counted(stand: Stand) -> None:
    senseless = frozenset({"AuthCtrlr.LocalPreAuthorize"})
    data, _ = await probed(stand, STANDARD, senseless=senseless)
    assert data == FOUND | {"pre_authorize": None}
    counted = stand.metrics.registry.get_sample_value(
        FRAMES_DROPPED.name, {"cause": "invalid_result"}
    )
    assert counted == 1


async def test_a_charger_that_says_nothing_of_sense_was_not_probed(stand: Stand) -> None:
    senseless = frozenset({LIMIT_2X, SETTABLE, SETTABLE_BYTES, *OTHERS, *NAMES})
    data, asked = await probed(stand, {}, senseless=senseless)
    assert data == {"commandId": "p1", "profile": "standard", "status": "invalid_result"}
    # One at a time, none twice.
    assert sorted(asked) == sorted([name] for name in senseless)


async def test_a_set_point_apart_from_what_is_in_force_is_found(stand: Stand) -> None:
    data, asked = await probed(
        stand, {TARGET: "true", "AuthCtrlr.LocalPreAuthorize": "secret"}, takes=3
    )
    assert asked[-2:] == [["AuthCtrl.Enabled"], [TARGET]]
    assert data == FOUND


async def test_a_charger_of_2_1_is_asked_which_types_of_tokens_it_presents() -> None:
    stand = Stand(site=site_record(identifier_types=("BUSBADGE",)))
    types = {"AuthCtrlr.SupportedIdTokenType": "iso14443,BusBadge,04A1B2C3D4E5F6"}
    data, _ = await probed(stand, STANDARD | types, "2.1")
    assert data.get("token_types") == "ISO14443,BUSBADGE,other"


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
