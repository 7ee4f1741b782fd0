"""Rule 27 through a real flag server, the Unleash client library, a real Kafka and real sockets.

One installation serves the module, and every test takes it as the one before it left it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from models.attempt import Basis, Decision, Denial, Outcome
from models.charger import ModeFact, ModeFactKind
from models.metrics import REPLICA_ROWS
from models.reasons import Reason
from models.schedule import Mode
from models.site import AuditRecord, Stage
from models.topics import AUDIT, DECISIONS, DENIALS, MODE, OUTCOMES, STAGES
from tests.integration.depots import CARDS, Depot, Row
from tests.integration.flag_server import FlagServer
from tests.integration.installations import Fleet, Up, holds_within, metric, until_holds
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.written import read_kind, read_until

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

TOKEN = "*:development.not-a-secret"  # noqa: S105 - of this test's own server
FLIPPED, OTHER = "FLAG-1", "FLAG-2"
STRANGER = CARDS["unknown"]

FLAGS_FILE = """\
provider = "unleash"
[options]
url = "{url}"
refresh_s = 1
[secrets]
api_token = "token"
"""

TAKES_EFFECT_S = 60.0
"""One second of the client, one of the resolver, a row through Kafka; and a busy machine."""


@pytest.fixture(scope="module")
def flags() -> Iterator[FlagServer]:
    server = FlagServer("depotgate-stage", TOKEN)
    server.stages = {FLIPPED: Stage.SHADOW, OTHER: Stage.SHADOW}
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def depot(tmp_path_factory: pytest.TempPathFactory) -> Depot:
    """In stage enforce by site.yaml, which the flag overrules."""
    chargers = (
        Row(FLIPPED, "reserved", "2.0.1", "standard"),
        Row(OTHER, "reserved", "2.0.1", "standard"),
    )
    return Depot(tmp_path_factory.mktemp("depot"), "flagged", chargers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(
    tmp_path_factory: pytest.TempPathFactory, depot: Depot, flags: FlagServer
) -> AsyncIterator[Up]:
    folder = tmp_path_factory.mktemp("up")
    installation = Up(folder, depot, f"--flags={_flags_file(folder, flags)}")
    await installation.start_sooner()
    yield installation
    installation.end()


def _flags_file(folder: Path, flags: FlagServer) -> Path:
    secret = folder / "token"
    secret.touch(mode=0o600)
    secret.write_text(TOKEN)
    path = folder / "flags.toml"
    path.write_text(FLAGS_FILE.format(url=flags.url))
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(depot: Depot, up: Up) -> AsyncIterator[Fleet]:
    """Connected once the flag rules: what they do before would be by site.yaml."""
    for role in ("gateway", "worker"):
        page = up.run["metrics"][role][0]
        await holds_within(
            lambda page=page: (  # type: ignore[misc]
                # One of each charger, and one that says that flags rule.
                metric(page, REPLICA_ROWS.name, table=STAGES.name) > len(depot.chargers)
            ),
            TAKES_EFFECT_S,
            f"the {role} has the stages",
        )
    async with Fleet(depot, up.ocpp).connected() as chargers:
        yield chargers


async def until_told(fleet: Fleet, charger_id: str, status: str) -> None:
    """Present a card that nobody knows until it is answered so."""
    await until_holds(
        lambda: fleet[charger_id].authorize(STRANGER),
        lambda result: result.status == status,
        f"{charger_id} answers {status}",
        TAKES_EFFECT_S,
    )


def about(found: list[ModeFact], charger_id: str, kind: ModeFactKind) -> list[ModeFact]:
    return [fact for fact in found if fact.charger_id == charger_id and fact.kind == kind]


async def facts_about(up: Up, charger_id: str, kind: ModeFactKind) -> list[ModeFact]:
    return about(await read_kind(up.kafka, MODE, ModeFact), charger_id, kind)


async def until_fact(up: Up, charger_id: str, kind: ModeFactKind) -> ModeFact:
    found = await read_until(
        up.kafka,
        MODE,
        ModeFact,
        lambda found: about(found, charger_id, kind),
        f"{kind} of {charger_id}",
        within_s=TAKES_EFFECT_S,
    )
    return about(found, charger_id, kind)[-1]


async def audited(up: Up) -> list[tuple[str, str, str | None, str | None]]:
    """Every change of a stage: who, of which charger, from, to."""
    found = await read_kind(up.kafka, AUDIT, AuditRecord)
    return [(a.actor, a.subject, a.before, a.after) for a in found if a.action == "stage"]


async def outcomes_at(up: Up, charger_id: str) -> list[Outcome]:
    """In the order of time: a charger has one partition."""
    found = await read_kind(up.kafka, OUTCOMES, Outcome)
    return [each for each in found if each.attempt.charger_id == charger_id]


async def test_the_flag_says_shadow_though_site_yaml_says_enforce(up: Up, fleet: Fleet) -> None:
    await until_told(fleet, FLIPPED, "Accepted")
    would = await until_fact(up, FLIPPED, ModeFactKind.WOULD_SWITCH)
    assert (would.stage, would.desired) == (Stage.SHADOW, Mode.MANAGED)
    assert await facts_about(up, FLIPPED, ModeFactKind.SWITCH_COMMANDED) == []
    (outcome,) = await outcomes_at(up, FLIPPED)
    assert outcome.stage == Stage.SHADOW
    assert outcome.told is not None
    assert outcome.verdict is not None
    assert (outcome.told.basis, outcome.verdict.reason) == (Basis.STAGE, Reason.UNKNOWN_ID)
    change = "shadow (TARGETING_MATCH)"
    assert set(await audited(up)) == {
        ("flags/unleash", FLIPPED, "enforce", change),
        ("flags/unleash", OTHER, "enforce", change),
    }


async def test_a_flag_that_flips_to_enforce_pushes_the_mode_and_refuses_the_next_stranger(
    up: Up, fleet: Fleet, flags: FlagServer
) -> None:
    flags.stages = {FLIPPED: Stage.ENFORCE, OTHER: Stage.SHADOW}
    switched = await until_fact(up, FLIPPED, ModeFactKind.SWITCHED)
    assert (switched.stage, switched.observed) == (Stage.ENFORCE, Mode.MANAGED)
    assert fleet[FLIPPED].mode is Mode.MANAGED
    await until_told(fleet, FLIPPED, "Unknown")
    await until_told(fleet, OTHER, "Accepted")
    assert await facts_about(up, OTHER, ModeFactKind.SWITCH_COMMANDED) == []
    after = "enforce (TARGETING_MATCH)"
    assert ("flags/unleash", FLIPPED, "shadow", after) in await audited(up)
    denials = await read_until(
        up.kafka,
        DENIALS,
        Denial,
        lambda found: (
            {(FLIPPED, False), (OTHER, True)} <= {(e.charger_id, e.would_deny) for e in found}
        ),
        "a refusal here, and what would be one there",
    )
    assert {each.charger_id for each in denials if not each.would_deny} == {FLIPPED}
    assert {each.stage for each in denials if not each.would_deny} == {Stage.ENFORCE}
    assert OTHER in {each.charger_id for each in denials if each.would_deny}


async def test_while_nobody_can_read_the_flag_the_last_known_stage_stays_through_a_restart(
    up: Up, fleet: Fleet, flags: FlagServer
) -> None:
    before = await audited(up)
    flags.stop()
    os.kill(up.pid("flags"), signal.SIGKILL)
    await holds_within(
        lambda: "the flags process is back" in up.said, TAKES_EFFECT_S, "flags were started again"
    )
    page = up.run["metrics"]["flags"][0]
    await holds_within(
        lambda: metric(page, "depotgate_flags_unreadable") == len(fleet.chargers),
        TAKES_EFFECT_S,
        "the flag is unreadable for every charger",
    )
    assert (await fleet[FLIPPED].authorize(STRANGER)).status == "Unknown"
    assert (await fleet[OTHER].authorize(STRANGER)).status == "Accepted"
    assert await audited(up) == before


async def test_in_off_nothing_is_decided_and_everything_is_accepted(
    up: Up, fleet: Fleet, flags: FlagServer
) -> None:
    again = FlagServer("depotgate-stage", TOKEN, flags.port)
    again.stages = {FLIPPED: Stage.OFF, OTHER: Stage.SHADOW}
    try:
        await until_told(fleet, FLIPPED, "Accepted")
    finally:
        again.stop()
    outcome = (await outcomes_at(up, FLIPPED))[-1]
    assert (outcome.stage, outcome.verdict, outcome.reason) == (Stage.OFF, None, None)
    decided = await read_kind(up.kafka, DECISIONS, Decision)
    assert outcome.request_id not in {each.decision_id for each in decided}
    assert "1 off" in await up.ask("doctor")


async def test_without_a_flags_file_site_yaml_says_the_stages_again(
    up: Up, fleet: Fleet, tmp_path: Path
) -> None:
    os.kill(up.pid("flags"), signal.SIGSTOP)
    try:
        said = await up.ask("flags")
        assert "2 chargers changed" in said
        await until_told(fleet, OTHER, "Unknown")
    finally:
        os.kill(up.pid("flags"), signal.SIGCONT)
    returned = "enforce (site.yaml)"
    changed = {subject for _, subject, _, after in await audited(up) if after == returned}
    assert changed == {FLIPPED, OTHER}
