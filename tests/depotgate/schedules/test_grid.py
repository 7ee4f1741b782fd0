"""The week grid: a line a day, on the clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from depotgate.schedules.grid import Line, lines, print_grid
from depotgate.schedules.period import Period
from models.schedule import Mode, Schedule, Weekday, Window
from models.timeline import Timeline
from models.zones import zone

BERLIN = zone("Europe/Berlin")
MANAGED, FREEVEND = frozenset({Mode.MANAGED}), frozenset({Mode.FREEVEND})


def _drawn(first: datetime, days: int, *, start: str, end: str) -> list[Line]:
    window = Window(days=tuple(Weekday), start=start, end=end, mode=Mode.MANAGED)
    timeline = Timeline(Schedule(id="s", default=Mode.FREEVEND, windows=(window,)), BERLIN)
    period = Period(first, first + timedelta(days=days))
    return list(lines(timeline.intervals(*period), period, BERLIN, 24))


def test_a_cell_has_the_mode_of_its_hour() -> None:
    (line,) = _drawn(datetime(2026, 7, 13, 22, tzinfo=UTC), 1, start="08:00", end="10:00")
    assert line.cells == (FREEVEND,) * 8 + (MANAGED,) * 2 + (FREEVEND,) * 14


def test_a_cell_with_an_edge_in_it_has_both_modes() -> None:
    (line,) = _drawn(datetime(2026, 7, 13, 22, tzinfo=UTC), 1, start="08:30", end="10:00")
    assert line.cells[8] == MANAGED | FREEVEND


def test_an_hour_that_no_clock_shows_is_empty_and_the_day_says_so() -> None:
    """29 March 2026: from 02:00 to 03:00."""
    line = _drawn(datetime(2026, 3, 28, 23, tzinfo=UTC), 1, start="00:00", end="00:00")[0]
    assert line.cells[2] == frozenset()
    assert line.cells[1] == line.cells[3] == MANAGED
    assert line.clock == "clock +1 h"


def test_what_lies_outside_of_the_period_is_empty() -> None:
    (line, following) = _drawn(datetime(2026, 7, 14, 10, tzinfo=UTC), 1, start="00:00", end="00:00")
    assert line.cells == (frozenset(),) * 12 + (MANAGED,) * 12
    assert following.cells == (MANAGED,) * 12 + (frozenset(),) * 12


@pytest.mark.parametrize(("width", "cells"), [(60, 24), (80, 48), (120, 96)])
def test_it_fits_the_terminal(width: int, cells: int) -> None:
    first = datetime(2026, 7, 13, 22, tzinfo=UTC)
    period = Period(first, first + timedelta(days=60))
    schedule = Schedule(id="s", default=Mode.MANAGED)
    out = StringIO()
    console = Console(file=out, width=width)
    print_grid(Timeline(schedule, BERLIN).intervals(*period), period, BERLIN, console)
    written = out.getvalue().splitlines()
    assert max(map(len, written)) <= width
    assert sum("█" * cells in line for line in written) == 35
    assert "the first 5 weeks are drawn" in written[-1]
