"""Every finding of docs/chargers.md over real sockets, through gateway, Kafka and worker.

The tests run at the same time over one installation: each has chargers of its own, which do what
its finding says (depotgate/demo/odd/).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
import pytest_asyncio

from depotgate.demo.charger import Charger
from depotgate.demo.odd.family import CLOCK_AHEAD, FAMILY
from depotgate.demo.odd.sessions import Caches
from depotgate.demo.odd.settings import RebootsWhenListed16
from depotgate.demo.session import Stop
from models.attempt import Outcome
from models.capability import KeyClaim
from models.charger import ChargerState, ModeFactKind
from models.reasons import Flag, Reason
from models.schedule import Mode
from tests.integration.depots import CARDS, Depot, Row
from tests.integration.installations import Up
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.scenes import WITHIN_S, AtOnce, Scene, cast_of, denials, scene_of

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

at_once = AtOnce()

NO_CARD_AFTER_S = 4
TOLERANCE = timedelta(seconds=5)
"""Of a measured clock: two seconds, and a busy machine."""

PROFILES = {"1.6": "microocpp", "2.0.1": "standard", "2.1": "standard"}
GROUPS = {
    #  name                            group
    "charges when denied":            "reserved",
    "driver without a card":          "reserved",
    "freevend tag":                   "reserved",
    "accepts without effect":         "reserved",
    "tells nothing":                  "reserved",
    "caches cards":                   "open",
    "caches cards until they expire": "open",
    "starts what waits":              "reserved",
    "stops as 0":                     "open",
    "stops as -1":                    "open",
    "ends three times":               "open",
    "replays":                        "open",
    "wrong clock":                    "reserved",
    "reboots when listed":            "open",
    "hides keys":                     "open",
    "one key at a time":              "open",
    "forgets on boot":                "reserved",
}  # fmt: skip
"""The mode in which an oddity shows."""


def id_of(name: str, ocpp: str) -> str:
    return f"{name.replace(' ', '-')}-{ocpp}"


def ids(name: str) -> list[str]:
    return [id_of(name, ocpp) for ocpp in FAMILY[name].kinds]


CAST = [
    (Row(id_of(name, ocpp), GROUPS[name], ocpp, PROFILES[ocpp]), name)
    for name, oddity in FAMILY.items()
    for ocpp in oddity.kinds
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(up: Up, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    depot = Depot(tmp_path_factory.mktemp("depot"), "findings", [row for row, _ in CAST])
    depot.choices = [f"no_identification_after_s: {NO_CARD_AFTER_S}"]
    depot.write_site()
    async with scene_of(up, depot, dict(cast_of(CAST)), at_once) as scene:
        yield scene


async def all_in(scene: Scene, mode: Mode, charger_ids: Iterable[str]) -> list[Charger]:
    return [await scene.until_in(mode, charger_id) for charger_id in charger_ids]


def running(scene: Scene, charger_id: str) -> int:
    return len(scene.state(charger_id).sessions.running)


@at_once
async def test_finding_1_a_charger_that_charges_in_spite_of_a_denial_is_stopped(
    scene: Scene,
) -> None:
    chargers = await all_in(scene, Mode.MANAGED, ids("charges when denied"))
    for charger in chargers:
        await charger.plug_in()
        result = await charger.tap(CARDS["unknown"])
        assert result is not None
        assert not result.accepted
    # Energy flows, and the meter says so: that is what gives it away.
    stopped = [not goes_on for goes_on in await asyncio.gather(*(c.charge(30.0) for c in chargers))]
    assert all(stopped)
    assert all(list(each.stops) == [Stop.REMOTE] for each in chargers)
    assert all(each.link.tally["Authorize", "answered"] == 0 for each in chargers)
    for charger in chargers:
        await scene.until(
            lambda: denials(scene, charger.charger_id, Reason.UNKNOWN_ID),  # noqa: B023 - awaited
            "its denial",
        )


@at_once
async def test_finding_2_a_driver_without_a_card_is_seen_without_an_authorize(
    scene: Scene,
) -> None:
    chargers = await all_in(scene, Mode.MANAGED, ids("driver without a card"))
    for charger in chargers:
        assert await charger.plug_in() is None
    for charger in chargers:
        name = charger.charger_id
        await scene.until(lambda: denials(scene, name, Reason.NO_IDENTIFICATION), name)  # noqa: B023
        (denial,) = denials(scene, name, Reason.NO_IDENTIFICATION)
        assert (denial.token, denial.would_deny) == ("", False)
        assert not scene.of_kind(Outcome, name)
        assert charger.link.tally["Authorize", "answered"] == 0


@at_once
async def test_finding_3_a_freevend_token_in_managed_time_is_accepted_stopped_and_pushed_again(
    scene: Scene,
) -> None:
    for charger_id in ids("freevend tag"):
        await scene.until_told(charger_id, ModeFactKind.SWITCHED)
        charger = scene[charger_id]
        result = await charger.plug_in()
        assert result is not None
        assert result.accepted  # OCPP 2.0.1 C02.FR.02
        await scene.until(lambda: list(charger.stops) == [Stop.REMOTE], charger_id)  # noqa: B023
        await scene.until_told(charger_id, ModeFactKind.DRIFT)
        await scene.until_told(charger_id, ModeFactKind.SWITCH_COMMANDED, 2)
        await scene.until(
            lambda: denials(scene, charger_id, Reason.FREEVEND_TAG_IN_MANAGED),  # noqa: B023
            charger_id,
        )


@at_once
async def test_finding_4_accepted_and_a_correct_read_back_prove_nothing(scene: Scene) -> None:
    for charger_id in ids("accepts without effect"):
        await scene.until_told(charger_id, ModeFactKind.SWITCHED)
        assert not scene.facts(charger_id, ModeFactKind.DRIFT)
        switched = await scene.until_row(charger_id, lambda row: row.observed)
        assert not switched.proofs.managed
        await scene[charger_id].plug_in()
        (drift, *_) = await scene.until_told(charger_id, ModeFactKind.DRIFT)
        assert (drift.desired, drift.observed) == (Mode.MANAGED, Mode.FREEVEND)
        assert drift.detail == "behaviour"
        await scene.until_told(charger_id, ModeFactKind.SWITCH_COMMANDED, 2)


@at_once
async def test_finding_4_an_accepted_set_of_a_charger_that_reads_back_no_value_is_no_switch(
    scene: Scene,
) -> None:
    for charger_id in ids("tells nothing"):
        await scene.until_told(charger_id, ModeFactKind.SWITCH_COMMANDED)
        # What is seen before its answer says nothing of what came of it.
        await scene.until_row(charger_id, _answered)
        await scene[charger_id].plug_in()
        await scene.until_told(charger_id, ModeFactKind.DRIFT)
        assert not scene.facts(charger_id, ModeFactKind.SWITCHED)


@at_once
async def test_finding_5_what_freevend_accepted_is_not_in_a_cache_in_managed_time(
    scene: Scene,
) -> None:
    endless, expiring = ids("caches cards"), ids("caches cards until they expire")
    for charger in await all_in(scene, Mode.FREEVEND, [*endless, *expiring]):
        await charger.tap(CARDS["unknown"])
        await charger.plug_in()
        assert charger.session_at() is not None
        await charger.plug_out()
    cached = [cast("Caches", scene[charger_id]).cached for charger_id in endless]
    assert all(CARDS["unknown"].token in each for each in cached), "they do remember"
    for charger_id in (*endless, *expiring):
        await scene.override(charger_id, Mode.MANAGED)
    for charger in await all_in(scene, Mode.MANAGED, [*endless, *expiring]):
        result = await charger.tap(CARDS["unknown"])
        assert result is not None
        assert (result.action, result.accepted) == ("Authorize", False)
    assert not any(CARDS["unknown"].token in each for each in cached)


@at_once
async def test_finding_6_what_waits_starts_with_freevend_and_what_runs_goes_on_at_its_end(
    scene: Scene,
) -> None:
    chargers = await all_in(scene, Mode.MANAGED, ids("starts what waits"))
    for charger in chargers:
        assert await charger.plug_in() is None
    overrides = {
        each.charger_id: await scene.override(each.charger_id, Mode.FREEVEND) for each in chargers
    }
    for charger in chargers:
        await scene.until_told(charger.charger_id, ModeFactKind.STARTED_BY_MODE_CHANGE)
        assert charger.session_at() is not None
    for override in overrides.values():
        await scene.end_override(override)
    for charger in await all_in(scene, Mode.MANAGED, [each.charger_id for each in chargers]):
        assert charger.session_at() is not None
        assert not scene.facts(charger.charger_id, ModeFactKind.STOP_COMMANDED)


@at_once
async def test_finding_7_a_session_that_ends_as_0_or_minus_1_or_three_times_ends_once(
    scene: Scene,
) -> None:
    names = [*ids("stops as 0"), *ids("stops as -1"), *ids("ends three times")]
    for charger in await all_in(scene, Mode.FREEVEND, names):
        name = charger.charger_id
        for count in (1, 2):
            await charger.plug_in()
            await scene.until(lambda: running(scene, name) == 1, f"{name} runs")  # noqa: B023
            await charger.plug_out()
            await scene.until(lambda: running(scene, name) == 0, f"{name} ended")  # noqa: B023
            ended = scene.state(name).sessions.ended
            assert len({each.session_id for each in ended}) == len(ended) == count


@at_once
async def test_finding_8_after_an_hour_away_each_start_is_judged_at_its_own_time(
    scene: Scene,
) -> None:
    names = ids("replays")
    chargers = await all_in(scene, Mode.FREEVEND, names)
    for charger in chargers:
        charger.disconnect()
    for name in names:
        await scene.until_row(name, lambda row: row.connection is None)
        await scene.override(name, Mode.MANAGED)
        await scene.until_row(name, lambda row: row.desired is Mode.MANAGED)
    reserved_at = datetime.now(UTC)
    # An hour passes in a moment: it is told of with the times of that hour.
    an_hour_ago = reserved_at - timedelta(hours=1)
    for charger in chargers:
        charger.connect()
        await charger.connected(WITHIN_S)
        await charger.replay(CARDS["unknown"], an_hour_ago, an_hour_ago + timedelta(minutes=9))
        name = charger.charger_id
        await scene.until(lambda: scene.of_kind(Outcome, name), f"{name} replayed")  # noqa: B023
        (outcome,) = scene.of_kind(Outcome, name)
        assert outcome.attempt.replayed
        assert outcome.verdict is not None
        assert outcome.verdict.reason == Reason.FREEVEND_OPEN
        assert Flag.RETROSPECTIVE in outcome.verdict.flags
        assert abs(outcome.attempt.event_at - an_hour_ago) < TOLERANCE
    for charger in await all_in(scene, Mode.MANAGED, names):
        # Only the mode due now was pushed, and the edge that passed meanwhile is told once.
        assert [each.mode for each in charger.switches if each.at > reserved_at] == [Mode.MANAGED]
        missed = await scene.until_told(charger.charger_id, ModeFactKind.EDGE_MISSED)
        assert len(missed) == 1
        assert not denials(scene, charger.charger_id, Reason.UNKNOWN_ID)


@at_once
async def test_finding_8_a_wrong_clock_is_measured_and_its_replays_are_corrected(
    scene: Scene,
) -> None:
    for charger in await all_in(scene, Mode.MANAGED, ids("wrong clock")):
        name = charger.charger_id
        clock = (await scene.until_row(name, lambda row: row.clock)).clock
        assert clock is not None
        assert clock.offset_s == pytest.approx(CLOCK_AHEAD.total_seconds(), abs=5)
        happened_at = datetime.now(UTC) - timedelta(minutes=40)
        said = happened_at + CLOCK_AHEAD
        await charger.replay(CARDS["unknown"], said, said + timedelta(minutes=5))
        await scene.until(lambda: scene.of_kind(Outcome, name), f"{name} replayed")  # noqa: B023
        (outcome,) = scene.of_kind(Outcome, name)
        assert outcome.attempt.replayed
        assert abs(outcome.attempt.event_at - happened_at) < TOLERANCE
    await scene.up.until_says("clocks of", command=("doctor",))


@at_once
async def test_finding_9_keys_are_named_one_at_a_time_where_a_full_list_would_do_harm(
    scene: Scene,
) -> None:
    names = [*ids("reboots when listed"), *ids("hides keys"), *ids("one key at a time")]
    for charger in await all_in(scene, Mode.FREEVEND, names):
        name = charger.charger_id
        await scene.until_told(name, ModeFactKind.SWITCHED)
        claims = (await scene.until_row(name, _probed)).claims
        assert claims is not None
        assert (claims.mode_key, claims.tag_key) == (KeyClaim.WRITABLE, KeyClaim.WRITABLE)
        assert not charger.stops
        assert charger.link.connections_count == 1
    (rebooting,) = ids("reboots when listed")
    assert cast("RebootsWhenListed16", scene[rebooting]).reboots_count == 0


def _answered(state: ChargerState) -> bool:
    return state.commanded is not None and state.commanded.status is not None


def _probed(state: ChargerState) -> bool:
    return state.claims is not None and state.claims.probed_at is not None


@at_once
async def test_finding_9_a_charger_that_reboots_daily_is_told_its_mode_on_each_boot(
    scene: Scene,
) -> None:
    names = ids("forgets on boot")
    await all_in(scene, Mode.MANAGED, names)
    for day in (1, 2):
        for name in names:
            await scene[name].reboot()
        for name in names:
            await scene.until_told(name, ModeFactKind.SWITCHED, day + 1)
            assert scene[name].mode is Mode.MANAGED


async def test_every_charger_of_the_family_is_on_the_scene_and_all_have_ended(
    scene: Scene,
) -> None:
    assert set(GROUPS) == set(FAMILY)
    await asyncio.gather(*(scene.end_of(name) for name in at_once.bodies))
