"""`holidays` of a schedule in site.yaml: calendars of the folder, or dates, as one list of dates.

It is compiled before the site is validated, so that nothing behind it knows of calendars: what they
say stands in the site's record, and its revision changes with it (rule 10).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import Field, ValidationError

from connectors.feeds.icalendar_events import Events, read_events
from connectors.feeds.icalendar_lines import CALENDAR_BYTES_MAX, read_components
from connectors.feeds.icalendar_schedule import dates_of
from connectors.feeds.icalendar_zones import zone_named
from connectors.feeds.places import Problems
from connectors.feeds.site_wording import sentence_of
from connectors.feeds.text_file import opened, path_within
from connectors.feeds.yaml_lines import Document
from connectors.feeds.yaml_lines import Path as Place
from models.record import Frozen
from models.schedule import Mode

KEY = "holidays"

CALENDARS_MAX = 50
"""Different ones of a site: each is up to CALENDAR_BYTES_MAX to read."""


DATES_MAX = 20_000
"""Of a site, all schedules together: compiled they have 60 bytes each and more, and a site 1 MB."""


class WrittenCalendar(Frozen):
    """A calendar of holidays: all of its events are dates of one mode.

    Attributes:
        file: relative to the depot folder, and in it.
    """

    file: Annotated[str, Field(min_length=1)]
    mode: Mode


class _Item(NamedTuple):
    """What is written at a place, or a date that comes from it."""

    place: Place
    content: Any

    @property
    def calendar(self) -> bool:
        """Whether a calendar is meant; else it is a date, and checked as exceptions are."""
        # `holidays: {…}` is a calendar: a single date is written as a list of one.
        return isinstance(self.content, dict) and (
            "file" in self.content or not isinstance(self.place[-1], int)
        )


def with_holidays(document: Document, folder: Path, problems: Problems) -> Document:
    """The document with each schedule's `holidays` as a list of dates; what is wrong is noted.

    A date keeps the line of the item that it comes from. The content is a copy.
    """
    schedules = document.content.get("schedules")
    if not isinstance(schedules, list):
        return document
    reader = _Calendars(document, folder, problems)
    dates: dict[int, list[_Item]] = {}
    for number, schedule in enumerate(schedules):
        if isinstance(schedule, dict) and isinstance(schedule.get(KEY), dict | list):
            dates[number] = [*reader.dates(("schedules", number, KEY), schedule[KEY])]
    compiled = [
        schedule | {KEY: [item.content for item in dates[number]]} if number in dates else schedule
        for number, schedule in enumerate(schedules)
    ]
    return document._replace(
        content=document.content | {"schedules": compiled}, lines=_lines(document, dates)
    )


def _lines(document: Document, dates: dict[int, list[_Item]]) -> dict[Place, int]:
    """Every line of the document, and of each date that of the item that it comes from."""
    kept: dict[Place, int] = {}
    within: dict[Place, list[tuple[Place, int]]] = {}
    for place, line in document.lines.items():
        if len(place) > 3 and place[0] == "schedules" and place[2] == KEY:
            within.setdefault(place[:4], []).append((place[4:], line))
        else:
            kept[place] = line
    for number, items in dates.items():
        for count, item in enumerate(items):
            place = ("schedules", number, KEY, count)
            kept[place] = document.line(item.place)
            # Of a date that a calendar says, nothing is written within.
            if isinstance(item.place[-1], int):
                kept |= {(*place, *inner): line for inner, line in within.get(item.place, ())}
    return kept


def named_calendars(content: Any) -> tuple[str, ...]:
    """The files that a site.yaml names, as far as it can be read: to see when they change."""
    schedules = content.get("schedules") if isinstance(content, dict) else None
    items = (
        item.content.get("file")
        for place, schedule in enumerate(schedules if isinstance(schedules, list) else [])
        if isinstance(schedule, dict)
        for item in _items(("schedules", place, KEY), schedule.get(KEY))
        if item.calendar
    )
    names = dict.fromkeys(name for name in items if isinstance(name, str) and name)
    return tuple(names)[:CALENDARS_MAX]


class _Calendars:
    """Calendars that were read, by the name that the site gives them."""

    def __init__(self, document: Document, folder: Path, problems: Problems) -> None:
        self._document = document
        self._folder = folder
        self._problems = problems
        self._read: dict[str, Events] = {}
        self._count = 0
        written = document.content.get("timezone")
        # Another fault, and noted as such: then nothing can be said of times.
        self._zone = zone_named(written) if isinstance(written, str) else None

    def dates(self, path: Place, written: Any) -> Iterator[_Item]:
        for item in _items(path, written):
            calendar = self._calendar(item) if item.calendar else None
            if calendar is not None:
                yield from (_Item(item.place, each) for each in self._dates(calendar, item.place))
            elif not item.calendar:
                yield item

    def _calendar(self, item: _Item) -> WrittenCalendar | None:
        if "file" not in item.content and "date" in item.content:
            self._note(
                item.place, "holidays: expected a list of dates, got one; put `- ` before it"
            )
            return None
        try:
            return WrittenCalendar.model_validate_json(orjson.dumps(item.content))
        except orjson.JSONEncodeError:
            self._note(item.place, "holidays: expected text, got half of a character")
        except ValidationError as fault:
            for error in fault.errors(include_url=False):
                said = sentence_of(error, WrittenCalendar, ("name", "date", "from", "to"))
                self._note((*item.place, *error["loc"]), said)
        return None

    def _dates(self, calendar: WrittenCalendar, place: Place) -> Iterator[dict[str, str]]:
        if self._zone is None:
            return
        if path_within(self._folder, calendar.file) is None:
            self._note((*place, "file"), "file: expected one inside the depot folder, got another")
            return
        if calendar.file not in self._read and len(self._read) >= CALENDARS_MAX:
            self._note((*place, "file"), f"file: expected at most {CALENDARS_MAX} calendars a site")
            return
        found = dates_of(self._events(calendar.file), calendar.mode, calendar.file, self._problems)
        self._count += len(found)
        if self._count > DATES_MAX:
            self._note(place, f"holidays: expected at most {DATES_MAX:,} dates of calendars a site")
            return
        yield from (each.model_dump(mode="json") for each in found)

    def _events(self, name: str) -> Events:
        assert self._zone is not None
        if name not in self._read:
            self._read[name] = Events()
            with opened(self._folder, name, CALENDAR_BYTES_MAX, self._problems) as file:
                if file is not None:
                    components = read_components(file, name, self._problems)
                    self._read[name] = read_events(components, self._zone, name, self._problems)
        return self._read[name]

    def _note(self, place: Place, message: str) -> None:
        self._problems.add(self._document.file, self._document.line(place), message)


def _items(path: Place, written: Any) -> Iterator[_Item]:
    if isinstance(written, dict):
        yield _Item(path, written)
    elif isinstance(written, list):
        yield from (_Item((*path, number), each) for number, each in enumerate(written))
