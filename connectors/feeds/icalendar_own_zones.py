"""Whether a VTIMEZONE whose name says nothing sets its clocks as a zone of the tz database does.

Outlook and Exchange write such ones ("Customized Time Zone", "(UTC+01:00) Amsterdam, Berlin, …"):
one yearly rule for summer time and one for standard time, or one offset.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.feeds.icalendar_lines import Component
from models.clock_changes import ClockChange, clock_changes, offset_at
from models.zones import tzdata_version

YEARS_COMPARED = 10
"""From the year of the tz database on: what a zone did before, such a rule does not know."""

_KINDS = {"STANDARD", "DAYLIGHT"}
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WEEKDAY = re.compile(r"(-1|[1-4])([A-Z]{2})")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)(?:00)?")
_LAST_SECOND = 59
_LOCAL = re.compile(r"\d{8}T\d{6}")


def sets_clocks_as(timezone: Component, zone: ZoneInfo) -> bool:
    """Whether it has the zone's clock changes, each at its instant, and no other.

    What it does not say in such rules is not the zone's: lists of dates, several rules of a kind.
    """
    first = int(tzdata_version()[:4])
    years = range(first, first + YEARS_COMPARED)
    its_own = clock_changes(zone, date(years[0], 1, 1), date(years[-1], 12, 31))
    parts = {part.name: part for part in timezone.inner}
    if len(parts) < len(timezone.inner) or not {"STANDARD"} <= parts.keys() <= _KINDS:
        return False
    try:
        offsets = {_offset(_said(part, "TZOFFSETTO")) for part in parts.values()}
        if len(offsets) == 1:
            # Exchange writes a zone without summer time with both, too.
            january = datetime(years[0], 1, 1, tzinfo=UTC)
            return not [*its_own] and offsets == {offset_at(zone, january)}
        said = [change for part in parts.values() for change in _changes(part, years)]
    except ValueError:
        return False
    return sorted(said) == [*its_own]


def _changes(part: Component, years: range) -> Iterator[ClockChange]:
    """Of a yearly rule of one weekday of a month. ValueError for any other."""
    rule = dict(each.partition("=")[::2] for each in _said(part, "RRULE").upper().split(";"))
    weekday = _WEEKDAY.fullmatch(rule.get("BYDAY", ""))
    start = _said(part, "DTSTART")
    if not (weekday and _LOCAL.fullmatch(start)):
        raise ValueError
    if rule.keys() - {"INTERVAL", "WKST"} != {"FREQ", "BYDAY", "BYMONTH"}:
        raise ValueError
    if rule["FREQ"] != "YEARLY" or rule.get("INTERVAL", "1") != "1":
        raise ValueError
    before, after = _offset(_said(part, "TZOFFSETFROM")), _offset(_said(part, "TZOFFSETTO"))
    since = datetime.fromisoformat(start).replace(tzinfo=UTC)
    for year in years:
        on = _nth(year, int(rule["BYMONTH"]), int(weekday[1]), _DAYS.index(weekday[2]))
        local = datetime.combine(on, since.timetz())
        # Windows has midnight as the last second before it.
        local += timedelta(seconds=local.second == _LAST_SECOND)
        if local >= since:
            yield ClockChange(local - before, before, after)


def _nth(year: int, month: int, week: int, weekday: int) -> date:
    days = [
        date(year, month, day)
        for day in range(1, calendar.monthrange(year, month)[1] + 1)
        if date(year, month, day).weekday() == weekday
    ]
    return days[week - 1 if week > 0 else week]


def _said(part: Component, name: str) -> str:
    found = part.one(name)
    if found is None:
        raise ValueError
    return found.value.strip()


def _offset(written: str) -> timedelta:
    said = _OFFSET.fullmatch(written)
    if said is None:
        raise ValueError
    length = timedelta(hours=int(said[2]), minutes=int(said[3]))
    return -length if said[1] == "-" else length
