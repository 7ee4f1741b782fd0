"""The problems of a depot folder found so far, and what a person may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Literal

from models.errors import DepotRefusedError, Problem

BadRows = Literal["stop", "skip"]
"""Whether one bad row stops the whole load, or is left out and named."""

NOTICES_KEPT = 20
"""Of each file: they keep nothing from being loaded, and a terminal has few lines."""

PROBLEMS_KEPT = 100
"""Of each file: a person mends a few at a time, and a wrong export repeats one a million times."""

NEAR_WORDS_MAX = 1_000
"""Known words that a wrong one is compared with: each comparison takes some 10 µs."""

NEAR_REMEMBERED = 256
"""A wrong export repeats few words, a million times."""


class Problems:
    """Problems of one depot folder; those beyond what is kept of a file are counted."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Problem]] = {}
        self._more: dict[str, int] = {}
        self._notices: dict[str, list[Problem]] = {}
        self._more_notices: dict[str, int] = {}

    def names(self, file: str) -> bool:
        """Whether something is wrong in that file."""
        return file in self._kept

    def add(self, file: str, line: int, message: str) -> None:
        """Note one; line 0 means the whole file."""
        kept = self._kept.setdefault(file, [])
        if len(kept) < PROBLEMS_KEPT:
            kept.append(Problem(file, line, message))
        else:
            self._more[file] = self._more.get(file, 0) + 1

    def notice(self, file: str, line: int, message: str) -> None:
        """Note what a person should know, and that keeps nothing from being loaded."""
        kept = self._notices.setdefault(file, [])
        if len(kept) < NOTICES_KEPT:
            kept.append(Problem(file, line, message))
        else:
            self._more_notices[file] = self._more_notices.get(file, 0) + 1

    def notices(self) -> tuple[Problem, ...]:
        """Every notice, file by file, in the order in which they were noted."""
        found: list[Problem] = []
        for file, kept in self._notices.items():
            found += kept
            more = self._more_notices.get(file, 0)
            if more:
                found.append(Problem(file, 0, f"and {more:,} notices more in this file"))
        return tuple(found)

    def refuse(self) -> None:
        """Raise DepotRefusedError if there is any."""
        found = self.all()
        if found:
            raise DepotRefusedError(found)

    def include(self, others: Problems) -> None:
        """Note those of `others` too; its notices are left there."""
        for file, kept in others._kept.items():
            for problem in kept:
                self.add(file, problem.line, problem.message)
        for file, more in others._more.items():
            self._more[file] = self._more.get(file, 0) + more

    def all(self) -> tuple[Problem, ...]:
        """Every problem that is kept, file by file, each in the order of lines."""
        found: list[Problem] = []
        for file, kept in self._kept.items():
            found += sorted(kept, key=lambda problem: problem.line)
            more = self._more.get(file, 0)
            if more:
                found.append(Problem(file, 0, f"and {more:,} problems more in this file"))
        return tuple(found)


class RowProblems(Problems):
    """Problems of rows that may be left out; also knows in which rows something is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: set[int] = set()

    def add(self, file: str, line: int, message: str) -> None:
        """Note one, and its row."""
        super().add(file, line, message)
        self.lines.add(line)


def near(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` where a known word is close, else nothing. Never repeats `word`."""
    return _near(word, tuple(islice(known, NEAR_WORDS_MAX)))


@lru_cache(maxsize=NEAR_REMEMBERED)
def _near(word: str, known: tuple[str, ...]) -> str:
    folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[found[0]]!r}?" if found else ""


def one_of(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
