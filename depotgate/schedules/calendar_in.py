"""`depotgate schedule import`: a calendar as a site.yaml with one schedule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from connectors.feeds.icalendar_events import Events, read_events
from connectors.feeds.icalendar_lines import CALENDAR_BYTES_MAX, read_components
from connectors.feeds.icalendar_schedule import Compiled, Meaning, compiled
from connectors.feeds.places import Problems
from connectors.feeds.site_checks import ID_CHARS_MAX, ID_EXPECTED, id_usable
from connectors.feeds.text_file import opened
from models.errors import ConfigurationError, Problem
from models.schedule import Mode, Schedule
from models.zones import zone

_NO_ID = re.compile(r"[^A-Za-z0-9._-]+")


class Wanted(NamedTuple):
    """How a calendar is read.

    Attributes:
        timezone: of the site: of times without a zone, and of all that comes out.
        default: None = the calendar's where depotgate wrote it, else the other than `mode`.
        schedule_id: None = by the file's name.
    """

    timezone: str
    mode: Mode
    holidays: bool = False
    default: Mode | None = None
    schedule_id: str | None = None


class Imported(NamedTuple):
    """A schedule from a calendar.

    Attributes:
        notices: what a person should know: what was left out, or written otherwise.
    """

    timezone: str
    schedule: Schedule
    notices: tuple[Problem, ...]


def import_calendar(file: Path, wanted: Wanted) -> Imported:
    """Read a calendar file as a schedule.

    Raises:
        ScheduleError: there is no such time zone.
        ConfigurationError: a schedule cannot have that id.
        DepotRefusedError: with everything that is not understood, by line and UID.
    """
    in_zone = zone(wanted.timezone)
    if wanted.schedule_id is not None and not id_usable(wanted.schedule_id):
        raise ConfigurationError(f"--id: {ID_EXPECTED}, got {wanted.schedule_id!r}")
    problems = Problems()
    events = Events()
    with opened(file.parent, file.name, CALENDAR_BYTES_MAX, problems) as opened_file:
        if opened_file is not None:
            components = read_components(opened_file, file.name, problems)
            events = read_events(components, in_zone, file.name, problems)
    found = _schedule(events, file, wanted, problems)
    problems.refuse()
    assert found is not None, "a calendar that is no schedule has a problem"
    return Imported(wanted.timezone, found.schedule, (*_of_depotgate(events, file), *found.notices))


def _schedule(events: Events, file: Path, wanted: Wanted, problems: Problems) -> Compiled | None:
    other = Mode.FREEVEND if wanted.mode is Mode.MANAGED else Mode.MANAGED
    return compiled(
        events,
        Meaning(wanted.mode, wanted.holidays),
        _id_from(file.stem) if wanted.schedule_id is None else wanted.schedule_id,
        wanted.default or events.default or other,
        file=file.name,
        problems=problems,
    )


def _of_depotgate(events: Events, file: Path) -> Iterator[Problem]:
    if not events.events:
        yield Problem(file.name, 0, "no event in it: the default holds always")
    if any(event.mode for event in events.events):
        yield Problem(
            file.name, 0, "depotgate wrote it: its events have the mode and the layer that they say"
        )


def as_document(imported: Imported) -> dict[str, Any]:
    """A whole site.yaml, in stage shadow, with that schedule as the site's own."""
    schedule = imported.schedule.model_dump(mode="json", exclude_defaults=True)
    return {
        "site": _id_from(imported.schedule.id),
        "timezone": imported.timezone,
        "schedules": [schedule],
        "schedule": imported.schedule.id,
    }


def as_yaml(imported: Imported) -> str:
    """The same as people write it: a line an entry."""
    document = as_document(imported)
    (schedule,) = document["schedules"]
    lines = [f"{key}: {_flow(document[key])}" for key in ("site", "timezone")]
    lines.append("schedules:")
    indent = "  - "
    for key, value in schedule.items():
        if isinstance(value, list):
            lines += [f"{indent}{key}:", *(f"      - {_flow(each)}" for each in value)]
        else:
            lines.append(f"{indent}{key}: {_flow(value)}")
        indent = "    "
    lines.append(f"schedule: {_flow(document['schedule'])}")
    return "\n".join(lines)


def _flow(value: Any) -> str:
    """On one line; PyYAML quotes what would be read as something else."""
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _id_from(text: str) -> str:
    return _NO_ID.sub("-", text).strip("-._")[:ID_CHARS_MAX] or "imported"
