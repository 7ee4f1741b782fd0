"""Two timelines compared: the mode edges that moved, appeared and vanished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from depotgate.schedules.period import Period
from models.occurrences import Source
from models.schedule import Mode
from models.timeline import ModeEdge, Timeline

MOVED_MAX = timedelta(hours=12)
"""An edge that is farther away is another day's."""

_INSTANT = timedelta.resolution


class Kind(StrEnum):
    """What became of an edge."""

    MOVED = "moved"
    APPEARED = "appeared"
    VANISHED = "vanished"


class EdgeChange(NamedTuple):
    """An edge that is not where it was.

    Attributes:
        mode: what it changes to.
        before, after: where it was and is; None where it was or is not.
        source: what brings it, or brought it where it vanished.
    """

    kind: Kind
    mode: Mode
    before: datetime | None
    after: datetime | None
    source: Source

    @property
    def at(self) -> datetime:
        """Where it is, else where it was."""
        found = self.after or self.before
        assert found is not None, "an edge is somewhere"
        return found


class Difference(NamedTuple):
    """Two timelines over a period.

    Attributes:
        began: the modes with which the period begins, old and new.
        changes: in the order of time.
        differing: how long the modes differ in all.
    """

    began: tuple[Mode, Mode]
    changes: tuple[EdgeChange, ...]
    differing: timedelta


def difference(old: Timeline, new: Timeline, period: Period) -> Difference:
    """Compare two timelines over a half-open period: an edge at its start counts."""
    # The edges in (start, end]: an instant earlier they are those in [start, end).
    within = (period.start - _INSTANT, period.end - _INSTANT)
    return Difference(
        (old.mode_at(period.start), new.mode_at(period.start)),
        edge_changes(old.edges(*within), new.edges(*within)),
        _differing(old, new, period),
    )


def edge_changes(old: Sequence[ModeEdge], new: Sequence[ModeEdge]) -> tuple[EdgeChange, ...]:
    """What became of each old edge, and which are new, in the order of time.

    An edge has moved where another to the same mode appears within 12 h of it: the nearest pairs
    are taken first. One that is where it was is none of these, whatever brings it.
    """
    stayed = {(each.at, each.mode) for each in old} & {(each.at, each.mode) for each in new}
    gone = [each for each in old if (each.at, each.mode) not in stayed]
    come = [each for each in new if (each.at, each.mode) not in stayed]
    pairs = _pairs(gone, come)
    moved_to = {there for _, there in pairs}
    moved_from = {here for here, _ in pairs}
    found = [
        *(_moved(gone[here], come[there]) for here, there in pairs),
        *(
            EdgeChange(Kind.VANISHED, each.mode, each.at, None, each.source)
            for place, each in enumerate(gone)
            if place not in moved_from
        ),
        *(
            EdgeChange(Kind.APPEARED, each.mode, None, each.at, each.source)
            for place, each in enumerate(come)
            if place not in moved_to
        ),
    ]
    return tuple(sorted(found, key=lambda each: (each.at, each.kind)))


def _moved(old: ModeEdge, new: ModeEdge) -> EdgeChange:
    return EdgeChange(Kind.MOVED, new.mode, old.at, new.at, new.source)


def _pairs(gone: Sequence[ModeEdge], come: Sequence[ModeEdge]) -> list[tuple[int, int]]:
    """Places of edges to the same mode that belong together, each at most once."""
    left, right = set(range(len(gone))), set(range(len(come)))
    pairs = []
    for _, here, there in sorted(_candidates(gone, come)):
        if here in left and there in right:
            left.discard(here)
            right.discard(there)
            pairs.append((here, there))
    return pairs


def _candidates(
    gone: Sequence[ModeEdge], come: Sequence[ModeEdge]
) -> Iterator[tuple[timedelta, int, int]]:
    """Edges to the same mode within reach of each other, and how far apart they are."""
    first = 0
    for here, old in enumerate(gone):
        while first < len(come) and come[first].at < old.at - MOVED_MAX:
            first += 1
        for there in range(first, len(come)):
            new = come[there]
            if new.at > old.at + MOVED_MAX:
                break
            if new.mode is old.mode:
                yield abs(new.at - old.at), here, there


def _differing(old: Timeline, new: Timeline, period: Period) -> timedelta:
    marks = sorted(
        {each.start for side in (old, new) for each in side.intervals(*period)} | {period.end}
    )
    return sum(
        (
            end - start
            for start, end in pairwise(marks)
            if old.mode_at(start) is not new.mode_at(start)
        ),
        timedelta(),
    )
