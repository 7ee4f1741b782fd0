"""What the form of a site.yaml does not show: references, limits, overlaps (rules 4, 6, 7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import chain
from typing import Protocol

from connectors.feeds.icalendar_zones import zone_named
from connectors.feeds.places import near
from connectors.feeds.yaml_lines import Document, Path
from models.clock_changes import clock_changes
from models.errors import ScheduleError
from models.occurrences import ClockEffect, clock_effects, contradictions
from models.schedule import DatedException, Schedule
from models.site import Group
from models.zones import zone

ID_CHARS_MAX = 64
"""Of a schedule or a group: it is written in cells of chargers.csv."""

ID_EXPECTED = f"expected 1 to {ID_CHARS_MAX} printable characters, no outer blanks"

NAME_CHARS_MAX = 100
"""Of a site, a window or an exception: each decision that it governs repeats it."""

WINDOWS_MAX = 200
"""Of one schedule: one for each hour of the week and some more. Each is compared with each."""

EXCEPTIONS_MAX = 1_000
"""Of one schedule: one a day for nearly three years. Each is compared with each."""

EXCEPTION_YEARS = range(1970, 2200)
"""Of exceptions; beyond it lie typing errors, and dates that no calendar can add a day to."""

AHEAD_DAYS = 400
"""How far ahead clock changes are looked for: each of a year, and a bit."""

Fault = tuple[Path, str]
"""Where, and what is wrong there."""

_DAY = timedelta(days=1)


class Written(Protocol):
    """As much of a site as is looked at here."""

    @property
    def name(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def schedules(self) -> tuple[Schedule, ...]: ...
    @property
    def groups(self) -> tuple[Group, ...]: ...
    @property
    def schedule(self) -> str | None: ...


def faults_of(site: Written, document: Document) -> Iterator[Fault]:
    """Everything that keeps a well-formed site from being loaded."""
    yield from _zone_fault(site)
    yield from _long_name(("name",), site.name)
    yield from _ids("schedules", [each.id for each in site.schedules])
    yield from _ids("groups", [each.id for each in site.groups])
    yield from _unknown_schedules(site)
    for place, schedule in enumerate(site.schedules):
        path = ("schedules", place)
        yield from _names(path, schedule)
        yield from _dates(path, schedule)
        crowded = [*_limits(path, schedule)]
        yield from crowded
        if not crowded:
            yield from _contradictions(path, schedule, document)


def _zone_fault(site: Written) -> Iterator[Fault]:
    try:
        zone(site.timezone)
    except ScheduleError as fault:
        said, meant = str(fault), zone_named(site.timezone)
        if meant is not None and meant.key not in said:
            said += f"; the IANA name of that Windows zone is {meant.key}"
        yield ("timezone",), f"timezone: {said}"


def _ids(where: str, ids: Sequence[str]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for place, each in enumerate(ids):
        path = (where, place, "id")
        if not id_usable(each):
            yield path, f"id: {ID_EXPECTED}"
        elif each in first:
            yield path, f"{each!r} is an id of {where} already; expected each once"
        first.setdefault(each, place)


def id_usable(written: str) -> bool:
    """Whether it can be the id of a schedule or a group."""
    fits = 0 < len(written) <= ID_CHARS_MAX
    return fits and written.isprintable() and written == written.strip()


def _unknown_schedules(site: Written) -> Iterator[Fault]:
    known = [schedule.id for schedule in site.schedules]
    named: list[tuple[Path, str | None]] = [(("schedule",), site.schedule)]
    named += [(("groups", n, "schedule"), group.schedule) for n, group in enumerate(site.groups)]
    for path, schedule in named:
        if schedule is not None and schedule not in known:
            yield path, f"there is no schedule {schedule!r}{near(schedule, known)}"


def _names(path: Path, schedule: Schedule) -> Iterator[Fault]:
    for place, window in enumerate(schedule.windows):
        yield from _long_name((*path, "windows", place, "name"), window.name)
    for key, place, entry in _dated(schedule):
        yield from _long_name((*path, key, place, "name"), entry.name)


def _long_name(path: Path, name: str) -> Iterator[Fault]:
    if len(name) > NAME_CHARS_MAX or not name.isprintable():
        yield path, f"name: expected at most {NAME_CHARS_MAX} printable characters"


def _dates(path: Path, schedule: Schedule) -> Iterator[Fault]:
    for key, place, entry in _dated(schedule):
        if entry.on.year not in EXCEPTION_YEARS:
            yield (
                (*path, key, place, "date"),
                f"date: expected a year from {EXCEPTION_YEARS[0]} to {EXCEPTION_YEARS[-1]}, "
                f"got {entry.on}",
            )


def _dated(schedule: Schedule) -> Iterator[tuple[str, int, DatedException]]:
    """Each exception and holiday, and its place in the schedule."""
    for key, entries in (("exceptions", schedule.exceptions), ("holidays", schedule.holidays)):
        for place, entry in enumerate(entries):
            yield key, place, entry


def _limits(path: Path, schedule: Schedule) -> Iterator[Fault]:
    for key, entries, most in (
        ("windows", schedule.windows, WINDOWS_MAX),
        ("exceptions", schedule.exceptions, EXCEPTIONS_MAX),
        ("holidays", schedule.holidays, EXCEPTIONS_MAX),
    ):
        if len(entries) > most:
            yield (
                (*path, key),
                f"{key}: expected at most {most:,} of a schedule, got {len(entries):,}",
            )
    for place, window in enumerate(schedule.windows):
        if len(window.except_dates) > EXCEPTIONS_MAX:
            yield (
                (*path, "windows", place, "except_dates"),
                f"except_dates: expected at most {EXCEPTIONS_MAX:,} of a window, "
                f"got {len(window.except_dates):,}",
            )


def _contradictions(path: Path, schedule: Schedule, document: Document) -> Iterator[Fault]:
    """Rule 6: both are named, at the line of the later one."""
    for fault in contradictions(schedule):
        layer = f"{fault.layer}s"
        other = document.line((*path, layer, fault.first))
        yield (
            (*path, layer, fault.second),
            f"schedule {schedule.id!r}: {fault.message}; the other one is on line {other}",
        )


def vanishing(schedules: Sequence[Schedule], timezone: str, today: date) -> Iterator[Fault]:
    """What a clock change reduces to nothing (rule 4): to be said, not refused."""
    for path, schedule, effect in _clock_effects(schedules, timezone, today):
        if not effect.lasts:
            source = effect.source
            yield (
                path,
                f"schedule {schedule.id!r}: {source.layer} {source.name!r} vanishes on "
                f"{source.date}, when the clock goes forward over all of it (rule 4)",
            )


def stretching(schedules: Sequence[Schedule], timezone: str, today: date) -> Iterator[Fault]:
    """What a clock change makes longer or shorter (rule 5): of interest, and never wrong."""
    for path, schedule, effect in _clock_effects(schedules, timezone, today):
        if effect.lasts:
            source, way = effect.source, "back" if effect.lasts > effect.written else "forward"
            yield (
                path,
                f"schedule {schedule.id!r}: {source.layer} {source.name!r} of {source.date} "
                f"lasts {_hours(effect.lasts)} instead of {_hours(effect.written)}, "
                f"as the clock goes {way} (rule 5)",
            )


def _clock_effects(
    schedules: Sequence[Schedule], timezone: str, today: date
) -> Iterator[tuple[Path, Schedule, ClockEffect]]:
    """What clock changes do to windows within a year, and to dated entries whenever they are."""
    in_zone = zone(timezone)
    changes = clock_changes(in_zone, today, today + timedelta(days=AHEAD_DAYS))
    # What the clock showed when it was set: with the day before, each date that it is met on.
    days = [(change.at + change.before).date() for change in changes]
    for place, schedule in enumerate(schedules):
        path = ("schedules", place)
        bare = schedule.model_copy(update={"windows": (), "exceptions": (), "holidays": ()})
        for number, window in enumerate(schedule.windows):
            alone = bare.model_copy(update={"windows": (window,)})
            # What began the day before may have its tail in the change.
            met = (clock_effects(alone, in_zone, day - _DAY, day) for day in days)
            for effect in dict.fromkeys(chain.from_iterable(met)):
                yield (*path, "windows", number), schedule, effect
        for key, number, entry in _dated(schedule):
            alone = bare.model_copy(update={key: (entry,)})
            for effect in clock_effects(alone, in_zone, max(today, entry.on), entry.on):
                yield (*path, key, number), schedule, effect


def _hours(span: timedelta) -> str:
    """`9 h`, `9 h 30 min`, `20 min`."""
    hours, minutes = divmod(round(span.total_seconds() / 60), 60)
    parts = ((hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than 1 min"
