"""The golden cases: readable by a depot manager, one YAML file a theme, each naming its rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from models.attempt import Decision
from models.decision import decide
from models.ladder import LADDER
from models.reasons import PRECEDENCE, REASON_TABLE, Reason
from tests.rules.depots import Depot
from tests.rules.judging import Case, decided, seen_of
from tests.yaml_files import read_yaml

FOLDER = Path(__file__).parent
RULES_PAGE = FOLDER.parent.parent / "docs" / "rules.md"
RULES = range(1, 31)

CASES: list[Case] = [
    case for path in sorted((FOLDER / "cases").glob("*.yaml")) for case in read_yaml(path)
]
DECIDED = [case for case in CASES if case.get("kind", "decide") in {"decide", "tell"}]

# fmt: off
WITHOUT_A_CASE: Mapping[int, str] = {}
"""Rules that no case shows yet, and why; docs/rules.md says `not yet` of each, and of no other."""

WITHOUT_A_CASE_REASONS: Mapping[Reason, str] = {}
"""Rows of the reason table that no case shows yet, and why."""
# fmt: on


def _name(case: Any) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_case(case: Case) -> None:
    seen = seen_of(case)
    assert {what: seen(what) for what in case["expect"]} == case["expect"]


@pytest.mark.parametrize("case", DECIDED, ids=_name)
def test_rule_10_deciding_again_from_the_record_gives_the_same_bytes(case: Case) -> None:
    written = decided(case).encode()
    stored = Decision.decode(written)
    assert decide(stored.attempt, stored.facts).encode() == written


def test_every_rule_has_a_case_or_says_why_not() -> None:
    named = {rule for case in CASES for rule in case["rules"]}
    assert named | set(WITHOUT_A_CASE) == set(RULES)
    assert not named & set(WITHOUT_A_CASE), "built: take it out of WITHOUT_A_CASE"


def test_the_page_of_rules_says_not_yet_of_the_same_rules() -> None:
    states = dict(re.findall(r"^### (\d+)\. .*: (.+)$", RULES_PAGE.read_text(), re.MULTILINE))
    assert {int(number) for number in states} == set(RULES)
    assert set(states.values()) <= {"built", "partly", "not yet"}
    not_yet = {int(number) for number, state in states.items() if state == "not yet"}
    assert not_yet == set(WITHOUT_A_CASE)


def test_every_row_of_the_reason_table_has_a_case_or_says_why_not() -> None:
    named = set(_reasons_seen())
    assert named | set(WITHOUT_A_CASE_REASONS) == {row.reason for row in REASON_TABLE}
    assert not named & set(WITHOUT_A_CASE_REASONS), "built: take it out of WITHOUT_A_CASE_REASONS"


def _reasons_seen() -> Iterator[str]:
    """Reasons that cases expect by name, first or among others."""
    for case in CASES:
        yield from case["expect"].get("reasons", ())
        if reason := case["expect"].get("reason"):
            yield reason


def test_names_of_cases_are_their_own() -> None:
    names = [case["name"] for case in CASES]
    assert sorted(set(names)) == sorted(names)


def test_the_ladder_is_in_the_order_of_the_reason_table() -> None:
    places = [PRECEDENCE[rung.reason] for rung in LADDER]
    assert places == sorted(places)


def test_depot_dates_are_read_as_dates() -> None:
    exceptions = Depot({}).site.schedules[0].exceptions
    assert exceptions[0].on == date(2026, 7, 15)
