"""Rows for a person: nothing is cut off, however narrow the terminal is."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from depotgate.schedules.columns import Column, print_rows
from depotgate.schedules.diff import compare
from depotgate.schedules.diff_report import print_compared
from depotgate.schedules.show import look, print_shown
from tests.connectors.feeds.folders import SITE, write

NOW = datetime(2026, 12, 14, 9, tzinfo=UTC)
ROWS = [("Mon 2026-12-14 18:00", "12 h", "window night"), ("Tue 2026-12-15 06:00", "", "default")]
COLUMNS = (Column("from"), Column("for", right=True))

# The longest cells, three columns between two and around them, and nine of the last.
TABLE_COLUMNS = 20 + 4 + 9 + 2 * 3 + 2


def _printed(width: int) -> list[str]:
    out = StringIO()
    print_rows(COLUMNS, "by", ROWS, Console(file=out, width=width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_terminal_that_is_wide_enough_has_a_table() -> None:
    heading = _printed(TABLE_COLUMNS)[1]
    assert heading.split() == ["from", "for", "by"]


def test_in_a_narrower_one_each_row_is_a_paragraph() -> None:
    assert _printed(TABLE_COLUMNS - 1) == [
        "",
        "Mon 2026-12-14 18:00  12 h  window",
        "  night",
        "Tue 2026-12-15 06:00  default",
        "",
    ]


@pytest.mark.parametrize("width", [40, 200])
@pytest.mark.parametrize("name", ["window [red] bay", "window a[/b]", "window :bus: lane"])
def test_a_name_is_printed_as_it_is_written(name: str, width: int) -> None:
    out = StringIO()
    print_rows(COLUMNS, "by", [("Mon 18:00", "12 h", name)], Console(file=out, width=width))
    assert name in out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_every_time_and_mode_of_a_timetable_is_there(tmp_path: Path, width: int) -> None:
    out = StringIO()
    write(tmp_path)
    found = look(
        tmp_path, NOW, charger=None, group=None, start="2026-12-14", end="2026-12-16", merge=False
    )
    print_shown(found, Console(file=out, width=width))
    said = " ".join(out.getvalue().split())
    assert "…" not in said
    for words in ("Mon 2026-12-14 18:00", "2026-12-14 17:00Z", "managed", "window night"):
        assert words in said


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_every_edge_that_moves_over_midnight_is_there(tmp_path: Path, width: int) -> None:
    new = tmp_path / "draft.yaml"
    new.write_text(SITE.replace('from: "18:00"', 'from: "00:15"').replace("[mon]", "[tue]"))
    compared = compare(
        write(tmp_path), new, NOW, charger=None, group=None, start="2026-12-14", end="2026-12-17"
    )
    out = StringIO()
    print_compared(compared, Console(file=out, width=width))
    said = " ".join(out.getvalue().split())
    assert "…" not in said
    for words in ("Mon 2026-12-14 18:00 → Tue 2026-12-15 00:15", "+6 h 15 min", "window night"):
        assert words in said
