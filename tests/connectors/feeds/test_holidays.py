"""`holidays` of a schedule: calendars of the folder, and dates (rules 1, 7 and 8)."""

# ruff: noqa: E501 - a table, one problem a line with its whole sentence
from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from connectors.feeds.depot_folder import folder_signature
from models.schedule import DatedException, Mode
from models.timeline import Timeline
from models.zones import zone
from tests.connectors.feeds.folders import SITE, begin_with, problems_of, read, spoilt, write

CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//EN
BEGIN:VEVENT
UID:new-year
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20270101
SUMMARY:New Year's Day
END:VEVENT
BEGIN:VEVENT
UID:bridge
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20261227
SUMMARY:Christmas
END:VEVENT
END:VCALENDAR
"""

EXCEPTIONS = "    exceptions:\n"


def with_holidays(folder: Path, written: str, calendar: str = CALENDAR) -> Path:
    """A sound folder whose first schedule has these holidays, on line 10."""
    site = spoilt(SITE, EXCEPTIONS, f"    holidays: {written}\n{EXCEPTIONS}")
    (folder / "holidays.ics").write_text(calendar)
    return write(folder, site=site)


def holidays_of(folder: Path) -> tuple[DatedException, ...]:
    return read(folder).site.schedules[0].holidays


def test_the_events_of_a_calendar_are_dates(tmp_path: Path) -> None:
    """Rule 8: each date on its own; DTEND of a date is the first day after."""
    folder = with_holidays(tmp_path, "{file: holidays.ics, mode: managed}")
    assert [(each.on, each.name, each.mode) for each in holidays_of(folder)] == [
        (date(2027, 1, 1), "New Year's Day", Mode.MANAGED),
        (date(2026, 12, 24), "Christmas", Mode.MANAGED),
        (date(2026, 12, 25), "Christmas", Mode.MANAGED),
        (date(2026, 12, 26), "Christmas", Mode.MANAGED),
    ]


def test_calendars_and_dates_may_stand_in_one_list(tmp_path: Path) -> None:
    folder = with_holidays(
        tmp_path,
        '[{file: holidays.ics, mode: managed}, {date: 2026-05-01, from: "08:00", mode: managed}]',
    )
    found = holidays_of(folder)
    assert len(found) == 5
    assert found[-1] == DatedException(on=date(2026, 5, 1), start="08:00", mode=Mode.MANAGED)


def test_a_holiday_wins_over_windows_and_loses_to_an_exception(tmp_path: Path) -> None:
    """Rule 7; outside of its date the tail of that date's own window stands (rule 8)."""
    calendar = CALENDAR.replace("20270101", "20261218")
    folder = with_holidays(tmp_path, "{file: holidays.ics, mode: managed}", calendar)
    timeline = Timeline(read(folder).site.schedules[0], zone("Europe/Berlin"))
    noon = timeline.at(datetime(2026, 12, 18, 11, tzinfo=UTC))
    assert (noon.mode, noon.source.layer) == (Mode.MANAGED, "holiday")
    party = timeline.at(datetime(2026, 12, 18, 16, tzinfo=UTC))
    assert (party.mode, party.source.layer) == (Mode.FREEVEND, "exception")


def test_the_revision_changes_with_what_a_calendar_says(tmp_path: Path) -> None:
    """Rule 10: also where site.yaml is the same; not with what is no date in it."""
    written = "{file: holidays.ics, mode: managed}"
    first = read(with_holidays(tmp_path, written)).site.revision
    other = CALENDAR.replace("20270101", "20270102")
    assert read(with_holidays(tmp_path, written, other)).site.revision != first
    stamped = CALENDAR.replace("20260101T000000Z", "20260202T000000Z")
    assert read(with_holidays(tmp_path, written, stamped)).site.revision == first


def test_a_change_of_a_calendar_is_seen(tmp_path: Path) -> None:
    """`up` follows the folder by its signature."""
    folder = with_holidays(tmp_path, "[{file: holidays.ics, mode: managed}]")
    seen = folder_signature(folder)
    (folder / "holidays.ics").write_text(CALENDAR.replace("20270101", "20270102"))
    changed = folder_signature(folder)
    assert changed != seen
    (folder / "holidays.ics").unlink()
    assert folder_signature(folder) != changed
    gone = folder_signature(folder)
    (folder / "other.ics").write_text(CALENDAR)
    assert folder_signature(folder) == gone, "nobody's"


# fmt: off
PROBLEMS = [
    # written                                     every problem, or how it begins
    ("holidays.ics",                              ["site.yaml:10: holidays: expected a list, got 'holidays.ics'"]),
    ("{mode: managed}",                           ["site.yaml:10: expected 'file' here, and it is missing"]),
    ("{file: holidays.ics}",                      ["site.yaml:10: expected 'mode' here, and it is missing"]),
    ("{file: holidays.ics, mod: managed}",        ["site.yaml:10: expected 'mode' here, and it is missing",
                                                   "site.yaml:10: there is no key 'mod' here; did you mean 'mode'?"]),
    ("[{file: holidays.ics, name: Day, mode: managed}]",
                                                  ["site.yaml:10: there is no key 'name' here"]),
    ("{name: Day, date: 2026-05-01, mode: managed}",
                                                  ["site.yaml:10: holidays: expected a list of dates, got one; put `- ` before it"]),
    ("{file: holidays.ics, mode: closed}",        ["site.yaml:10: mode: expected 'freevend' or 'managed', got 'closed'"]),
    ("{file: 12, mode: managed}",                 ["site.yaml:10: file: expected text, got 12"]),
    ("{file: '', mode: managed}",                 ["site.yaml:10: file: expected text, got nothing"]),
    ("{file: ../other.ics, mode: managed}",       ["site.yaml:10: file: expected one inside the depot folder, got another"]),
    ("{file: /etc/passwd, mode: managed}",        ["site.yaml:10: file: expected one inside the depot folder, got another"]),
    ("{file: link.ics, mode: managed}",           ["site.yaml:10: file: expected one inside the depot folder, got another"]),
    ("{file: nowhere.ics, mode: managed}",        ["nowhere.ics: expected this file in "]),
    ("{file: secrets, mode: managed}",            ["secrets: expected a file, got a folder, a pipe or a device"]),
    ("{file: chargers.csv, mode: managed}",       ["chargers.csv:1: expected NAME:VALUE as iCalendar has it"]),
    ("[holidays.ics]",                            ["site.yaml:10: holidays: expected keys and values, got 'holidays.ics'"]),
    ("[{date: 2026-05-01}]",                      ["site.yaml:10: expected 'mode' here, and it is missing"]),
    ("[{date: 1026-05-01, mode: managed}]",       ["site.yaml:10: date: expected a year from 1970 to 2199"]),
    ("\n      - {file: holidays.ics, mode: managed}\n      - {date: 2027-01-01, mode: freevend}",
        ["site.yaml:12: schedule 'nights': holiday '2027-01-01' (freevend) overlaps \"New Year's Day\" (managed); "
         "opposite modes may touch, not overlap (rule 6); the other one is on line 11"]),
]
# fmt: on


@pytest.mark.parametrize(("written", "expected"), PROBLEMS)
def test_each_problem_is_named_by_file_and_line(
    tmp_path: Path, written: str, expected: list[str]
) -> None:
    depot = tmp_path / "depot"
    depot.mkdir()
    (tmp_path / "other.ics").write_text(CALENDAR)
    (depot / "link.ics").symlink_to(tmp_path / "other.ics")
    found = problems_of(with_holidays(depot, written))
    assert begin_with(found, expected), "\n".join(found)


def test_a_calendar_that_is_not_understood_is_named_with_line_and_uid(tmp_path: Path) -> None:
    """Rule 1: refused by name, and nothing of it is loaded."""
    calendar = CALENDAR.replace(
        "SUMMARY:Christmas", "RRULE:FREQ=YEARLY\nSUMMARY:Christmas"
    ).replace("SUMMARY:New", "RRULE:FREQ=WEEKLY\nSUMMARY:New")
    folder = with_holidays(tmp_path, "{file: holidays.ics, mode: managed}", calendar)
    found = problems_of(folder)
    assert begin_with(
        found,
        [
            "holidays.ics:4: event 'new-year': it recurs for ever, and is written out date by date",
            "holidays.ics:16: event 'bridge': RRULE FREQ=YEARLY is not read; expected DAILY or "
            "WEEKLY (rule 1)",
        ],
    ), found


def test_a_rule_with_an_end_is_expanded(tmp_path: Path) -> None:
    rule = "RRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;VALUE=DATE:20270108\nSUMMARY:New"
    calendar = CALENDAR.replace("SUMMARY:New", rule)
    folder = with_holidays(tmp_path, "{file: holidays.ics, mode: managed}", calendar)
    dates = [each.on for each in holidays_of(folder) if each.name != "Christmas"]
    assert dates == [date(2027, 1, 1), date(2027, 1, 15)]
