"""A VTIMEZONE as Outlook keeps it, by what Microsoft publishes of its reading ([MS-OXCICAL]).

Outlook makes one yearly day for summer time of it and one for standard time, without a year.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

import pytest

from connectors.feeds.icalendar_timezone import timezone_of
from models.clock_changes import offset_at
from models.zones import zone
from tests.properties.clock_changes import changes, distinct_histories

SINCE = datetime(2027, 1, 1, tzinfo=UTC)

PASSED_OVER = {
    "Africa/Cairo",  # back at the end of a Thursday: not always on a Friday of one month
    "America/Godthab",  # on the Saturday before the last Sunday
    "America/Havana",  # keeps summer time through one winter
    "America/Santiago",  # on the first Sunday from the second of a month on
    "Asia/Gaza",  # with Ramadan
    "Asia/Jerusalem",  # on the Friday before the last Sunday
}
"""Their changes are on no week of a month that a rule can count, one name for a history."""

HOUR = timedelta(hours=1)
LAST_WEEK = -1
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

PART = re.compile(r"BEGIN:(STANDARD|DAYLIGHT)\n(.*?)END:", re.DOTALL)
RULE = re.compile(r"FREQ=YEARLY;BYDAY=(-1|[1-4])([A-Z]{2});BYMONTH=([0-9]+)")


class Turn(NamedTuple):
    """A clock change of every year: on the n-th such weekday of a month."""

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


def read(name: str) -> tuple[Turn, ...] | None:
    """Sections 2.1.3.1.1.19.2 and .3: one part of each kind, a rule of one weekday of one month.

    None where that does not hold: such a VTIMEZONE is passed over ([MS-STANOICAL] 2.2.47).
    """
    text = timezone_of(zone(name), SINCE.date()).to_ical().decode().replace("\r\n", "\n")
    parts = [(kind, fields(lines)) for kind, lines in PART.findall(text)]
    if [kind for kind, _ in parts] == ["STANDARD"]:
        return ()
    if sorted(kind for kind, _ in parts) != ["DAYLIGHT", "STANDARD"]:
        return None
    turns = tuple(turn(said) for _, said in parts if RULE.fullmatch(said.get("RRULE", "")))
    return turns if len(turns) == len(parts) else None


def fields(lines: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in lines.splitlines())


def turn(said: dict[str, str]) -> Turn:
    rule = RULE.fullmatch(said["RRULE"])
    assert rule
    week, day, month = rule.groups()
    return Turn(
        int(month),
        WEEKDAYS.index(day),
        int(week),
        time.fromisoformat(said["DTSTART"].partition("T")[2]),
        offset(said["TZOFFSETFROM"]),
        offset(said["TZOFFSETTO"]),
    )


def offset(written: str) -> timedelta:
    length = timedelta(hours=int(written[1:3]), minutes=int(written[3:5]))
    return -length if written.startswith("-") else length


def different_zones() -> list[str]:
    """One zone for each sequence of clock changes that is still to come."""
    names = {
        (offset_at(zone(name), SINCE), *(each for each in changes(name) if each.at >= SINCE)): name
        for name in reversed(distinct_histories())
    }
    return [*names.values()]


@pytest.mark.sweep
def test_outlook_keeps_the_clock_changes_of_every_zone_that_one_rule_says() -> None:
    passed_over = set()
    for name in different_zones():
        turns = read(name)
        if turns is None:
            passed_over.add(name)
            continue
        for change in changes(name):
            for at in (change.at - HOUR, change.at, change.at + HOUR):
                if at >= SINCE:
                    assert kept(turns, at) == offset_at(zone(name), at), (name, at)
    assert passed_over == PASSED_OVER


def kept(turns: tuple[Turn, ...], at: datetime) -> timedelta:
    """What Outlook has at an instant: the later of the two turns before it."""
    past = [(each.at(at.year + ago), each.after) for ago in (-1, 0) for each in turns]
    return max(each for each in past if each[0] <= at)[1]


@pytest.mark.parametrize("name", ["Europe/Berlin", "Europe/Dublin", "Australia/Lord_Howe"])
def test_outlook_keeps_those_of_zones_that_depots_are_in(name: str) -> None:
    turns = read(name)
    assert turns is not None
    first, second = (each for each in changes(name) if each.at.year == 2030)
    assert sorted(each.at(2030) for each in turns) == [first.at, second.at]
