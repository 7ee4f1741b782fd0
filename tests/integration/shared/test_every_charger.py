"""Every charger over real sockets of each version: what a make can do, and what depotgate makes of
it, through gateway, Kafka and worker.

The tests run at the same time over one installation, each with chargers of its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import pytest_asyncio

from connectors.ocpp.tokens import ASSISTED_TOKEN
from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger201 import Charger201
from depotgate.demo.session import Behaviour, Stop
from models.announcements import DisplayStatus
from models.assisted import ASSISTED_TAG
from models.attempt import Outcome
from models.capability import Capability
from models.charger import ChargerState, CommandStatus, ModeFactKind
from models.clock_notes import clock_notes
from models.metrics import REPLICA_AGE
from models.reasons import Reason
from models.schedule import Mode
from tests.integration.depots import CARDS, Depot, Row
from tests.integration.held_starts import HOLDS_STARTS, asked, gone, one_session
from tests.integration.installations import KINDS, QUICK, Fleet, Up, holds_within, metric
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.scenes import WITHIN_S, AtOnce, Scene, denials, scene_of
from tests.integration.second_site import Timetable, edge_soon, loaded
from tests.integration.told import charger_told

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

at_once = AtOnce()

VERSIONS = {"16": "1.6", "201": "2.0.1", "21": "2.1"}
LACKS_SETTING: dict[str, Any] = {"missing": [("AuthCtrlr", "Enabled")]}
"""Of a 2.x charger; one of 1.6 has none by its profile."""

CLOCK_AHEAD = timedelta(minutes=7)
ABSURD = {
    "first": datetime(1970, 1, 1, 0, 3, tzinfo=UTC),
    "far": datetime(2099, 5, 6, 7, 8, 9, tzinfo=UTC),
}
"""Times of a clock that begins again without a battery, and of one that was set by mistake."""


def three(name: str, group: str, *, switchable: bool = True) -> list[Row]:
    """A charger of each version."""
    profile_16 = "microocpp" if switchable else "standard"
    profiles = {"1.6": profile_16, "2.0.1": "standard", "2.1": "standard"}
    return [Row(f"{name}-{key}", group, ocpp, profiles[ocpp]) for key, ocpp in VERSIONS.items()]


def names(name: str) -> list[str]:
    return [f"{name}-{key}" for key in VERSIONS]


HELD = ("CARD-FIRST", "CARD-SECOND", "LEAVES", "RESERVED", "HASTY")
"""Chargers without a setting, whose vehicles are started from here; something comes between."""

CHARGERS = [
    *(row for name in HELD for row in three(name, "open", switchable=False)),
    *three("UNSUPPORTED", "reserved", switchable=False),
    *three("CLASS", "reserved"),
    *three("REBOOTS", "open"),
    *three("ABSURD", "reserved"),
    Row("AHEAD-201", "reserved", "2.0.1", "standard"),
]


def set_up(scene: Scene) -> None:
    """The chargers that are not as others."""
    for row in scene.depot.chargers:
        name = row.charger_id.rpartition("-")[0]
        behaviour, options = QUICK, dict[str, Any]()
        kind: type[Any] = KINDS[row.ocpp]
        if name in HELD:
            kind, options = HOLDS_STARTS[row.ocpp], {"hasty": name == "HASTY"}
        if name == "UNSUPPORTED":
            behaviour = replace(QUICK, starts_remotely=False)
        if row.ocpp != "1.6" and name in {*HELD, "UNSUPPORTED"}:
            options |= LACKS_SETTING
        if name == "REBOOTS":
            behaviour = replace(QUICK, switch_status="RebootRequired")
            options = {"mode": Mode.FREEVEND}
        if name == "AHEAD":
            options = {"clock": lambda: datetime.now(UTC) + CLOCK_AHEAD, "plugs_count": 3}
        charger = made(scene, kind, row, behaviour, **options)
        if name == "CLASS":
            _let_be_set(charger)
        scene.chargers[row.charger_id] = charger


def _let_be_set(charger: Charger) -> None:
    """Local pre-authorisation: where it cannot be set, a charger is never of class full."""
    if isinstance(charger, Charger16):
        charger.configuration["LocalPreAuthorize"] = charger.fixed.pop("LocalPreAuthorize")
    elif isinstance(charger, Charger201):
        charger.variables["authctrlr", "localpreauthorize"].read_only = False


def made(scene: Scene, kind: type[Any], row: Row, behaviour: Behaviour, **options: Any) -> Any:
    return kind(
        row.charger_id,
        scene.up.ocpp,
        password=scene.depot.password,
        behaviour=behaviour,
        on_attempt=scene.attempts.append,
        **options,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(up: Up, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    depot = Depot(tmp_path_factory.mktemp("depot"), "every", CHARGERS)
    depot.choices = ["reboot: when_idle"]
    depot.write_site()
    async with scene_of(up, depot, {}, at_once, before=set_up) as scene:
        yield scene


# Assisted freevend: a remote start, and what happens at the same moment


@at_once
async def test_a_card_that_comes_before_the_remote_start_begins_the_only_session(
    scene: Scene,
) -> None:
    for charger_id in names("CARD-FIRST"):
        charger = await asked(scene, charger_id)
        result = await charger.tap(CARDS["unknown"])
        assert result is not None
        assert result.accepted
        charger.go.set()
        row = await one_session(scene, charger_id)
        assert charger.session_at().card == CARDS["unknown"]  # type: ignore[union-attr]
        row = await gone(scene, charger_id)
        assert len(row.sessions.ended) == 1
        assert row.proofs.remote_start_at is None, "the card began it"
        assert len(scene.facts(charger_id, ModeFactKind.START_COMMANDED)) == 1


@at_once
async def test_a_card_that_comes_after_the_remote_start_is_accepted_in_its_session(
    scene: Scene,
) -> None:
    for charger_id in names("CARD-SECOND"):
        charger = await asked(scene, charger_id)
        charger.go.set()
        await scene.until(lambda: charger.starting or charger.session_at(), charger_id)  # noqa: B023
        result = await charger.tap(CARDS["unknown"])
        assert result is not None
        assert result.accepted
        row = await one_session(scene, charger_id)
        assert charger.session_at().card.token == ASSISTED_TAG  # type: ignore[union-attr]
        row = await gone(scene, charger_id)
        assert len(row.sessions.ended) == 1
        assert row.proofs.remote_start_at is not None
        assert len(scene.facts(charger_id, ModeFactKind.START_COMMANDED)) == 1
    # Behaviour showed it, in every version.
    for charger_id in names("CARD-SECOND"):
        said = await charger_told(scene.up, charger_id)
        assert "assisted (proven)" in said
        assert "a remote start began a session" in said


@at_once
async def test_a_vehicle_that_leaves_before_its_remote_start_begins_costs_the_next_one_nothing(
    scene: Scene,
) -> None:
    for charger_id in names("LEAVES"):
        charger = await asked(scene, charger_id)
        await charger.plug_out()
        charger.go.set()
        await scene.until_row(charger_id, lambda row: not row.sessions.occupied)
        assert charger.session_at() is None
        assert await charger.plug_in() is None
        await scene.until(charger.session_at, f"the next vehicle of {charger_id}")
        row = await gone(scene, charger_id)
        assert len(row.sessions.ended) == 1
        assert len(scene.facts(charger_id, ModeFactKind.START_COMMANDED)) == 2


@at_once
async def test_a_remote_start_that_begins_after_the_edge_is_refused_and_sent_again_in_freevend(
    scene: Scene,
) -> None:
    for charger_id in (*names("RESERVED"), *names("HASTY")):
        charger = await asked(scene, charger_id)
        override = await scene.override(charger_id, Mode.MANAGED)
        await scene.until_row(charger_id, lambda row: row.desired is Mode.MANAGED)
        charger.go.set()
        await scene.until(lambda: denials(scene, charger_id, Reason.UNKNOWN_ID), charger_id)  # noqa: B023
        (denial,) = denials(scene, charger_id, Reason.UNKNOWN_ID)
        assert (denial.token, denial.pseudonym) == (ASSISTED_TOKEN.display, None)
        # A charger that asks first has begun nothing, and one that does not has ended it.
        await scene.until(lambda: charger.session_at() is None, charger_id)  # noqa: B023
        assert list(charger.stops) == ([Stop.DEAUTHORIZED] if charger.hasty else [])
        assert not scene.facts(charger_id, ModeFactKind.START_FAILED)
        await scene.end_override(override)
        if charger.hasty:
            # Its vehicle has had a session, and is left alone: the next one is started.
            await charger.plug_out()
            await scene.until_row(charger_id, lambda row: row.desired is Mode.FREEVEND)
            await charger.plug_in()
        await scene.until(charger.session_at, f"started in the next freevend: {charger_id}")
        await one_session(scene, charger_id)
        await gone(scene, charger_id)


# What a charger can do, claimed and proven


@at_once
async def test_a_class_is_claimed_until_behaviour_has_proved_both_modes(scene: Scene) -> None:
    for charger_id in names("CLASS"):
        await scene.until_in(Mode.MANAGED, charger_id)
        await scene.until_row(charger_id, lambda row: row.claims and row.claims.probed_at)
    said = await charger_told(scene.up, "CLASS-16")
    assert "partial (claimed)" in said
    assert "its setting was taken and read back" in said
    assert "freevend was not seen to work" in said
    assert "managed was not seen to work" in said
    for charger_id in names("CLASS"):
        charger = scene[charger_id]
        assert await charger.plug_in() is None
        # The vehicle is known before its card is: what waits proves nothing yet.
        await scene.until_row(charger_id, lambda row: row.sessions.occupied)
        result = await charger.tap(CARDS["own fleet"])
        assert result is not None
        assert result.accepted
        await scene.until_row(charger_id, lambda row: row.proofs.managed)
        await charger.plug_out()
        await scene.override(charger_id, Mode.FREEVEND)
        await scene.until_in(Mode.FREEVEND, charger_id)
        await charger.plug_in()
        await scene.until_row(charger_id, lambda row: row.proofs.freevend_at)
    for charger_id in names("CLASS"):
        said = await charger_told(scene.up, charger_id)
        assert "full (proven)" in said
        assert "it started without asking" in said
        assert "it waited for an accepted token" in said
        assert "was not seen to work" not in said


@at_once
async def test_a_charger_without_a_setting_or_remote_start_is_told_of_and_shown_so(
    scene: Scene,
) -> None:
    # 1.6 is known not to have one by its profile; a 2.x charger has to be asked.
    told = dict.fromkeys(names("UNSUPPORTED"), ModeFactKind.SWITCH_FAILED)
    told["UNSUPPORTED-16"] = ModeFactKind.NOT_SWITCHABLE
    why = dict.fromkeys(names("UNSUPPORTED"), "no setting that can be used")
    why["UNSUPPORTED-16"] = "its profile names no setting for its OCPP version"
    for charger_id in names("UNSUPPORTED"):
        await scene.until_told(charger_id, told[charger_id])
        said = await charger_told(scene.up, charger_id)
        assert f"{Capability.UNSUPPORTED} (claimed)" in said
        assert why[charger_id] in said
        # Its cards are decided all the same.
        await scene[charger_id].plug_in()
        for card, accepted in (("unknown", False), ("own fleet", True)):
            result = await scene[charger_id].tap(CARDS[card])
            assert result is not None
            assert result.accepted is accepted


# A setting that is in force from the next boot on


@at_once
async def test_a_charger_that_needs_a_reboot_is_reset_once_its_session_has_ended(
    scene: Scene,
) -> None:
    for charger_id in names("REBOOTS"):
        # Nothing runs on connecting: the setting that asked for it is in force a boot later.
        charger = await scene.until_in(Mode.FREEVEND, charger_id)
        assert charger.resets_count == 1
        await charger.plug_in()
        await one_session(scene, charger_id)
        await scene.override(charger_id, Mode.MANAGED)
    for charger_id in names("REBOOTS"):
        charger = scene[charger_id]
        await scene.until_told(charger_id, ModeFactKind.REBOOT_NEEDED)
        said = await charger_told(scene.up, charger_id)
        assert "managed: reboot_required" in said
        assert "its setting needs a reboot" in said
        assert (charger.mode, charger.resets_count) == (Mode.FREEVEND, 1)
        assert charger.session_at() is not None
        await charger.plug_out()
        await scene.until_in(Mode.MANAGED, charger_id)
        said = await charger_told(scene.up, charger_id)
        assert "managed by read_back" in said
        assert "partial (claimed)" in said
    # It asks for a reboot after each boot too, and needs none: once for each mode is enough.
    for charger_id in names("REBOOTS"):
        await scene.until_row(charger_id, _done)
        assert scene[charger_id].resets_count == 2
        assert scene[charger_id].link.connections_count == 3
        assert Stop.REBOOT not in scene[charger_id].stops
        assert len(scene.facts(charger_id, ModeFactKind.RESET_COMMANDED)) == 2


def _done(row: ChargerState) -> bool:
    return row.commanded is not None and row.commanded.status == CommandStatus.DONE


@at_once
async def test_a_site_that_allows_no_resets_is_told_that_a_reboot_is_needed(scene: Scene) -> None:
    def needing_reboots(fleet: Fleet) -> None:
        for charger in fleet.chargers.values():
            charger.behaviour = replace(QUICK, switch_status="RebootRequired")
            charger.switch_to(Mode.FREEVEND)

    depot = Depot(scene.up.data.parent / "never", "never", three("NEVER", "reserved"))
    async with loaded(scene, depot, needing_reboots):
        for charger_id in names("NEVER"):
            await scene.until_told(charger_id, ModeFactKind.REBOOT_NEEDED)
            charger = scene[charger_id]
            # Somebody goes there: only then it is reserved, and a reset was never sent.
            assert (charger.mode, charger.link.connections_count) == (Mode.FREEVEND, 1)
            await charger.reboot()
            await scene.until_in(Mode.MANAGED, charger_id)
            assert charger.resets_count == 0
            assert not scene.facts(charger_id, ModeFactKind.RESET_COMMANDED)


# Displays


@at_once
async def test_an_edge_of_the_timetable_sets_displays_and_clears_them(scene: Scene) -> None:
    # fmt: off
    chargers = (
        #    charger       group    ocpp     profile
        Row("ENDS-201",   "ends",  "2.0.1", "standard"),
        Row("ENDS-21",    "ends",  "2.1",   "standard"),
        Row("BEGINS-201", "edge",  "2.0.1", "standard"),
        Row("BEGINS-21",  "edge",  "2.1",   "standard"),
    )
    # fmt: on
    edge_at = edge_soon()
    depot = Timetable(scene.up.data.parent / "timetable", "timetable", chargers, edge_at)

    def with_displays(fleet: Fleet) -> None:
        for charger in fleet.chargers.values():
            cast("Charger201", charger).add_display()

    async with loaded(scene, depot, with_displays):
        for charger_id in ("ENDS-201", "ENDS-21"):
            await scene.until(lambda: _shown(scene, charger_id), charger_id)  # noqa: B023
            assert _shown(scene, charger_id).startswith("Reserved from ")
            assert f" to {edge_at:%H:%M}" in _shown(scene, charger_id)
        assert not _shown(scene, "BEGINS-201") + _shown(scene, "BEGINS-21")
        assert datetime.now(UTC) < edge_at, "the second site came up too late"
        await holds_within(
            lambda: not _shown(scene, "ENDS-201") + _shown(scene, "ENDS-21"),
            (edge_at - datetime.now(UTC)).total_seconds() + WITHIN_S,
            "cleared by the edge",
        )
        assert datetime.now(UTC) >= edge_at
        for charger_id in ("BEGINS-201", "BEGINS-21"):
            await scene.until(lambda: _shown(scene, charger_id), charger_id)  # noqa: B023
            assert _shown(scene, charger_id).startswith(f"Reserved from {edge_at:%H:%M}")
            row = await scene.until_row(
                charger_id,
                lambda row: row.announced and row.announced.status == DisplayStatus.SHOWN,
            )
            assert row.announced is not None
            assert row.announced.window.start == edge_at


def _shown(scene: Scene, charger_id: str) -> str:
    """What a driver reads there."""
    shown = cast("Charger201", scene[charger_id]).display or {}
    return "".join(message["message"]["content"] for message in shown.values())


# Clocks


@at_once
async def test_a_clock_that_is_off_by_more_than_its_site_allows_is_shown_so(scene: Scene) -> None:
    row = await scene.until_row("AHEAD-201", lambda row: row.clock)
    assert row.clock is not None
    assert row.clock.offset_s == pytest.approx(CLOCK_AHEAD.total_seconds(), abs=5)
    limit = "off by more than the site's clock_limit_s (60 s)"
    assert limit in await charger_told(scene.up, "AHEAD-201")
    assert limit not in await charger_told(scene.up, "CLASS-201")


@at_once
async def test_an_absurd_time_is_kept_as_it_came_and_judged_at_its_arrival(scene: Scene) -> None:
    for charger_id in names("ABSURD"):
        charger = await scene.until_in(Mode.MANAGED, charger_id)
        for count, said_at in enumerate(ABSURD.values(), start=1):
            await charger.replay(CARDS["unknown"], said_at, said_at + timedelta(minutes=2))
            await scene.until(
                lambda: len(scene.of_kind(Outcome, charger_id)) == count,  # noqa: B023
                f"an outcome of {charger_id}",
            )
            attempt = scene.of_kind(Outcome, charger_id)[-1].attempt
            assert attempt.charger_at == said_at
            assert attempt.event_at == attempt.received_at
            assert attempt.time_doubt is not None
            (note,) = clock_notes(attempt)
            assert note.startswith("Judged at its arrival: ")
    # The same words are in what a person asks for.
    explained = await scene.up.says("explain", attempt.request_id)
    assert note in explained


async def test_every_charger_was_on_the_scene_and_all_tests_have_ended(scene: Scene) -> None:
    for name in at_once.bodies:
        await scene.end_of(name)
    assert not [each for each in scene.attempts if each.result is None], "one went unanswered"


async def test_a_configuration_that_nobody_can_confirm_is_shown_to_grow_old(scene: Scene) -> None:
    (gateway,), broker = scene.up.run["metrics"]["gateway"], scene.up.pid("broker")

    def age_s() -> float:
        return metric(gateway, REPLICA_AGE.name)

    await scene.until(lambda: age_s() < 2.0, "known to be complete")
    os.kill(broker, signal.SIGSTOP)
    try:
        await scene.until(lambda: age_s() > 4.0, "known to be complete no more")
    finally:
        os.kill(broker, signal.SIGCONT)
    await scene.until(lambda: age_s() < 2.0, "known to be complete again")
