"""What a worker has displays say: with the mode, once, and again after a boot."""

from __future__ import annotations

import pytest

from models.announcements import DisplayStatus
from models.charger import CommandKind, EventName, Scalar
from models.schedule import Mode
from models.site import Stage
from tests.streams.test_chargers import CHARGER, Desk


@pytest.fixture
async def desk() -> Desk:
    """A managed charger that was just switched."""
    made = Desk()
    assert await made.states.load(set(range(16)))
    made.configure()
    await made.event(EventName.CONNECTED)
    assert made.commands(CommandKind.ANNOUNCE) == []
    await made.end(made.commands()[-1])
    return made


async def told(desk: Desk, status: DisplayStatus) -> None:
    """The gateway's word of the last announcement."""
    last = desk.commands(CommandKind.ANNOUNCE)[-1]
    data: dict[str, Scalar] = {"commandId": last.command_id, "status": status}
    await desk.event(EventName.ANNOUNCED, data=data)


async def test_a_display_is_told_once_after_the_switch_and_again_after_a_boot(desk: Desk) -> None:
    (sent,) = desk.commands(CommandKind.ANNOUNCE)
    assert (sent.mode, [text.language for text in sent.texts]) == (Mode.MANAGED, ["en"])
    await told(desk, DisplayStatus.SHOWN)
    row = desk.states.get(CHARGER)
    assert row is not None
    assert row.announced is not None
    assert row.announced.status == DisplayStatus.SHOWN
    await desk.event("Heartbeat")
    assert len(desk.commands(CommandKind.ANNOUNCE)) == 1
    await desk.event("BootNotification")
    await desk.end(desk.commands()[-1])
    assert len(desk.commands(CommandKind.ANNOUNCE)) == 2


async def test_a_charger_without_a_display_is_left_alone(desk: Desk) -> None:
    await told(desk, DisplayStatus.NOT_SUPPORTED)
    await desk.event("Heartbeat")
    assert len(desk.commands(CommandKind.ANNOUNCE)) == 1


async def test_rule_27_leaving_enforce_takes_back_what_was_announced_once(desk: Desk) -> None:
    await told(desk, DisplayStatus.SHOWN)
    desk.configure(stage=Stage.SHADOW)
    for _ in range(3):
        await desk.event("Heartbeat")
    _, back = desk.commands(CommandKind.ANNOUNCE)
    assert (back.mode, back.texts) == (Mode.FREEVEND, ())
    await told(desk, DisplayStatus.FAILED)
    await desk.event("Heartbeat")
    assert len(desk.commands(CommandKind.ANNOUNCE)) == 2
    desk.configure(stage=Stage.ENFORCE)
    await desk.event("Heartbeat")
    await desk.end(desk.commands()[-1])
    assert [one.language for one in desk.commands(CommandKind.ANNOUNCE)[-1].texts] == ["en"]
