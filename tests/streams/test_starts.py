"""Assisted freevend in a worker: started once, told, given up, and never where it must not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.assisted import AFTER, TRIES_MAX
from models.attempt import TokenKind
from models.charger import ChargerCommand, CommandKind, EventName, ModeFactKind, Scalar
from models.schedule import Mode
from models.site import Stage
from tests.streams.test_chargers import FIRST, FREEVEND, MANAGED, Desk


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


async def unsettable(desk: Desk, stage: Stage = Stage.ENFORCE) -> None:
    """A charger in freevend whose setting is missing."""
    assert await desk.states.load(set(range(16)))
    desk.configure(FREEVEND, stage, loaded_at=ago(7200))
    await desk.event(EventName.CONNECTED, received_at=ago(3600))
    told: dict[str, Scalar] = {"status": "Accepted", "profile": "standard", "mode_key": "missing"}
    await desk.event(EventName.PROBED, received_at=ago(3599), data=told)


async def occupy(desk: Desk, at: datetime | None = None) -> None:
    data: dict[str, Scalar] = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied"}
    await desk.event("StatusNotification", received_at=at or ago(10), data=data)


async def answered(desk: Desk, command: ChargerCommand, result: str) -> None:
    data: dict[str, Scalar] = {"commandId": command.command_id, "connector": 1, "result": result}
    await desk.event(EventName.START_ANSWERED, received_at=ago(3600), data=data)


def starts(desk: Desk) -> list[ChargerCommand]:
    return desk.commands(CommandKind.START)


async def test_a_vehicle_at_a_charger_without_a_setting_is_started_once() -> None:
    desk = Desk()
    await unsettable(desk)
    for _ in range(3):
        await occupy(desk)
    (command,) = starts(desk)
    assert (command.connector, command.mode, command.connection_id) == (1, Mode.FREEVEND, FIRST)
    (fact,) = desk.facts(ModeFactKind.START_COMMANDED)
    assert fact.connector == 1


async def test_it_is_started_when_its_time_has_come_though_nothing_happens() -> None:
    desk = Desk()
    await unsettable(desk)
    await occupy(desk, datetime.now(UTC) - AFTER + timedelta(seconds=1))
    assert starts(desk) == []
    async with desk.time_kept():
        await desk.until(lambda: len(starts(desk)) == 1)


async def test_a_charger_that_refuses_is_given_up_and_told() -> None:
    desk = Desk()
    await unsettable(desk)
    await occupy(desk)
    for number in range(1, TRIES_MAX + 1):
        assert len(starts(desk)) == number
        await answered(desk, starts(desk)[-1], "Rejected")
    (fact,) = desk.facts(ModeFactKind.START_FAILED)
    assert fact.detail == "Rejected"
    await occupy(desk)
    assert len(starts(desk)) == TRIES_MAX


async def test_the_session_that_it_leads_to_ends_the_tries() -> None:
    desk = Desk()
    await unsettable(desk)
    await occupy(desk)
    data: dict[str, Scalar] = {
        "eventType": "Started",
        "triggerReason": "RemoteStart",
        "transactionInfo.transactionId": "tx",
        "transactionInfo.chargingState": "Charging",
        "evse.id": 1,
    }
    await desk.event("TransactionEvent", token=TokenKind.ASSISTED_TAG, data=data)
    await answered(desk, starts(desk)[0], "Rejected")
    await occupy(desk)
    assert len(starts(desk)) == 1
    assert desk.facts(ModeFactKind.START_FAILED) == []


async def test_rule_27_shadow_only_says_so_and_off_says_nothing() -> None:
    for stage, said in ((Stage.SHADOW, 1), (Stage.OFF, 0)):
        desk = Desk()
        await unsettable(desk, stage)
        await occupy(desk)
        await occupy(desk)
        assert starts(desk) == []
        assert len(desk.facts(ModeFactKind.WOULD_START)) == said


@pytest.mark.parametrize("claim", ["present", None])
async def test_a_charger_with_a_setting_or_of_unknown_class_is_left_to_itself(
    claim: str | None,
) -> None:
    desk = Desk()
    assert await desk.states.load(set(range(16)))
    desk.configure(FREEVEND, loaded_at=ago(7200))
    await desk.event(EventName.CONNECTED, received_at=ago(3600))
    if claim:
        told: dict[str, Scalar] = {"status": "Accepted", "profile": "standard", "mode_key": claim}
        await desk.event(EventName.PROBED, received_at=ago(3599), data=told)
    await occupy(desk)
    assert starts(desk) == []


async def test_in_managed_time_nobody_is_started() -> None:
    desk = Desk()
    await unsettable(desk)
    desk.configure(MANAGED, loaded_at=ago(7200))
    await occupy(desk)
    assert starts(desk) == []
