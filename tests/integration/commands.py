"""`depotgate` commands of tests, each in a process of its own.

It is forked from one that has imported what commands need: a new interpreter takes a second to
import it, and the tests give a hundred and more commands. Those that are about the command line
itself (test_command_line.py) start it as a shell does.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import orjson

from depotgate.cli import main

ASK_WITHIN_S = 60.0

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        __name__,
        "depotgate.chargers_shown",
        "depotgate.doctor",
        "depotgate.explaining.answering",
        "depotgate.feed_commands",
        "depotgate.loading",
        "depotgate.overriding",
        "depotgate.replaying.running",
        "depotgate.rotating",
        "depotgate.tail",
    ]
)


class Said(NamedTuple):
    """How a command ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What a program reads."""
        return orjson.loads(self.out)


async def depotgate(*arguments: str, environment: Mapping[str, str], stdin: str = "") -> Said:
    """Give a command and wait for its end; fails the test where it does not end, or breaks."""
    with TemporaryDirectory() as name:
        streams = _Streams(*(Path(name) / each for each in _Streams._fields))
        streams.stdin.write_text(stdin)
        process = _FORKS.Process(target=_run, args=(arguments, dict(environment), streams))
        process.start()
        try:
            await asyncio.to_thread(process.join, ASK_WITHIN_S)
            code = process.exitcode
            assert code is not None, f"not within {ASK_WITHIN_S:.0f} s: the end of {arguments}"
        finally:
            process.kill()
        said = Said(code, streams.stdout.read_text(), streams.stderr.read_text())
    assert "Traceback" not in said.err
    return said


class _Streams(NamedTuple):
    """The files that are the standard streams of a process."""

    stdin: Path
    stdout: Path
    stderr: Path


def _run(arguments: tuple[str, ...], environment: dict[str, str], streams: _Streams) -> None:
    """In the new process: what `python -m depotgate` does."""
    os.dup2(os.open(streams.stdin, os.O_RDONLY), 0)
    os.dup2(os.open(streams.stdout, os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(os.open(streams.stderr, os.O_WRONLY | os.O_CREAT), 2)
    # multiprocessing gives a new process an input of its own.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["depotgate", *arguments]
    main()
