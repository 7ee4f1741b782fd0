"""Chargers that do not do as they are told, brought to their mode or given up, over real sockets.

All of them are there at once, so that the longest wait is that of the one that stays silent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import pytest
import pytest_asyncio
from ocpp.exceptions import InternalError

from depotgate.demo.charger16 import Charger16, FreevendKeys
from models.attempt import ModeKnown, Outcome
from models.charger import ModeFact, ModeFactKind
from models.mode_commands import JITTER, RETRY_FACTOR, RETRY_FIRST_S
from models.profiles import PROFILES
from models.reasons import Flag
from models.schedule import Mode
from models.topics import MODE, OUTCOMES
from tests.integration.depots import Depot, Row
from tests.integration.installations import QUICK, Fleet, Up, holds_within, until_holds
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.shared.told_of import until_row
from tests.integration.told import load
from tests.integration.written import read_kind, read_until

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

WITHIN_S = 60.0
SILENT_S = 120.0
"""The gateway waits 30 s for an answer, and then there is a pause of up to 23 s."""

# fmt: off
CHARGERS = (
    #    charger        group       ocpp     profile
    Row("REJECTS",      "open",     "1.6",   "microocpp"),
    Row("ERRS",         "open",     "1.6",   "microocpp"),
    # Without a key for the tag: what it does not answer is the call that sets the mode.
    Row("SILENT",       "open",     "1.6",   "charx"),
    Row("REBOOTS",      "open",     "2.0.1", "standard"),
    Row("UNKNOWN-KEY",  "open",     "1.6",   "zaptec"),
    Row("LIES",         "reserved", "2.0.1", "standard"),
    Row("DAILY",        "reserved", "1.6",   "microocpp"),
)
# fmt: on


def refuse(key: str, value: str) -> str:
    """As a charger that fails on the way: its answer is a CALLERROR."""
    raise InternalError


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(up: Up, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    depot = Depot(tmp_path_factory.mktemp("depot"), "modes", CHARGERS)
    await load(up, depot.folder)
    chargers = Fleet(depot, up.ocpp)
    chargers["REJECTS"].behaviour = replace(QUICK, switch_status="Rejected")
    chargers["REBOOTS"].behaviour = replace(QUICK, switch_status="RebootRequired")
    silent = cast("Charger16", chargers["SILENT"])
    silent.keys = FreevendKeys.of(PROFILES["charx"])
    silent.configuration = silent.keys.first_values(silent.mode)
    silent.mute.add("ChangeConfiguration")
    errs = cast("Charger16", chargers["ERRS"])
    errs.change = refuse  # type: ignore[method-assign]
    # Finding 4: it stores and reads back whatever it is told, and stays open.
    chargers["LIES"].behaviour = replace(QUICK, obeys=False)
    chargers["LIES"].mode = Mode.FREEVEND
    async with chargers.connected():
        yield chargers


def about(found: list[ModeFact], charger_id: str, kind: ModeFactKind) -> list[ModeFact]:
    return [fact for fact in found if fact.charger_id == charger_id and fact.kind == kind]


async def facts(up: Up, charger_id: str, kind: ModeFactKind) -> list[ModeFact]:
    return about(await read_kind(up.kafka, MODE, ModeFact), charger_id, kind)


async def until_told(
    up: Up, charger_id: str, kind: ModeFactKind, count: int = 1, within_s: float = WITHIN_S
) -> list[ModeFact]:
    found = await read_until(
        up.kafka,
        MODE,
        ModeFact,
        lambda found: len(about(found, charger_id, kind)) >= count,
        f"{count} {kind} of {charger_id}",
        within_s=within_s,
    )
    return about(found, charger_id, kind)


async def test_a_rejected_switch_is_tried_again_with_growing_pauses(up: Up, fleet: Fleet) -> None:
    commanded = await until_told(up, "REJECTS", ModeFactKind.SWITCH_COMMANDED, 3)
    first, second, third = (fact.at for fact in commanded[:3])
    # No pause is shorter than it should be; on a busy machine each may be longer.
    shortest_s = RETRY_FIRST_S * (1 - JITTER)
    assert (second - first).total_seconds() >= shortest_s
    assert (third - second).total_seconds() >= shortest_s * RETRY_FACTOR
    assert fleet["REJECTS"].mode is Mode.MANAGED


async def test_a_switch_that_ends_in_a_callerror_is_tried_again(up: Up, fleet: Fleet) -> None:
    await until_told(up, "ERRS", ModeFactKind.SWITCH_COMMANDED, 2)
    del cast("Charger16", fleet["ERRS"]).change
    await holds_within(lambda: fleet["ERRS"].mode is Mode.FREEVEND, SILENT_S, "ERRS is open")
    await until_told(up, "ERRS", ModeFactKind.SWITCHED)


async def test_a_key_that_is_not_known_is_given_up_at_once_and_doctor_says_so(
    up: Up, fleet: Fleet
) -> None:
    (failed,) = await until_told(up, "UNKNOWN-KEY", ModeFactKind.SWITCH_FAILED)
    assert (failed.desired, failed.observed) == (Mode.FREEVEND, None)
    assert len(await facts(up, "UNKNOWN-KEY", ModeFactKind.SWITCH_COMMANDED)) == 1
    await until_row(up.kafka, "UNKNOWN-KEY", lambda row: row.given_up_at is not None, WITHIN_S)
    await until_holds(
        lambda: up.refused("doctor"),
        lambda said: "are not in their mode" in said,
        "doctor says that a charger is not in its mode",
    )


async def test_a_stored_mode_is_in_force_after_the_next_boot_and_one_boot_is_enough(
    up: Up, fleet: Fleet
) -> None:
    await until_told(up, "REBOOTS", ModeFactKind.REBOOT_NEEDED)
    charger = fleet["REBOOTS"]
    assert not [switch for switch in charger.switches if switch.mode is Mode.FREEVEND]
    await charger.reboot()
    await until_told(up, "REBOOTS", ModeFactKind.SWITCHED)
    assert charger.mode is Mode.FREEVEND
    await until_row(up.kafka, "REBOOTS", lambda row: row.booted_with is Mode.FREEVEND, WITHIN_S)
    assert len(await facts(up, "REBOOTS", ModeFactKind.REBOOT_NEEDED)) == 1


async def test_finding_4_an_accepted_that_did_nothing_is_drift_once_it_behaves(
    up: Up, fleet: Fleet
) -> None:
    await until_told(up, "LIES", ModeFactKind.SWITCHED)
    assert not await facts(up, "LIES", ModeFactKind.DRIFT)
    await fleet["LIES"].plug_in()
    (drift, *_) = await until_told(up, "LIES", ModeFactKind.DRIFT)
    assert (drift.desired, drift.observed, drift.detail) == (
        Mode.MANAGED,
        Mode.FREEVEND,
        "behaviour",
    )
    await until_told(up, "LIES", ModeFactKind.SWITCH_COMMANDED, 2)
    outcomes = await read_kind(up.kafka, OUTCOMES, Outcome)
    (start,) = [each for each in outcomes if each.attempt.charger_id == "LIES"]
    assert start.attempt.mode == ModeKnown(commanded=Mode.MANAGED, observed=Mode.MANAGED)
    assert start.verdict is not None
    assert start.verdict.flags == (Flag.MODE_DRIFT,)


async def test_finding_9_a_charger_that_reboots_daily_is_told_its_mode_on_each_boot(
    up: Up, fleet: Fleet
) -> None:
    charger = cast("Charger16", fleet["DAILY"])
    await until_told(up, "DAILY", ModeFactKind.SWITCHED)
    for day in range(2):
        # It forgets its setting, as some do.
        charger.configuration |= charger.keys.first_values(Mode.FREEVEND)
        await charger.reboot()
        await holds_within(lambda: charger.mode is Mode.MANAGED, WITHIN_S, "reserved again")
        await until_told(up, "DAILY", ModeFactKind.SWITCHED, day + 2)


async def test_a_charger_that_stays_silent_is_asked_again(up: Up, fleet: Fleet) -> None:
    await until_told(up, "SILENT", ModeFactKind.SWITCH_COMMANDED, 1)
    fleet["SILENT"].mute.clear()
    await until_told(up, "SILENT", ModeFactKind.SWITCHED, within_s=SILENT_S)
    assert len(await facts(up, "SILENT", ModeFactKind.SWITCH_COMMANDED)) >= 2
    assert fleet["SILENT"].mode is Mode.FREEVEND
