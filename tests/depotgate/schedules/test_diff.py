"""`depotgate schedule diff`: what another site.yaml moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.connectors.feeds.folders import SITE, write
from tests.depotgate.asking import ask
from tests.said import Said

PERIOD = ("--from", "2026-12-14", "--to", "2026-12-21")


def _diff(folder: Path, draft: str, *words: str) -> Said:
    new = folder / "draft.yaml"
    new.write_text(draft)
    return ask("schedule", "diff", write(folder), new, *PERIOD, *words)


def _changes(answer: Said) -> list[tuple[Any, ...]]:
    keys = ("change", "mode", "before", "after", "moved_s")
    return [tuple(each[key] for key in keys) for each in answer.json["changes"]]


def test_a_later_window_moves_its_edge(tmp_path: Path) -> None:
    answer = _diff(tmp_path, SITE.replace('"18:00"', '"19:30"'), "--json")
    assert answer.code == 0
    assert _changes(answer) == [
        ("moved", "managed", "2026-12-14T17:00:00Z", "2026-12-14T18:30:00Z", 5400.0)
    ]
    (change,) = answer.json["changes"]
    assert change["old_schedule"] == change["new_schedule"] == "nights"
    assert change["source"] == {"layer": "window", "window": "night", "date": "2026-12-14"}
    assert answer.json["schedules"][0]["differing_s"] == 5400.0


def test_another_day_is_no_move(tmp_path: Path) -> None:
    answer = _diff(tmp_path, SITE.replace("days: [mon]", "days: [wed]"), "--json")
    assert _changes(answer) == [
        ("vanished", "managed", "2026-12-14T17:00:00Z", None, None),
        ("vanished", "freevend", "2026-12-15T05:00:00Z", None, None),
        ("appeared", "managed", None, "2026-12-16T17:00:00Z", None),
        ("appeared", "freevend", None, "2026-12-17T05:00:00Z", None),
    ]


def test_another_name_moves_nothing(tmp_path: Path) -> None:
    answer = _diff(tmp_path, SITE.replace("name: night", "name: dark"))
    assert answer.out.splitlines()[1:] == ["2 schedules say the same"]


def test_another_zone_moves_every_edge(tmp_path: Path) -> None:
    answer = _diff(tmp_path, SITE.replace("Europe/Berlin", "Europe/Lisbon"), "--json")
    assert {each["moved_s"] for each in answer.json["changes"]} == {3600.0}


def test_a_mode_without_any_edge_is_a_difference_as_well(tmp_path: Path) -> None:
    answer = _diff(tmp_path, SITE.replace("always, default: managed", "always, default: freevend"))
    assert "always for group buses\nthe period begins freevend instead of managed" in answer.out
    assert "edges: none; another mode for 168 h in all" in answer.out


def test_a_site_that_follows_another_schedule_is_compared_by_what_it_follows(
    tmp_path: Path,
) -> None:
    answer = _diff(tmp_path, SITE.replace("\nschedule: nights", "\nschedule: always"))
    assert "nights → always for the site" in answer.out
    assert "the period begins managed instead of freevend" in answer.out
    assert "edges: 2 vanished; another mode for 156 h in all" in answer.out


def test_a_schedule_on_one_side_only_is_named(tmp_path: Path) -> None:
    draft = SITE.replace("groups:", "  - {id: spare, default: managed}\ngroups:")
    assert "spare is new" in _diff(tmp_path, draft).out


@pytest.mark.parametrize(
    ("words", "count"), [(("--group", "buses"), 0), (("--charger", "CP-3"), 1)]
)
def test_only_whom_is_asked_about_is_compared(
    tmp_path: Path, words: tuple[str, ...], count: int
) -> None:
    answer = _diff(tmp_path, SITE.replace('"18:00"', '"19:30"'), "--json", *words)
    assert len(answer.json["changes"]) == count


def test_a_person_reads_where_an_edge_was_and_is(tmp_path: Path) -> None:
    out = _diff(tmp_path, SITE.replace('"18:00"', '"19:30"')).out
    assert "nights for the site\nedges: 1 moved; another mode for 1 h 30 min in all" in out
    row = next(" ".join(line.split()) for line in out.splitlines() if "window night" in line)
    assert row == "moved managed Mon 2026-12-14 18:00 → 19:30 +1 h 30 min window night"
    assert "1 schedule says the same" in out


def test_an_edge_at_the_start_of_the_period_counts_and_one_at_its_end_does_not(
    tmp_path: Path,
) -> None:
    new = tmp_path / "draft.yaml"
    new.write_text(SITE.replace("days: [mon]", "days: [tue]"))
    period = ("--from", "2026-12-14T18:00", "--to", "2026-12-15T18:00")
    answer = ask("schedule", "diff", write(tmp_path), new, *period, "--json")
    assert [(kind, mode) for kind, mode, *_ in _changes(answer)] == [
        ("vanished", "managed"),
        ("vanished", "freevend"),
    ]


def test_a_draft_with_problems_is_refused_by_line(tmp_path: Path) -> None:
    answer = _diff(tmp_path, SITE.replace("mode: managed", "mode: closed"))
    assert answer.code == 1
    assert "draft.yaml:9: mode: expected" in answer.err
    assert answer.err.endswith("refused, nothing was changed: 1 problem\n")


def test_both_sides_have_to_have_the_charger(tmp_path: Path) -> None:
    answer = _diff(tmp_path, SITE, "--charger", "CP-77")
    assert answer.code == 1
    assert answer.err.startswith("expected a charger_id of chargers.csv, got 'CP-77'")
