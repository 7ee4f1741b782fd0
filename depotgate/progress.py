"""Progress of long work, on standard error where that is a terminal: the result goes elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Step = Callable[[int, int], None]
"""Takes how many are done, and how many there are."""


@contextmanager
def progress_bar(what: str) -> Iterator[Step]:
    """A bar that is gone when the block ends."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        bar = progress.add_task(what, total=None)

        def step(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        yield step
