"""The demo on a terminal: the whole depot at a glance, several times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from depotgate.demo.odd.notices import Notice
from depotgate.demo.picture import ChargerCell, OutcomeLine, Picture
from depotgate.demo.wording import ANSWERS, MODE_STYLES, milliseconds, turns_text
from models.reasons import Reason

REDRAW_S = 0.4
"""Often enough for a clock with seconds; drawing takes ten milliseconds of a core."""

GAP = 3
CELL_CHARS = 36
GROUP_CHARS = 13
"""A charger's columns, without and with its group."""

COLUMNS_MAX = 3

TIME_CHARS, ID_CHARS, LABEL_CHARS, USUAL_REASON_CHARS = 8, 5, 9, 19
WIDE_CHARS = 90
"""Of an attempt's columns; from that width on, the longest reason fits beside the longest text."""

FIXED_LINES = 5
"""Two of the heading, two rules and one that says how to end it."""

OUTCOMES_MIN = 4

NOTICED_MAX = 6
"""Once for each odd charger of the demo, about."""


class Screen:
    """Draws pictures until it is left; then the terminal is as it was."""

    def __init__(self, console: Console, take: Callable[[datetime], Picture]) -> None:
        self._console = console
        self._take = take

    async def show(self) -> None:
        """Draw until cancelled."""
        with Live(console=self._console, screen=True, auto_refresh=False) as live:
            while True:
                picture = self._take(datetime.now(UTC))
                # Beside the event loop: drivers wait there, and their answers are timed.
                await asyncio.to_thread(self._draw, live, picture)
                await asyncio.sleep(REDRAW_S)

    def _draw(self, live: Live, picture: Picture) -> None:
        live.update(drawn(picture, *self._console.size), refresh=True)


def drawn(picture: Picture, width: int, height: int) -> RenderableType:
    """A picture for a terminal of that size, never wider than it."""
    columns, with_group = _columns(width)
    lines = -(-len(picture.cells) // columns)
    room = max(OUTCOMES_MIN, height - FIXED_LINES - lines)
    noticed = picture.noticed[: max(0, min(NOTICED_MAX, room - OUTCOMES_MIN - 1))]
    room -= len(noticed) + 1 if noticed else 0
    fixed = " (* cannot be switched)" if any(cell.fixed for cell in picture.cells) else ""
    return Group(
        _heading(picture),
        _figures(picture),
        Rule(f"Chargers{fixed}", style="dim", align="left"),
        _chargers(picture.cells, columns, with_group=with_group),
        *_noticed(noticed),
        Rule("Last attempts", style="dim", align="left"),
        _outcomes(picture.outcomes[:room], room, width),
        _footing(picture),
    )


def _columns(width: int) -> tuple[int, bool]:
    """How many chargers stand on a line, and whether with their groups: two with before three
    without."""
    with_group = (width + GAP) // (CELL_CHARS + GROUP_CHARS + GAP)
    if with_group >= 2:
        return min(with_group, COLUMNS_MAX), True
    return max(1, (width + GAP) // (CELL_CHARS + GAP)), False


def _heading(picture: Picture) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column(no_wrap=True, overflow="ellipsis")
    line.add_column(justify="right", no_wrap=True)
    clock = f"{picture.now:%H:%M:%S}"
    line.add_row(
        Text.assemble(("depotgate ", "bold"), (picture.site, "dim"), "  ", (clock, "bold")),
        _edge(picture),
    )
    return line


def _edge(picture: Picture) -> Text:
    if picture.edge_at is None:
        return Text("no more mode edges", "dim")
    left_s = max(0, int((picture.edge_at - picture.now).total_seconds()))
    style = "bold yellow" if left_s < 10 else "bold"
    at = picture.edge_at.astimezone(picture.now.tzinfo)
    return Text.assemble(f"next edge {at:%H:%M} in ", (f"{left_s // 60}:{left_s % 60:02d}", style))


def _figures(picture: Picture) -> RenderableType:
    connected = sum(cell.connected for cell in picture.cells)
    lost_style = "bold red" if picture.lost_count else ""
    return Text.assemble(
        f"{connected}/{len(picture.cells)} connected",
        f"  {picture.attempts_per_s:.1f}/s",
        ("  allowed ", ANSWERS["allow"][2]),
        str(picture.allowed_count),
        ("  denied ", ANSWERS["deny"][2]),
        str(picture.denied_count),
        (f"  lost {picture.lost_count}", lost_style),
        f"  p50 {milliseconds(picture.p50_s)}  p99 {milliseconds(picture.p99_s)}",
        no_wrap=True,
        overflow="ellipsis",
    )


def _chargers(cells: Sequence[ChargerCell], columns: int, *, with_group: bool) -> RenderableType:
    lines = -(-len(cells) // columns)
    grid = Table.grid(padding=(0, GAP, 0, 0))
    for _ in range(columns):
        grid.add_column(no_wrap=True)
    for line in range(lines):
        grid.add_row(*(_cell(cell, with_group=with_group) for cell in cells[line::lines]))
    return grid


def _cell(cell: ChargerCell, *, with_group: bool) -> Text:
    bullet = ("●", "green") if cell.connected else ("○", "red")
    group = f"{cell.group:<{GROUP_CHARS}}" if with_group else ""
    return Text.assemble(
        bullet,
        f" {cell.charger_id:<6}",
        (f"{cell.ocpp:<6}{group}", "dim"),
        _mode(cell),
        " ",
        (f"{cell.session:<10}", "green" if cell.charging else "dim"),
    )


def _mode(cell: ChargerCell) -> Text:
    """The mode it is in; `→` while it is on its way there, `*` where it has no such setting."""
    if cell.desired is None:
        return Text(f"{'–':<11}", "dim")
    style = f"{MODE_STYLES[cell.desired]}{' bold underline' if cell.fresh else ''}"
    if cell.fixed:
        return Text(f"{cell.desired}*".ljust(11), f"dim {style}")
    if cell.observed is not cell.desired:
        return Text(f"→{cell.desired}".ljust(11), "yellow")
    return Text(f"{cell.desired:<11}", style)


def _noticed(notices: Sequence[Notice]) -> Iterator[RenderableType]:
    if notices:
        yield Rule("depotgate noticed", style="dim", align="left")
    for each in notices:
        yield Text.assemble(
            (f"{each.at:%H:%M:%S} ", "dim"),
            f"{each.charger_id} ",
            (each.text, "yellow"),
            no_wrap=True,
            overflow="ellipsis",
        )


def _outcomes(outcomes: Sequence[OutcomeLine], room: int, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    for column_chars in (TIME_CHARS, ID_CHARS, LABEL_CHARS, _reason_chars(width), None):
        table.add_column(width=column_chars, no_wrap=True, overflow="ellipsis")
    for outcome in outcomes:
        _, mark, style = ANSWERS[outcome.answer]
        table.add_row(
            Text(f"{outcome.at:%H:%M:%S}", "dim"),
            outcome.charger_id,
            outcome.label,
            Text(f"{mark} {outcome.reason}", style),
            Text(outcome.text, "italic") if outcome.text else Text(outcome.status, "dim"),
        )
    for _ in range(room - len(outcomes)):
        table.add_row()
    return table


def _reason_chars(width: int) -> int:
    """With its mark. The longest reason is a rare one, and gives way to the texts for drivers."""
    longest = max(len(reason) for reason in Reason) + 2
    return longest if width >= WIDE_CHARS else USUAL_REASON_CHARS


def _footing(picture: Picture) -> RenderableType:
    if picture.notice is not None:
        return Text(picture.notice, "yellow", no_wrap=True, overflow="ellipsis")
    turns = Text.assemble("  next: ", turns_text(picture.turns)) if picture.turns else Text()
    return Text.assemble(("Ctrl-C ends it", "bold"), turns, no_wrap=True, overflow="ellipsis")
