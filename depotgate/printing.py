"""How results are written to standard output: tables for people, JSON for programs."""

from __future__ import annotations

import sys

import orjson
from rich.console import Console

PIPE_COLUMNS = 200
"""In a file or a pipe, which say of no width of their own: a row stays a line."""


def table_console(pipe_columns: int = PIPE_COLUMNS) -> Console:
    """As wide as the terminal, else as `pipe_columns`; nothing is coloured but what says so."""
    return Console(width=None if sys.stdout.isatty() else pipe_columns, highlight=False)


def print_json(content: object) -> None:
    """One document in one line; instants as RFC 3339 with Z.

    Raises:
        TypeError: it holds something that JSON has no word for.
    """
    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_UTC_Z).decode() + "\n")


def printable(text: str) -> str:
    """What a charger or a file calls itself could hold a terminal's control sequences."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
