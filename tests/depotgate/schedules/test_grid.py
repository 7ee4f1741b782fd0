"""The week grid: a line a day, on the clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO, TextIOWrapper

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


@pytest.mark.parametrize(
    ("name", "first", "noted"),
    [
        # Clocks go forward from 00:00, so that this date begins at 01:00.
        ("Asia/Beirut", datetime(2026, 3, 27, 22, tzinfo=UTC), [(29, "clock +1 h")]),
        # Back from 24:00 to 23:00: that hour is shown twice on the date that ends.
        ("America/Santiago", datetime(2026, 4, 4, 3, tzinfo=UTC), [(4, "clock −1 h")]),
        # Back from 01:00 to 00:00 of the date that has just begun.
        ("Atlantic/Azores", datetime(2026, 10, 24, tzinfo=UTC), [(25, "clock −1 h")]),
        # A whole date was left out.
        ("Pacific/Apia", datetime(2011, 12, 29, 10, tzinfo=UTC), [(30, "clock +24 h")]),
    ],
)
def test_the_date_is_noted_whose_times_are_left_out_or_shown_twice(
    name: str, first: datetime, noted: list[tuple[int, str]]
) -> None:
    period, in_zone = Period(first, first + timedelta(days=3)), zone(name)
    stretches = Timeline(Schedule(id="s", default=Mode.MANAGED), in_zone).intervals(*period)
    found = lines(stretches, period, in_zone, 24)
    assert [(line.on.day, line.clock) for line in found if line.clock] == noted


@pytest.mark.parametrize("width", [40, 119, 120, 130])
def test_what_the_clock_does_is_never_cut_off(width: int) -> None:
    """Of Lord Howe Island by half an hour, which is a long word."""
    first = datetime(2027, 4, 2, 13, tzinfo=UTC)
    period, lord_howe = Period(first, first + timedelta(days=3)), zone("Australia/Lord_Howe")
    stretches = Timeline(Schedule(id="s", default=Mode.MANAGED), lord_howe).intervals(*period)
    out = StringIO()
    print_grid(stretches, period, lord_howe, Console(file=out, width=width))
    assert "clock −30 min\n" in out.getvalue()
    assert "▒▒ both\n" in out.getvalue()
    cells = 24 if width == 40 else 48 if width <= 120 else 96
    assert f"  {'█' * cells}  clock" in out.getvalue()


def test_a_terminal_without_blocks_has_other_signs() -> None:
    out = TextIOWrapper(BytesIO(), encoding="ascii")
    first = datetime(2026, 7, 13, 22, tzinfo=UTC)
    period = Period(first, first + timedelta(days=1))
    window = Window(days=tuple(Weekday), start="08:30", end="10:00", mode=Mode.MANAGED)
    schedule = Schedule(id="s", default=Mode.FREEVEND, windows=(window,))
    stretches = Timeline(schedule, BERLIN).intervals(*period)
    print_grid(stretches, period, BERLIN, Console(file=out, width=60))
    out.seek(0)
    assert f"Tue 14 Jul  {'.' * 8}+#{'.' * 14}" in out.read()


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
