"""Processes of tests, forked from one that has imported what they need.

A new interpreter takes a second or two to import depotgate, and the tests start some two hundred
processes. Those that a user starts are started as a shell starts them by test_command_line.py, and
by every test of `depotgate up`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

from connectors.processes import die_with_parent

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        __name__,
        "depotgate.cli",
        "depotgate.chargers_shown",
        "depotgate.doctor",
        "depotgate.explaining.answering",
        "depotgate.feed_commands",
        "depotgate.loading",
        "depotgate.overriding",
        "depotgate.replaying.running",
        "depotgate.rotating",
        "depotgate.tail",
        "streams.app",
    ]
)

_end_with_parent = die_with_parent()
"""Looked up where this is imported, which for a process started here is in the one it is forked
from: it ends with that one, and that one with the tests."""


class Streams(NamedTuple):
    """The files that are the standard streams of a process."""

    stdin: Path
    stdout: Path
    stderr: Path


def start(streams: Streams, body: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Call a function in a process of its own; its exit code is what the function exits with."""
    process = _FORKS.Process(target=_begin, args=(streams, body, arguments))
    process.start()
    return process


def _begin(streams: Streams, body: Callable[..., None], arguments: tuple[object, ...]) -> None:
    _end_with_parent()
    # What was imported is there to stay, and shared with the process that this one is forked from.
    gc.freeze()
    os.dup2(os.open(streams.stdin, os.O_RDONLY), 0)
    os.dup2(os.open(streams.stdout, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
    os.dup2(os.open(streams.stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    # multiprocessing gives a new process an input of its own.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
    body(*arguments)
