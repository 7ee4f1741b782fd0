"""A schedule compiled to half-open UTC intervals in its zone (rules 2–8).

Windows and exceptions become instants, and a sweep over them says what wins where; most weeks are
one week, moved. Blocks of days are compiled when they are asked for: beyond what is compiled it
compiles on, never guesses.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models.localtime import even_week
from models.occurrences import LAYERS, Occurrence, Source, occurrences
from models.schedule import Mode, Schedule
from models.sweep import REACH_DAYS, Segment, Week, sweep

BLOCK_DAYS = 64
"""Compiled at once: two months take a few milliseconds and serve every decision of the day."""

BLOCKS_MAX = 64
"""Kept per schedule, oldest forgotten first: eleven years, more than any replay asks for."""

OUTLOOKS_MAX = 512
"""Remembered per schedule: a few months of one that changes several times a day."""

RUNS_MAX = 512
"""Stretches of one mode kept per schedule: a year of a schedule that changes daily."""

WEEKLY_SEARCH_DAYS = 16
"""Between two written dates a schedule repeats weekly, or after its cycle of weeks: one cycle, a
week and the ends of overnight windows without an edge mean that there is none before the next
written date. This is for a cycle of one week; each more adds seven days."""

_DAY = timedelta(days=1)
_REACH = timedelta(days=REACH_DAYS)
_WEEK = timedelta(days=7)

_SEARCHED_FROM = date.min + timedelta(days=1_100)
_SEARCHED_TO = date.max - timedelta(days=1_100)
"""Written dates in the first and last years of the calendar are how people write "always" and "for
ever" (`valid_to: 9999-12-31`): no edge is looked for there, and no date runs over, even where the
longest cycle (CYCLE_WEEKS_MAX) and a block more are looked through."""


class Interval(NamedTuple):
    """The longest half-open stretch of one mode around an instant.

    Attributes:
        start, end: None where the mode has no edge on that side.
        source: what won at the instant that was asked for.
        conflict: windows of both modes hold there; managed won (rule 6).
    """

    start: datetime | None
    end: datetime | None
    mode: Mode
    source: Source
    conflict: bool


class Stretch(NamedTuple):
    """A half-open stretch [start, end) of a period, with one mode and one source.

    Attributes:
        conflict: windows of both modes hold there; managed won (rule 6).
    """

    start: datetime
    end: datetime
    mode: Mode
    source: Source
    conflict: bool


class ModeEdge(NamedTuple):
    """An instant at which the mode changes, what to, and what brings it."""

    at: datetime
    mode: Mode
    source: Source


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What an instant sees: the interval that holds, and the mode edges after it, nearest first.

    Every instant of a segment sees the same, and gets the same object: what is made from it can be
    remembered by its identity.
    """

    interval: Interval
    edges: tuple[ModeEdge, ...]


class _Run(NamedTuple):
    """A stretch of one mode between two edges: same-mode segments merged (rule 6)."""

    start: datetime | None
    end: datetime | None
    mode: Mode

    def holds(self, when: datetime) -> bool:
        return (self.start is None or self.start <= when) and (self.end is None or when < self.end)


class Timeline:
    """A schedule in its zone, asked by instants. Every instant is UTC-aware."""

    def __init__(self, schedule: Schedule, zone: ZoneInfo) -> None:
        self._schedule = schedule
        self._zone = zone
        self._blocks: dict[int, tuple[tuple[datetime, ...], tuple[Segment, ...]]] = {}
        self._runs: list[_Run] = []
        self._outlooks: dict[tuple[int, int, int], Outlook] = {}
        self._written = _written_dates(schedule)
        self._written_days = [day.toordinal() for day in self._written]
        self._week = Week(schedule)
        self._search = timedelta(days=WEEKLY_SEARCH_DAYS) + _WEEK * (schedule.cycle_weeks - 1)

    def at(self, when: datetime) -> Interval:
        """The interval that holds at an instant; its start is inside, its end outside (rule 3)."""
        run = self._run(when)
        segment = self._segment(when)
        return Interval(run.start, run.end, segment.mode, segment.source, segment.conflict)

    def mode_at(self, when: datetime) -> Mode:
        """The mode at an instant."""
        return self._segment(when).mode

    def next_change(self, when: datetime) -> ModeEdge | None:
        """The first mode edge after an instant; None when the mode never changes again."""
        return next(self._edges_after(when), None)

    def edges_after(self, when: datetime, *, limit: int) -> tuple[ModeEdge, ...]:
        """The next `limit` mode edges after an instant, nearest first."""
        return tuple(islice(self._edges_after(when), limit))

    def outlook(self, when: datetime, *, limit: int) -> Outlook:
        """`at` and `edges_after` of an instant, remembered for the segment that it is in."""
        number = _block_of(when.date())
        place = bisect_right(self._block(number)[0], when)
        outlook = self._outlooks.get((number, place, limit))
        if outlook is None:
            if len(self._outlooks) >= OUTLOOKS_MAX:
                self._outlooks.clear()
            outlook = Outlook(self.at(when), self.edges_after(when, limit=limit))
            self._outlooks[number, place, limit] = outlook
        return outlook

    def edges(self, start: datetime, end: datetime) -> tuple[ModeEdge, ...]:
        """Every mode edge in (start, end]."""
        return tuple(takewhile(lambda edge: edge.at <= end, self._edges_after(start)))

    def intervals(self, start: datetime, end: datetime) -> tuple[Stretch, ...]:
        """The period [start, end) as adjoining stretches, each as long as one source wins.

        The first and the last are clipped to the period. Two of the same mode may follow each
        other, where another source says the same: between them there is no mode edge (rule 6).
        """
        found: list[Stretch] = []
        begins_at, said = start, self._segment(start)[1:]
        for segment in self._segments_after(start, end):
            if segment[1:] != said:
                found.append(Stretch(begins_at, segment.starts_at, *said))
                begins_at, said = segment.starts_at, segment[1:]
        return (*found, Stretch(begins_at, end, *said)) if start < end else ()

    def overlaps(self, start: datetime, end: datetime) -> tuple[Occurrence, ...]:
        """Every window, holiday and exception that touches [start, end), whole, also where
        another wins; in the order of their starts, the higher layer first (rule 7)."""
        found = occurrences(self._schedule, self._zone, start.date() - _REACH, end.date() + _REACH)
        touching = (each for each in found if each.starts_at < end and start < each.ends_at)
        return tuple(
            sorted(touching, key=lambda each: (each.starts_at, LAYERS.index(each.source.layer)))
        )

    def _segments_after(self, start: datetime, end: datetime) -> Iterator[Segment]:
        """Segments that start in (start, end)."""
        for number in range(_block_of(start.date()), _block_of(end.date()) + 1):
            starts, segments = self._block(number)
            yield from segments[bisect_right(starts, start) : bisect_left(starts, end)]

    def _edges_after(self, when: datetime) -> Iterator[ModeEdge]:
        run = self._run(when)
        while run.end is not None:
            at, run = run.end, self._run(run.end)
            yield ModeEdge(at, run.mode, self._segment(at).source)

    def _run(self, when: datetime) -> _Run:
        place = bisect_right(self._runs, when, key=_run_start)
        if place and self._runs[place - 1].holds(when):
            return self._runs[place - 1]
        run = _Run(self._edge_before(when), self._edge_after(when), self.mode_at(when))
        if len(self._runs) >= RUNS_MAX:
            self._runs.clear()
            place = 0
        self._runs.insert(place, run)
        return run

    def _edge_after(self, when: datetime) -> datetime | None:
        mode = self.mode_at(when)
        for number in self._blocks_ahead(when.date()):
            starts, segments = self._block(number)
            for place in range(bisect_right(starts, when), len(segments)):
                if segments[place].mode is not mode:
                    return starts[place]
        return None

    def _edge_before(self, when: datetime) -> datetime | None:
        mode = self.mode_at(when)
        began: datetime | None = None
        for number in self._blocks_behind(when.date()):
            starts, segments = self._block(number)
            for place in range(bisect_right(starts, when) - 1, -1, -1):
                if segments[place].mode is not mode:
                    return began
                began = starts[place]
        return None

    def _blocks_ahead(self, day: date) -> Iterator[int]:
        """Blocks that can hold the next edge, nearest first: around the day and written dates."""
        later = self._written[bisect_right(self._written, day) :]
        following = _block_of(day)
        for anchor in (day, *later):
            first = max(following, _block_of(anchor - _REACH))
            following = _block_of(anchor + _REACH + self._search) + 1
            yield from range(first, following)

    def _blocks_behind(self, day: date) -> Iterator[int]:
        """Blocks that can hold the edge before, nearest first."""
        earlier = self._written[: bisect_right(self._written, day)]
        preceding = _block_of(day)
        for anchor in (day, *reversed(earlier)):
            last = min(preceding, _block_of(anchor + _REACH))
            preceding = _block_of(anchor - _REACH - self._search) - 1
            yield from range(last, preceding, -1)

    def _segment(self, when: datetime) -> Segment:
        starts, segments = self._block(_block_of(when.date()))
        return segments[bisect_right(starts, when) - 1]

    def _block(self, number: int) -> tuple[tuple[datetime, ...], tuple[Segment, ...]]:
        block = self._blocks.get(number)
        if block is None:
            if len(self._blocks) >= BLOCKS_MAX:
                del self._blocks[next(iter(self._blocks))]
            segments = self._compile(number)
            block = (tuple(segment.starts_at for segment in segments), segments)
            self._blocks[number] = block
        return block

    def _compile(self, number: int) -> tuple[Segment, ...]:
        first = date.fromordinal(number * BLOCK_DAYS + 1)
        begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
        ends = begins + _DAY * BLOCK_DAYS
        return tuple(self._segments(begins, ends))

    def _segments(self, begins: datetime, ends: datetime) -> Iterator[Segment]:
        """What wins in each stretch of [begins, ends): week after week, and by hand between."""
        for monday, start in self._plain_weeks(begins, ends):
            if begins < start:
                yield from self._swept(begins, start)
                begins = start
            end = min(start + _WEEK, ends)
            yield from self._week.segments(monday, start, begins, end)
            begins = end
        if begins < ends:
            yield from self._swept(begins, ends)

    def _swept(self, begins: datetime, ends: datetime) -> Iterator[Segment]:
        first, last = begins.date() - _REACH, ends.date() + _REACH
        found = occurrences(self._schedule, self._zone, first, last)
        return sweep(found, self._schedule.default, begins, ends)

    def _plain_weeks(self, begins: datetime, ends: datetime) -> Iterator[tuple[int, datetime]]:
        """Weeks that touch [begins, ends) and are like any other: no clock change and no date that
        the schedule names is in them or near. Their first dates, and when these begin."""
        if not self._week.repeats:
            return
        first, last = begins.toordinal() - REACH_DAYS, ends.toordinal() + REACH_DAYS
        for monday in range(first - (first - 1) % 7, last, 7):
            start = None if self._names_a_date_near(monday) else even_week(monday, self._zone)
            if start is not None and start < ends and begins < start + _WEEK:
                yield monday, start

    def _names_a_date_near(self, monday: int) -> bool:
        near = range(monday - REACH_DAYS, monday + 7 + REACH_DAYS)
        schedule = self._schedule
        if schedule.valid_from is not None and near.start < schedule.valid_from.toordinal():
            return True
        if schedule.valid_to is not None and schedule.valid_to.toordinal() < near.stop:
            return True
        place = bisect_left(self._written_days, near.start)
        return place < len(self._written_days) and self._written_days[place] < near.stop


def _block_of(day: date) -> int:
    return (day.toordinal() - 1) // BLOCK_DAYS


def _run_start(run: _Run) -> datetime:
    return run.start or datetime.min.replace(tzinfo=UTC)


def _written_dates(schedule: Schedule) -> tuple[date, ...]:
    """The dates that the schedule names, ascending: only around them is a week unlike the last."""
    limits = [schedule.valid_from, schedule.valid_to]
    for window in schedule.windows:
        limits += [window.valid_from, window.valid_to, *window.except_dates]
    named = {day for day in limits if day}
    named.update(each.on for each in (*schedule.exceptions, *schedule.holidays))
    return tuple(sorted(day for day in named if _SEARCHED_FROM < day < _SEARCHED_TO))
