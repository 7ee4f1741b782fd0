"""Every clock change of every zone, 2000 to 2037, two days before it and after (rules 2 to 8)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import islice, pairwise

import pytest

from models.timeline import Timeline
from models.zones import zone
from tests.properties.clock_changes import ClockChange, changes, distinct_histories
from tests.properties.plans import blocks_of, difference, said_by, schedule_of
from tests.properties.wall_clock import DAY, FREEVEND, MANAGED, Dated, Plan, Row, codes

AROUND = 2 * DAY

PLANS_EACH = 2
"""Drawn anew for each change, so that thousands of changes see thousands of schedules."""

EVERY = 24
"""Of the unit tests: one change in so many, another one of each zone and year."""

PARTS = 4
"""So that they are looked at by several processes at once."""

BLOCK_DAYS = 4
"""Compiled at once: no more than is looked at."""

MODES = (MANAGED, FREEVEND)


def every_change() -> Iterator[tuple[str, ClockChange]]:
    """Each once: zones that set the same clocks at the same instant have it in common."""
    seen = set()
    for name in distinct_histories():
        for change in changes(name):
            if change not in seen:
                seen.add(change)
                yield name, change


def plans(change: ClockChange, drawn: random.Random) -> Iterator[Plan]:
    """Schedules whose edges lie in and around what the clock leaves out or repeats."""
    clocks = sorted(change.at + offset for offset in change[1:])
    before, after = (each.hour * 60 + each.minute for each in clocks)
    turns = sorted({before, after, (before + after) // 2})

    def minute() -> int:
        step = drawn.choice((0, 0, -1, 1, -15, 15, -30, 30, -60, 60, drawn.randrange(1440)))
        return (drawn.choice(turns) + step) % 1440

    def dated() -> Dated:
        on: date = clocks[0].date() + DAY * drawn.randint(-1, 1)
        start, end = minute(), minute()
        return Dated(on, start, end if end > start else 0, drawn.choice(MODES))

    for _ in range(PLANS_EACH):
        yield Plan(
            default=drawn.choice(MODES),
            # The first two meet; the third lies anywhere.
            rows=(
                Row(
                    frozenset(range(7)), first := minute(), second := minute(), drawn.choice(MODES)
                ),
                Row(frozenset(range(7)), second, minute(), drawn.choice(MODES)),
                Row(frozenset({clocks[0].weekday()}), first, minute(), drawn.choice(MODES)),
            ),
            dated=(dated(),) if drawn.random() < 0.5 else (),
            holidays=(dated(),) if drawn.random() < 0.5 else (),
        )


def wrong_around(some: Iterable[tuple[str, ClockChange]]) -> list[str]:
    """Where the timeline says something else than the wall clock."""
    with blocks_of(BLOCK_DAYS):
        return [wrong for name, change in some for wrong in _wrong(name, change)]


def _wrong(name: str, change: ClockChange) -> Iterator[str]:
    first, last = change.at - AROUND, change.at + AROUND
    for plan in plans(change, random.Random(f"{name} {change.at}")):
        said = said_by(Timeline(schedule_of(plan), zone(name)), first, last)
        wrong = difference(codes(plan, zone(name), first, last), said, first)
        if wrong:
            yield f"{name} {wrong} {plan}"


def test_around_a_sample_of_clock_changes_the_timeline_is_the_wall_clock() -> None:
    sample = list(islice(every_change(), 0, None, EVERY))
    assert len(sample) > 100
    assert wrong_around(sample) == []


@pytest.mark.sweep
@pytest.mark.parametrize("part", range(PARTS))
def test_around_every_clock_change_the_timeline_is_the_wall_clock(part: int) -> None:
    every = list(every_change())
    assert len(every) > 3_000
    assert wrong_around(every[part::PARTS]) == []


def test_each_clock_change_is_looked_at_whole() -> None:
    """Four days hold all of a change that moves the clock by a day, and no other change."""
    longest = max(abs(each.offset_after - each.offset_before) for _, each in every_change())
    assert timedelta(hours=23) < longest < AROUND
    for name in distinct_histories():
        assert all(later.at - one.at > 2 * AROUND for one, later in pairwise(changes(name)))
