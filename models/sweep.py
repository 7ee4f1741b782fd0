"""What wins where several windows, holidays and exceptions hold (rules 6, 7), and a week of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from operator import attrgetter
from typing import NamedTuple

from models.occurrences import LAYERS, Occurrence, Source, date_of, occurrences
from models.schedule import Mode, Schedule
from models.zones import zone

REACH_DAYS = 3
"""An occurrence that touches a UTC day began at most this many local dates away: a day of zone
offset, and two for the longest window."""

_DEFAULT = Source("default", "default", None)

_REACH = timedelta(days=REACH_DAYS)
_WEEK = timedelta(days=7)

_MIDNIGHT = datetime(2001, 1, 1, tzinfo=UTC)
"""Of a Monday: any week will do where no date is named and no clock changes."""

_MONDAY = _MIDNIGHT.toordinal()


class Segment(NamedTuple):
    """A stretch with one mode and one source; it lasts until the next segment starts."""

    starts_at: datetime
    mode: Mode
    source: Source
    conflict: bool


def sweep(
    found: tuple[Occurrence, ...], default: Mode, begins: datetime, ends: datetime
) -> Iterator[Segment]:
    """What wins in each stretch of [begins, ends) between the edges of occurrences."""
    marks = {begins}
    marks.update(each.starts_at for each in found)
    marks.update(each.ends_at for each in found)
    waiting = sorted(found, key=_began, reverse=True)
    holding: list[Occurrence] = []
    for mark in sorted(marks):
        while waiting and waiting[-1].starts_at <= mark:
            holding.append(waiting.pop())
        holding = [each for each in holding if each.ends_at > mark]
        if begins <= mark < ends:
            yield _winner(mark, holding, default)


def _winner(mark: datetime, holding: list[Occurrence], default: Mode) -> Segment:
    """The highest layer that says anything wins (rule 7); in it, managed wins (rule 6)."""
    if not holding:
        return Segment(mark, default, _DEFAULT, conflict=False)
    if len(holding) == 1:
        return Segment(mark, holding[0].mode, holding[0].source, conflict=False)
    for layer in LAYERS:
        said = [each for each in holding if each.source.layer == layer]
        if said:
            break
    modes = {each.mode for each in said}
    mode = Mode.MANAGED if Mode.MANAGED in modes else Mode.FREEVEND
    # Where several say the same, the one that began first is named.
    first = min((each for each in said if each.mode is mode), key=_began)
    return Segment(mark, mode, first.source, conflict=len(modes) > 1)


_began = attrgetter("starts_at")


class _Swept(NamedTuple):
    """The stretches of a week in their order, column by column.

    Attributes:
        afters: when each begins, since the midnight on which the week does.
        said: which of `sources` says so.
    """

    afters: list[timedelta]
    modes: list[Mode]
    said: list[int]
    conflicts: list[bool]
    sources: list[Source]


# Thousands of them are made of a week's columns, and a call into Python for each would be most of
# what a year of a schedule costs.
_segment = partial(tuple.__new__, Segment)
_source = partial(tuple.__new__, Source)


class Week:
    """A schedule's week without clock changes and named dates: swept once, and then moved."""

    def __init__(self, schedule: Schedule) -> None:
        windows = schedule.windows
        self._schedule = schedule
        self.repeats = bool(windows) and all(window.weekly for window in windows)
        """Whether two such weeks are the same."""

    def segments(
        self, monday: int, start: datetime, begins: datetime, ends: datetime
    ) -> list[Segment]:
        """What wins in each stretch of [begins, ends), which lies in one week.

        Args:
            monday: the ordinal of the date on which the week begins.
            start: the instant.
        """
        afters, modes, said, conflicts, sources = self._swept
        part = slice(bisect_right(afters, begins - start) - 1, bisect_left(afters, ends - start))
        starts = [start + after for after in afters[part]]
        starts[0] = begins
        moved = [_moved(source, monday - _MONDAY) for source in sources]
        named = [moved[place] for place in said[part]]
        return list(map(_segment, zip(starts, modes[part], named, conflicts[part], strict=True)))

    @cached_property
    def _swept(self) -> _Swept:
        """One such week, by the same sweep, in a zone whose clock never changes."""
        without_dates = {"valid_from": None, "valid_to": None, "exceptions": (), "holidays": ()}
        weekly = self._schedule.model_copy(update=without_dates)
        ends = _MIDNIGHT + _WEEK
        found = occurrences(weekly, zone("UTC"), _MIDNIGHT.date() - _REACH, ends.date())
        segments = list(sweep(found, weekly.default, _MIDNIGHT, ends))
        places: dict[Source, int] = {}
        return _Swept(
            afters=[each.starts_at - _MIDNIGHT for each in segments],
            modes=[each.mode for each in segments],
            said=[places.setdefault(each.source, len(places)) for each in segments],
            conflicts=[each.conflict for each in segments],
            sources=list(places),
        )


def _moved(source: Source, days: int) -> Source:
    """What says the same so many days later."""
    layer, name, on, scope, override_id = source
    if on is None:
        return source
    return _source((layer, name, date_of(on.toordinal() + days), scope, override_id))
