"""A schedule's timeline under what people decide of the day (rules 7 and 9).

It is asked like the timeline that it lies over. Where no override speaks, the schedule's own
remembered outlook is handed on, so that nothing costs more than without overrides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime
from heapq import heappop, heappush
from itertools import islice, takewhile
from typing import NamedTuple

from models.occurrences import Source
from models.overrides import SCOPES, OverrideRecord
from models.schedule import Mode
from models.timeline import Interval, ModeEdge, Outlook, Timeline

OUTLOOKS_MAX = 512
"""Remembered: a piece meets a few segments of the schedule, and few of them are asked for."""


class _Piece(NamedTuple):
    """A stretch in which one override wins, or none; it lasts until the next piece starts.

    Attributes:
        starts_at: None for the first, before any override.
        winner: None where the schedule speaks.
    """

    starts_at: datetime | None
    winner: OverrideRecord | None


class OverriddenTimeline:
    """A schedule's timeline, and over it the overrides of one charger or of several alike.

    Args:
        overrides: that speak for these chargers at some time, in any order.
    """

    def __init__(self, schedule: Timeline, overrides: Iterable[OverrideRecord]) -> None:
        self._schedule = schedule
        self._pieces = _pieces(tuple(overrides))
        self._starts = tuple(piece.starts_at for piece in self._pieces[1:] if piece.starts_at)
        self._outlooks: dict[tuple[int, Outlook], Outlook] = {}

    def at(self, when: datetime) -> Interval:
        """The interval that holds at an instant; its start is inside, its end outside (rule 3)."""
        place = self._place(when)
        winner = self._pieces[place].winner
        start, edge = self._began(when), self.next_change(when)
        end = edge.at if edge else None
        if winner is None:
            said = self._schedule.at(when)
            return Interval(start, end, said.mode, said.source, said.conflict)
        return Interval(start, end, winner.mode, _source(winner), conflict=False)

    def mode_at(self, when: datetime) -> Mode:
        """The mode at an instant."""
        winner = self._pieces[self._place(when)].winner
        return winner.mode if winner else self._schedule.mode_at(when)

    def next_change(self, when: datetime) -> ModeEdge | None:
        """The first mode edge after an instant; None when the mode never changes again."""
        return next(self._edges_after(when), None)

    def edges_after(self, when: datetime, *, limit: int) -> tuple[ModeEdge, ...]:
        """The next `limit` mode edges after an instant, nearest first."""
        return tuple(islice(self._edges_after(when), limit))

    def outlook(self, when: datetime, *, limit: int) -> Outlook:
        """`at` and `edges_after` of an instant, remembered as long as nothing of it changes."""
        place, said = self._place(when), self._schedule.outlook(when, limit=limit)
        if self._untouched(place, said, limit):
            return said
        outlook = self._outlooks.get((place, said))
        if outlook is None:
            if len(self._outlooks) >= OUTLOOKS_MAX:
                self._outlooks.clear()
            outlook = Outlook(self.at(when), self.edges_after(when, limit=limit))
            self._outlooks[place, said] = outlook
        return outlook

    def edges(self, start: datetime, end: datetime) -> tuple[ModeEdge, ...]:
        """Every mode edge in (start, end]."""
        return tuple(takewhile(lambda edge: edge.at <= end, self._edges_after(start)))

    def _untouched(self, place: int, said: Outlook, limit: int) -> bool:
        """Whether all that the schedule says of an instant lies where no override speaks."""
        if self._pieces[place].winner is not None:
            return False
        begins, ends = self._pieces[place].starts_at, self._ends_at(place)
        start, edges = said.interval.start, said.edges
        after_the_last = begins is None or (start is not None and start > begins)
        before_the_next = ends is None or (len(edges) == limit and edges[-1].at < ends)
        return after_the_last and before_the_next

    def _place(self, when: datetime) -> int:
        return bisect_right(self._starts, when)

    def _ends_at(self, place: int) -> datetime | None:
        return self._starts[place] if place < len(self._starts) else None

    def _began(self, when: datetime) -> datetime | None:
        """Since when the mode at an instant holds; None = since ever."""
        mode, last = self.mode_at(when), when
        began: datetime | None = None
        for starts_at, winner in reversed(self._pieces[: self._place(when) + 1]):
            said = winner or self._schedule.at(last)
            if said.mode is not mode:
                return began
            since = said.start if isinstance(said, Interval) else None
            if since is not None and (starts_at is None or since > starts_at):
                return since
            if starts_at is None:
                return None
            # The instant at which a piece begins is its own: the one before ends just before it.
            began, last = starts_at, starts_at - datetime.resolution
        return began

    def _edges_after(self, when: datetime) -> Iterator[ModeEdge]:
        mode, at = self.mode_at(when), self._may_change_after(when)
        while at is not None:
            if self.mode_at(at) is not mode:
                mode = self.mode_at(at)
                yield ModeEdge(at, mode, self._source_at(at))
            at = self._may_change_after(at)

    def _may_change_after(self, when: datetime) -> datetime | None:
        """The next instant at which another override or another mode of the schedule begins."""
        place = self._place(when)
        ends_at = self._ends_at(place)
        if self._pieces[place].winner is not None:
            return ends_at
        edge = self._schedule.next_change(when)
        if edge is None or (ends_at is not None and ends_at <= edge.at):
            return ends_at
        return edge.at

    def _source_at(self, when: datetime) -> Source:
        winner = self._pieces[self._place(when)].winner
        return _source(winner) if winner else self._schedule.at(when).source


AnyTimeline = Timeline | OverriddenTimeline
"""What governs a charger's mode, with or without overrides over it."""


def winning(overrides: Iterable[OverrideRecord], at: datetime) -> OverrideRecord | None:
    """The one that wins among those in force (rule 7): a lock before an override, the narrower
    scope before the wider, the newest before the older; None where none is in force."""
    holding = [each for each in overrides if _holds(each, at)]
    return min(holding, key=_rank) if holding else None


_Rank = tuple[bool, int, float, str]


def _rank(record: OverrideRecord) -> _Rank:
    """The stronger the smaller; no two are equal, as each ends with an id."""
    narrowness = SCOPES.index(record.scope) if record.scope in SCOPES else len(SCOPES)
    return not record.lock, narrowness, -record.created_at.timestamp(), record.override_id


def _holds(record: OverrideRecord, at: datetime) -> bool:
    stops_at = record.stops_at
    return record.starts_at <= at and (stops_at is None or at < stops_at)


def _pieces(overrides: tuple[OverrideRecord, ...]) -> tuple[_Piece, ...]:
    """All of time, cut where the winner changes."""
    marks = {mark for each in overrides for mark in (each.starts_at, each.stops_at) if mark}
    waiting = sorted(overrides, key=lambda each: each.starts_at, reverse=True)
    # The strongest on top. One that has ended never holds again, and goes when it gets there.
    holding: list[tuple[_Rank, OverrideRecord]] = []
    pieces = [_Piece(None, None)]
    for mark in sorted(marks):
        while waiting and waiting[-1].starts_at <= mark:
            begun = waiting.pop()
            heappush(holding, (_rank(begun), begun))
        while holding and not _holds(holding[0][1], mark):
            heappop(holding)
        winner = holding[0][1] if holding else None
        if winner is not pieces[-1].winner:
            pieces.append(_Piece(mark, winner))
    return tuple(pieces)


def _source(record: OverrideRecord) -> Source:
    return Source(
        record.layer, record.reason, None, scope=record.scope, override_id=record.override_id
    )
