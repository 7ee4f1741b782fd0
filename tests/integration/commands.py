"""`depotgate` commands of tests, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from depotgate.cli import main
from tests.integration.forks import Streams, start
from tests.said import Said

ASK_WITHIN_S = 60.0


async def depotgate(*arguments: str, environment: Mapping[str, str], stdin: str = "") -> Said:
    """Give a command and wait for its end; fails the test where it does not end, or breaks."""
    with TemporaryDirectory() as name:
        streams = Streams(*(Path(name) / each for each in Streams._fields))
        streams.stdin.write_text(stdin)
        process = start(streams, _command, arguments, dict(environment))
        try:
            await asyncio.to_thread(process.join, ASK_WITHIN_S)
            code = process.exitcode
            assert code is not None, f"not within {ASK_WITHIN_S:.0f} s: the end of {arguments}"
        finally:
            process.kill()
        said = Said(code, streams.stdout.read_text(), streams.stderr.read_text())
    assert "Traceback" not in said.err
    return said


def _command(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    """What `python -m depotgate` does."""
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["depotgate", *arguments]
    main()
