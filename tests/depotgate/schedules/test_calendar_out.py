"""`depotgate schedule export`: a schedule as an iCalendar file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import icalendar
import pytest

from depotgate.schedules import calendar_out
from depotgate.schedules.written import read_draft
from models.timeline import Timeline
from models.zones import zone
from tests.depotgate.asking import ask
from tests.said import Said

NORTH = Path(__file__).parents[2] / "examples" / "north-depot"


def ran(*options: str) -> Said:
    return ask("schedule", "export", NORTH, *options)


def names_of(content: str) -> list[str]:
    return [str(each["SUMMARY"]) for each in icalendar.Calendar.from_ical(content).events]


def test_the_sites_own_schedule_is_printed_with_its_holidays() -> None:
    """Rule 7: every layer of the one schedule."""
    assert names_of(ran().out) == [
        "weeknight (managed)",
        "saturday (managed)",
        "Christmas party (freevend)",
        "New Year's Day (freevend)",
        "Australia Day (freevend)",
    ]


def test_that_of_a_group_and_of_a_charger_is_the_one_they_follow(tmp_path: Path) -> None:
    """Rule 7: ND-006 has its own, which has no windows."""
    out = tmp_path / "out.ics"
    result = ran("--charger", "ND-006", "-o", str(out))
    assert (result.code, result.out) == (0, f"wrote {out}: 0 events\n")
    calendar = icalendar.Calendar.from_ical(out.read_bytes())
    assert str(calendar["X-DEPOTGATE-DEFAULT"]) == "managed"
    assert len(names_of(ran("--group", "visitor-bays").out)) == 5


def test_importing_what_is_exported_gives_the_same_timeline(tmp_path: Path) -> None:
    out = tmp_path / "north.ics"
    assert ran("-o", str(out)).code == 0
    how = ["--zone", "Australia/Melbourne", "--mode", "freevend"]
    result = ask("schedule", "import", out, *how)
    (tmp_path / "site.yaml").write_text(result.out)
    at, until = datetime(2025, 12, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)
    said, again = (
        Timeline(read_draft(folder, at).site.schedules[0], zone("Australia/Melbourne"))
        for folder in (NORTH, tmp_path)
    )
    assert said.intervals(at, until) == again.intervals(at, until)
    assert "depotgate wrote it" in result.err


def test_windows_without_a_first_date_begin_where_it_is_said(tmp_path: Path) -> None:
    site = (NORTH / "site.yaml").read_text().replace("    valid_from: 2026-01-01\n", "")
    (tmp_path / "site.yaml").write_text(site)
    (tmp_path / "holidays.ics").write_text((NORTH / "holidays.ics").read_text())
    written = ask("schedule", "export", tmp_path, "--from", "2020-02-04")
    calendar = icalendar.Calendar.from_ical(written.out)
    assert [each.start for each in calendar.events[:2]] == [
        datetime(2020, 2, 4, 18, tzinfo=zone("Australia/Melbourne")),
        datetime(2020, 2, 8, tzinfo=zone("Australia/Melbourne")),
    ]


def test_a_calendar_that_google_does_not_take_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.ics"
    assert ran("-o", str(out)).err == ""
    monkeypatch.setattr(calendar_out, "GOOGLE_BYTES_MAX", 1_000)
    size = out.stat().st_size
    assert ran().err == f"the calendar has {size:,} bytes; Google Calendar takes 1,000\n"


def test_what_cannot_be_done_is_said() -> None:
    for options, said in (
        (["--from", "soon"], "--from: expected a date such as 2026-10-03, got 'soon'"),
        (["--charger", "ND-9"], "expected a charger_id of chargers.csv, got 'ND-9'"),
        (["-o", "/nowhere/out.ics"], "expected a file that can be written, got /nowhere/out.ics"),
    ):
        result = ran(*options)
        assert (result.code, said in result.err) == (1, True), result.err
