"""A probe that asks for a report, and everything that can become of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.ocpp import outgoing, reporting
from connectors.ocpp.connection import ChargerConnection
from models.charger import Scalar
from models.ids import CommandId
from models.reasons import OcppVersion
from tests.connectors.ocpp.calls import Stand, Wire, running, until
from tests.connectors.ocpp.keyed import Keyed
from tests.connectors.ocpp.test_commands import command, desk
from tests.connectors.ocpp.test_probing import take_probe, told

BY_NAME = {"mode_key": "present", "pre_authorize": "present", "cache": "missing"}
REPORTED = {"mode_key": "writable", "pre_authorize": "read_only", "cache": "missing"}


@pytest.fixture
def stand() -> Stand:
    return Stand()


@asynccontextmanager
async def probed(
    stand: Stand, ocpp: OcppVersion = "2.0.1"
) -> AsyncIterator[tuple[ChargerConnection, Wire, list[Any]]]:
    """A probe whose questions were answered, and the GetBaseReport that it sent then."""
    async with running(stand, ocpp) as (connection, wire):
        values = {"AuthCtrlr.Enabled": "true", "AuthCtrlr.LocalPreAuthorize": "false"}
        async with Keyed(wire, values).answering() as charger:
            take_probe(stand, connection)
            await until(lambda: charger.others)
        asked = charger.others[0]
        assert asked[2] == "GetBaseReport"
        assert asked[3]["reportBase"] == "FullInventory"
        yield connection, wire, asked


def part(asked: list[Any], number: int, name: str, mutability: str, *, tbc: bool) -> dict[str, Any]:
    component, named = name.split(".")
    row = {
        "component": {"name": component},
        "variable": {"name": named},
        "variableAttribute": [{"mutability": mutability}],
    }
    return {
        "requestId": asked[3]["requestId"],
        "generatedAt": "2026-03-01T06:00:00Z",
        "seqNo": number,
        "tbc": tbc,
        "reportData": [row],
    }


def send_parts(wire: Wire, *parts: dict[str, Any]) -> None:
    for number, payload in enumerate(parts):
        wire.receive(2, f"part-{number}", "NotifyReport", payload)


async def claims(stand: Stand) -> dict[str, Scalar]:
    data = await told(stand)
    assert data["status"] == "Accepted"
    assert data["mode"] == "managed"
    return {key: data[key] for key in BY_NAME}


@pytest.mark.parametrize("ocpp", ["2.0.1", "2.1"])
async def test_what_can_be_set_is_claimed_by_a_whole_report(ocpp: OcppVersion) -> None:
    stand = Stand()
    async with probed(stand, ocpp) as (_, wire, asked):
        wire.receive(3, asked[1], {"status": "Accepted"})
        first = part(asked, 0, "AuthCtrlr.Enabled", "ReadWrite", tbc=True)
        last = part(asked, 1, "AuthCtrlr.LocalPreAuthorize", "ReadOnly", tbc=False)
        send_parts(wire, last, first, first)
        assert await claims(stand) == REPORTED
        answered = [frame[1] for frame in wire.sent if frame[0] == 3]
        assert set(answered) == {"part-0", "part-1", "part-2"}


async def test_parts_that_come_before_the_answer_count(stand: Stand) -> None:
    async with probed(stand) as (_, wire, asked):
        first = part(asked, 0, "AuthCtrlr.Enabled", "ReadWrite", tbc=True)
        last = part(asked, 1, "AuthCtrlr.LocalPreAuthorize", "ReadOnly", tbc=False)
        send_parts(wire, first, last)
        wire.receive(3, asked[1], {"status": "Accepted"})
        assert await claims(stand) == REPORTED


@pytest.mark.parametrize("status", ["Rejected", "NotSupported", "EmptyResultSet"])
async def test_without_a_report_what_was_told_by_name_counts(stand: Stand, status: str) -> None:
    async with probed(stand) as (_, wire, asked):
        wire.receive(3, asked[1], {"status": status})
        assert await claims(stand) == BY_NAME


async def test_a_charger_that_does_not_know_reports_is_still_probed(stand: Stand) -> None:
    async with probed(stand) as (_, wire, asked):
        wire.receive(4, asked[1], "NotImplemented", "", {})
        assert await claims(stand) == BY_NAME


async def test_a_report_with_a_gap_counts_for_nothing(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "NEXT_PART_WITHIN_S", 0.05)
    async with probed(stand) as (connection, wire, asked):
        wire.receive(3, asked[1], {"status": "Accepted"})
        send_parts(
            wire,
            part(asked, 0, "AuthCtrlr.Enabled", "ReadOnly", tbc=True),
            part(asked, 2, "AuthCtrlr.LocalPreAuthorize", "ReadOnly", tbc=False),
        )
        assert await claims(stand) == BY_NAME
        assert connection.report_parts is None


async def test_a_switch_does_not_wait_for_a_report(stand: Stand) -> None:
    async with probed(stand) as (connection, wire, asked):
        wire.receive(3, asked[1], {"status": "Accepted"})
        desk(stand).take(command(connection, command_id=CommandId("c2")))
        await until(lambda: wire.sent[-1][2] == "SetVariables")
        assert not stand.events.named("Probed")
        send_parts(wire, part(asked, 0, "AuthCtrlr.Enabled", "ReadWrite", tbc=False))
        assert (await claims(stand))["mode_key"] == "writable"


async def test_a_connection_that_ends_ends_the_wait(stand: Stand) -> None:
    async with probed(stand) as (connection, wire, asked):
        wire.receive(3, asked[1], {"status": "Accepted"})
        await until(lambda: not connection.command_turn.locked())
        assert connection.report_parts is not None
    # Left without waiting for the next part: `running` gives it less than that may take.
    assert await claims(stand) == BY_NAME


async def test_a_charger_that_is_deaf_to_reports_is_asked_everything_else(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "CALL_TIMEOUT_S", 1.0)
    async with probed(stand) as (connection, _, __):
        assert await claims(stand) == BY_NAME
        assert not connection.silent
