"""Zones that a calendar brings under a name of its own (rules 1 and 10)."""
# ruff: noqa: E501 - tables, one case a line

from __future__ import annotations

import re

import pytest

from tests.connectors.feeds.calendars import calendar, event, read_calendar, refusals_of


def test_a_vtimezone_names_its_zone_by_its_location() -> None:
    zone = "BEGIN:VTIMEZONE\nTZID:Our own\nX-LIC-LOCATION:Europe/London\nBEGIN:STANDARD\n"
    zone += (
        "DTSTART:19700101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0000\nEND:STANDARD\nEND:VTIMEZONE"
    )
    says = "DTSTART;TZID=Our own:20260105T080000\nDURATION:PT1H"
    (exception,) = read_calendar(calendar(event(says), head=zone)).schedule.exceptions
    assert (exception.start, exception.end) == ("09:00", "10:00")


CUSTOM = """BEGIN:VTIMEZONE
TZID:Customized Time Zone
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""
"""As Outlook writes a zone under a name of its own."""

BOTH_FIXED = re.sub("RRULE.*?\n", "", CUSTOM).replace(":+0200", ":+0100")

EVENINGS = re.sub(
    "BYDAY=-1SU;BYMONTH=10(.*)BYDAY=-1SU;BYMONTH=3",
    r"BYDAY=-1TH;BYMONTH=10\1BYDAY=-1FR;BYMONTH=4",
    CUSTOM.replace("T030000", "T235959").replace("T020000", "T000000")
    .replace(":+0200", ":+0300").replace(":+0100", ":+0200"),
    flags=re.DOTALL,
)  # fmt: skip
"""As Windows has Cairo: back at the end of a Thursday."""

FIXED = re.sub("BEGIN:DAYLIGHT.*END:DAYLIGHT\n|RRULE.*?\n", "", CUSTOM, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        ("Europe/Berlin", CUSTOM),
        ("Africa/Lagos", FIXED),
        ("Africa/Lagos", BOTH_FIXED),
        ("Africa/Cairo", EVENINGS),
    ],
)
def test_a_vtimezone_of_any_name_is_the_zone_whose_clock_changes_it_has(
    zone: str, written: str
) -> None:
    says = "DTSTART;TZID=Customized Time Zone:20260105T080000\nDURATION:PT1H\nRRULE:FREQ=DAILY"
    later = event(says.replace("T08", "T10"), "u2")
    found = read_calendar(calendar(event(says), later, head=written), zone)
    assert sorted(each.start for each in found.schedule.windows) == ["08:00", "10:00"]
    assert [str(each) for each in found.notices] == [
        f"shifts.ics:3: TZID 'Customized Time Zone' sets its clocks as {zone} does, and is read as that"
    ]


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        ("Europe/London", CUSTOM),
        ("Africa/Tunis", CUSTOM),
        ("Europe/Berlin", FIXED),
        ("Africa/Lagos", CUSTOM),
        ("Europe/Berlin", BOTH_FIXED),
        ("Africa/Lagos", "BEGIN:VTIMEZONE\nTZID:Customized Time Zone\nEND:VTIMEZONE"),
        ("Europe/Berlin", CUSTOM.replace("-1SU;BYMONTH=3", "4SU;BYMONTH=3")),
        ("Europe/Berlin", CUSTOM.replace("FREQ=YEARLY;INTERVAL=1", "FREQ=YEARLY;INTERVAL=2")),
        ("Europe/Berlin", CUSTOM.replace("TZOFFSETTO:+0200", "TZOFFSETTO:two")),
        ("Europe/Berlin", CUSTOM.replace("BYMONTH=3", "BYMONTH=13")),
        ("Europe/Berlin", CUSTOM.replace("BYMONTH=3", "BYMONTH=3;UNTIL=20300101T000000Z")),
        ("Europe/Berlin", CUSTOM.replace("DTSTART:16010101T020000", "DTSTART:16010101T990000")),
        ("Europe/Berlin", CUSTOM.replace("DTSTART:16010101T020000", "DTSTART:20300101T020000")),
        ("Europe/Berlin", CUSTOM.replace("BEGIN:DAYLIGHT", "BEGIN:STANDARD")
                                .replace("END:DAYLIGHT", "END:STANDARD")),
    ],
)  # fmt: skip
def test_a_vtimezone_that_sets_other_clocks_is_refused(zone: str, written: str) -> None:
    says = "DTSTART;TZID=Customized Time Zone:20260105T080000\nDURATION:PT1H\nRRULE:FREQ=DAILY"
    (problem,) = refusals_of(calendar(event(says), head=written), zone)
    assert "TZID 'Customized Time Zone' is no time zone that is known here" in problem
