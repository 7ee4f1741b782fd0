"""The pages name what is there: files, functions, rules, findings, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from depotgate.settings import Settings
from docs.examples import NONE_YET, RULE_NUMBERS
from docs.generate import FOLDER
from tests.connectors.feeds.folders import read, write

ROOT = FOLDER.parent
PAGES = sorted(FOLDER.rglob("*.md"))
SOURCES = [
    path
    for folder in ("models", "connectors", "streams", "depotgate", "tests")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".yaml", ".toml"}
]

_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
_PATH = re.compile(r"`((?:[a-z_]+/)+[a-z0-9_]*(?:\.[a-z]+)?)`")
_RULE_HEADING = re.compile(r"^### (\d+)\. .+: (built|partly|not yet)$", re.MULTILINE)
_WALKED = re.compile(r"^\| \d+ \| `([^`]+)` \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


def _rules_named(text: str) -> set[int]:
    """The rules that a source refers to, as `rule 4`, `rules 7, 10` or `rules 17–21`."""
    found: set[int] = set()
    for numbers in re.findall(r"\brules? (\d+(?:(?:, | and |–)\d+)*)", text):
        for part in re.split(r", | and ", numbers):
            first, _, last = part.partition("–")
            found.update(range(int(first), int(last or first) + 1))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(FOLDER).as_posix())
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    links = [link for link in _LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    paths = [path for path in _PATH.findall(text) if path.split("/")[0] not in {"secrets"}]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_page_is_listed_in_the_readme() -> None:
    listed = {(ROOT / link).resolve() for link in _LINK.findall((ROOT / "README.md").read_text())}
    pages = {page for page in PAGES if page.parent == FOLDER}
    assert {page.name for page in pages if page.resolve() not in listed} == set()


def test_the_walk_goes_through_functions_that_exist() -> None:
    rows = _WALKED.findall((FOLDER / "architecture.md").read_text())
    assert len(rows) >= 20
    for path, names in rows:
        source = (ROOT / path).read_text()
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"\b(def|class) {name}\b", source), f"{path} has no {name}"


def test_every_rule_is_told_with_its_state() -> None:
    headings = _RULE_HEADING.findall((FOLDER / "rules.md").read_text())
    assert [int(number) for number, _ in headings] == list(range(1, 31))


def test_what_a_rule_misses_is_said_exactly_where_something_is_missing() -> None:
    sections = re.split(r"^### ", (FOLDER / "rules.md").read_text(), flags=re.MULTILINE)[1:]
    for section in sections:
        partly = section.splitlines()[0].endswith(": partly")
        assert ("*Missing:" in section) is partly, section.splitlines()[0]


def test_every_rule_that_code_names_is_one() -> None:
    named = {path: _rules_named(path.read_text()) for path in SOURCES}
    assert {path for path, rules in named.items() if rules - set(range(1, 31))} == set()


def test_every_finding_that_code_names_is_told() -> None:
    told = set(re.findall(r"^(\d+)\. ", (FOLDER / "chargers.md").read_text(), re.MULTILINE))
    text = "".join(path.read_text() for path in SOURCES)
    assert set(re.findall(r"\bfinding (\d+)", text)) <= told


def test_every_setting_is_told() -> None:
    page = (FOLDER / "operating.md").read_text()
    table = page.split("\n## Settings\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(Settings.model_fields)


def test_every_decision_is_listed_and_short() -> None:
    folder = FOLDER / "decisions"
    listed = set(_LINK.findall((folder / "README.md").read_text()))
    records = set(folder.glob("0*.md"))
    assert {path.name for path in records} == listed
    for path in records:
        text = path.read_text()
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in text, path.name
        assert len(text.splitlines()) <= 50, "at most a page"


def test_every_rule_has_a_worked_example_unless_it_is_not_built() -> None:
    text = (FOLDER / "rules.md").read_text()
    rules = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    without = [rule for rule in rules if NONE_YET in rule]
    assert len(rules) == len(RULE_NUMBERS)
    assert all(f"<!-- generated: example {number} -->" in text for number in RULE_NUMBERS)
    assert [rule.split("\n")[0].rsplit(": ")[1] for rule in without] == ["not yet"] * len(without)


def test_the_schedule_of_the_guide_can_be_loaded_as_it_stands(tmp_path: Path) -> None:
    (written,) = re.findall(r"```yaml\n(.*?)```", (FOLDER / "schedules.md").read_text(), re.DOTALL)
    depot = read(write(tmp_path, site=written, chargers=CHARGERS, identities=IDENTITIES))
    assert [schedule.id for schedule in depot.site.schedules] == ["nights", "always"]
    assert depot.notices == ()


CHARGERS = """\
charger_id,group,ocpp,security_profile,credential,profile,schedule
CP-1,buses,1.6,1,file:secrets/CP-1,microocpp,
"""
IDENTITIES = "type,identifier,class,reference,valid_from,valid_to,state\n"
