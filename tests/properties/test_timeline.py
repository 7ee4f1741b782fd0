"""The timeline against a clock on the wall, in every zone, 2000 to 2037 (rules 2–5, 7, 8)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from models import timeline
from models.occurrences import Occurrence
from models.schedule import Mode
from models.timeline import ModeEdge, Stretch, Timeline
from models.zones import zone
from tests.properties.clock_changes import FIRST, changes, distinct_histories, zone_names
from tests.properties.plans import blocks_of, difference, said_by, schedule_of
from tests.properties.wall_clock import DAY, MINUTE, Dated, Plan, Row, codes, edges, reading

SPAN_DAYS = 21
"""Walked at once: every weekday three times, mostly with a clock change, in some 20 ms."""

WALKS = 3 * settings().max_examples
"""Of the property that compares everything: the others look at parts of it."""

SPAN_MINUTES = SPAN_DAYS * 24 * 60

_DAYS = (datetime(2037, 12, 20, tzinfo=UTC) - FIRST).days

MODES = st.sampled_from([mode.value for mode in Mode])


class Place(NamedTuple):
    """Where a walk goes.

    Attributes:
        first: its first minute, UTC.
        turn: a minute of the local day around which edges are worth trying: that of a clock change.
    """

    zone: str
    first: datetime
    turn: int


@st.composite
def places(draw: st.DrawFn) -> Place:
    """A zone and the start of a walk, mostly with a clock change in it."""
    name = draw(st.one_of(st.sampled_from(distinct_histories()), st.sampled_from(zone_names())))
    every = changes(name)
    around_a_change = draw(st.integers(0, 3)) > 0
    if every and around_a_change:
        # Forward more often than back: only an edge that does not exist can snap (rule 4).
        gaps = tuple(each for each in every if each.offset_after > each.offset_before)
        change = draw(st.one_of(st.sampled_from(gaps or every), st.sampled_from(every)))
        first = change.at - DAY * draw(st.integers(1, SPAN_DAYS - 1))
        local = change.at + change.offset_before
        return Place(name, first.replace(minute=0, second=0), local.hour * 60 + local.minute)
    first = FIRST + DAY * draw(st.integers(0, _DAYS))
    return Place(name, first, draw(st.integers(0, 1439)))


def minutes(turn: int) -> st.SearchStrategy[int]:
    """Of the day: as people write them, around the clock change, and any."""
    return st.one_of(
        st.integers(-1, 4).map(lambda steps: (turn + 15 * steps) % 1440),
        st.integers(-90, 90).map(lambda offset: (turn + offset) % 1440),
        st.integers(0, 95).map(lambda quarter: 15 * quarter),
        st.integers(0, 1439),
    )


@st.composite
def dated_rows(
    draw: st.DrawFn,
    dates: st.SearchStrategy[date],
    weekdays: st.SearchStrategy[frozenset[int]],
    minute: st.SearchStrategy[int],
) -> Row:
    """Windows that begin on some of their weekdays only."""
    first, last = sorted((draw(dates), draw(dates)))
    every = draw(st.integers(1, 3))
    return Row(
        draw(weekdays),
        draw(minute),
        draw(minute),
        draw(MODES),
        valid_from=first - DAY * 7 * draw(st.integers(0, 4))
        if every > 1
        else draw(st.sampled_from([None, first])),
        valid_to=draw(st.sampled_from([None, last])),
        every_weeks=every,
        except_dates=draw(st.frozensets(dates, max_size=3)),
    )


class Written(NamedTuple):
    """What a schedule of a place may be made of."""

    dates: st.SearchStrategy[date]
    rows: st.SearchStrategy[Row]
    dated: st.SearchStrategy[list[Dated]]


@lru_cache(maxsize=256)  # Most examples are another one's, changed a little: of the same place.
def written(place: Place) -> Written:
    """Dates lie where the walk goes."""
    minute = minutes(place.turn)
    dates = st.integers(-2, SPAN_DAYS + 2).map(lambda days: place.first.date() + DAY * days)
    weekdays = st.one_of(st.just(frozenset(range(7))), st.frozensets(st.integers(0, 6), min_size=1))
    weekly = st.tuples(weekdays, minute, minute, MODES).map(lambda said: Row(*said))
    return Written(
        dates,
        rows=st.one_of(weekly, dated_rows(dates, weekdays, minute)),
        dated=st.lists(st.builds(Dated, dates, minute, minute, MODES), max_size=4).map(_whole),
    )


@st.composite
def plans(draw: st.DrawFn, place: Place) -> Plan:
    """Any schedule. Opposite modes may overlap (rule 6)."""
    dates, rows, dated = written(place)
    limits = sorted((draw(dates), draw(dates)))
    return Plan(
        default=draw(MODES),
        rows=tuple(draw(st.lists(rows, min_size=draw(st.integers(0, 3)), max_size=4))),
        dated=tuple(draw(dated)),
        holidays=tuple(draw(dated)),
        valid_from=draw(st.sampled_from([None, None, limits[0]])),
        valid_to=draw(st.sampled_from([None, None, limits[1]])),
    )


class Walk(NamedTuple):
    """A schedule in a place, compiled in blocks of so many days."""

    place: Place
    plan: Plan
    block_days: int

    def timeline(self) -> Timeline:
        """A fresh one."""
        return Timeline(schedule_of(self.plan), zone(self.place.zone))

    def codes(self) -> bytes:
        """What the oracle says, minute by minute."""
        first = self.place.first
        return codes(self.plan, zone(self.place.zone), first, first + DAY * SPAN_DAYS)


# Blocks of a day put every edge next to a block's end, where something could be forgotten.
walks = places().flatmap(
    lambda place: st.builds(
        Walk, st.just(place), plans(place), st.sampled_from([1, 2, timeline.BLOCK_DAYS])
    )
)


def _whole(dated: list[Dated]) -> list[Dated]:
    """An exception ends on its own date (rule 8): one that would not ends at midnight."""
    return [
        each if each.to_minute > each.from_minute else each._replace(to_minute=0) for each in dated
    ]


def _covered(stretch: Stretch, holding: list[Occurrence]) -> bool:
    """By what holds in it, from start to end: two of one date may bear one name, and touch."""
    reached = stretch.start
    for each in holding:
        if each.starts_at <= reached:
            reached = max(reached, each.ends_at)
    return stretch.end <= reached


def _said(edges: tuple[ModeEdge, ...]) -> list[tuple[datetime, str]]:
    return [(edge.at, edge.mode.value) for edge in edges]


@given(walks)
@settings(max_examples=WALKS)
def test_every_minute_has_the_mode_that_the_wall_clock_shows(walk: Walk) -> None:
    """Rules 2 to 8 over three weeks; which layer says so, and whether both modes are said."""
    first = walk.place.first
    with blocks_of(walk.block_days):
        said = said_by(walk.timeline(), first, first + DAY * SPAN_DAYS)
    assert difference(walk.codes(), said, first) is None


@given(walks, st.lists(st.integers(0, SPAN_MINUTES - 1), max_size=50))
def test_asked_minute_by_minute_it_says_the_same(walk: Walk, minutes_asked: list[int]) -> None:
    """The start of an interval is inside, its end outside (rule 3)."""
    seen = walk.codes()
    edges_seen = [place for place in range(1, len(seen)) if seen[place] != seen[place - 1]]
    around = [place + step for place in edges_seen for step in (-1, 0)]
    with blocks_of(walk.block_days):
        asked = walk.timeline()
        for place in (*minutes_asked, *around):
            at = walk.place.first + MINUTE * place
            assert asked.mode_at(at).value == reading(seen[place]).mode, at


@given(walks)
def test_the_edges_are_the_minutes_at_which_the_mode_changes(walk: Walk) -> None:
    """Same-mode windows that touch merge: no edge between them (rule 6)."""
    first = walk.place.first
    last = first + MINUTE * (SPAN_MINUTES - 1)
    seen = edges(walk.codes(), first)
    with blocks_of(walk.block_days):
        assert _said(walk.timeline().edges(first, last)) == seen
        following = walk.timeline().next_change(first)
    if seen:
        assert following is not None
        assert (following.at, following.mode.value) == seen[0]
    else:
        assert following is None or following.at > last


@given(walks, st.integers(0, SPAN_MINUTES - 1))
def test_an_interval_reaches_from_edge_to_edge_and_names_what_won(walk: Walk, minute: int) -> None:
    """Rules 6 and 7: the layer that won, and whether both modes are said in it."""
    coded, first = walk.codes(), walk.place.first
    asked, at = reading(coded[minute]), first + MINUTE * minute
    with blocks_of(walk.block_days):
        interval = walk.timeline().at(at)
    assert (interval.mode.value, interval.source.layer) == (asked.mode, asked.layer)
    assert interval.conflict is asked.conflict
    seen = [at for at, _ in edges(coded, first)]
    earlier = max((each for each in seen if each <= at), default=None)
    later = min((each for each in seen if each > at), default=None)
    if earlier is not None:
        assert interval.start == earlier
    if later is not None:
        assert interval.end == later


@given(walks, st.integers(0, SPAN_MINUTES - 1), st.integers(1, SPAN_MINUTES))
def test_the_intervals_of_a_period_adjoin_cover_it_and_change_what_they_say(
    walk: Walk, start: int, length: int
) -> None:
    """Rules 3 and 7: each is as long as one source wins, clipped to the period."""
    begins = walk.place.first + MINUTE * start
    ends = begins + MINUTE * length
    with blocks_of(walk.block_days):
        found = walk.timeline().intervals(begins, ends)
        overlaps = walk.timeline().overlaps(begins, ends)
    assert (found[0].start, found[-1].end) == (begins, ends)
    for before, after in pairwise(found):
        assert before.start < before.end == after.start
        assert before[2:] != after[2:]
    for each in found:
        holding = [one for one in overlaps if one.starts_at < each.end and each.start < one.ends_at]
        if each.source.layer == "default":
            # Nothing begins or ends unseen.
            assert not holding
        else:
            assert _covered(each, [one for one in holding if one.source == each.source])
    assert all(one.starts_at < ends and begins < one.ends_at for one in overlaps)


@given(walks, st.lists(st.integers(0, SPAN_MINUTES - 1), min_size=2, max_size=6))
def test_neither_the_order_of_questions_nor_the_size_of_blocks_matters(
    walk: Walk, minutes_asked: list[int]
) -> None:
    """What was asked before only fills a memory: a fresh timeline of usual blocks says the same."""
    first = walk.place.first
    asked = [first + MINUTE * minute for minute in minutes_asked]
    # Far away too, before and after the dates that are written.
    asked += [first - DAY * 900, first + DAY * 900, *reversed(asked)]
    with blocks_of(walk.block_days):
        remembering = walk.timeline()
        said = [(remembering.at(at), remembering.edges_after(at, limit=2)) for at in asked]
        seen = [remembering.outlook(at, limit=2) for at in asked]
    for at, found, outlook in zip(asked, said, seen, strict=True):
        fresh = walk.timeline()
        assert found == (fresh.at(at), fresh.edges_after(at, limit=2))
        assert (outlook.interval, outlook.edges) == found
