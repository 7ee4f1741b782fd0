"""Chargers whose profile nobody named, over real sockets: found by what they call themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import orjson
import pytest
import pytest_asyncio

from depotgate.demo.charger16 import Charger16, FreevendKeys
from depotgate.demo.session import Card
from models.attempt import Outcome, TokenKind
from models.charger import ChargerEvent, ChargerState
from models.makes import Boot
from models.profiles import PROFILES
from models.schedule import Mode
from models.topics import EVENTS, OUTCOMES
from tests.integration.depots import Depot, Row
from tests.integration.installations import Fleet, Up
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.shared.told_of import until_row
from tests.integration.told import load
from tests.integration.written import read_all, read_until

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

# fmt: off
CHARGERS = (
    #    charger        group       ocpp   profile
    Row("FOUND",        "reserved", "1.6", ""),
    Row("FOUND-OPEN",   "open",     "1.6", ""),
    Row("STRANGE",      "reserved", "1.6", ""),
    Row("MISTAKEN",     "open",     "1.6", ""),
    Row("REFUSED",      "reserved", "1.6", "standard"),
)
BOOTS = {
    "FOUND":      Boot("1.6", "Wall Box Chargers", "PLP1-0-2-4", "6.7.38"),
    "FOUND-OPEN": Boot("1.6", "Stegen Electronics", "SmartEVSE", "v3.7.1"),
    "STRANGE":    Boot("1.6", "Acme", "One", "1.0"),
    # It has MicroOcpp's keys, and calls itself by another maker's name.
    "MISTAKEN":   Boot("1.6", "Zaptec", "Go", "2.4"),
    "REFUSED":    Boot("1.6", "Stegen Electronics", "SmartEVSE", "v3.7.1"),
}
# fmt: on


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(up: Up, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    depot = Depot(tmp_path_factory.mktemp("depot"), "found", CHARGERS)
    await load(up, depot.folder)
    chargers = Fleet(depot, up.ocpp)
    for charger_id, boot in BOOTS.items():
        charger = cast("Charger16", chargers[charger_id])
        charger.boots_as = boot
        # As somebody left it, the other way round than it is to be.
        open_soon = charger_id in {"FOUND-OPEN", "MISTAKEN"}
        charger.mode = Mode.MANAGED if open_soon else Mode.FREEVEND
        if charger_id == "FOUND":
            charger.keys = FreevendKeys.of(PROFILES["wallbox"])
        charger.configuration = charger.keys.first_values(charger.mode)
    async with chargers.connected():
        yield chargers


async def until_outcome(up: Up, charger_id: str) -> Outcome:
    def own(outcomes: list[Outcome]) -> list[Outcome]:
        return [each for each in outcomes if each.attempt.charger_id == charger_id]

    what = f"an outcome of {charger_id}"
    return own(await read_until(up.kafka, OUTCOMES, Outcome, own, what))[-1]


def reached(row: ChargerState) -> bool:
    return row.observed is not None and row.observed.mode is row.desired


@pytest.mark.parametrize(
    ("charger_id", "profile", "setting"),
    [
        ("FOUND", "wallbox", ("AuthEnabled", "true")),
        ("FOUND-OPEN", "microocpp", ("Cst_FreeVendActive", "true")),
    ],
)
async def test_a_charger_of_a_known_make_is_switched_by_its_makers_key(
    up: Up, fleet: Fleet, charger_id: str, profile: str, setting: tuple[str, str]
) -> None:
    row = await until_row(up.kafka, charger_id, reached)
    charger = cast("Charger16", fleet[charger_id])
    assert row.commanded is not None
    assert row.commanded.profile == profile
    assert charger.mode is row.desired
    assert setting in charger.configuration.items()
    said = await up.ask("chargers", charger_id)
    assert f"{profile} (found by its BootNotification)" in said
    told = orjson.loads(await up.ask("chargers", charger_id, "--json"))
    assert (told["profile"], told["profile_source"]) == (profile, "found")


@pytest.mark.parametrize(
    ("charger_id", "why"),
    [
        ("STRANGE", "standard (assumed: none is found by its BootNotification)"),
        ("REFUSED", "standard (named in chargers.csv)"),
    ],
)
async def test_a_charger_whose_make_is_not_known_or_not_to_be_found_stays_as_it_was(
    up: Up, fleet: Fleet, charger_id: str, why: str
) -> None:
    row = await until_row(up.kafka, charger_id, lambda row: row.vendor is not None)
    # The others are through: nothing is on its way to this one any more.
    await until_row(up.kafka, "FOUND", reached)
    assert row.commanded is None
    assert fleet[charger_id].mode is Mode.FREEVEND
    assert why in await up.ask("chargers", charger_id)


async def test_a_charger_that_is_taken_for_another_make_is_asked_and_never_set(
    up: Up, fleet: Fleet
) -> None:
    asked = await until_row(
        up.kafka,
        "MISTAKEN",
        lambda row: row.claims is not None and row.claims.probed_at is not None,
    )
    assert asked.claims is not None
    assert (asked.claims.profile, asked.claims.mode_key) == ("zaptec", "missing")
    assert asked.commanded is None
    assert fleet["MISTAKEN"].mode is Mode.MANAGED, "what should be open, nobody opened"
    said = await up.ask("chargers", "MISTAKEN")
    assert "nothing is set by it before its key was read" in said
    assert "unsupported" in said


async def test_what_was_found_outlives_the_connection_and_the_gateway_that_heard_the_boot(
    up: Up, fleet: Fleet
) -> None:
    """Rule 17: a gateway that never heard it refuses the tag all the same."""
    before = await until_row(up.kafka, "FOUND", reached)
    charger = fleet["FOUND"]
    assert before.connection is not None
    heard_at = before.connection.gateway_instance
    async with up.one_more("gateway", slot=3) as gateway:
        charger.move_to(gateway.ocpp)

        def moved(row: ChargerState) -> bool:
            link = row.connection
            return link is not None and link.gateway_instance != heard_at and reached(row)

        after = await until_row(up.kafka, "FOUND", moved)
        assert after.commanded is not None
        assert after.commanded.profile == "wallbox"
        assert after.commanded.sent_at > before.commanded.sent_at  # type: ignore[union-attr]
        boots = [
            event
            for event in await read_all(up.kafka, EVENTS, '"FOUND"')
            if isinstance(event, ChargerEvent) and event.name == "BootNotification"
        ]
        assert {boot.gateway_instance for boot in boots} == {heard_at}
        told = await charger.authorize(Card("the maker's tag", "NoAuthorization"))
        assert told.status == "Invalid"
        outcome = await until_outcome(up, "FOUND")
        assert outcome.attempt.token.kind == TokenKind.FREEVEND_TAG
