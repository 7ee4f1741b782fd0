"""Schedules laid around the present moment, and how a run is laid around one of their edges.

Windows begin and end at whole minutes, and nobody knows beforehand how long a broker and two
processes take to start. So the timetable has an edge at every whole minute, and the run is what
gives way: it begins to count when an edge lies well inside of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models.schedule import WEEKDAYS, Mode, Schedule, Window

TURNS_COUNT = 60
"""Windows of a minute, with a minute between: two hours, longer than anybody watches a demo."""

MARGIN_S = 12.0
MARGIN_SHARE = 0.2
"""How far inside of a run an edge has to lie: long enough to see what held before it, and what it
changes; of a short run this share."""

_MINUTE = timedelta(minutes=1)


class Span(NamedTuple):
    """The part of a run that counts.

    Attributes:
        edge_at: the edge that lies inside of it.
    """

    begins_at: datetime
    edge_at: datetime
    ends_at: datetime


def span_around_an_edge(now: datetime, seconds: float, edges: Iterable[datetime]) -> Span | None:
    """The soonest span of `seconds` from now on that has an edge well inside.

    With an edge a minute, a span of 60 s begins at most 24 s from now, and half of the time at
    once.

    Args:
        edges: instants at which modes change, in order.

    Returns:
        None when no edge is left.
    """
    whole = timedelta(seconds=seconds)
    margin = timedelta(seconds=min(MARGIN_S, MARGIN_SHARE * seconds))
    for edge_at in edges:
        if edge_at - now >= margin:
            begins_at = max(now, edge_at + margin - whole)
            return Span(begins_at, edge_at, begins_at + whole)
    return None


def turns(now: datetime, zone: ZoneInfo, mode: Mode) -> Schedule:
    """The other mode, and from the next whole minute on `mode` in every second minute.

    Args:
        zone: one without clock changes in the next hours: a repeated local time is its first
            occurrence only (rule 4).
    """
    first = now.astimezone(zone).replace(second=0, microsecond=0) + _MINUTE
    starts = [first + 2 * turn * _MINUTE for turn in range(TURNS_COUNT)]
    default = Mode.FREEVEND if mode is Mode.MANAGED else Mode.MANAGED
    return Schedule(
        id=f"{mode}-by-turns",
        default=default,
        valid_from=starts[0].date(),
        valid_to=starts[-1].date(),
        windows=tuple(_window(start, mode) for start in starts),
    )


def _window(start: datetime, mode: Mode) -> Window:
    return Window(
        days=(WEEKDAYS[start.weekday()],),
        start=f"{start:%H:%M}",
        end=f"{start + _MINUTE:%H:%M}",
        mode=mode,
    )
