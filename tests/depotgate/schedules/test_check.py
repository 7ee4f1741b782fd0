"""`depotgate schedule check`: what is wrong, where, and what clock changes will do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from tests.connectors.feeds.folders import CHARGERS, SITE, write
from tests.depotgate.asking import ask
from tests.said import Said

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
CONFLICT = """\
      - {name: evening, days: [mon], from: "20:00", to: "22:00", mode: freevend}
    exceptions:
"""


def _check(*words: str | Path) -> Said:
    with time_machine.travel(NOW, tick=False):
        return ask("schedule", "check", *words)


def test_a_sound_site_has_no_problems(tmp_path: Path) -> None:
    answer = _check(write(tmp_path))
    assert answer.code == 0
    assert answer.out.startswith(
        "depot: no problems in 2 schedules, no notices; clock changes of 400 days by tz database 20"
    )


def test_a_conflict_names_both_windows_and_both_lines(tmp_path: Path) -> None:
    """Rule 6."""
    answer = _check(write(tmp_path, site=SITE.replace("    exceptions:\n", CONFLICT)))
    assert answer.code == 1
    assert (
        "site.yaml:10: schedule 'nights': window 'evening' (freevend) overlaps 'night' (managed); "
        "opposite modes may touch, not overlap (rule 6); the other one is on line 9\n"
    ) in answer.out
    assert "1 problem; nothing can be loaded" in answer.out


def test_every_problem_is_named_at_once_for_programs_too(tmp_path: Path) -> None:
    site = SITE.replace("    exceptions:\n", CONFLICT).replace(
        "schedule: nights", "schedule: night"
    )
    chargers = CHARGERS.replace("CP-1,buses", "CP-1,bus").replace("standard,always", "standard,no")
    found = _check(write(tmp_path, site=site, chargers=chargers), "--json")
    assert found.code == 1
    assert found.json["site"] is None
    assert [(each["file"], each["line"]) for each in found.json["problems"]] == [
        ("site.yaml", 10),
        ("site.yaml", 16),
        ("chargers.csv", 2),
        ("chargers.csv", 3),
    ]
    assert "did you mean 'nights'?" in found.json["problems"][1]["message"]


def test_what_clock_changes_do_to_windows_is_told_with_dates(tmp_path: Path) -> None:
    """Rules 4 and 5: they are notices, and keep nothing from being loaded."""
    site = SITE.replace(
        '{name: night, days: [mon], from: "18:00", to: "06:00", mode: managed}',
        '{name: night, days: [sat], from: "18:00", to: "01:00", mode: managed}\n'
        '      - {name: gap, days: [sun], from: "02:00", to: "03:00", mode: managed}\n'
        '      - {name: late, days: [sun], from: "01:30", to: "02:00", mode: managed}\n'
        '      - {name: early, days: [sun], from: "03:00", to: "05:30", mode: managed}\n'
        '      - {name: day, days: [sun], from: "05:30", to: "00:00", mode: managed}\n'
        '      - {name: whole, days: [sat], from: "01:30", to: "01:30", mode: managed}',
    )
    answer = _check(write(tmp_path, site=site), "--json")
    assert answer.code == 0
    assert [(each["line"], each["message"]) for each in answer.json["notices"]] == [
        (
            10,
            "schedule 'nights': window 'gap' vanishes on 2026-03-29, "
            "when the clock goes forward over all of it (rule 4)",
        ),
        (
            10,
            "schedule 'nights': window 'gap' of 2026-10-25 lasts 2 h instead of 1 h, "
            "as the clock goes back (rule 5)",
        ),
    ]


def test_a_night_over_a_clock_change_is_told_with_the_date_on_which_it_begins(
    tmp_path: Path,
) -> None:
    """Rule 5; that of an exception as well, which ends on its own date."""
    site = SITE.replace("days: [mon]", "days: [sat]").replace(
        '2026-12-18, from: "16:00", to: "23:00"', '2031-10-26, from: "00:00", to: "06:30"'
    )
    answer = _check(write(tmp_path, site=site))
    assert answer.code == 0
    assert [line for line in answer.out.splitlines() if "instead" in line] == [
        "site.yaml:9: schedule 'nights': window 'night' of 2026-03-28 lasts 11 h instead of 12 h, "
        "as the clock goes forward (rule 5)",
        "site.yaml:9: schedule 'nights': window 'night' of 2026-10-24 lasts 13 h instead of 12 h, "
        "as the clock goes back (rule 5)",
        "site.yaml:11: schedule 'nights': exception 'party' of 2031-10-26 lasts 7 h 30 min instead "
        "of 6 h 30 min, as the clock goes back (rule 5)",
    ]


@pytest.mark.parametrize("windows", ["valid_to: 2026-03-01", "valid_from: 2027-12-01"])
def test_outside_of_its_dates_a_window_meets_no_clock_change(tmp_path: Path, windows: str) -> None:
    """Rule 1."""
    site = SITE.replace("days: [mon]", "days: [sat]").replace(
        "default: freevend", f"default: freevend\n    {windows}"
    )
    assert _check(write(tmp_path, site=site), "--json").json["notices"] == []


def test_a_site_without_chargers_beside_it_is_checked_alone(tmp_path: Path) -> None:
    (tmp_path / "draft.yaml").write_text(SITE.replace("Europe/Berlin", "Europe/Berlino"))
    answer = _check(tmp_path / "draft.yaml")
    assert answer.code == 1
    assert answer.out.startswith("draft.yaml:2: timezone: expected an IANA time zone, got")


@pytest.mark.parametrize("file", ["nowhere.yaml", "nowhere/site.yaml"])
def test_a_name_of_nothing_is_a_problem(tmp_path: Path, file: str) -> None:
    answer = _check(tmp_path / file, "--json")
    assert answer.code == 1
    (problem,) = answer.json["problems"]
    assert problem["file"] == str(tmp_path / file)
    assert problem["message"].startswith("expected a site.yaml or a folder with one, and there is")


def test_a_folder_without_a_site_is_a_problem(tmp_path: Path) -> None:
    answer = _check(tmp_path)
    assert answer.code == 1
    assert answer.out.startswith(f"site.yaml: expected this file in {tmp_path}, and it cannot be")


def test_what_is_no_yaml_is_a_problem(tmp_path: Path) -> None:
    answer = _check(write(tmp_path, site="site: [depot\n"))
    assert answer.code == 1
    assert answer.out.startswith("site.yaml:1: expected YAML")
