"""Probes through the desk: of who is new, once, and so many in a second."""

from __future__ import annotations

import pytest

from models.charger import CommandKind, EventName, Scalar
from models.ids import ChargerId
from models.site import Stage
from streams.probes import PROBES_PER_S
from tests.streams.test_chargers import CHARGER, SECOND, Desk


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    assert await made.states.load(set(range(16)))
    return made


def probed(desk: Desk) -> list[ChargerId]:
    return [command.charger_id for command in desk.commands(CommandKind.PROBE)]


async def boot(desk: Desk, firmware: str) -> None:
    await desk.event("BootNotification", data={"chargingStation.firmwareVersion": firmware})


async def told(desk: Desk) -> None:
    data: dict[str, Scalar] = {"profile": "standard", "mode_key": "writable"}
    await desk.event(EventName.PROBED, data=data)


async def test_a_new_charger_is_probed_once_over_a_connection(desk: Desk) -> None:
    desk.configure()
    await desk.event(EventName.CONNECTED)
    assert probed(desk) == [CHARGER]
    for _ in range(3):
        await desk.event("Heartbeat")
    desk.desk.review_all()
    await desk.event("Heartbeat")
    assert probed(desk) == [CHARGER]
    await desk.event(EventName.CONNECTED, connection_id=SECOND)
    assert probed(desk) == [CHARGER, CHARGER], "it never told, and this is another connection"


async def test_a_charger_that_has_told_is_probed_again_with_another_firmware(desk: Desk) -> None:
    desk.configure()
    await desk.event(EventName.CONNECTED)
    await boot(desk, "1.0")
    asked = len(probed(desk))
    await told(desk)
    await boot(desk, "1.0")
    assert len(probed(desk)) == asked
    await boot(desk, "2.0")
    assert len(probed(desk)) == asked + 1


async def test_rule_27_in_shadow_nobody_is_probed(desk: Desk) -> None:
    desk.configure(stage=Stage.SHADOW)
    await desk.event(EventName.CONNECTED)
    assert probed(desk) == []


async def test_many_that_are_new_at_once_are_probed_one_after_the_other(desk: Desk) -> None:
    many = [ChargerId(f"MANY-{number:02}") for number in range(int(2 * PROBES_PER_S))]
    desk.configure(more=many)
    for charger_id in many:
        await desk.event(EventName.CONNECTED, charger_id)
    at_once = len(probed(desk))
    assert PROBES_PER_S <= at_once < len(many)
    assert len(desk.commands()) == len(many), "no switch waits for a probe"
    async with desk.time_kept():
        await desk.until(lambda: set(probed(desk)) == set(many))
    assert len(probed(desk)) == len(many)
