"""`depotgate explain` about a draft: what a support person sees, and what nobody ever sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from models.explanation import Explanation
from models.reasons import Reason
from tests.depotgate.asking import ask
from tests.depotgate.explaining.folders import (
    IDENTITIES,
    OWN_CARD,
    SITE,
    SUSPENDED_CARD,
    UNKNOWN_CARD,
    write_depot,
    write_keys,
)
from tests.said import Said

NIGHT = "2026-07-14 20:05"
ROW_COLUMNS_MAX = 80


@pytest.fixture
def depot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPOTGATE_PSEUDONYM_KEYS_FILE", str(write_keys(tmp_path)))
    monkeypatch.setenv("COLUMNS", str(ROW_COLUMNS_MAX))
    return write_depot(tmp_path / "depot")


def explained(depot: Path, card: str, *options: str, charger: str = "YARD-001") -> Said:
    about = ("--depot", depot, "--charger", charger, "--card", "-")
    return ask("explain", *about, *options, typed=card + "\n")


@pytest.mark.parametrize(
    ("card", "at", "reason"),
    [
        (OWN_CARD, NIGHT, Reason.OWN_FLEET),
        (SUSPENDED_CARD, NIGHT, Reason.SUSPENDED),
        (UNKNOWN_CARD, NIGHT, Reason.UNKNOWN_ID),
        ("YARDISOPEN", NIGHT, Reason.FREEVEND_TAG_IN_MANAGED),
        ("", NIGHT, Reason.UNREADABLE_ID),
        (UNKNOWN_CARD, "2026-07-14 12:00", Reason.FREEVEND_OPEN),
        (UNKNOWN_CARD, "2026-07-14T18:05:00Z", Reason.UNKNOWN_ID),
    ],
)
def test_a_draft_answers_as_it_would_once_loaded(
    depot: Path, card: str, at: str, reason: Reason
) -> None:
    result = explained(depot, card, "--at", at, "--json")
    assert result.code == 0, result.text
    said = Explanation.model_validate_json(result.out)
    assert said.reasons[0].code == reason
    assert said.zone == "Europe/Berlin"
    assert not said.recorded


@pytest.mark.parametrize("stated", ["FLEETCARD", "FleetCard"])
def test_a_type_of_the_sites_own_may_be_stated(depot: Path, stated: str) -> None:
    """Rule 17: what a charger may state here can be asked here."""
    write_depot(
        depot,
        site=f"{SITE}identifier_types: [FLEETCARD]\n",
        identities=f"{IDENTITIES}FLEETCARD,F-1001,own_fleet,van-05,2026-01-01T00:00:00+01:00,,active\n",
    )
    result = explained(depot, "F-1001", "--type", stated, "--at", NIGHT, "--json")
    assert result.code == 0, result.text
    said = Explanation.model_validate_json(result.out)
    assert [match.reference for match in said.matches] == ["van-05"]
    result = explained(depot, "F-1001", "--type", "TRAMCARD")
    assert "NoAuthorization, FLEETCARD" in result.err


def test_the_screen_says_the_same_as_the_json_within_80_columns(depot: Path) -> None:
    screen = explained(depot, SUSPENDED_CARD, "--at", NIGHT).out
    said = orjson.loads(explained(depot, SUSPENDED_CARD, "--at", NIGHT, "--json").out)
    assert max(map(len, screen.splitlines())) <= ROW_COLUMNS_MAX
    assert len(screen.splitlines()) <= 24, "one screen"
    words = " ".join(screen.split())
    for part in (
        said["headline"],
        said["sentence"],
        said["token"],
        said["told"]["status"],
        said["told"]["text"],
        said["reasons"][0]["code"],
        said["different"]["at"]["clock"],
        said["advice"][0],
        *(match["reference"] for match in said["matches"]),
        *(stretch["mode"] for stretch in said["timeline"]),
    ):
        assert part in words


@pytest.mark.parametrize("options", [(), ("--json",), ("--type", "nonsense"), ("--at", "noon")])
def test_a_card_is_never_printed(depot: Path, options: tuple[str, ...]) -> None:
    """Rule 26: whatever becomes of the question."""
    for charger in ("YARD-001", "YARD-009"):
        result = explained(depot, SUSPENDED_CARD, *options, charger=charger)
        assert SUSPENDED_CARD not in result.text


def test_a_card_without_the_option_is_asked_for_hidden(depot: Path) -> None:
    about = ("--depot", depot, "--charger", "YARD-001", "--at", NIGHT)
    result = ask("explain", *about, typed=SUSPENDED_CARD + "\n")
    assert result.code == 0, result.text
    assert "bus-03" in result.out
    assert SUSPENDED_CARD not in result.text


def test_without_a_terminal_a_card_is_not_asked_for_in_the_open(depot: Path) -> None:
    """As cron or a container runs it: nothing there could hide what is typed."""
    words = ("explain", "--depot", depot, "--charger", "YARD-001")
    result = subprocess.run(
        [sys.executable, "-m", "depotgate", *words],
        input=f"{OWN_CARD}\n",
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert result.returncode == 1
    assert "give it on standard input with --card -" in " ".join(result.stderr.split())
    assert "getpass" not in result.stderr
    assert result.stdout == ""


def test_a_card_on_the_command_line_works_and_is_warned_of(depot: Path) -> None:
    result = ask("explain", "--depot", depot, "--charger", "YARD-001", "--card", OWN_CARD)
    assert result.code == 0
    assert "stays in the shell's history" in " ".join(result.err.split())
    assert OWN_CARD not in result.text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nonsense"], "expected the id of a decision such as"),
        (["20260732T120000-0123456789abcdef"], "expected the id of a decision such as"),
        ([], "expected the id of a decision, or --charger ID"),
        (["20260714T120000-0123456789abcdef", "--charger", "X"], "leave out --charger"),
        (
            ["20260714T120000-0123456789abcdef", "--kafka", "127.0.0.1:1"],
            "no Kafka answers at 127.0.0.1:1",
        ),
    ],
)
def test_a_mistake_is_one_clear_sentence(depot: Path, arguments: list[str], sentence: str) -> None:
    result = ask("explain", *arguments)
    assert result.code == 1
    assert sentence in " ".join(result.err.split())
    assert len(result.err.strip().splitlines()) <= 1


def test_an_unknown_charger_is_said_with_its_neighbours(depot: Path) -> None:
    result = explained(depot, OWN_CARD, charger="YARD-01")
    assert result.code == 1
    assert "did you mean YARD-001" in result.err
