"""Sessions and waiting vehicles at the edges of managed time, over real sockets of each version.

Chargers go over their edges by overrides, each at its own moment; some are reserved always.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import pytest_asyncio

from depotgate.demo.charger import Charger
from models.attempt import Decision, Denial
from models.charger import ModeFactKind
from models.reasons import Reason
from models.schedule import Mode
from models.site import SiteRecord
from models.topics import DECISIONS, DENIALS, SITES
from tests.integration.depots import CARDS, Depot, Row
from tests.integration.installations import Fleet, Up, holds_within, until_holds
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.overrides import override
from tests.integration.shared.told_of import details_of
from tests.integration.told import load
from tests.integration.written import read_kind, read_until

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

WITHIN_S = 60.0
IDENTIFY_WITHIN_S = 8
AFTER_S = 4
RUNS_OUT_S = 20.0
"""Long enough to be loaded and to begin a session with, and short enough to wait for."""

# fmt: off
CHARGERS = (
    #    charger           group       ocpp     profile
    Row("IDENTIFIES-16",   "open",     "1.6",   "microocpp"),
    Row("IDENTIFIES-201",  "open",     "2.0.1", "standard"),
    Row("IDENTIFIES-21",   "open",     "2.1",   "standard"),
    Row("SILENT-16",       "open",     "1.6",   "microocpp"),
    Row("SILENT-201",      "open",     "2.0.1", "standard"),
    Row("SILENT-21",       "open",     "2.1",   "standard"),
    Row("STOPS-16",        "open",     "1.6",   "microocpp"),
    Row("STOPS-201",       "open",     "2.0.1", "standard"),
    Row("STOPS-21",        "open",     "2.1",   "standard"),
    Row("WAITS-16",        "reserved", "1.6",   "microocpp"),
    Row("WAITS-201",       "reserved", "2.0.1", "standard"),
    Row("WAITS-21",        "reserved", "2.1",   "standard"),
    Row("PASSES-201",      "reserved", "2.0.1", "standard"),
    Row("PASSES-21",       "reserved", "2.1",   "standard"),
    Row("OVERSTAYS-16",    "reserved", "1.6",   "microocpp"),
    Row("OVERSTAYS-201",   "reserved", "2.0.1", "standard"),
    Row("OVERSTAYS-21",    "reserved", "2.1",   "standard"),
)
# fmt: on


class Edges(Depot):
    """A depot whose sessions end."""

    def write_identities(self, labels: set[str]) -> None:
        """identities.csv without the card that is there for a while only."""
        super().write_identities(labels - {"agreement"})

    def lend_a_card(self) -> datetime:
        """Add a card whose agreement runs out; when it does."""
        path = self.folder / "identities.csv"
        now = datetime.now(UTC).replace(microsecond=0)
        runs_out_at = now + timedelta(seconds=RUNS_OUT_S)
        begins, ends = (now - timedelta(days=9)).isoformat(), runs_out_at.isoformat()
        card = CARDS["agreement"]
        row = f"{card.id_type},{card.token},agreement,courier/1,{begins},{ends},active"
        self._replace("identities.csv", [*path.read_text().splitlines(), row])
        return runs_out_at

    def choose(self, edge: str) -> None:
        """site.yaml with another choice for edges."""
        self.choices = [
            f"edge: {edge}",
            f"identify_within_s: {IDENTIFY_WITHIN_S}",
            f"no_identification_after_s: {AFTER_S}",
            "overstay: {action: stop, grace_s: 2}",
        ]
        self.write_site()


class Scene(Fleet):
    """The chargers, their installation and its depot."""

    def __init__(self, up: Up, depot: Edges) -> None:
        super().__init__(depot, up.ocpp)
        self.up = up
        self.depot = depot

    async def reserve(self, *charger_ids: str) -> None:
        """Managed from now on."""
        for charger_id in charger_ids:
            await override(self.up.kafka, charger_id, Mode.MANAGED)

    async def until_told(self, kind: ModeFactKind, chargers: Iterable[Charger]) -> dict[str, str]:
        """What facts of a kind say of the chargers here, once there is one of each of these."""
        wanted = [charger.charger_id for charger in chargers]
        return await details_of(self.up.kafka, kind, wanted, self.chargers)

    async def until_recorded(self, charger_ids: Iterable[str]) -> list[Denial]:
        """Every record of a vehicle without a card, once there is one of each of these."""

        def unidentified(denials: list[Denial]) -> list[Denial]:
            return [each for each in denials if each.reason == Reason.NO_IDENTIFICATION]

        denials = await read_until(
            self.up.kafka,
            DENIALS,
            Denial,
            lambda found: set(charger_ids) <= {each.charger_id for each in unidentified(found)},
            f"a record of each of {charger_ids}",
            within_s=WITHIN_S,
        )
        return unidentified(denials)

    async def until_chosen(self, edge: str, asked: Charger) -> None:
        """Have site.yaml say another choice for edges, and wait until the worker goes by it.

        Args:
            asked: a charger at which cards are presented to see it.
        """
        self.depot.choose(edge)
        await load(self.up, self.depot.folder)
        sites = await read_kind(self.up.kafka, SITES, SiteRecord)
        newest = [each for each in sites if each.site_id == self.depot.site][-1].revision

        async def revisions() -> set[str]:
            await asked.authorize(CARDS["own fleet"])
            decisions = await read_kind(self.up.kafka, DECISIONS, Decision)
            return {each.facts.site_revision for each in decisions}

        await until_holds(revisions, lambda found: newest in found, f"it goes by `edge: {edge}`")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(up: Up, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    depot = Edges(tmp_path_factory.mktemp("depot"), "edges", CHARGERS)
    depot.choose("identify")
    await load(up, depot.folder)
    async with Scene(up, depot).connected() as scene:
        await holds_within(lambda: all(modes_are_right(scene)), 60.0, "all in their mode")
        yield scene


def modes_are_right(scene: Scene) -> list[bool]:
    wanted = {"open": Mode.FREEVEND, "reserved": Mode.MANAGED}
    return [scene[row.charger_id].mode is wanted[row.group] for row in CHARGERS]


async def begin(*chargers: Charger) -> None:
    """Plug in where freevend starts the session."""
    for charger in chargers:
        await charger.plug_in()
        assert charger.session_at() is not None


async def test_rule_29_an_agreement_that_runs_out_in_its_session_ends_it(scene: Scene) -> None:
    chargers = scene.of("OVERSTAYS-")
    card = CARDS["agreement"]
    runs_out_at = scene.depot.lend_a_card()
    await load(scene.up, scene.depot.folder)
    await until_holds(
        lambda: chargers[0].authorize(card), lambda result: result.accepted, "the card is loaded"
    )
    for charger in chargers:
        await charger.plug_in()
        result = await charger.tap(card)
        assert result is not None
        assert result.accepted
    assert datetime.now(UTC) < runs_out_at, f"it took more than {RUNS_OUT_S} s to begin"
    assert all(charger.session_at() for charger in chargers)
    await holds_within(
        lambda: not any(charger.session_at() for charger in chargers),
        RUNS_OUT_S + WITHIN_S,
        "ended after the grace time",
    )
    assert datetime.now(UTC) > runs_out_at
    told = await scene.until_told(ModeFactKind.OVERSTAY, chargers)
    assert told == {charger.charger_id: Reason.AGREEMENT_EXPIRED for charger in chargers}


async def test_rule_12_who_identifies_in_time_goes_on_and_who_does_not_is_stopped(
    scene: Scene,
) -> None:
    identifying = scene.of("IDENTIFIES-")
    silent = scene.of("SILENT-")
    await begin(*identifying, *silent)
    for charger in identifying:
        await scene.reserve(charger.charger_id)
        await holds_within(lambda: charger.mode is Mode.MANAGED, WITHIN_S, "reserved")  # noqa: B023
        result = await charger.tap(CARDS["own fleet"])
        assert result is not None
        assert result.accepted
    await scene.reserve(*(each.charger_id for each in silent))
    await holds_within(
        lambda: not any(each.session_at() for each in silent), WITHIN_S, "stopped without a card"
    )
    # Their edge was earlier, so their time is over too.
    assert all(each.session_at() for each in identifying)
    causes = await scene.until_told(ModeFactKind.STOP_COMMANDED, silent)
    assert {each.charger_id: causes[each.charger_id] for each in silent} == {
        each.charger_id: "NOT_IDENTIFIED" for each in silent
    }
    assert not {each.charger_id for each in identifying} & set(causes)


async def test_a_vehicle_without_a_card_is_one_record_also_over_a_reconnect(scene: Scene) -> None:
    waiting = scene.of("WAITS-")
    for charger in waiting:
        await charger.plug_in()
    leaving = scene.of("PASSES-")
    for charger in leaving:
        await charger.plug_in()
        await charger.plug_out()
    names = [charger.charger_id for charger in waiting]
    await scene.until_recorded(names)
    for charger in waiting:
        charger.link.cut()
        await charger.connected(WITHIN_S)
        await charger.tell("StatusNotification")
    # Other vehicles, for which the same worker has to have read all that.
    for charger in leaving:
        await charger.plug_in()
        names.append(charger.charger_id)
    found = await scene.until_recorded(names)
    mine = [each for each in found if each.charger_id in names]
    assert sorted(each.charger_id for each in mine) == sorted(names)
    assert all(each.token == "" and not each.would_deny for each in mine)
    said = orjson.loads(await scene.up.ask("explain", mine[0].denial_id, "--json"))
    assert (said["charger_id"], said["answer"]) == (mine[0].charger_id, "deny")
    assert [each["code"] for each in said["reasons"]] == [Reason.NO_IDENTIFICATION]


async def test_rule_12_stop_ends_sessions_at_the_edge(scene: Scene) -> None:
    stopping = scene.of("STOPS-")
    await begin(*stopping)
    await scene.until_chosen("stop", asked=scene["OVERSTAYS-201"])
    await scene.reserve(*(each.charger_id for each in stopping))
    await holds_within(
        lambda: not any(each.session_at() for each in stopping), WITHIN_S, "stopped at the edge"
    )
    causes = await scene.until_told(ModeFactKind.STOP_COMMANDED, stopping)
    assert {causes[each.charger_id] for each in stopping} == {"EDGE"}
