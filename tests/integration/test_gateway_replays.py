"""Chargers that were offline, and whose clocks are wrong, over real sockets (finding 8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from depotgate.demo.charger import Charger
from models.attempt import Outcome
from models.charger import ChargerEvent
from models.reasons import Flag
from tests.integration.gateways import BOTH, CARDS, House, Running
from tests.integration.records import until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TOLERANCE = timedelta(seconds=5)
"""Of a measured clock: two seconds, and a busy machine."""

AGO = timedelta(minutes=40)


def off_by(offset: timedelta) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + offset


def clock_events(house: House, charger: Charger) -> list[ChargerEvent]:
    return [each for each in house.records.events(charger.charger_id) if each.clock is not None]


async def replayed(
    house: House, charger: Charger, happened_at: datetime, said: datetime
) -> Outcome:
    """Have the charger tell of a session of an unknown card, once its clock is measured."""
    await until(lambda: clock_events(house, charger), "its clock is measured")
    await charger.replay(CARDS["unknown"], said, said + timedelta(minutes=5))
    outcome = await house.records.outcome(charger.charger_id)
    assert abs(outcome.attempt.event_at - happened_at) < TOLERANCE
    assert outcome.attempt.charger_at is not None
    assert abs(outcome.attempt.charger_at - said) < timedelta(seconds=1)
    return outcome


@BOTH
@pytest.mark.parametrize("offset", [timedelta(hours=3), timedelta(hours=-2)])
async def test_rules_11_and_15_a_replay_of_a_wrong_clock_is_judged_when_it_happened_finding_8(
    house: House, gateway: Running, kind: type[Charger], offset: timedelta
) -> None:
    async with house.charger(
        kind, "closed", gateway, clock=off_by(offset), plugs_count=3
    ) as charger:
        happened_at = datetime.now(UTC) - AGO
        outcome = await replayed(house, charger, happened_at, happened_at + offset)
    attempt, verdict = outcome.attempt, outcome.verdict
    assert attempt.replayed
    assert attempt.clock_offset_s == pytest.approx(offset.total_seconds(), abs=5)
    assert verdict is not None
    assert Flag.RETROSPECTIVE in verdict.flags
    clock = clock_events(house, charger)[0].clock
    assert clock is not None
    assert clock.off_by_more_than(60)


@BOTH
async def test_rule_11_a_live_start_of_a_wrong_clock_is_no_replay(
    house: House, gateway: Running, kind: type[Charger]
) -> None:
    slow = off_by(timedelta(hours=-2))
    async with house.charger(kind, "closed", gateway, clock=slow, plugs_count=3) as charger:
        await until(lambda: clock_events(house, charger), "its clock is measured")
        await charger.plug_in(1)
        await charger.tap(CARDS["own fleet"], 1)
        await until(lambda: len(house.records.outcomes(charger.charger_id)) > 1, "a start")
    for outcome in house.records.outcomes(charger.charger_id):
        assert not outcome.attempt.replayed
        assert outcome.attempt.event_at == outcome.attempt.received_at
