"""What is said beside the show: a process that died, a folder that was loaded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from rich.console import Console

KEPT_MAX = 50
"""Said while a screen is up, to be printed after it."""

FRESH_FOR = timedelta(seconds=15)
"""Long enough to be read on a screen that changes all the time."""


class Voice:
    """Prints lines; while a screen is up it keeps them instead."""

    def __init__(
        self, console: Console, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._console = console
        self._clock = clock
        self._kept: deque[tuple[datetime, str]] = deque(maxlen=KEPT_MAX)
        self._keeping = False

    def say(self, line: str) -> None:
        """Print it, now or when the screen is gone."""
        if self._keeping:
            self._kept.append((self._clock(), line))
        else:
            self._print(line)

    def newest(self) -> str | None:
        """What was said last, while it is news."""
        if not self._kept:
            return None
        at, line = self._kept[-1]
        return line if self._clock() - at < FRESH_FOR else None

    @contextmanager
    def beside_a_screen(self) -> Iterator[None]:
        """Keep what is said, and print it in the end."""
        self._keeping = True
        try:
            yield
        finally:
            self._keeping = False
            for _, line in self._kept:
                self._print(line)
            self._kept.clear()

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
