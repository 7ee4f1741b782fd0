"""A period as a week grid: a line a day, a cell a part of an hour on the clock on the wall."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from depotgate.schedules import wording
from depotgate.schedules.period import Period
from models.clock_changes import clock_changes
from models.localtime import instant
from models.schedule import Mode
from models.timeline import Stretch

WEEKS_MAX = 5
"""A screen holds that many; a longer period is in the table below."""

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_LABEL = 12
_NOTE = 12
"""Columns for `Mon 20 Jul  ` before the cells and, at least, `  clock +1 h` after them."""

_SIGNS = {
    frozenset({Mode.MANAGED}): ("█", wording.STYLES[Mode.MANAGED]),
    frozenset({Mode.FREEVEND}): ("░", wording.STYLES[Mode.FREEVEND]),
    frozenset(Mode): ("▒", "yellow"),
    frozenset[Mode](): (" ", ""),
}
"""What a cell shows. It shows nothing outside of the period and where no clock shows that time."""

_PLAIN = str.maketrans("█░▒", "#.+")
"""For a terminal whose encoding has no blocks."""


class Line(NamedTuple):
    """A local date, the modes met in each of its cells, and what the clock does on it."""

    on: date
    cells: tuple[frozenset[Mode], ...]
    clock: str


def lines(
    stretches: Sequence[Stretch], period: Period, zone: ZoneInfo, cells_per_day: int
) -> Iterator[Line]:
    """The local dates of a period, WEEKS_MAX at most."""
    left = list(reversed(stretches))
    for on in _dates(period, zone):
        begins, ends = _midnight(on, zone), _midnight(on + _DAY, zone)
        cells: list[set[Mode]] = [set() for _ in range(cells_per_day)]
        # Minute by minute: on a day with a clock change a cell is met twice, or never.
        at = begins
        while at < ends:
            while left and left[-1].end <= at:
                left.pop()
            if left and left[-1].start <= at:
                there = at.astimezone(zone)
                cell = (there.hour * 60 + there.minute) * cells_per_day // 1440
                cells[cell].add(left[-1].mode)
            at += _MINUTE
        yield Line(on, tuple(map(frozenset, cells)), _clock(on, zone))


def print_grid(
    stretches: Sequence[Stretch], period: Period, zone: ZoneInfo, console: Console
) -> None:
    """Print it as wide as the terminal allows: a quarter of an hour, half of one, or a whole."""
    noted = max(len(_clock(on, zone)) + 2 for on in _dates(period, zone))
    room = console.width - _LABEL - max(noted, _NOTE)
    cells_per_day = next((count for count in (96, 48) if count <= room), 24)
    per_three_hours = cells_per_day // 8
    hours = "".join(f"{hour:02}".ljust(per_three_hours) for hour in range(0, 24, 3))
    console.print()
    console.print(Text(" " * _LABEL + hours, style="dim"), no_wrap=True)
    previous: date | None = None
    for line in lines(stretches, period, zone, cells_per_day):
        if previous and line.on.weekday() == 0:
            console.print()
        previous = line.on
        # A terminal that is too narrow goes on in its next line: nothing of it is cut off.
        _print(_drawn(line), console)
    _print(_legend(), console)
    if previous and _midnight(previous + _DAY, zone) < period.end:
        console.print(Text(f"{' ' * _LABEL}the first {WEEKS_MAX} weeks are drawn", style="dim"))


def _dates(period: Period, zone: ZoneInfo) -> list[date]:
    first = period.start.astimezone(zone).date()
    last = (period.end - timedelta.resolution).astimezone(zone).date()
    return [first + _DAY * days for days in range(min((last - first).days + 1, 7 * WEEKS_MAX))]


def _clock(on: date, zone: ZoneInfo) -> str:
    """How the clock is set on a date: the one of the times that are left out, or shown twice."""
    for change in clock_changes(zone, on - 2 * _DAY, on + 2 * _DAY):
        if (change.at + min(change.before, change.after)).date() == on:
            return wording.clock_set_by(change.after - change.before)
    return ""


def _print(text: Text, console: Console) -> None:
    if console.options.ascii_only:
        text.plain = text.plain.translate(_PLAIN)
    console.print(text, soft_wrap=True)


def _drawn(line: Line) -> Text:
    text = Text(f"{line.on:%a %d %b}".ljust(_LABEL), style="")
    for cell in line.cells:
        sign, style = _SIGNS[cell]
        text.append(sign, style=style)
    return text.append(f"  {line.clock}" if line.clock else "", style="yellow")


def _legend() -> Text:
    text = Text(" " * _LABEL)
    for modes, said in ((frozenset({mode}), mode.value) for mode in Mode):
        sign, style = _SIGNS[modes]
        text.append(sign * 2, style=style).append(f" {said}   ")
    sign, style = _SIGNS[frozenset(Mode)]
    return text.append(sign * 2, style=style).append(" both")


def _midnight(on: date, zone: ZoneInfo) -> datetime:
    return instant(on, time.min, zone)
