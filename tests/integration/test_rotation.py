"""The key of pseudonyms changes while drivers present their cards, and none notices (rule 26)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from connectors.keys import read_keys
from models.attempt import Decision
from models.charger import ChargerEvent, EventName
from models.epochs import kid_of
from models.metrics import KEY_EPOCHS
from models.site import AuditRecord
from models.topics import AUDIT, DECISIONS, EVENTS
from tests.integration.depots import CARDS, Depot, rows
from tests.integration.drivers import drivers
from tests.integration.installations import Fleet, Up, holds_within, metric, until_holds
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.written import read_kind

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

KNOWN = len(CARDS) - 1
"""Of the cards one is in no file."""

MOVED_WITHIN_S = 60.0
"""`up` looks at its files every two seconds, and loads what has lain still for one look."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def depot(tmp_path_factory: pytest.TempPathFactory) -> Depot:
    return Depot(tmp_path_factory.mktemp("depot"), "rotated", rows("MANAGED", "reserved", 4))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory, depot: Depot) -> AsyncIterator[Up]:
    """An installation with a broker of its own: nothing else may stand under any epoch."""
    # An answer without a decision would look like a card that is not known under the new key.
    installation = Up(tmp_path_factory.mktemp("up"), depot, "--deadline-s=15")
    await installation.start_sooner()
    yield installation
    installation.end()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(depot: Depot, up: Up) -> AsyncIterator[Fleet]:
    async with Fleet(depot, up.ocpp).connected() as chargers:
        yield chargers


async def epochs(up: Up) -> dict[str, dict[str, object]]:
    """`depotgate keys list --json`, by kid."""
    return {row["kid"]: row for row in orjson.loads(await up.ask("keys", "list", "--json"))}


async def everything_moved(up: Up, kid: str) -> None:
    """Wait until all stands under an epoch, and nothing under any other."""

    def moved(found: dict[str, dict[str, object]]) -> bool:
        standing = {name: (row["identities"], row["chargers"]) for name, row in found.items()}
        return standing == {name: (KNOWN, 4) if name == kid else (0, 0) for name in found}

    await until_holds(lambda: epochs(up), moved, f"everything under {kid}", MOVED_WITHIN_S)


async def test_a_card_is_allowed_before_during_and_after_and_no_attempt_is_lost(
    up: Up, fleet: Fleet
) -> None:
    before = await epochs(up)
    assert (before["k1"]["identities"], before["k1"]["chargers"]) == (KNOWN, 4)
    assert before["k1"]["state"] == "in force"

    async with drivers(fleet.chargers.values(), [CARDS["own fleet"]]):
        began = orjson.loads(await up.ask("keys", "rotate", "--json"))
        assert (began["kid"], began["began"]) == ("k2", True)
        await everything_moved(up, "k2")
        presented = len(fleet.attempts)
        await holds_within(lambda: len(fleet.attempts) > presented + 200, 30.0, "200 more")

    assert not [each for each in fleet.attempts if each.error], "every attempt is answered"
    assert {each.result.status for each in fleet.attempts if each.result} == {"Accepted"}
    events = await read_kind(up.kafka, EVENTS, ChargerEvent)
    connected = Counter(each.charger_id for each in events if each.name == EventName.CONNECTED)
    assert connected == Counter(fleet.chargers.keys()), "and each charger stayed connected"

    seen = {
        (
            frozenset(kid_of(each) for each in decision.attempt.token.candidates[0].pseudonyms),
            tuple(kid_of(match.pseudonym) for match in decision.facts.matches),
        )
        for decision in await read_kind(up.kafka, DECISIONS, Decision)
    }
    both = frozenset({"k1", "k2"})
    assert {(frozenset({"k1"}), ("k1",)), (both, ("k1",)), (both, ("k2",))} <= seen
    assert {len(matches) for _, matches in seen} == {1}, "a row that stands twice counts once"


async def test_the_same_command_says_how_far_it_is(up: Up) -> None:
    said = await up.ask("keys", "rotate")
    assert "nothing stands under another epoch than k2" in said
    assert [epoch.kid for epoch in read_keys(up.keys)] == ["k2", "k1"]
    assert "is an epoch of the key file already" in await up.refused("keys", "rotate", "--kid=k1")
    found = await epochs(up)
    assert (found["k1"]["state"], found["k1"]["identities"], found["k1"]["chargers"]) == (
        "looked up",
        0,
        0,
    )


async def test_an_old_epoch_is_kept_while_decisions_need_it(up: Up, fleet: Fleet) -> None:
    refused = await up.refused("keys", "retire", "k1")
    assert "decisions are kept that only it can match, until" in refused
    assert "epoch in force" in await up.refused("keys", "retire", "k2")
    assert "expected --reason" in await up.refused("keys", "retire", "k1", "--force")
    await up.ask("keys", "retire", "k1", "--force", "--reason=the safe was open")

    url = up.run["metrics"]["gateway"][0]
    await holds_within(lambda: metric(url, KEY_EPOCHS.name) == 1, 30.0, "the gateway has read it")
    for charger_id in fleet.chargers:
        result = await fleet[charger_id].authorize(CARDS["own fleet"])
        assert result is not None
        assert result.status == "Accepted"
    newest = max(
        await read_kind(up.kafka, DECISIONS, Decision), key=lambda each: each.attempt.received_at
    )
    assert [kid_of(each) for each in newest.attempt.token.candidates[0].pseudonyms] == ["k2"]
    assert (await epochs(up))["k1"]["state"] == "retired"


async def test_who_changed_the_key_is_known(up: Up) -> None:
    audit = await read_kind(up.kafka, AUDIT, AuditRecord)
    rotated, retired = (each for each in audit if each.action.startswith("keys"))
    assert (rotated.action, rotated.subject) == ("keys rotate", "k2")
    assert (retired.action, retired.subject) == ("keys retire", "k1")
    after = orjson.loads(retired.after or "")
    assert (after["in_use"], after["retired"]) == (["k2"], ["k1"])
    assert after["reason"] == "the safe was open"
    assert "decisions are kept" in after["forced_although"][0]
