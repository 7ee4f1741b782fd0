"""Where in a file a problem lies, and the list of problems found so far."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from models.errors import DepotRefusedError, Problem

PROBLEMS_KEPT = 1_000
"""A person mends a few at a time; a million bad rows would fill memory with the same sentence."""


class Problems:
    """Problems of one depot folder; further ones than are kept are counted."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._more = 0

    def add(self, file: str, line: int, message: str) -> None:
        """Note one."""
        if len(self._kept) < PROBLEMS_KEPT:
            self._kept.append(Problem(file, line, message))
        else:
            self._more += 1

    def refuse(self) -> None:
        """Raise DepotRefusedError if there is any, in the order of files and lines."""
        if not self._kept:
            return
        found = sorted(self._kept, key=lambda each: (each.file, each.line))
        if self._more:
            found.append(Problem(found[-1].file, 0, f"and {self._more:,} problems more"))
        raise DepotRefusedError(tuple(found))


def near(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` where a known word is close, else nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
