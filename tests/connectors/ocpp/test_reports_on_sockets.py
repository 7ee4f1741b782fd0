"""A probe of simulated chargers over a real socket, with a report in as many parts as variables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import pytest
from ocpp.exceptions import OccurenceConstraintViolationError
from ocpp.v201 import call, call_result
from ocpp.v201.enums import Action
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from connectors.ocpp.table import Version
from depotgate.demo.charger21 import Charger21
from depotgate.demo.charger201 import Charger201, Variable
from depotgate.demo.station import Station, answers, then
from depotgate.demo.station201 import Station201
from models.charger import Scalar
from models.site import ChargerRecord
from tests.connectors.ocpp.calls import Stand, Wire, until
from tests.connectors.ocpp.chargers import PASSWORD
from tests.connectors.ocpp.doors import open_door
from tests.connectors.ocpp.test_probing import take_probe


class _Reporting(Station201):
    """Answers GetBaseReport, and sends a part for each variable."""

    @answers(Action.get_base_report)
    def on_get_base_report(self, **_: Any) -> Any:
        return call_result.GetBaseReport(status="Accepted")

    @then(Action.get_base_report)
    async def after_get_base_report(self, request_id: int, **_: Any) -> None:
        variables = self._charger.variables
        for number, (names, variable) in enumerate(variables.items()):
            await self.call(
                call.NotifyReport(
                    request_id=request_id,
                    generated_at="2026-07-14T12:00:00Z",
                    seq_no=number,
                    tbc=number < len(variables) - 1,
                    report_data=[_reported(names, variable)],
                )
            )


def _reported(names: tuple[str, str], variable: Variable) -> dict[str, Any]:
    mutability = "ReadOnly" if variable.read_only else "ReadWrite"
    return {
        "component": {"name": names[0]},
        "variable": {"name": names[1]},
        "variable_attribute": [{"value": variable.value, "mutability": mutability}],
    }


class Reports201(Charger201):
    def _station(self, socket: ClientConnection) -> Station:
        return _Reporting(self, socket)


class Reports21(Charger21):
    def _station(self, socket: ClientConnection) -> Station:
        return _Reporting(self, socket)


REPORTING = (Reports201, Reports21)


class _Limited(Station201):
    """Takes as many variables in a message as it states."""

    @answers(Action.get_variables)
    def on_get_variables(self, get_variable_data: list[dict[str, Any]], **others: Any) -> Any:
        """Refused where it is too many."""
        charger = self._charger
        assert isinstance(charger, Limited201)
        charger.asked_counts.append(len(get_variable_data))
        if len(get_variable_data) > charger.takes:
            raise OccurenceConstraintViolationError
        return super().on_get_variables(get_variable_data, **others)


class Limited201(Charger201):
    """States how many variables it takes, which may be more than it does."""

    def __init__(self, *args: Any, states: int, takes: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.takes = takes
        self.asked_counts: list[int] = []
        self.variables["devicedatactrlr", "itemspermessage"] = Variable(str(states))

    def _station(self, socket: ClientConnection) -> Station:
        return _Limited(self, socket)


@pytest.mark.parametrize(
    ("states", "takes", "counts"),
    [
        # How many, how many bytes, and then the keys and how many may be set.
        (4, 4, [1, 1, 4, 1]),
        (2, 2, [1, 1, 2, 2, 1]),
        (10, 1, [1, 1, 5, 1, 1, 1, 1, 1]),
        (1, 1, [1, 1, 1, 1, 1, 1]),
    ],
)
async def test_a_charger_is_asked_for_as_many_variables_at_once_as_it_takes(
    states: int, takes: int, counts: list[int]
) -> None:
    stand = Stand()
    async with _connected(stand, partial(Limited201, states=states, takes=takes)) as charger:
        await _probe(stand)
        assert charger.asked_counts == counts
    data = stand.events.named("Probed")[0].data
    assert (data["mode_key"], data["pre_authorize"], data["cache"]) == (
        "present",
        "present",
        "missing",
    )


@asynccontextmanager
async def _connected(stand: Stand, kind: Callable[..., Charger201]) -> AsyncIterator[Any]:
    """A charger at a gateway's listener."""

    async def serve(socket: ServerConnection, _: ChargerRecord, version: Version) -> None:
        await stand.connection(version.name, cast("Wire", socket)).run()

    async with (
        open_door(stand.charger, on_connected=serve) as door,
        kind(str(stand.charger.charger_id), door.endpoint, password=PASSWORD) as charger,
    ):
        await charger.connected()
        yield charger


async def _probe(stand: Stand) -> None:
    connection = stand.registry.of(stand.charger.charger_id)
    assert connection is not None
    take_probe(stand, connection)
    await until(lambda: stand.events.named("Probed"))


async def _probed(kind: type[Charger201]) -> dict[str, Scalar]:
    stand = Stand()
    async with _connected(stand, kind) as charger:
        await _probe(stand)
        parts = len(charger.variables) if kind in REPORTING else 0
        assert len(stand.events.named("NotifyReport")) == parts
        return dict(stand.events.named("Probed")[0].data)


@pytest.mark.parametrize("kind", [Charger201, Charger21, Reports201, Reports21])
async def test_a_charger_is_probed_whether_it_sends_reports_or_not(
    kind: type[Charger201],
) -> None:
    data = await _probed(kind)
    reports = kind in REPORTING
    assert data["status"] == "Accepted"
    assert data["mode_key"] == ("writable" if reports else "present")
    assert data["pre_authorize"] == ("read_only" if reports else "present")
    assert data["cache"] == "missing"
    types = "ISO14443,Central,NoAuthorization" if issubclass(kind, Charger21) else None
    assert data.get("token_types") == types
