"""Rule 9 at a charger: an override that is added, ended, or ends by itself switches it at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.charger import EventName, ModeFactKind
from models.overrides import OverrideRecord, OverrideRequest, Scope, Target, begun, ended
from models.schedule import Mode
from models.site import Stage
from models.topics import OVERRIDES
from tests.streams.test_chargers import CHARGER, FREEVEND, MANAGED, SITE, Desk

SECOND = timedelta(seconds=1)
LATE_MAX_S = 1.0
"""An edge is noticed a tick late; one of two may be later, as this machine may be busy."""


def freevend_for(lasts: timedelta, *, begins_in: timedelta | None = None) -> OverrideRecord:
    now = datetime.now(UTC)
    starts_at = now + begins_in if begins_in else None
    target = Target(SITE, Scope.CHARGER, CHARGER)
    ends_at = (starts_at or now) + lasts
    asked = OverrideRequest(target, Mode.FREEVEND, False, starts_at, ends_at, "Ada", "open day")
    return begun(asked, now)


def put(desk: Desk, record: OverrideRecord) -> None:
    desk.replica.put(OVERRIDES, record.override_id, record)


@pytest.fixture
async def desk() -> Desk:
    """A connected charger that is managed by its timetable."""
    made = Desk()
    assert await made.states.load(set(range(16)))
    made.configure(MANAGED)
    await made.event(EventName.CONNECTED)
    await made.end(made.commands()[-1])
    return made


def modes(desk: Desk) -> list[Mode]:
    return [command.mode for command in desk.commands()]


async def test_rule_9_an_override_is_commanded_at_once_and_so_is_its_end(desk: Desk) -> None:
    record = freevend_for(timedelta(hours=1))
    async with desk.time_kept():
        put(desk, record)
        await desk.until(lambda: modes(desk) == [Mode.MANAGED, Mode.FREEVEND])
        await desk.end(desk.commands()[-1])
        put(desk, ended(record, datetime.now(UTC), "Ada", "rain"))
        await desk.until(lambda: modes(desk) == [Mode.MANAGED, Mode.FREEVEND, Mode.MANAGED])
    assert len({command.command_id for command in desk.commands()}) == 3
    assert [fact.detail for fact in desk.facts(ModeFactKind.EDGE)] == ["open day", "default"]


async def test_rule_9_a_planned_override_begins_and_ends_by_itself_and_in_time(desk: Desk) -> None:
    record = freevend_for(2 * SECOND, begins_in=SECOND / 2)
    async with desk.time_kept():
        put(desk, record)
        await desk.until(lambda: Mode.FREEVEND in modes(desk))
        await desk.end(desk.commands()[-1])
        await desk.until(lambda: modes(desk)[-1] is Mode.MANAGED)
    begun_, back = desk.commands()[1:]
    assert record.ends_at is not None
    late_s = (
        (begun_.sent_at - record.starts_at).total_seconds(),
        (back.sent_at - record.ends_at).total_seconds(),
    )
    assert 0 <= min(late_s) < LATE_MAX_S


async def test_rule_9_an_override_that_says_what_the_timetable_says_moves_nothing(
    desk: Desk,
) -> None:
    desk.configure(FREEVEND)
    await desk.event("StatusNotification")
    await desk.end(desk.commands()[-1])
    commanded = modes(desk)
    put(desk, freevend_for(timedelta(hours=1)))
    await desk.event("StatusNotification")
    assert modes(desk) == commanded


async def test_rule_27_in_shadow_an_override_is_recorded_and_nothing_is_sent(desk: Desk) -> None:
    desk.configure(MANAGED, Stage.SHADOW)
    await desk.event("StatusNotification")
    put(desk, freevend_for(timedelta(hours=1)))
    await desk.event("StatusNotification")
    assert modes(desk) == [Mode.MANAGED]
    would = [fact.desired for fact in desk.facts(ModeFactKind.WOULD_SWITCH)]
    assert would[-1] is Mode.FREEVEND
