"""north-depot as an operator has it: it loads whole, and each of its six chargers works."""

from __future__ import annotations

import asyncio
import csv
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import FreevendKeys
from depotgate.demo.odd.family import PLAIN
from depotgate.demo.session import Card
from models.attempt import Outcome
from models.charger import ChargerState
from models.profiles import PROFILES, profile_named, switchable
from models.topics import OUTCOMES, STATE
from tests.connectors.ocpp.certificates import Authority
from tests.integration.installations import QUICK, Up
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.written import read_all

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

EXAMPLE = Path(__file__).parents[1] / "examples" / "north-depot"
WITHIN_S = 60.0
PASSWORD = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of simulated chargers

OWN_FLEET = Card("own fleet", "04A1B2C3D4E5F6")
REVOKED = Card("revoked", "DEADBEEF")

RESERVED = ("ND-003", "ND-004", "ND-006")
"""Always managed; the others follow the clock of Melbourne."""


class Folder(NamedTuple):
    """What Up asks of a depot."""

    folder: Path

    @property
    def rows(self) -> list[dict[str, str]]:
        """chargers.csv."""
        with (self.folder / "chargers.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))


class North(NamedTuple):
    """The running depot and its chargers."""

    up: Up
    chargers: Mapping[str, Charger]
    rows: Mapping[str, dict[str, str]]


def written(folder: Path) -> Folder:
    shutil.copytree(EXAMPLE, folder)
    depot = Folder(folder)
    (folder / "secrets").mkdir()
    for row in depot.rows:
        if row["credential"]:
            secret = folder / row["credential"].removeprefix("file:")
            secret.touch(mode=0o600)
            secret.write_text(PASSWORD + "\n")
    return depot


def charger_of(row: Mapping[str, str], up: Up, authority: Authority) -> Charger:
    charger_id, level = row["charger_id"], int(row["security_profile"])
    options: dict[str, Any] = {"behaviour": QUICK}
    endpoint = up.ocpp
    if row["credential"]:
        options["password"] = PASSWORD
    if level > 1:
        endpoint = str(up.run["ocpp_tls"])
        options["tls"] = authority.trusting(authority.issue(charger_id) if level == 3 else None)
    profile = PROFILES[row["profile"]]
    if row["ocpp"] == "1.6" and profile.mode_key:
        options["keys"] = FreevendKeys.of(profile)
    return PLAIN[row["ocpp"]](charger_id, endpoint, **options)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def north(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[North]:
    folder = tmp_path_factory.mktemp("north")
    authority = Authority(folder)
    certificate, key = authority.issue("gateway")
    depot = written(folder / "north-depot")
    up = Up(
        folder,
        depot,  # type: ignore[arg-type]  # of a depot it reads the folder
        "--ocpp-tls=127.0.0.1:0",
        f"--tls-certificate-file={certificate}",
        f"--tls-key-file={key}",
        f"--tls-client-ca-file={authority.bundle}",
    )
    try:
        await up.start_sooner()
        chargers = {row["charger_id"]: charger_of(row, up, authority) for row in depot.rows}
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(each.run()) for each in chargers.values()]
            yield North(up, chargers, {row["charger_id"]: row for row in depot.rows})
            for task in running:
                task.cancel()
    finally:
        up.end()


async def states(north: North) -> dict[str, ChargerState]:
    rows = await read_all(north.up.kafka, STATE)
    return {row.charger_id: row for row in rows if isinstance(row, ChargerState)}


async def test_all_six_connect_by_their_security_profiles_and_reach_their_modes(
    north: North,
) -> None:
    assert len(north.chargers) == 6
    for charger in north.chargers.values():
        await charger.connected(WITHIN_S)
    deadline_s = asyncio.get_running_loop().time() + WITHIN_S
    while unsettled := _unsettled(north, await states(north)):
        assert asyncio.get_running_loop().time() < deadline_s, unsettled
        await asyncio.sleep(0.2)


def _unsettled(north: North, found: Mapping[str, ChargerState]) -> list[str]:
    """Chargers that are not, and not known to be, in the mode that is due."""
    return [name for name in north.chargers if name not in found or not _right(north, found[name])]


def _right(north: North, state: ChargerState) -> bool:
    row = north.rows[state.charger_id]
    if state.connection is None or state.connection.ocpp != row["ocpp"]:
        return False
    if not switchable(state.connection.ocpp, profile_named(row["profile"])):
        return True
    seen = state.observed.mode if state.observed else None
    return state.desired is seen is north.chargers[state.charger_id].mode


async def test_the_depots_own_card_charges_at_each_of_the_six(north: North) -> None:
    for charger in north.chargers.values():
        await charger.plug_in()
        if charger.session_at() is None:
            result = await charger.tap(OWN_FLEET)
            assert result is not None
            assert result.accepted, charger.charger_id
        session = charger.session_at()
        assert session is not None
        assert session.energised, charger.charger_id
        await charger.plug_out()


async def test_a_revoked_card_charges_at_none_that_is_reserved(north: North) -> None:
    for charger_id in RESERVED:
        charger = north.chargers[charger_id]
        await charger.plug_in()
        result = await charger.tap(REVOKED)
        assert result is not None
        assert (result.status, charger.session_at()) == ("Blocked", None), charger_id
        await charger.plug_out()
    outcomes = await read_all(north.up.kafka, OUTCOMES)
    at = {each.attempt.charger_id for each in outcomes if isinstance(each, Outcome)}
    assert at == set(north.chargers)
