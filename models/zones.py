"""Time zones from the pinned `tzdata` package, never the host's (rule 10)."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata

from models.errors import ScheduleError

# Reading package data is no IO to speak of: like a literal table, it ships with the program and
# is the same wherever this version runs. The host's own database was seen to differ in 14 zones.

_ZONES_MAX = 1024
"""More than the tz database has names (598 in 2026): nothing is ever evicted."""


ALIKE = 0.75
"""Of names that are proposed: with less, Rome stands for Europe."""


@lru_cache(maxsize=_ZONES_MAX)
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name.

    Raises:
        ScheduleError: the tz database has no such zone; near names are proposed.
    """
    if name not in _names():
        near = _near(name)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ScheduleError(f"expected an IANA time zone, got {name!r}{hint}")
    resource = resources.files("tzdata.zoneinfo").joinpath(*name.split("/"))
    with resource.open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def on_the_wall(at: datetime, there: ZoneInfo) -> datetime:
    """An instant on the clocks of a zone.

    In the first and last hours of the calendar, where the zone's own clocks would be beyond it, on
    those of UTC: 9999-12-31T23:59:59Z is how people write "for ever".
    """
    try:
        return at.astimezone(there)
    except OverflowError:
        return at.astimezone(UTC)


def _near(name: str) -> list[str]:
    """What a person may mean who writes `utc`, `New York` or `Europe/Belin`."""
    if any(map(str.isdigit, name)):
        return []  # UTC+1 is Etc/GMT-1: what looks alike is another hour
    written = name.strip().casefold().replace(" ", "_")
    city = written.rpartition("/")[2]
    same = [each for each in sorted(_names()) if each.casefold() == written]
    there = [each for each in sorted(_names()) if each.casefold().rpartition("/")[2] == city]
    alike = difflib.get_close_matches(name, _names(), n=2, cutoff=ALIKE)
    return same or there[:2] or alike


def tzdata_version() -> str:
    """The tz database version that schedules are compiled with, for instance `2026f`."""
    return tzdata.IANA_VERSION


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text().split())
