"""Dates, times, lengths and rules as iCalendar writes them (RFC 5545, section 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connectors.feeds.icalendar_lines import CalendarFault, Property
from connectors.feeds.icalendar_zones import UTC_ZONE, CalendarZones
from connectors.feeds.site_wording import shown
from models.localtime import instant
from models.recurrence import Frequency, Recurrence

YEARS = range(1970, 2201)
"""Those of exceptions (EXCEPTION_YEARS), and the day after the last of them, on which it ends."""

INTERVAL_MAX = 10_000
"""Of days, 27 years: beyond it lie typing errors."""

COUNT_MAX = 100_000
"""Of days, 270 years."""

DATES_MAX = 1_000
"""As many exceptions as a schedule has, and as many dates as a window is taken out on."""

_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII)
_LENGTH = re.compile(
    r"([+-]?)P(?:(\d{1,5})W|(?:(\d{1,5})D)?(T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?)",
    re.ASCII,
)
_RULE_PARTS = ("FREQ", "INTERVAL", "BYDAY", "WKST", "COUNT", "UNTIL")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MONDAY, SUNDAY = 0, 6


class Moment(NamedTuple):
    """A date, or a time of it, as written.

    Attributes:
        wall: on a clock of `zone`, without one; midnight for a date.
        zone: None for a floating time, which is one of whoever reads it.
        all_day: it is a date.
    """

    wall: datetime
    zone: ZoneInfo | None
    all_day: bool

    def instant(self, floating: ZoneInfo) -> datetime:
        """As UTC instant, by rule 4; a floating one in the zone that is given."""
        return instant(self.wall.date(), self.wall.time(), self.zone or floating)


class Length(NamedTuple):
    """A DURATION: days are nominal, the time beside them is elapsed (RFC 5545, 3.3.6)."""

    days: timedelta
    elapsed: timedelta


class Rule(NamedTuple):
    """An RRULE with its end; without count and until it goes on for ever."""

    recurrence: Recurrence
    occurrences_count: int | None
    until: Moment | None


def moment(written: Property, zones: CalendarZones) -> Moment:
    """A DTSTART or DTEND."""
    (one,) = _moments(written, [written.value], zones)
    return one


def moments(written: list[Property], zones: CalendarZones) -> Iterator[tuple[Property, Moment]]:
    """The dates of an event's EXDATEs, or of its RDATEs, each with its line."""
    count = 0
    for line in written:
        values = line.value.split(",")
        count += len(values)
        if count > DATES_MAX:
            raise CalendarFault(
                line.line, f"{line.name}: expected at most {DATES_MAX:,} dates of an event"
            )
        for each in _moments(line, values, zones):
            yield line, each


def _moments(written: Property, values: list[str], zones: CalendarZones) -> Iterator[Moment]:
    kind = (written.parameter("VALUE") or "").upper()
    if kind not in ("", "DATE", "DATE-TIME"):
        raise CalendarFault(
            written.line, f"{written.name};VALUE={shown(kind)} is not read; expected DATE-TIME"
        )
    tzid = written.parameter("TZID")
    zone = zones.zone(tzid, written.line) if tzid is not None else None
    for value in values:
        found = _moment(value.strip(), zone, written)
        if kind and found.all_day is not (kind == "DATE"):
            raise CalendarFault(
                written.line, f"{written.name}: expected a {kind}, got {shown(value)}"
            )
        yield found


def _moment(value: str, zone: ZoneInfo | None, written: Property) -> Moment:
    said = _MOMENT.fullmatch(value)
    wall = _wall(said) if said else None
    if said is None or wall is None or wall.year not in YEARS:
        raise CalendarFault(
            written.line,
            f"{written.name}: expected a date (20261218) or a time (20261218T180000, with Z in "
            f"UTC) from {YEARS[0]} to {YEARS[-1]}, got {shown(value)}",
        )
    if said[4] is None:
        return Moment(wall, None, all_day=True)
    return Moment(wall, UTC_ZONE if said[7] else zone, all_day=False)


def _wall(said: re.Match[str]) -> datetime | None:
    try:
        year, month, day, hour, minute, second = (int(said[part] or 0) for part in range(1, 7))
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - on a wall
    except ValueError:
        return None


def length(written: Property) -> Length:
    """A DURATION."""
    said = _LENGTH.fullmatch(written.value.strip())
    if said is None or written.value.strip().endswith(("P", "T")):
        raise CalendarFault(
            written.line, f"DURATION: expected PT8H or P1D, got {shown(written.value)}"
        )
    weeks, days, hours, minutes, seconds = (int(said[part] or 0) for part in (2, 3, 5, 6, 7))
    found = Length(
        timedelta(weeks=weeks, days=days), timedelta(hours=hours, minutes=minutes, seconds=seconds)
    )
    if said[1] == "-" or found.days + found.elapsed == timedelta():
        raise CalendarFault(written.line, f"DURATION: expected some time, got {written.value}")
    return found


def rule(written: Property, week_begins: int = MONDAY) -> Rule:
    """An RRULE; what is not DAILY or WEEKLY, or more than rule 1 accepts, is refused by name.

    Args:
        week_begins: on which day a week does, where it has no WKST.
    """
    parts = _parts(written)
    count, until = parts.get("COUNT"), parts.get("UNTIL")
    if count is not None and until is not None:
        raise CalendarFault(written.line, "RRULE: expected COUNT or UNTIL, got both")
    recurrence = Recurrence(
        Frequency(parts["FREQ"]),
        _number(written, "INTERVAL", parts.get("INTERVAL", "1"), INTERVAL_MAX),
        _by_day(written, parts["BYDAY"]) if "BYDAY" in parts else None,
        _day(written, "WKST", parts["WKST"]) if "WKST" in parts else week_begins,
    )
    return Rule(
        recurrence,
        _number(written, "COUNT", count, COUNT_MAX) if count is not None else None,
        _moment(until, None, written._replace(name="RRULE UNTIL")) if until is not None else None,
    )


def _parts(written: Property) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in written.value.strip().rstrip(";").split(";"):
        key, _, value = (each.strip().upper() for each in part.partition("="))
        if key not in _RULE_PARTS:
            raise _unread(written, key, f"expected {', '.join(_RULE_PARTS)}")
        if key in parts:
            raise CalendarFault(written.line, f"RRULE: expected {key} once, got it again")
        parts[key] = value
    if parts.get("FREQ") not in tuple(Frequency):
        raise _unread(written, f"FREQ={parts.get('FREQ', '')}", "expected DAILY or WEEKLY")
    return parts


def _unread(written: Property, what: str, expected: str) -> CalendarFault:
    return CalendarFault(
        written.line, f"RRULE {shown(what)[1:-1]} is not read; {expected} (rule 1)"
    )


def _number(written: Property, key: str, value: str, most: int) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 9 and 0 < int(value) <= most):
        raise CalendarFault(
            written.line, f"RRULE {key}: expected 1 to {most:,}, got {shown(value)}"
        )
    return int(value)


def _by_day(written: Property, value: str) -> frozenset[int]:
    return frozenset(_day(written, "BYDAY", each.strip()) for each in value.split(","))


def _day(written: Property, key: str, value: str) -> int:
    if value not in _DAYS:
        raise _unread(written, f"{key}={value}", f"expected {', '.join(_DAYS)}")
    return _DAYS.index(value)


def utc(at: datetime) -> str:
    """An instant as iCalendar writes it."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
