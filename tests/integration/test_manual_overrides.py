"""Rule 9 the whole way: the command line, Kafka, a worker, a gateway and a charger's socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import orjson
import pytest
import pytest_asyncio

from connectors.kafka.broker import Broker
from depotgate.demo.charger import Charger
from models.attempt import Outcome, ScheduleFacts
from models.overrides import OverrideRecord
from models.schedule import Mode
from models.site import AuditRecord
from models.topics import AUDIT, OUTCOMES
from tests.integration.depots import CARDS, Depot, rows
from tests.integration.installations import Fleet, Up, holds_within
from tests.integration.written import read_kind

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

COMMANDED_WITHIN_S = 2.0
"""What docs/overrides.md says, of one of the times that a machine is not busy with other things."""

WITHIN_S = 30.0
FOR_S = 10
"""Of an override that ends by itself: long enough to be commanded and to charge in."""

SITE = "overrides"
STRANGER = CARDS["unknown"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def depot(tmp_path_factory: pytest.TempPathFactory) -> Depot:
    chargers = (*rows("OVR-OPEN", "open", 2), *rows("OVR-RES", "reserved", 2))
    return Depot(tmp_path_factory.mktemp("depot"), SITE, chargers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(
    broker: Broker, tmp_path_factory: pytest.TempPathFactory, depot: Depot
) -> AsyncIterator[Up]:
    installation = Up(tmp_path_factory.mktemp("up"), depot, f"--kafka={broker.bootstrap}")
    await installation.start()
    yield installation
    await installation.stop()
    installation.end()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(depot: Depot, up: Up) -> AsyncIterator[Fleet]:
    async with Fleet(depot, up.ocpp).connected() as chargers:
        await switched(chargers.of("OVR-OPEN"), Mode.FREEVEND)
        await switched(chargers.of("OVR-RES"), Mode.MANAGED)
        yield chargers


async def switched(chargers: list[Charger], mode: Mode) -> float:
    """Wait until all are in that mode; the seconds that took."""
    began_s = asyncio.get_running_loop().time()
    what = f"{', '.join(charger.charger_id for charger in chargers)}: {mode}"
    await holds_within(lambda: all(each.mode is mode for each in chargers), WITHIN_S, what)
    return asyncio.get_running_loop().time() - began_s


async def add(up: Up, *arguments: str) -> OverrideRecord:
    """Add an override by the command line; its record."""
    fields = orjson.loads(await up.ask("override", "add", *arguments, "--actor=Ada", "--json"))
    fields.pop("phase")
    return OverrideRecord.decode(orjson.dumps(fields))


async def judged_by(up: Up, charger: Charger) -> ScheduleFacts:
    """What the newest attempt of a charger was judged by: outcomes come before answers."""
    outcomes = await read_kind(up.kafka, OUTCOMES, Outcome, charger.charger_id)
    mine = [each for each in outcomes if each.attempt.charger_id == charger.charger_id]
    newest = max(mine, key=lambda outcome: outcome.answered_at)
    assert newest.schedule is not None
    return newest.schedule


async def audited(up: Up, override_id: str) -> list[tuple[str, str]]:
    """Who did what to an override, in order."""
    records = await read_kind(up.kafka, AUDIT, AuditRecord, override_id)
    about = sorted((each for each in records if each.subject == override_id), key=_at)
    for record in about:
        assert record.after is not None
        assert OverrideRecord.decode(record.after.encode()).override_id == override_id
        assert (record.before is None) == (record.action == "override add")
    return [(each.actor, each.action) for each in about]


def _at(record: AuditRecord) -> datetime:
    return record.at


async def test_rule_9_an_override_decides_and_is_commanded_at_once_and_so_does_its_end(
    up: Up, fleet: Fleet
) -> None:
    for charger in fleet.of("OVR-OPEN"):
        assert (await charger.authorize(STRANGER)).accepted
    record = await add(
        up, f"--group={SITE}/open", "--mode=managed", "--until=2h", "--reason=street works"
    )
    begun_s = await switched(fleet.of("OVR-OPEN"), Mode.MANAGED)
    for charger in fleet.of("OVR-OPEN"):
        assert not (await charger.authorize(STRANGER)).accepted
    assert record.ends_at is not None
    refused = await fleet["OVR-OPEN-01"].authorize(STRANGER)
    assert refused.text == f"Card not recognised. Open at {record.ends_at:%H:%M}."
    facts = await judged_by(up, fleet["OVR-OPEN-01"])
    assert (facts.layer, facts.name, facts.scope) == ("override", "street works", "group")
    assert facts.override_id == record.override_id
    ended = await up.ask("override", "end", record.override_id, "--reason=done", "--actor=Ben")
    assert "ended; it was managed at group open of site overrides" in ended
    ended_s = await switched(fleet.of("OVR-OPEN"), Mode.FREEVEND)
    assert min(begun_s, ended_s) < COMMANDED_WITHIN_S
    for charger in fleet.of("OVR-OPEN"):
        assert (await charger.authorize(STRANGER)).accepted
    again = await up.refused("override", "end", record.override_id, "--reason=again")
    assert "was ended by Ben" in again
    assert await audited(up, record.override_id) == [
        ("Ada", "override add"),
        ("Ben", "override end"),
    ]
    lines = await up.ask("tail", "audit", "--from-start", "--no-follow")
    assert f"Ben  override end  {record.override_id}  managed at group open" in lines


async def test_rule_9_an_override_that_ends_by_itself_is_over_at_the_second(
    up: Up, fleet: Fleet
) -> None:
    charger = fleet["OVR-RES-01"]
    record = await add(
        up, "--charger=OVR-RES-01", "--mode=freevend", f"--until={FOR_S}s", "--reason=open day"
    )
    assert record.ends_at is not None
    await switched([charger], Mode.FREEVEND)
    assert (await charger.authorize(STRANGER)).accepted
    await switched([charger], Mode.MANAGED)
    assert datetime.now(UTC) >= record.ends_at
    assert not (await charger.authorize(STRANGER)).accepted
    assert (await judged_by(up, charger)).starts_at == record.ends_at


async def test_rules_7_and_9_a_lock_holds_over_a_narrower_override_until_it_is_lifted(
    up: Up, fleet: Fleet
) -> None:
    charger = fleet["OVR-OPEN-00"]
    locked = await add(up, f"--site={SITE}", "--lock", "--reason=smell of gas")
    await switched([charger], Mode.MANAGED)
    said = await up.ask(
        *("override", "add", "--charger=OVR-OPEN-00", "--mode=freevend", "--until=1h"),
        *("--reason=lunch", "--actor=Ben"),
    )
    assert f"at 1 of 1 chargers {locked.override_id} wins" in said
    listed = await up.ask("override", "list", f"--site={SITE}")
    assert "smell of gas" in listed
    assert "lunch" in listed
    assert "street works" not in listed
    assert "street works" in await up.ask("override", "list", "--all")
    assert "2 in force, 1 of them safety locks" in await up.says("doctor")
    assert charger.mode is Mode.MANAGED
    assert not (await charger.authorize(STRANGER)).accepted
    await up.ask("override", "end", locked.override_id, "--reason=aired")
    await switched([charger], Mode.FREEVEND)
    assert (await charger.authorize(STRANGER)).accepted
    assert (await judged_by(up, charger)).name == "lunch"


async def test_rule_9_what_breaks_it_is_refused_in_a_sentence(up: Up) -> None:
    site = (f"--site={SITE}", "--reason=works")
    managed = (*site, "--mode=managed")
    # fmt: off
    for arguments, said in (
        ((*managed, "--until=73h"),                           "at most 72 h"),
        ((f"--site={SITE}", "--mode=managed", "--until=1h"),  "give --reason"),
        (("--site=elsewhere", *managed[1:], "--until=1h"),    "expected a site that is loaded"),
    ):
        # fmt: on
        answer = await up.refused("override", "add", *arguments)
        assert said in " ".join(answer.split())
        assert answer.count("\n") == 1, answer
    unknown = await up.refused("override", "end", "20260101T000000-0", "--reason=done")
    assert "override list" in unknown
