"""What happens at a gateway while Kafka is away is a table, not an accident (design, 4).

The broker is these tests' own, to be killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from connectors.kafka.broker import Broker
from connectors.ocpp.wire import wire_time
from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger201 import Charger201
from models.attempt import Basis, Outcome
from models.metrics import EVENTS_HELD, KAFKA_AWAY, SPOOLED
from models.reasons import Reason
from tests.integration.gateways import CARDS, DEADLINE_S, QUICK, House, ask, open_house
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.own_broker import start_own
from tests.integration.records import until

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

SLOT = 7
NOTICED_S = 5.0
"""An absence is noticed after a second without an acknowledgement; the answer comes soon after,
unless the machine is busy with other things."""

PATIENT = replace(QUICK, response_timeout_s=90.0)
"""It waits longer than a busy machine needs to start Kafka again."""

AT_ONCE_S = DEADLINE_S
"""What waits for nothing is answered in milliseconds; what waits for Kafka, not before its time."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    broker = await start_own(tmp_path_factory.mktemp("mortal"))
    yield broker
    broker.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(mortal: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(mortal.bootstrap, tmp_path_factory.mktemp("data")) as opened:
        yield opened


def outcomes(house: House, charger: Charger) -> dict[str, Outcome]:
    """Those of a charger by id: readers drop a repeat."""
    return {each.request_id: each for each in house.records.outcomes(charger.charger_id)}


async def test_while_kafka_is_away_every_kind_of_message_has_its_own_way(
    house: House, mortal: Broker
) -> None:
    async with (
        house.gateway(SLOT) as gateway,
        house.charger(Charger16, "open", gateway) as open16,
        house.charger(Charger201, "closed", gateway) as closed201,
        house.charger(Charger201, "closed", gateway, behaviour=PATIENT) as starting,
    ):
        await starting.plug_in()
        mortal.kill()
        start = asyncio.create_task(starting.replay(CARDS["own fleet"], datetime.now(UTC), None))

        # Authorize: the posture, and an outcome on disk.
        by_open, by_closed = await asyncio.gather(
            open16.authorize(CARDS["unknown"]), closed201.authorize(CARDS["own fleet"])
        )
        assert (by_open.status, by_closed.status) == ("Accepted", "Unknown")
        assert max(by_open.latency_s, by_closed.latency_s) < DEADLINE_S + NOTICED_S
        assert gateway.metric(KAFKA_AWAY.name) == 1
        known = await open16.authorize(CARDS["unknown"])
        assert DEADLINE_S * 0.95 <= known.latency_s < DEADLINE_S + NOTICED_S

        # Heartbeat, status and boot: at once.
        await answered_at_once(open16)
        await until(lambda: gateway.metric(SPOOLED.name) > 0, "outcomes are on disk")
        await until(lambda: gateway.metric(EVENTS_HELD.name) > 0, "events are held")

        # A start stays unanswered, and waits for Kafka.
        assert not start.done()
        await mortal.start_again()
        assert (await start).accepted

        await until(lambda: gateway.metric(SPOOLED.name) == 0, "the spool was drained")
        await until(lambda: gateway.metric(EVENTS_HELD.name) == 0, "held events were sent")
        await until(lambda: gateway.metric(KAFKA_AWAY.name) == 0, "Kafka is back")
        await until(lambda: len(outcomes(house, open16)) == 2, "both outcomes of the open site")
        await until(lambda: len(outcomes(house, closed201)) == 1, "that of the closed site")
        await until(lambda: len(outcomes(house, starting)) == 1, "that of the start")
        assert (await closed201.authorize(CARDS["own fleet"])).status == "Accepted"

    missed = [*outcomes(house, open16).values(), *outcomes(house, closed201).values()][:3]
    assert {outcome.reason for outcome in missed} == {Reason.DECISION_TIMED_OUT}
    assert {outcome.told and outcome.told.basis for outcome in missed} == {Basis.POSTURE}
    (started,) = outcomes(house, starting).values()
    assert started.reason == Reason.OWN_FLEET
    # Of each connector the newest status alone.
    newest = [(1, "Faulted"), (2, "Available")]
    await until(lambda: statuses(house, open16)[-2:] == newest, "the newest statuses")
    assert (1, "Charging") not in statuses(house, open16)
    assert house.records.events(open16.charger_id, "Heartbeat") == []
    assert not list(house.data.glob("*.jsonl"))


def statuses(house: House, charger: Charger) -> list[tuple[object, object]]:
    events = house.records.events(charger.charger_id, "StatusNotification")
    return [(event.data["connectorId"], event.data["status"]) for event in events]


async def answered_at_once(charger: Charger) -> None:
    loop = asyncio.get_running_loop()
    messages: list[tuple[str, dict[str, Any]]] = [("Heartbeat", {}), ("BootNotification", BOOT)]
    messages += [
        ("StatusNotification", status(connector, value))
        for connector, value in ((1, "Charging"), (1, "Faulted"), (2, "Available"))
    ]
    for number, (action, payload) in enumerate(messages):
        began_s = loop.time()
        answer = await ask(charger, action, payload, message_id=f"away-{number}")
        assert answer[0] == 3
        assert loop.time() - began_s < AT_ONCE_S, action


BOOT = {"chargePointVendor": "depotgate", "chargePointModel": "Simulated 1.6"}


def status(connector: int, value: str) -> dict[str, object]:
    return {
        "connectorId": connector,
        "errorCode": "NoError",
        "status": value,
        "timestamp": wire_time(datetime.now(UTC)),
    }


async def test_an_outcome_on_disk_outlives_its_gateway(house: House, mortal: Broker) -> None:
    async with (
        house.gateway(SLOT) as gateway,
        house.charger(Charger201, "closed", gateway) as charger,
    ):
        mortal.kill()
        assert (await charger.authorize(CARDS["own fleet"])).status == "Unknown"
    (spool,) = house.data.glob("*.jsonl")
    assert len(spool.read_text().splitlines()) >= 1
    assert CARDS["own fleet"].token not in spool.read_text()
    await mortal.start_again()
    async with house.gateway(SLOT):
        await until(lambda: len(outcomes(house, charger)) == 1, "the outcome")
        await until(lambda: not spool.exists(), "the spool was drained")
    (outcome,) = outcomes(house, charger).values()
    assert (outcome.reason, outcome.told and outcome.told.status) == (
        Reason.DECISION_TIMED_OUT,
        "Unknown",
    )
