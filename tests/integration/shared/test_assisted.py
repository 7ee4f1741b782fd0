"""Assisted freevend over real sockets in 1.6 and 2.0.1: chargers without a setting.

Nobody knows at first whether remote starts work there; the first vehicle shows it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from connectors.ocpp.tokens import ASSISTED_TOKEN
from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger201 import Charger201
from depotgate.demo.session import Card
from models.assisted import ASSISTED_TAG
from models.attempt import Denial
from models.charger import ModeFactKind
from models.schedule import Mode
from models.topics import DENIALS
from tests.integration.depots import CARDS, Depot, Row
from tests.integration.installations import QUICK, Fleet, Up, holds_within
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.overrides import override
from tests.integration.shared.told_of import details_of
from tests.integration.told import load
from tests.integration.written import read_until

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

WITHIN_S = 60.0
ASSISTED = Card("assisted", ASSISTED_TAG, "Central")

# fmt: off
CHARGERS = (
    #    charger        group       ocpp     profile
    Row("PLUGS-16",     "open",     "1.6",   "standard"),
    Row("PLUGS-201",    "open",     "2.0.1", "standard"),
    Row("REFUSES-201",  "open",     "2.0.1", "standard"),
    Row("KEPT-16",      "reserved", "1.6",   "standard"),
    Row("KEPT-201",     "reserved", "2.0.1", "standard"),
)
# fmt: on


class Scene(Fleet):
    """Chargers that ask for a card always: those of 2.0.1 lack the variable, 1.6 has no key."""

    def __init__(self, up: Up, depot: Depot) -> None:
        super().__init__(depot, up.ocpp)
        self.up = up
        for row in depot.chargers:
            behaviour = replace(QUICK, starts_remotely=not row.charger_id.startswith("REFUSES"))
            options: dict[str, Any] = {
                "password": depot.password,
                "behaviour": behaviour,
                "on_attempt": self.attempts.append,
            }
            made: Charger
            if row.ocpp == "1.6":
                made = Charger16(row.charger_id, up.ocpp, **options)
            else:
                lacks = [("AuthCtrlr", "Enabled")]
                made = Charger201(row.charger_id, up.ocpp, missing=lacks, **options)
            self.chargers[row.charger_id] = made

    async def reserve(self, *charger_ids: str) -> None:
        for charger_id in charger_ids:
            await override(self.up.kafka, charger_id, Mode.MANAGED)

    async def until_told(self, kind: ModeFactKind, *charger_ids: str) -> set[str]:
        """Those of the chargers here of which such a fact is told, once it is told of these."""
        return set(await details_of(self.up.kafka, kind, charger_ids, self.chargers))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(up: Up, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    depot = Depot(tmp_path_factory.mktemp("depot"), "assisted", CHARGERS)
    await load(up, depot.folder)
    async with Scene(up, depot).connected() as scene:
        yield scene


async def test_who_plugs_in_is_started_and_goes_on_when_managed_begins(scene: Scene) -> None:
    plugged = [scene["PLUGS-16"], scene["PLUGS-201"]]
    for charger in (*plugged, scene["REFUSES-201"]):
        assert await charger.plug_in() is None, "it waits for a card by itself"
    await holds_within(lambda: all(e.session_at() for e in plugged), WITHIN_S, "started from here")
    cards = {charger.session_at().card.token for charger in plugged}  # type: ignore[union-attr]
    assert cards == {ASSISTED_TAG}
    await scene.reserve(*(charger.charger_id for charger in plugged))
    # Rule 12, `finish`: it runs on; and its token is nobody's who comes next.
    reserved = [scene["KEPT-16"], scene["KEPT-201"]]
    for charger in reserved:
        await charger.plug_in()
        result = await charger.tap(ASSISTED)
        assert result is not None
        assert not result.accepted
    assert all(charger.session_at() for charger in plugged)
    assert not any(charger.session_at() for charger in reserved)


async def test_who_has_no_card_in_managed_time_is_not_started_and_a_card_is(scene: Scene) -> None:
    for charger in (scene["KEPT-16"], scene["KEPT-201"]):
        assert charger.session_at() is None
        result = await charger.tap(CARDS["own fleet"])
        assert result is not None
        assert result.accepted


async def test_it_is_told_and_nothing_names_the_token(scene: Scene) -> None:
    asked = {"PLUGS-16", "PLUGS-201", "REFUSES-201"}
    assert await scene.until_told(ModeFactKind.START_COMMANDED, *asked) == asked

    def mine(denials: list[Denial]) -> list[Denial]:
        return [
            each
            for each in denials
            if each.token == ASSISTED_TOKEN.display and each.charger_id in scene.chargers
        ]

    denials = await read_until(
        scene.up.kafka, DENIALS, Denial, lambda found: len(mine(found)) > 1, "both denials"
    )
    assert {each.charger_id for each in mine(denials)} == {"KEPT-16", "KEPT-201"}
    assert all(each.pseudonym is None for each in mine(denials))
    assert ASSISTED_TAG not in "".join(str(each) for each in denials)
    assert scene["REFUSES-201"].session_at() is None
