"""CSV files with a line number for each row, and one sentence for what is no row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from connectors.feeds.places import Problems, near

FIELD_CHARS_MAX = 1_000
"""The longest field is a reference or a path; more is a missing quotation mark."""


class CsvRow(NamedTuple):
    """A row: where it begins, and its fields by column."""

    line: int
    fields: dict[str, str]


def read_rows(
    file: str,
    text: str,
    columns: Sequence[str],
    problems: Problems,
    *,
    rows_max: int,
    optional: Sequence[str] = (),
) -> Iterator[CsvRow]:
    """Every row that has the columns; what is wrong is noted with its line.

    Args:
        columns: those that have to be in the header, in any order.
        rows_max: reading stops there, which is noted.
    """
    if "\x00" in text:
        problems.add(file, 0, "expected text, and it has NUL bytes")
        return
    csv.field_size_limit(FIELD_CHARS_MAX)
    rows = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if not _header_fits(file, header, columns, optional, problems):
            return
        count = 0
        for values in rows:
            if not any(value.strip() for value in values):
                continue
            count += 1
            if count > rows_max:
                problems.add(file, rows.line_num, f"more than {rows_max:,} rows")
                return
            if len(values) != len(header):
                problems.add(
                    file, rows.line_num, f"expected {len(header)} fields, got {len(values)}"
                )
                continue
            fields = dict(zip(header, (value.strip() for value in values), strict=True))
            yield CsvRow(rows.line_num, fields)
    except csv.Error as fault:
        problems.add(file, rows.line_num, f"expected comma-separated values: {fault}")


def _header_fits(
    file: str,
    header: list[str],
    columns: Sequence[str],
    optional: Sequence[str],
    problems: Problems,
) -> bool:
    expected = ",".join(columns)
    if not header:
        problems.add(file, 1, f"expected a header: {expected}")
        return False
    known = (*columns, *optional)
    missing = [name for name in columns if name not in header]
    unknown = [name for name in header if name not in known]
    twice = [name for place, name in enumerate(header) if name in header[:place]]
    for name in missing:
        problems.add(file, 1, f"there is no column {name!r}; expected {expected}")
    for name in unknown:
        problems.add(file, 1, f"column {name!r} is not known{near(name, known)}")
    for name in twice:
        problems.add(file, 1, f"column {name!r} is there twice")
    return not (missing or unknown or twice)
