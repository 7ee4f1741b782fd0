"""What a support desk asks about attempts that were really made: why, and what if."""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from depotgate.demo.charger import Charger
from models.attempt import Decision, Outcome
from models.explanation import Explanation
from models.reasons import Answer, Reason
from models.topics import DECISIONS, OUTCOMES
from tests.integration.depots import CARDS, Depot, rows
from tests.integration.installations import Fleet, Up
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.written import read_kind, read_until
from tests.said import Said

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

WITHIN_S = 60.0
ALLOWED, DENIED, MISSED = "MANAGED-00", "MANAGED-01", "MANAGED-02"
"""A charger for each way in which an attempt ends."""


async def depotgate(up: Up, *arguments: str, card: str = "") -> Said:
    """A command about this installation; `card` is its standard input."""
    return await up.command(*arguments, stdin=f"{card}\n", COLUMNS="80")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def depot(tmp_path_factory: pytest.TempPathFactory) -> Depot:
    depot = Depot(tmp_path_factory.mktemp("depot"), "asked", rows("MANAGED", "reserved", 3))
    depot.choices = ["card_byte_order: either"]
    depot.write_site()
    return depot


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory, depot: Depot) -> AsyncIterator[Up]:
    installation = Up(tmp_path_factory.mktemp("up"), depot, "--deadline-s=5")
    await installation.start_sooner()
    yield installation
    installation.end()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(up: Up, depot: Depot) -> dict[str, Outcome]:
    """One attempt at each charger, by charger: allowed, denied, and not decided in time."""
    async with Fleet(depot, up.ocpp).connected() as fleet:
        await _accepted(fleet[ALLOWED])
        await fleet[DENIED].authorize(CARDS["revoked"])
        os.kill(up.pid("worker"), signal.SIGSTOP)
        try:
            await fleet[MISSED].authorize(CARDS["own fleet"])
        finally:
            os.kill(up.pid("worker"), signal.SIGCONT)
    await read_until(
        up.kafka,
        DECISIONS,
        Decision,
        lambda found: len({each.decision_id for each in found}) == 3,
        "the third decision, which comes late",
        within_s=WITHIN_S,
    )
    found = await read_kind(up.kafka, OUTCOMES, Outcome)
    return {outcome.attempt.charger_id: outcome for outcome in found}


async def _accepted(charger: Charger) -> None:
    assert (await charger.authorize(CARDS["own fleet"])).accepted


async def explained(up: Up, outcome: Outcome) -> Explanation:
    said = await depotgate(up, "explain", outcome.request_id, "--json")
    assert said.code == 0, said.err
    return Explanation.model_validate_json(said.out)


async def test_every_way_to_end_is_explained(up: Up, outcomes: dict[str, Outcome]) -> None:
    """Rules 24, 25: what was decided, what was told, and by what."""
    allowed = await explained(up, outcomes[ALLOWED])
    denied = await explained(up, outcomes[DENIED])
    missed = await explained(up, outcomes[MISSED])
    assert (allowed.headline, allowed.reasons[0].code) == ("Allowed", Reason.OWN_FLEET)
    assert (denied.headline, denied.reasons[0].code) == ("Refused", Reason.REVOKED)
    assert denied.told is not None
    assert (denied.told.status, denied.told.text) == ("Blocked", "Card no longer valid.")
    assert [match.reference for match in denied.matches] == ["bus-2"]
    assert missed.headline == "Turned away without a decision"
    assert [held.code for held in missed.reasons] == [Reason.DECISION_TIMED_OUT, Reason.OWN_FLEET]
    assert missed.told is not None
    assert missed.told.late
    assert missed.told.because == "without a decision, posture closed"


async def test_the_screen_holds_no_identifier_and_fits(
    up: Up, outcomes: dict[str, Outcome]
) -> None:
    """Rule 26."""
    said = await depotgate(up, "explain", outcomes[DENIED].request_id)
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= 80
    assert CARDS["revoked"].token not in said.out
    assert "…DBE" in said.out


async def test_a_card_is_judged_by_what_is_loaded(up: Up, outcomes: dict[str, Outcome]) -> None:
    for label, reason in (("suspended", Reason.SUSPENDED), ("unknown", Reason.UNKNOWN_ID)):
        card = CARDS[label].token
        said = await depotgate(
            up, "explain", "--charger", DENIED, "--card", "-", "--json", card=card
        )
        assert said.code == 0, said.err
        assert said.json["reasons"][0]["code"] == reason
        assert card not in said.out + said.err


async def test_a_card_is_read_as_its_site_reads_it(up: Up, outcomes: dict[str, Outcome]) -> None:
    """Rule 17: readers of this site may begin at the other end of a card's number."""
    card = bytes.fromhex(CARDS["own fleet"].token)[::-1].hex()
    said = await depotgate(up, "explain", "--charger", ALLOWED, "--card", "-", "--json", card=card)
    assert said.code == 0, said.err
    assert said.json["reasons"][0]["code"] == Reason.OWN_FLEET
    assert [match["reference"] for match in said.json["matches"]] == ["bus-1"]


async def test_what_is_not_there_is_said_with_what_was_searched(
    up: Up, outcomes: dict[str, Outcome]
) -> None:
    said = await depotgate(up, "explain", "20200101T000000-0123456789abcdef")
    assert said.code == 1
    assert "all that the topics still have" in said.err
    said = await depotgate(up, "replay", "--since", "2020-01-01", "--until", "2020-01-02")
    assert said.code == 1
    assert "no attempt from 2020-01-01 00:00:00Z to 2020-01-02 00:00:00Z" in said.err


async def test_every_attempt_is_decided_again_as_it_was(
    up: Up, outcomes: dict[str, Outcome]
) -> None:
    """Rule 10."""
    said = await depotgate(up, "replay", "--since", "1h", "--json")
    assert said.code == 0, said.err
    assert said.json["decisions"] == said.json["attempts"] == len(outcomes)
    assert said.json["differing"] == 0
    assert said.json["retired_epochs"] == {}
    said = await depotgate(up, "replay", "--since", "1h", "--site", "elsewhere")
    assert said.code == 1
    assert "3 at other sites" in said.err


async def test_a_draft_changes_what_its_schedule_changes(
    up: Up, outcomes: dict[str, Outcome], depot: Depot, tmp_path: Path
) -> None:
    draft = tmp_path / "draft"
    shutil.copytree(depot.folder, draft)
    same = await depotgate(up, "replay", "--since", "1h", "--depot", str(draft), "--json")
    assert same.json["changed"] == 0
    site = draft / "site.yaml"
    site.write_text(
        site.read_text().replace("reserved, default: managed", "reserved, default: freevend")
    )
    chargers = draft / "chargers.csv"
    kept = [line for line in chargers.read_text().splitlines() if not line.startswith(MISSED)]
    chargers.write_text("\n".join(kept) + "\n")
    said = await depotgate(up, "replay", "--since", "1h", "--depot", str(draft), "--json")
    assert said.code == 0, said.err
    assert said.json["by_charger"] == [
        _change(ALLOWED, Answer.ALLOW, Reason.OWN_FLEET),
        _change(DENIED, Answer.DENY, Reason.REVOKED),
    ]
    assert said.json["absent_chargers"] == {MISSED: 1}
    as_csv = await depotgate(up, "replay", "--since", "1h", "--depot", str(draft), "--csv")
    written = list(csv.DictReader(io.StringIO(as_csv.out)))
    assert [row["charger_id"] for row in written] == [ALLOWED, DENIED]
    table = await depotgate(up, "replay", "--since", "1h", "--depot", str(draft))
    assert "deny REVOKED" in table.out
    assert f"attempts at chargers that the draft does not have: {MISSED} (1)" in table.out


def _change(charger_id: str, answer: Answer, reason: Reason) -> dict[str, object]:
    return {
        "charger_id": charger_id,
        "from_answer": answer,
        "from_reason": reason,
        "to_answer": Answer.ALLOW,
        "to_reason": Reason.FREEVEND_OPEN,
        "attempts": 1,
    }
