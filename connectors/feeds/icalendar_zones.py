"""From the time zone that a calendar names to one of the tz database (rules 1 and 10).

What a VTIMEZONE says of offsets is not used: it is a copy, often an old one, and its name is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

# From CLDR's windowsZones: each Windows name and the city of its territory 001.
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from connectors.feeds.icalendar_lines import CalendarFault, Component
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

UTC_ZONE = zone("UTC")


class CalendarZones:
    """The zones of one calendar, by TZID."""

    def __init__(self, calendar: Component) -> None:
        self._locations: dict[str, str] = {}
        for each in (inner for inner in calendar.inner if inner.name == "VTIMEZONE"):
            tzid, location = each.one("TZID"), each.one("X-LIC-LOCATION")
            if tzid and location:
                self._locations[tzid.value] = location.value

    def zone(self, tzid: str, line: int) -> ZoneInfo:
        """The zone of a TZID. CalendarFault where none is known under that name."""
        for name in (self._locations.get(tzid), tzid):
            if name is not None and (found := zone_named(name)):
                return found
        raise CalendarFault(
            line,
            f"TZID {shown(tzid)} is no time zone that is known here: expected an IANA name "
            "(Europe/Berlin), a Windows name (W. Europe Standard Time), or a VTIMEZONE with "
            "X-LIC-LOCATION",
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
    if name.startswith("/"):
        # A "globally unique" TZID (RFC 5545, 3.2.19): /mozilla.org/20050126_1/Europe/Berlin.
        parts = name.strip("/").split("/")
        # IANA names that are a place have two parts or three.
        yield from ("/".join(parts[-length:]) for length in (3, 2))
        if parts[-1] in ("UTC", "GMT"):
            yield parts[-1]
