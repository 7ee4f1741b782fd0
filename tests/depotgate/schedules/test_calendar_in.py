"""`depotgate schedule import`: a calendar as YAML for a site.yaml (rule 1)."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import yaml

from connectors.feeds.icalendar_lines import CALENDAR_BYTES_MAX
from depotgate.schedules.written import read_draft
from models.schedule import Mode, Schedule
from tests.connectors.feeds.calendars import calendar, event
from tests.depotgate.asking import ask
from tests.said import Said

ROOT = Path(__file__).parents[3]

SHIFTS = calendar(
    event(
        "SUMMARY:Night: off\\, 18:00\nDTSTART;TZID=Europe/Berlin:20260105T180000\n"
        "DURATION:PT12H\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU;UNTIL=20261231T225959Z\n"
        "EXDATE;VALUE=DATE:20260112"
    ),
    event("SUMMARY:no\nDTSTART;VALUE=DATE:20261224", "party"),
    event("STATUS:CANCELLED\nDTSTART;VALUE=DATE:20261225", "gone"),
)


def ran(file: Path, *options: str) -> Said:
    how = ("--zone", "Europe/Berlin", "--mode", "managed")
    return ask("schedule", "import", file, *how, *options)


def written(folder: Path, text: str = SHIFTS) -> Path:
    file = folder / "night shifts.ics"
    file.write_text(text)
    return file


def imported(folder: Path, *options: str) -> Schedule:
    """What comes out, read as a site.yaml again."""
    result = ran(written(folder), *options)
    assert result.code == 0, result.err
    (folder / "site.yaml").write_text(result.out)
    (schedule,) = read_draft(folder, datetime(2026, 1, 1, tzinfo=UTC)).site.schedules
    return schedule


def test_what_is_printed_is_a_site_yaml(tmp_path: Path) -> None:
    schedule = imported(tmp_path)
    (window,) = schedule.windows
    assert (schedule.id, schedule.default) == ("night-shifts", Mode.FREEVEND)
    assert (window.name, window.start, window.end) == ("Night: off, 18:00", "18:00", "06:00")
    assert [each.isoformat() for each in window.except_dates] == ["2026-01-12"]
    assert [(each.name, each.on.isoformat()) for each in schedule.exceptions] == [
        ("no", "2026-12-24")
    ]


def test_id_default_and_mode_are_those_that_are_asked_for(tmp_path: Path) -> None:
    schedule = imported(tmp_path, "--id", "nights", "--default", "managed", "--mode", "freevend")
    assert (schedule.id, schedule.default) == ("nights", Mode.MANAGED)
    assert {each.mode for each in schedule.windows} == {Mode.FREEVEND}


def test_as_holidays_the_events_are_dates(tmp_path: Path) -> None:
    file = ROOT / "tests" / "examples" / "north-depot" / "holidays.ics"
    how = ["--holidays", "--mode", "freevend", "--zone", "Australia/Melbourne"]
    result = ask("schedule", "import", file, *how)
    (tmp_path / "site.yaml").write_text(result.out)
    (schedule,) = read_draft(tmp_path, datetime(2026, 1, 1, tzinfo=UTC)).site.schedules
    assert [(each.on.isoformat(), each.name) for each in schedule.holidays] == [
        ("2027-01-01", "New Year's Day"),
        ("2027-01-26", "Australia Day"),
    ]
    assert schedule.default is Mode.MANAGED


def test_programs_get_the_same_with_what_there_is_to_know(tmp_path: Path) -> None:
    result = ran(written(tmp_path), "--json")
    document = orjson.loads(result.out)
    notices = document.pop("notices")
    assert document == yaml.safe_load(ran(tmp_path / "night shifts.ics").out)
    assert notices == [
        {"file": "night shifts.ics", "line": 16, "message": "event 'gone' is cancelled: left out"}
    ]


def test_what_is_left_out_is_said_beside_the_output(tmp_path: Path) -> None:
    result = ran(written(tmp_path))
    assert "night shifts.ics:16: event 'gone' is cancelled" in result.err
    assert "gone" not in result.out


def test_what_is_not_understood_is_refused_and_nothing_is_printed(tmp_path: Path) -> None:
    result = ran(written(tmp_path, SHIFTS.replace("FREQ=WEEKLY", "FREQ=MONTHLY")))
    assert (result.code, result.out) == (1, "")
    assert "night shifts.ics:8: event 'u1': RRULE FREQ=MONTHLY is not read" in result.err


def test_a_zone_that_is_none_and_a_file_that_is_none_are_said(tmp_path: Path) -> None:
    result = ran(written(tmp_path), "--zone", "Europe/Belin")
    assert (result.code, "did you mean Europe/Berlin" in result.err) == (1, True)
    result = ran(tmp_path / "nowhere.ics")
    assert (result.code, "nowhere.ics: expected this file" in result.err) == (1, True)
    os.truncate(written(tmp_path), CALENDAR_BYTES_MAX + 1)  # sparse
    result = ran(tmp_path / "night shifts.ics")
    assert (result.code, "expected at most 4 MB" in result.err) == (1, True)


@pytest.mark.parametrize("id_", ["", " ", "a ", "a\tb", "x" * 65])
def test_an_id_that_load_would_refuse_is_refused_at_once(tmp_path: Path, id_: str) -> None:
    result = ran(written(tmp_path), "--id", id_)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("--id: expected 1 to 64 printable characters, no outer blanks")


def test_names_that_look_like_something_else_stay_names(tmp_path: Path) -> None:
    names = ["no", "12", "2026-12-24", "18:00", "{a}", "- x", "#c", "'q'", "null", "Ünï ✓", "*a"]
    events = (
        event(f"SUMMARY:{name}\nDTSTART;VALUE=DATE:20260105", f"u{number}")
        for number, name in enumerate(names)
    )
    written(tmp_path, calendar(*events))
    result = ran(tmp_path / "night shifts.ics")
    (tmp_path / "site.yaml").write_text(result.out)
    (schedule,) = read_draft(tmp_path, datetime(2026, 1, 1, tzinfo=UTC)).site.schedules
    assert [each.name for each in schedule.exceptions] == names
