"""Python's cycle collector, out of the way of work that makes millions of objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Have no cycles collected for some seconds.

    A million rows are in no cycle, and looking through all of them again and again takes a quarter
    of the time of a load, and a third of that of publishing them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
