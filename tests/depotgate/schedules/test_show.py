"""`depotgate schedule show`: what a site.yaml says of a charger, a group or the site."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.feeds.folders import CHARGERS, SITE, write
from tests.depotgate.asking import ask

WEEK = ("--from", "2026-12-14", "--to", "2026-12-21")
"""Monday to Sunday, with the party on Friday, the 18th."""


def _modes(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(row["from"], row["to"], row["mode"]) for row in rows]


def test_the_intervals_of_a_week_adjoin_and_cover_it(tmp_path: Path) -> None:
    """Rules 2 and 3, in UTC: the depot is an hour ahead of it in winter."""
    rows = ask("schedule", "show", write(tmp_path), *WEEK, "--json").json
    assert _modes(rows) == [
        ("2026-12-13T23:00:00Z", "2026-12-14T17:00:00Z", "freevend"),
        ("2026-12-14T17:00:00Z", "2026-12-15T05:00:00Z", "managed"),
        ("2026-12-15T05:00:00Z", "2026-12-18T15:00:00Z", "freevend"),
        ("2026-12-18T15:00:00Z", "2026-12-18T22:00:00Z", "freevend"),
        ("2026-12-18T22:00:00Z", "2026-12-20T23:00:00Z", "freevend"),
    ]
    assert [row["source"]["layer"] for row in rows] == [
        "default",
        "window",
        "default",
        "exception",
        "default",
    ]
    assert rows[1]["source"] == {
        "layer": "window",
        "scope": "site",
        "schedule": "nights",
        "window": "night",
        "date": "2026-12-14",
    }


def test_merged_there_is_one_interval_a_mode(tmp_path: Path) -> None:
    """Rule 6: between sources of one mode there is no edge."""
    rows = ask("schedule", "show", write(tmp_path), *WEEK, "--json", "--merge").json
    assert _modes(rows)[2:] == [("2026-12-15T05:00:00Z", "2026-12-20T23:00:00Z", "freevend")]


def test_intervals_are_clipped_to_instants_of_any_offset(tmp_path: Path) -> None:
    rows = ask(
        "schedule",
        "show",
        write(tmp_path),
        *("--from", "2026-12-14T18:30:15+02:00", "--to", "2026-12-14 19:00", "--json"),
    ).json
    assert _modes(rows) == [
        ("2026-12-14T16:30:15Z", "2026-12-14T17:00:00Z", "freevend"),
        ("2026-12-14T17:00:00Z", "2026-12-14T18:00:00Z", "managed"),
    ]


def test_without_a_period_it_is_a_week_from_todays_local_midnight(tmp_path: Path) -> None:
    rows = ask("schedule", "show", write(tmp_path), "--json").json
    begins = datetime.fromisoformat(rows[0]["from"])
    ends = datetime.fromisoformat(rows[-1]["to"])
    assert begins <= datetime.now(UTC) < begins + timedelta(hours=25)
    assert timedelta(days=6, hours=23) <= ends - begins <= timedelta(days=7, hours=1)
    assert all(before["to"] == after["from"] for before, after in pairwise(rows))


@pytest.mark.parametrize(
    ("words", "schedule", "scope"),
    [
        ((), "nights", "site"),
        (("--group", "buses"), "always", "group"),
        (("--group", "cars"), "nights", "site"),
        (("--charger", "CP-1"), "always", "group"),
        (("--charger", "CP-2"), "always", "charger"),
        (("--charger", "CP-3"), "nights", "site"),
    ],
)
def test_the_narrowest_schedule_governs(
    tmp_path: Path, words: tuple[str, ...], schedule: str, scope: str
) -> None:
    """Rule 7: a charger's own, else its group's, else its site's."""
    site = SITE.replace("groups:", "groups:\n  - {id: cars}")
    rows = ask("schedule", "show", write(tmp_path, site=site), *words, *WEEK, "--json").json
    assert {(row["source"]["schedule"], row["source"]["scope"]) for row in rows} == {
        (schedule, scope)
    }


def test_a_site_file_of_any_name_is_read_as_itself(tmp_path: Path) -> None:
    draft = write(tmp_path) / "draft.yaml"
    draft.write_text(SITE.replace('from: "18:00", to: "06:00"', 'from: "19:00", to: "06:00"'))
    rows = ask(
        "schedule", "show", draft, "--from", "2026-12-14", "--to", "2026-12-15", "--json"
    ).json
    assert rows[1]["from"] == "2026-12-14T18:00:00Z"


def test_a_person_reads_local_time_and_utc(tmp_path: Path) -> None:
    out = ask("schedule", "show", write(tmp_path), "--charger", "CP-3", *WEEK).out
    assert "nights governs charger CP-3 (by its site); Europe/Berlin, tz database 20" in out
    row = next(" ".join(line.split()) for line in out.splitlines() if "window night" in line)
    assert row == "Mon 2026-12-14 18:00 2026-12-14 17:00Z 12 h managed window night"
    assert "exception party" in out


def test_a_clock_change_within_an_interval_is_said(tmp_path: Path) -> None:
    """Rule 5: the length that is shown is what passes, not what the wall says."""
    site = SITE.replace("days: [mon]", "days: [sat]")
    folder = write(tmp_path, site=site)
    autumn = ask("schedule", "show", folder, "--from", "2026-10-24", "--to", "2026-10-26").out
    assert "13 h   managed    window night  clock −1 h" in autumn
    spring = ask("schedule", "show", folder, "--from", "2026-03-28", "--to", "2026-03-30").out
    assert "11 h   managed    window night  clock +1 h" in spring


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--charger", "CP-9"), "expected a charger_id of chargers.csv, got 'CP-9'"),
        (("--group", "busses"), "there is no group 'busses' in site.yaml; did you mean 'buses'?"),
        (("--group", "buses", "--charger", "CP-1"), "expected --charger or --group, got both"),
        (("--from", "tomorrow"), "--from: expected a date (2026-10-03), a local time"),
        (("--from", "2026-02-30"), "--from: expected a date"),
        (("--to", "2026-10-03T25:00"), "--to: expected a date"),
        (("--to", "20261003"), "--to: expected a date"),
        (("--from", "0001-01-01"), "--from: expected a year from 1970 to 2199"),
        (("--to", "9999-12-31"), "--to: expected a year from 1970 to 2199"),
        (
            ("--from", "2026-10-03", "--to", "2026-10-03"),
            "expected --to after --from, got 2026-10-03T00:00:00+02:00 to "
            "2026-10-03T00:00:00+02:00",
        ),
        (
            ("--from", "2026-01-01", "--to", "2037-01-01"),
            "expected a period of at most 3,660 days, got 4,018",
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_one_sentence(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    answer = ask("schedule", "show", write(tmp_path), *words)
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.startswith(said)
    assert "Traceback" not in answer.err


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "site.yaml"
    answer = ask("schedule", "show", nowhere)
    assert answer.code == 1
    assert answer.err.startswith(f"{nowhere}: expected a site.yaml or a folder with one, and there")


def test_a_site_with_problems_is_not_shown(tmp_path: Path) -> None:
    """What it would show could never be loaded."""
    answer = ask(
        "schedule", "show", write(tmp_path, site=SITE.replace("mode: managed", "mode: closed"))
    )
    assert answer.code == 1
    assert "site.yaml:9: mode: expected 'freevend' or 'managed'" in answer.err


def test_a_charger_of_an_unknown_group_is_named_by_line(tmp_path: Path) -> None:
    chargers = CHARGERS.replace("CP-1,buses", "CP-1,busses")
    answer = ask("schedule", "show", write(tmp_path, chargers=chargers), "--charger", "CP-1")
    assert answer.code == 1
    assert "chargers.csv:2: group: expected one of site.yaml" in answer.err


def test_a_site_without_a_schedule_of_its_own_asks_for_whom(tmp_path: Path) -> None:
    answer = ask("schedule", "show", write(tmp_path, site=SITE.replace("schedule: nights\n", "")))
    assert answer.code == 1
    assert answer.err.startswith("no schedule governs the site (rule 7); name a --charger")
