"""Python's cycle collector, out of the way of work that makes millions of objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 20_000
"""Made and kept before cycles are looked for, instead of 700: some fifty attempts' worth, 5 MB."""

OLD_ROUNDS = 50
"""Looks at the young ones before a look at all: with ten thousand connections that one stops
everything for some hundred milliseconds. Records are in no cycle and go without it; connections
and failed tasks are, and wait for it."""


def collect_seldom() -> None:
    """Leave what is loaded by now out of every collection, and collect seldom from now on.

    To be called once by a process that answers, when its configuration is loaded.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, OLD_ROUNDS)


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
