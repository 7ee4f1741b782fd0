"""A whole depot of chargers connects, serves drivers, and ends without an open session."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger201 import Charger201
from depotgate.demo.depot import DemoDepot
from depotgate.demo.drivers import Pace
from depotgate.demo.fleet import Fleet
from depotgate.demo.odd import scripts
from depotgate.demo.session import Attempted
from models.ids import ChargerId
from tests.depotgate.demo.central import PASSWORD, Central, central_system, until
from tests.depotgate.demo.histories import FIXED

WITHIN_S = 60.0


@pytest.fixture
async def central() -> AsyncIterator[Central]:
    async with central_system() as running:
        yield running


@pytest.fixture
def depot(depot: DemoDepot) -> DemoDepot:
    return replace(depot, passwords=dict.fromkeys(depot.passwords, PASSWORD))


async def test_drivers_come_with_every_card_and_leave_when_they_are_told(
    central: Central, depot: DemoDepot, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the odd chargers are there for is seen elsewhere.
    monkeypatch.setattr(scripts, "CHARGES_S", 1.0)
    accounts: list[Attempted] = []
    pace = Pace(idle_s=(0.1, 0.5), charge_s=(0.1, 60.0), patience_s=(0.1, 0.2))
    fleet = Fleet(depot, central.endpoint, accounts.append, rng=random.Random(2), pace=pace)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(fleet.run())
        assert await fleet.absent(within_s=WITHIN_S) == {}
        fleet.open(tasks)
        labels = {card.card.label for card in depot.cards}
        await until(lambda: {account.label for account in accounts} >= labels, WITHIN_S)
        assert await fleet.close() == 0
        assert all(charger.session_at() is None for charger in fleet.chargers.values())
        running.cancel()
    assert all(account.error is None for account in accounts)
    assert {account.charger_id for account in accounts} <= fleet.chargers.keys()


async def test_a_charger_that_is_not_let_in_is_named_with_its_reason(
    central: Central, depot: DemoDepot
) -> None:
    refused = ChargerId("DD-05")
    depot = replace(depot, passwords={**depot.passwords, refused: "wrong"})
    fleet = Fleet(depot, central.endpoint, lambda _: None, rng=random.Random(2))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(fleet.run())
        others = (each for name, each in fleet.chargers.items() if name != refused)
        await asyncio.gather(*(each.connected(WITHIN_S) for each in others))
        await until(lambda: fleet.chargers[refused].link.refusal)
        absent = await fleet.absent(within_s=0.1)
        running.cancel()
    assert absent.keys() == {refused}
    assert "HTTP 401" in absent[refused]


async def test_closing_before_anybody_came_is_nothing(central: Central, depot: DemoDepot) -> None:
    fleet = Fleet(depot, central.endpoint, lambda _: None, rng=random.Random(2))
    assert await fleet.close() == 0


async def test_each_row_becomes_a_charger_of_its_version_and_make(depot: DemoDepot) -> None:
    fleet = Fleet(depot, "ws://127.0.0.1:1/ocpp", lambda _: None, rng=random.Random(2))
    for row in depot.chargers:
        charger = fleet.chargers[row.charger_id]
        assert isinstance(charger, Charger16 if row.ocpp == "1.6" else Charger201)
    fixed = fleet.chargers[FIXED]
    assert fixed.mode == "managed"
