"""Batches to a few processes and back: deciding takes all of a core, reading most of another."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from connectors.processes import die_with_parent
from depotgate.replaying.judging import Judge
from depotgate.replaying.tally import Tally
from models.errors import ProcessEndedError

PROCESSES_MAX = 2
"""Beside the one that reads: more wait for it (10 µs a record to read, 60 to decide)."""

WAITING_MAX = 6
"""Batches read and not yet decided: 30 MB, and no process ever waits for its next one."""

COLLECT_AFTER_OBJECTS = 200_000
"""That are left over: looking through them after 700, as usual, takes a third of the time."""

_judge: Judge | None = None
"""In a process of the pool: what it does. Inherited at the fork, so a draft with a million cards is
neither read again nor copied."""


class Pool:
    """Decides batches; see `pool_of`."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    async def tallies(self, batches: AsyncIterator[list[bytes]]) -> AsyncIterator[Tally]:
        """The tallies of batches, in their order.

        Raises:
            ProcessEndedError: one of the processes was ended from outside.
        """
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[Tally]] = []
        try:
            async for batch in batches:
                waiting.append(loop.run_in_executor(self._executor, _judged, batch))
                while len(waiting) >= WAITING_MAX or (waiting and waiting[0].done()):
                    yield await waiting.pop(0)
            while waiting:
                yield await waiting.pop(0)
        except BrokenProcessPool as fault:
            raise ProcessEndedError(
                "a process of the replay was ended from outside, most likely for want of memory; "
                "try a shorter period, or a machine with more memory"
            ) from fault
        finally:
            for each in waiting:
                each.cancel()


@contextmanager
def pool_of(judge: Judge) -> Iterator[Pool]:
    """A pool whose processes are there when the block begins, and gone when it ends.

    To be opened before any event loop and any thread: a fork copies neither whole.
    """
    processes = max(1, min(PROCESSES_MAX, len(os.sched_getaffinity(0))))
    # What is there by now is left where it is: a collection in a child would copy all of it.
    gc.collect()
    gc.freeze()
    executor = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("fork"),
        initializer=_begin,
        initargs=(judge, die_with_parent(signal.SIGKILL)),
    )
    try:
        executor.submit(_judged, []).result()
        yield Pool(executor)
    finally:
        gc.unfreeze()
        executor.shutdown(cancel_futures=True)


def _begin(judge: Judge, follow_parent: Callable[[], None]) -> None:
    global _judge  # noqa: PLW0603 - a process of its own, with one thing to do
    _judge = judge
    follow_parent()
    # Ctrl-C is for the process that reads: it ends this one in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A batch makes a million objects, none in a cycle and all gone with it.
    gc.set_threshold(COLLECT_AFTER_OBJECTS)


def _judged(batch: list[bytes]) -> Tally:
    assert _judge is not None, "a pool begins with what it does"
    return _judge(batch)
