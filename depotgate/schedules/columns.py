"""Rows for a person: a table, and where the terminal is too narrow for one a paragraph a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

FOLDED_COLUMNS = 9
"""Of the last column, which folds: `by default`, and the words of most names."""

_BETWEEN = 3
"""Columns between two of a table without lines."""


class Column(NamedTuple):
    """A column whose cells are never cut."""

    heading: str
    right: bool = False


def print_rows(
    columns: Sequence[Column], last: str, rows: Sequence[Sequence[Text | str]], console: Console
) -> None:
    """Print rows under these headings; the cells of the last one fold."""
    # As they are: in a string, [brackets] of somebody's window would be markup.
    cells = [[each if isinstance(each, Text) else Text(each) for each in row] for row in rows]
    if _room_for(columns, cells) <= console.width:
        console.print(_table(columns, last, cells))
        return
    console.print()
    for row in cells:
        said = Text("  ").join(each for each in row if each)
        first, *more = said.wrap(console, console.width - 2)
        console.print(first)
        for each in more:
            console.print(Text("  ").append_text(each))
    console.print()


def _room_for(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> int:
    widths = [
        max(cell_len(cell) for cell in (column.heading, *(row[place].plain for row in rows)))
        for place, column in enumerate(columns)
    ]
    return sum(widths) + FOLDED_COLUMNS + _BETWEEN * len(columns) + 2


def _table(columns: Sequence[Column], last: str, rows: Sequence[Sequence[Text]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.heading, no_wrap=True, justify="right" if column.right else "left")
    table.add_column(last, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
