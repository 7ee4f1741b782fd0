"""A VTIMEZONE as Outlook keeps it, by what Microsoft publishes of its reading ([MS-OXCICAL]).

Outlook makes one yearly day for summer time of it and one for standard time, without a year.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest

from connectors.feeds.icalendar_timezone import LAST, timezone_of
from models.clock_changes import offset_at
from models.zones import zone
from tests.properties.clock_changes import changes, distinct_histories

SINCE = datetime(2027, 1, 1, tzinfo=UTC)
UNTIL = datetime(2037, 1, 1, tzinfo=UTC)

BEGINNINGS = (date(2001, 6, 1), date(2012, 6, 1), date(2018, 6, 1), date(2025, 6, 1), SINCE.date())
"""Of calendars: what a zone did since stands in them, and is not what it does now."""

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)

PASSED_OVER = {
    "America/Godthab",  # an hour before the last Sunday of March
    "America/Scoresbysund",
    "Asia/Jerusalem",  # on the Friday before that Sunday
}
"""Their changes are on no week of a month that a rule can count, one name for a history."""

NEARLY = {
    # Hours from 2027 to 2036 in which Outlook has another offset
    "Asia/Gaza": 388,  # on the Saturday before that Sunday, and with Ramadan in 2036
    "Asia/Hebron": 388,
    "America/Havana": 1_733,  # keeps summer time through the winter of 2026
}

LAST_WEEK = -1
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

PART = re.compile(r"BEGIN:(STANDARD|DAYLIGHT)\n(.*?)END:", re.DOTALL)
RULE = re.compile(r"FREQ=YEARLY;BYDAY=(-1|[1-4])([A-Z]{2});BYMONTH=([0-9]+)")


class Turn(NamedTuple):
    """A clock change of every year: on the n-th such weekday of a month.

    Attributes:
        before: what Outlook takes for it: the other one's offset, whatever TZOFFSETFROM says.
    """

    month: int
    weekday: int
    week: int
    clock: time
    before: timedelta
    after: timedelta

    def at(self, year: int) -> datetime:
        """When it comes in a year, UTC."""
        days = [
            day
            for day in calendar.Calendar().itermonthdates(year, self.month)
            if (day.month, day.weekday()) == (self.month, self.weekday)
        ]
        on = days[self.week if self.week == LAST_WEEK else self.week - 1]
        return datetime.combine(on, self.clock, UTC) - self.before


class Kept(NamedTuple):
    """What Outlook has of a zone: no turns where there is no summer time."""

    standing: timedelta
    turns: tuple[Turn, ...]

    def offset(self, at: datetime) -> timedelta:
        """At an instant: that of the latest turn before it."""
        past = [(turn.at(at.year + ago), turn.after) for ago in (-1, 0) for turn in self.turns]
        return max((each for each in past if each[0] <= at), default=(at, self.standing))[1]

    def changes(self, year: int) -> list[datetime]:
        return sorted(turn.at(year) for turn in self.turns)


def read(name: str, first: date) -> Kept | None:
    """Sections 2.1.3.1.1.19.2 and .3: of each kind the one with the latest DTSTART.

    None where that has no such rule: the VTIMEZONE is passed over ([MS-STANOICAL] 2.2.47).
    """
    text = timezone_of(zone(name), first).to_ical().decode().replace("\r\n", "\n")
    latest: dict[str, dict[str, str]] = {}
    for kind, lines in PART.findall(text):
        said = dict(line.split(":", 1) for line in lines.splitlines() if line)
        latest[kind] = max(latest.get(kind, said), said, key=lambda part: part["DTSTART"])
    offsets = {kind: offset(said["TZOFFSETTO"]) for kind, said in latest.items()}
    standing = offsets["STANDARD"]
    if len(set(offsets.values())) == 1:
        return Kept(standing, ())
    other = {"STANDARD": offsets["DAYLIGHT"], "DAYLIGHT": standing}
    turns = tuple(turn(latest[each], other[each], offsets[each]) for each in other)
    return Kept(standing, tuple(each for each in turns if each)) if all(turns) else None


def turn(said: dict[str, str], before: timedelta, after: timedelta) -> Turn | None:
    """Section 2.1.3.1.1.19.2.2: a rule of a single occurrence of a single weekday."""
    rule = RULE.fullmatch(said.get("RRULE", ""))
    if rule is None:
        return None
    week, day, month = rule.groups()
    clock = time.fromisoformat(said["DTSTART"].partition("T")[2])
    return Turn(int(month), WEEKDAYS.index(day), int(week), clock, before, after)


def offset(written: str) -> timedelta:
    length = timedelta(hours=int(written[1:3]), minutes=int(written[3:5]))
    return -length if written.startswith("-") else length


def otherwise_h(name: str, first: date) -> float | None:
    """Hours of the ten years in which Outlook has another offset than the zone.

    None where it passes over it.
    """
    kept = read(name, first)
    if kept is None:
        return None
    turns = {at for year in range(SINCE.year - 1, UNTIL.year + 1) for at in kept.changes(year)}
    edges = sorted({SINCE, UNTIL, *turns, *(change.at for change in changes(name))})
    spans = (
        until - at
        for at, until in pairwise(edges)
        if SINCE <= at < UNTIL and kept.offset(at) != offset_at(zone(name), at)
    )
    # Turns at midnight come a second early: no schedule has a time between.
    return sum(span / HOUR for span in spans if span > SECOND)


@pytest.mark.sweep
@pytest.mark.parametrize("first", BEGINNINGS, ids=str)
def test_outlook_keeps_the_clock_changes_of_every_zone_or_nearly(first: date) -> None:
    """Whatever the zone did since the calendar began."""
    found = {name: otherwise_h(name, first) for name in distinct_histories()}
    assert {name for name, hours in found.items() if hours is None} == PASSED_OVER
    assert {name: hours for name, hours in found.items() if hours} == NEARLY


@pytest.mark.parametrize(
    ("name", "first", "hours"),
    [
        ("Europe/Berlin", "2026-11-30", 0),
        ("Europe/Dublin", "2019-01-01", 0),
        ("Australia/Lord_Howe", "2026-01-01", 0),
        # At the end of a Thursday, and of a Saturday.
        ("Africa/Cairo", "2026-11-30", 0),
        ("America/Santiago", "2026-11-30", 0),
        # They had summer time, or another one, when the calendar began.
        ("America/Sao_Paulo", "2018-01-01", 0),
        ("America/Vancouver", "2026-01-01", 0),
        ("Europe/Moscow", "2010-01-01", 0),
        ("Asia/Gaza", "2026-11-30", NEARLY["Asia/Gaza"]),
    ],
)
def test_outlook_keeps_those_of_zones_that_depots_are_in(name: str, first: str, hours: int) -> None:
    assert otherwise_h(name, date.fromisoformat(first)) == hours


@pytest.mark.parametrize(
    ("name", "first", "parts"),
    [
        ("Europe/Berlin", "2026-11-30", [2026, 2027]),
        ("Asia/Tokyo", "2026-11-30", [1970]),
        ("America/Sao_Paulo", "2018-06-01", [2018, 2018, LAST.year + 1, LAST.year + 1]),
        ("Asia/Gaza", "2026-11-30", [2026, 2027, LAST.year + 1, LAST.year + 1]),
    ],
)
def test_what_it_needs_besides_is_behind_the_changes_of_others(
    name: str, first: str, parts: list[int]
) -> None:
    text = timezone_of(zone(name), date.fromisoformat(first)).to_ical().decode()
    assert sorted(int(year) for year in re.findall(r"DTSTART:(\d{4})", text)) == parts


@pytest.mark.parametrize("name", ["Europe/Berlin", "Asia/Gaza", "America/Havana"])
@pytest.mark.parametrize("first", ["2037-01-01", "2092-06-01", "2100-07-01", "2150-01-01"])
def test_a_calendar_may_begin_after_the_years_that_are_compared(name: str, first: str) -> None:
    """Its list of changes, too short for a rule, ends with one all the same."""
    kept = read(name, date.fromisoformat(first))
    assert kept is not None
    assert kept.standing == offset_at(zone(name), datetime(2100, 12, 31, tzinfo=UTC))
