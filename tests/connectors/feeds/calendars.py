"""Calendars as text, and what is made of them."""

from __future__ import annotations

import io

import pytest

from connectors.feeds.icalendar_events import read_events
from connectors.feeds.icalendar_lines import read_components
from connectors.feeds.icalendar_schedule import Compiled, Meaning, compiled
from connectors.feeds.places import Problems
from models.errors import DepotRefusedError
from models.schedule import Mode
from models.zones import zone

BERLIN = "Europe/Berlin"
FILE = "shifts.ics"


def calendar(*events: str, head: str = "") -> str:
    """A calendar of events; their text begins on line 3, after a head of no line."""
    body = "".join(f"{each}\n" for each in (*head.split("\n"), *events) if each)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{body}END:VCALENDAR\n"


def event(said: str, uid: str = "u1") -> str:
    """An event; what it says begins on its third line."""
    return f"BEGIN:VEVENT\nUID:{uid}\n{said}\nEND:VEVENT"


def read_calendar(
    text: str | bytes,
    timezone: str = BERLIN,
    mode: Mode = Mode.MANAGED,
    *,
    holidays: bool = False,
) -> Compiled:
    """As `schedule import` reads it."""
    problems = Problems()
    raw = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
    components = read_components(io.BytesIO(raw), FILE, problems)
    found = read_events(components, zone(timezone), FILE, problems)
    default = found.default or Mode.FREEVEND
    made = compiled(found, Meaning(mode, holidays), "shifts", default, file=FILE, problems=problems)
    problems.refuse()
    assert made is not None
    return made


def refusals_of(text: str | bytes, timezone: str = BERLIN) -> list[str]:
    """Every problem, as `file:line: message`."""
    with pytest.raises(DepotRefusedError) as refused:
        read_calendar(text, timezone)
    return [str(problem) for problem in refused.value.problems]
