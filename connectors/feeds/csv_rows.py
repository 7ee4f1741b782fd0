"""Comma-separated rows, one a line, by column; and one sentence for what is none.

No message repeats what a row or a header holds: it may be a card number or a password in the
wrong column.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from connectors.feeds.places import Problems, near
from connectors.feeds.text_file import Line

LINE_BYTES_MAX = 4_096
"""A row of the longest identifier, reference, path and times has some 1,000."""

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}
"""What spreadsheets write where a comma is the decimal sign, and what copying from one gives."""


class Columns(NamedTuple):
    """The header that a file has to have: these names in any order."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return self.required + self.optional


class CsvRow(NamedTuple):
    """A row: its line, and its fields by column, without outer blanks."""

    line: int
    fields: dict[str, str]


def read_rows(
    file: str,
    lines: Iterable[Line],
    columns: Columns,
    problems: Problems,
    *,
    rows_max: int,
    row_problems: Problems | None = None,
) -> Iterator[CsvRow]:
    """Every row that has the columns; what is wrong is noted with its line. Blank lines are none.

    Args:
        rows_max: reading stops there, which is noted.
        row_problems: where it is noted that a row is wrong, if that means nothing for the others.
    """
    row_problems = row_problems or problems
    numbered = iter(lines)
    first = next(numbered, None)
    if first is None or first.number > 1:
        # Else the first line cannot be read, which is said.
        if not (problems.names(file) or row_problems.names(file)):
            problems.add(file, 1, f"expected the header {_written(columns)}, got an empty file")
        return
    header = _header(file, first, columns, problems)
    if header is None:
        return
    count = 0
    for line, text in numbered:
        if not text.strip(" \t,"):
            continue
        count += 1
        if count > rows_max:
            problems.add(
                file, line, f"expected at most {rows_max:,} rows; what follows is not read"
            )
            return
        values = _values(file, line, text, row_problems)
        if values is None:
            continue
        if len(values) != len(header):
            row_problems.add(file, line, f"expected {len(header)} fields, got {len(values)}")
            continue
        yield CsvRow(line, dict(zip(header, values, strict=True)))


def _values(file: str, line: int, text: str, problems: Problems) -> list[str] | None:
    if '"' not in text:
        return [*map(str.strip, text.split(","))]
    try:
        # A line alone: an open quotation mark must not swallow the rest of the file.
        return [*map(str.strip, next(csv.reader([text], strict=True)))]
    except csv.Error:
        problems.add(
            file,
            line,
            'expected a quoted field to begin with ", to end with " on the same line, '
            'and to have "" for each " in it',
        )
        return None


def _written(columns: Columns) -> str:
    return ",".join(columns.required)


def _header(file: str, first: Line, columns: Columns, problems: Problems) -> list[str] | None:
    header = _values(file, first.number, first.text, problems)
    if header is None:
        return None
    faults = [*_header_faults(header, columns)]
    if not set(header) & set(columns.all):
        other = next((name for sign, name in _OTHER_SEPARATORS.items() if sign in first.text), None)
        got = f"got a line with {other} instead of commas" if other else "got another line"
        faults = [f"expected the header {_written(columns)}, {got}"]
    for fault in faults:
        problems.add(file, first.number, fault)
    return None if faults else header


def _header_faults(header: Sequence[str], columns: Columns) -> Iterator[str]:
    for name in columns.required:
        if name not in header:
            yield f"expected a column {name!r}, and there is none"
    for place, name in enumerate(header):
        if name not in columns.all:
            known = [each for each in columns.all if each not in header]
            yield f"column {place + 1} has no known name{near(name, known)}"
        elif name in header[:place]:
            yield f"column {name!r} is there twice"
