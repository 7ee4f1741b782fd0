"""What messages tell of a charger's clock, and what is told of it (rule 11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.ocpp.clock_readings import ClockMemory
from connectors.ocpp.wire import wire_time
from models.clocks import READINGS_LEAST, ClockOffset
from models.ids import ChargerId
from tests.connectors.ocpp.calls import Stand, running, until

CHARGER = ChargerId("CP-1")
NOW = datetime(2026, 7, 14, 20, tzinfo=UTC)
AHEAD = timedelta(hours=1)
SAID = wire_time(NOW + AHEAD)
SINCE = NOW - timedelta(minutes=5)

# fmt: off
TELLING = [
    ("StatusNotification", {"timestamp": SAID}),
    ("StartTransaction",   {"timestamp": SAID}),
    ("MeterValues",        {"meterValue": [{"timestamp": SAID}]}),
    ("TransactionEvent",   {"timestamp": SAID}),
    ("TransactionEvent",   {"timestamp": SAID, "offline": False}),
    ("NotifyEvent",        {"generatedAt": SAID}),
]
SILENT = [
    ("StatusNotification", {}),
    ("StatusNotification", {"timestamp": "yesterday"}),
    ("StartTransaction",   {"timestamp": wire_time(SINCE - AHEAD)}),
    ("StopTransaction",    {"timestamp": SAID}),
    ("MeterValues",        {"meterValue": [{"timestamp": SAID}], "transactionId": 7}),
    ("MeterValues",        {"meterValue": []}),
    ("TransactionEvent",   {"timestamp": SAID, "offline": True}),
    ("Heartbeat",          {}),
]
# fmt: on


def noted(action: str, payload: dict[str, Any], count: int = READINGS_LEAST) -> ClockOffset | None:
    memory = ClockMemory()
    for _ in range(count):
        memory.note(CHARGER, action, payload, SINCE, NOW, 0.0)
    return memory.of(CHARGER, 0.0)


@pytest.mark.parametrize(("action", "payload"), TELLING)
def test_rule_11_a_message_that_is_told_as_it_happens_measures_the_clock(
    action: str, payload: dict[str, Any]
) -> None:
    clock = noted(action, payload)
    assert clock is not None
    assert clock.offset_s == AHEAD.total_seconds()
    assert noted(action, payload, READINGS_LEAST - 1) is None


@pytest.mark.parametrize(("action", "payload"), SILENT)
def test_rule_11_a_message_that_may_have_waited_tells_nothing_of_the_clock(
    action: str, payload: dict[str, Any]
) -> None:
    assert noted(action, payload) is None


def test_rule_11_a_clock_that_is_set_is_noticed() -> None:
    memory = ClockMemory()
    for said in [NOW + AHEAD] * 15 + [NOW] * 8:
        payload = {"timestamp": wire_time(said)}
        memory.note(CHARGER, "StatusNotification", payload, SINCE, NOW, 0.0)
    clock = memory.of(CHARGER, 0.0)
    assert clock is not None
    assert clock.offset_s == 0


async def test_the_worker_is_told_of_a_clock_once_and_when_it_has_changed() -> None:
    stand = Stand()
    async with running(stand, "1.6") as (_, wire):
        for number in range(6):
            status = {
                "connectorId": 1,
                "errorCode": "NoError",
                "status": "Available",
                "timestamp": wire_time(datetime.now(UTC) + AHEAD),
            }
            wire.receive(2, f"s{number}", "StatusNotification", status)
        await until(lambda: len(stand.events.named("StatusNotification")) == 6)
    told = [event.clock for event in stand.events.reported if event.clock is not None]
    assert len(told) == 1
    assert told[0].offset_s == pytest.approx(AHEAD.total_seconds(), abs=3)
