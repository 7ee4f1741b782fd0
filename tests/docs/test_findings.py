"""Findings of docs/chargers.md: each has a charger, and a test with that charger."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from depotgate.demo.odd.family import FAMILY

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "integration" / "shared" / "test_findings.py"

PAGE = (ROOT / "docs" / "chargers.md").read_text()
NUMBERS = tuple(int(number) for number in re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE))


def _tested() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for node in ast.walk(ast.parse(TESTS.read_text())):
        if isinstance(node, ast.AsyncFunctionDef) and (
            named := re.match(r"test_finding_(\d+)_", node.name)
        ):
            found.setdefault(int(named[1]), []).append(ast.unparse(node))
    return found


def test_findings_are_numbered_without_a_gap() -> None:
    assert tuple(range(1, len(NUMBERS) + 1)) == NUMBERS


@pytest.mark.parametrize("number", NUMBERS)
def test_each_finding_has_a_test_over_real_sockets_that_names_its_number(number: int) -> None:
    assert _tested().get(number), f"no test_finding_{number}_… in {TESTS.name}"


@pytest.mark.parametrize("name", FAMILY)
def test_each_charger_of_the_family_is_in_a_test_of_its_finding(name: str) -> None:
    tests = _tested()[FAMILY[name].finding]
    assert any(f"ids('{name}')" in body for body in tests), name


@pytest.mark.parametrize("name", FAMILY)
def test_the_page_says_of_each_charger_what_the_family_has(name: str) -> None:
    each = FAMILY[name]
    cells = (str(each.finding), name, ", ".join(each.kinds), each.does, each.noticed)
    assert f"| {' | '.join(cells)} |" in PAGE
