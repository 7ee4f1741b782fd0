"""Offline orders through the desk: one when it is due, with the own fleet by pseudonym."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from models.charger import ChargerState, CommandKind, EventName, Scalar
from models.ids import ChargerId, Pseudonym
from models.offline_state import ListStanding, OfflineOrder
from models.site import IdentityClass, IdentityRecord, IdentityState, OfflinePolicy, Stage
from models.topics import IDENTITIES
from models.turns import SWITCHES_PER_S
from streams.offline import OFFLINE_TURNS
from tests.streams.test_chargers import CHARGER, SITE, Desk

AGO = timedelta(minutes=1)


def row_of(desk: Desk) -> ChargerState:
    row = desk.states.get(CHARGER)
    assert row is not None
    return row


@pytest.fixture
async def desk() -> Desk:
    """A managed charger that connected a minute ago and was switched."""
    made = Desk()
    assert await made.states.load(set(range(16)))
    made.configure()
    await made.event(EventName.CONNECTED, received_at=datetime.now(UTC) - AGO)
    await made.end(made.commands()[-1])
    return made


def identity(desk: Desk, number: str, **fields: object) -> IdentityRecord:
    row: dict[str, object] = {
        "source": "folder",
        "site_id": SITE,
        "pseudonym": Pseudonym(f"k1:{number}"),
        "identifier_type": "ISO14443",
        "display": "ISO14443 …001",
        "identity_class": IdentityClass.OWN_FLEET,
        "reference": f"bus/{number}",
        "valid_from": datetime.now(UTC) - timedelta(days=1),
        "state": IdentityState.ACTIVE,
    }
    record = IdentityRecord(**row | fields)  # type: ignore[arg-type]
    desk.replica.put(IDENTITIES, record.key, record)
    return record


def orders(desk: Desk) -> list[OfflineOrder]:
    return [one.offline for one in desk.commands(CommandKind.OFFLINE) if one.offline is not None]


async def done(desk: Desk, **data: Scalar) -> None:
    """The gateway tells how the last order ended."""
    last = desk.commands(CommandKind.OFFLINE)[-1]
    told: dict[str, Scalar] = {"commandId": last.command_id, "status": "done", **data}
    await desk.event(EventName.OFFLINE_SET, data=told)


async def fleet_gathered(desk: Desk, number: int) -> None:
    """As the clock of the desk does it, some seconds later each time."""
    assert await desk.desk._offline.refresh(datetime.now(UTC) + number * timedelta(minutes=1))
    desk.desk.review_all()
    await desk.event("Heartbeat")


async def test_a_charger_is_told_its_sites_policy_once_after_its_mode(desk: Desk) -> None:
    assert [one.policy for one in orders(desk)] == [OfflinePolicy.CLOSED]
    await done(desk, policy="closed", coveredS=86_400, **{"setting.cache": "stands"})
    for _ in range(3):
        await desk.event("Heartbeat")
    assert len(orders(desk)) == 1
    state = row_of(desk).offline
    assert state is not None
    assert (state.policy, state.covered_s) == (OfflinePolicy.CLOSED, 86_400)
    assert [(each.name, each.told) for each in state.settings] == [("cache", "stands")]


async def test_rule_27_in_shadow_no_order_is_sent() -> None:
    made = Desk()
    assert await made.states.load(set(range(16)))
    made.configure(stage=Stage.SHADOW)
    await made.event(EventName.CONNECTED, received_at=datetime.now(UTC) - AGO)
    assert orders(made) == []


async def test_after_a_boot_it_is_told_again(desk: Desk) -> None:
    await done(desk, policy="closed")
    await desk.event("BootNotification")
    await desk.end(desk.commands()[-1])
    first, second = desk.commands(CommandKind.OFFLINE)
    assert first.command_id != second.command_id


async def test_only_orders_without_an_answer_are_counted_as_such(desk: Desk) -> None:
    def counts() -> tuple[int, int]:
        state = row_of(desk).offline
        assert state is not None
        return state.asked_count, state.unanswered_count

    assert counts() == (1, 0)
    desk.configure(offline=OfflinePolicy.OPEN)
    await desk.event("Heartbeat")
    assert counts() == (2, 1)
    await done(desk, policy="open")
    desk.configure(offline=OfflinePolicy.CLOSED)
    await desk.event("Heartbeat")
    assert counts() == (3, 0)


async def test_rule_23_a_list_names_the_own_fleet_and_is_renewed_when_it_changes(
    desk: Desk,
) -> None:
    await done(desk, policy="closed")
    desk.configure(offline=OfflinePolicy.OWN_FLEET)
    identity(desk, "01")
    identity(desk, "02", identity_class=IdentityClass.AGREEMENT)
    identity(desk, "03", state=IdentityState.REVOKED)
    await fleet_gathered(desk, 1)
    (_, listed) = orders(desk)
    assert [entry.pseudonym for entry in listed.entries] == ["k1:01"]
    assert listed.standing_version is None
    await done(desk, policy="own_fleet", list=str(ListStanding.STANDS), listVersion=4, listCount=1)
    await desk.event("Heartbeat")
    assert len(orders(desk)) == 2
    identity(desk, "04")
    await fleet_gathered(desk, 2)
    renewed = orders(desk)[-1]
    assert [entry.pseudonym for entry in renewed.entries] == ["k1:01", "k1:04"]
    assert len(orders(desk)) == 3


@pytest.mark.parametrize(("room", "version"), [(None, 4), (1, None)])
async def test_a_list_that_stands_whole_is_named_by_its_version_after_a_boot(
    desk: Desk, room: int | None, version: int | None
) -> None:
    await done(desk, policy="closed")
    desk.configure(offline=OfflinePolicy.OWN_FLEET)
    identity(desk, "01")
    await fleet_gathered(desk, 1)
    stands = str(ListStanding.STANDS)
    await done(desk, policy="own_fleet", list=stands, listVersion=4, listCount=1, listRoom=room)
    await desk.event("BootNotification")
    await desk.end(desk.commands()[-1])
    assert orders(desk)[-1].standing_version == version


async def test_orders_have_the_room_of_three_switches_each_in_the_one_budget_of_a_gateway() -> None:
    made = Desk()
    assert await made.states.load(set(range(16)))
    chargers = [ChargerId(f"CP-{number}") for number in range(100, 150)]
    made.configure(more=chargers)
    began = time.monotonic()
    for charger_id in chargers:
        await made.event(EventName.CONNECTED, charger_id)
    # A second's turns are used up by their switches, and no order is sent on top of them.
    assert len(made.commands()) == SWITCHES_PER_S
    for switch in made.commands():
        await made.end(switch)
    for charger_id in chargers:
        row = made.states.get(charger_id)
        assert row is not None
        assert row.connection is not None
        link = row.connection.model_copy(update={"since": row.connection.since - AGO})
        made.states.put(row.model_copy(update={"connection": link}))
    made.desk.review_all()
    looks = [began]

    def sent() -> bool:
        looks.append(time.monotonic())
        return len(orders(made)) >= 10

    async with made.time_kept():
        await made.until(sent)
    # Where a look came late, those of all the time since were called at once, and owe the rest.
    longest_s = max(later - earlier for earlier, later in pairwise(looks))
    owed = (OFFLINE_TURNS - 1) * SWITCHES_PER_S * longest_s
    turns = SWITCHES_PER_S * (looks[-1] - began)
    assert OFFLINE_TURNS * (len(orders(made)) - 1) <= turns + owed
