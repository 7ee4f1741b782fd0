"""A VTIMEZONE has the offsets of its zone, to whoever reads it (rule 10)."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile

import icalendar
import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from dateutil.tz import tzical  # type: ignore[import-untyped]

from connectors.feeds.icalendar_timezone import timezone_of
from models.clock_changes import clock_changes, offset_at
from models.zones import zone
from tests.properties.clock_changes import distinct_histories

FIRST = date(2019, 6, 1)
LAST = date(2037, 12, 31)
RULED = [
    *("Australia/Lord_Howe", "America/Scoresbysund", "Africa/Cairo", "America/Santiago"),
    *("Europe/Dublin", "America/Nuuk", "Asia/Jerusalem", "Atlantic/Azores"),
]
ODD = [
    *(*RULED, "Africa/Casablanca", "Asia/Gaza", "America/Vancouver", "Asia/Kathmandu"),
    *("Europe/Istanbul", "Asia/Tehran"),
]
HOUR = timedelta(hours=1)
YEAR = timedelta(days=366)
SECOND = timedelta(seconds=1)
BEFORE_MIDNIGHT = time(23, 59, 59)

RULE = re.compile(r"DTSTART:(\S+)\nRRULE:(\S+)\n(?:TZNAME:.*\n)?TZOFFSETFROM:(\S+)")


def asked_at(name: str) -> list[datetime]:
    """Around each change, and in each season."""
    seasons = [
        datetime(year, month, 3, 12, tzinfo=UTC) for year in range(2020, 2038) for month in (1, 7)
    ]
    around = [
        change.at + HOUR * ahead
        for change in clock_changes(zone(name), FIRST + timedelta(days=2), LAST)
        for ahead in (-26, -3, 3, 26)
    ]
    return [*seasons, *around]


def test_programs_read_the_zones_own_offsets() -> None:
    """By python-dateutil, which takes a local time; hours that come twice are left out."""
    names = {*ODD, *distinct_histories()[::6]}
    assert len(names) > 40
    assert {name: wrong for name in names if (wrong := read_otherwise(name))} == {}


def read_otherwise(name: str) -> list[datetime]:
    """When a program has another offset than the zone itself."""
    calendar = icalendar.Calendar()
    calendar.add_component(timezone_of(zone(name), FIRST))
    read = tzical(io.StringIO(calendar.to_ical().decode())).get(name)
    return [
        at
        for at in asked_at(name)
        if at.astimezone(zone(name)).replace(tzinfo=read).utcoffset() != offset_at(zone(name), at)
    ]


@pytest.mark.parametrize("name", [*RULED, "Europe/Berlin", "America/Havana"])
def test_a_rule_has_the_instants_of_its_zone(name: str) -> None:
    """A change at midnight may come a second early: the day before is one that programs know."""
    own = {change.at for change in clock_changes(zone(name), FIRST - YEAR, LAST)}
    text = timezone_of(zone(name), FIRST).to_ical().decode().replace("\r\n", "\n")
    rules = RULE.findall(text)
    assert len(rules) >= 2
    for start, rule, before in rules:
        onsets = rrulestr(rule, dtstart=datetime.fromisoformat(start))
        for onset in takewhile(lambda at: at.year <= LAST.year, onsets):
            at = datetime.fromisoformat(f"{onset.isoformat()}{before}")
            early = SECOND if onset.time() == BEFORE_MIDNIGHT else timedelta()
            assert at + early in own, onset


@pytest.mark.parametrize("name", ["Africa/Casablanca", "Asia/Gaza", "America/Sao_Paulo"])
def test_a_list_of_changes_has_that_of_dtstart_too(name: str) -> None:
    """Thunderbird's parser leaves DTSTART out where there is a list; others take it once."""
    lists = 0
    for part in timezone_of(zone(name), date(2016, 6, 1)).subcomponents:
        said = part.to_ical().decode()
        listed = re.findall(r"^RDATE:(\S+)", said, re.MULTILINE)
        assert listed[:1] in ([], re.findall(r"^DTSTART:(\S+)", said, re.MULTILINE))
        lists += bool(listed)
    assert lists > 0


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Los_Angeles", "Australia/Sydney"])
def test_a_yearly_change_is_a_rule_that_outlook_reads(name: str) -> None:
    """Ordinals, without end, and no list of dates."""
    text = timezone_of(zone(name), date(2026, 1, 1)).to_ical().decode()
    assert text.count("RRULE:FREQ=YEARLY;BYDAY=") == 2
    assert "RDATE" not in text
    assert "BYMONTHDAY" not in text
    assert text.count("BEGIN:STANDARD") == text.count("BEGIN:DAYLIGHT") == 1


def test_berlin_is_as_everybody_writes_it() -> None:
    said = timezone_of(zone("Europe/Berlin"), date(2026, 7, 1)).to_ical().decode().splitlines()
    assert said == [
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Berlin",
        "BEGIN:DAYLIGHT",
        "DTSTART:20260329T020000",
        "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3",
        "TZNAME:CEST",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0200",
        "END:DAYLIGHT",
        "BEGIN:STANDARD",
        "DTSTART:20261025T030000",
        "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10",
        "TZNAME:CET",
        "TZOFFSETFROM:+0200",
        "TZOFFSETTO:+0100",
        "END:STANDARD",
        "END:VTIMEZONE",
    ]
