"""From the time zone that a calendar names to one of the tz database (rules 1 and 10).

What a VTIMEZONE says of offsets is not used: it is a copy, often an old one, and its name is not.
Where its name says nothing it is compared with the zone that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

# From CLDR's windowsZones: each Windows name and the city of its territory 001.
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from connectors.feeds.icalendar_lines import CalendarFault, Component
from connectors.feeds.icalendar_own_zones import sets_clocks_as
from connectors.feeds.site_wording import shown
from models.errors import ScheduleError
from models.zones import zone

_WINDOWS = {name.casefold(): iana for name, iana in WINDOWS_TO_OLSON.items()}

_ALSO = {
    # As written              by
    "tzone://microsoft/utc": "UTC",  # Outlook
    "z": "UTC",
    "utc": "UTC",
}

_OLSON = "tzone://microsoft/olson/"
"""Before an IANA name, by Exchange."""

UTC_ZONE = zone("UTC")


class CalendarZones:
    """The zones of one calendar, by TZID.

    Attributes:
        compared: TZIDs that are the zone asked for by their clock changes, and where they stand.
    """

    def __init__(self, calendar: Component, asked: ZoneInfo) -> None:
        self._asked = asked
        self._locations: dict[str, str] = {}
        self._timezones: dict[str, Component] = {}
        self.compared: dict[str, int] = {}
        for each in (inner for inner in calendar.inner if inner.name == "VTIMEZONE"):
            tzid, location = each.one("TZID"), each.one("X-LIC-LOCATION")
            if tzid:
                self._timezones[tzid.value] = each
            if tzid and location:
                self._locations[tzid.value] = location.value

    def zone(self, tzid: str, line: int) -> ZoneInfo:
        """The zone of a TZID. CalendarFault where none is known under that name."""
        for name in (self._locations.get(tzid), tzid):
            if name is not None and (found := zone_named(name)):
                return found
        # Compared once: thousands of events may be in it.
        timezone = self._timezones.pop(tzid, None)
        if timezone and sets_clocks_as(timezone, self._asked):
            self.compared[tzid] = timezone.line
        if tzid in self.compared:
            return self._asked
        raise CalendarFault(
            line,
            f"TZID {shown(tzid)} is no time zone that is known here: expected an IANA name "
            "(Europe/Berlin), a Windows name (W. Europe Standard Time), or a VTIMEZONE with "
            f"X-LIC-LOCATION or with the clock changes of {self._asked.key}",
        )


def zone_named(written: str) -> ZoneInfo | None:
    """The zone of an IANA or Windows name, with or without what programs put before it."""
    name = written.strip().strip('"')
    for candidate in _candidates(name):
        try:
            return zone(candidate)
        except ScheduleError:
            continue
    return None


def _candidates(name: str) -> Iterator[str]:
    yield name
    folded = name.casefold()
    if folded in _WINDOWS:
        yield _WINDOWS[folded]
    if folded in _ALSO:
        yield _ALSO[folded]
    if folded.startswith(_OLSON):
        yield name[len(_OLSON) :]
    if name.startswith("/"):
        # A "globally unique" TZID (RFC 5545, 3.2.19): /mozilla.org/20050126_1/Europe/Berlin.
        parts = name.strip("/").split("/")
        # IANA names that are a place have two parts or three.
        yield from ("/".join(parts[-length:]) for length in (3, 2))
        if parts[-1] in ("UTC", "GMT"):
            yield parts[-1]
