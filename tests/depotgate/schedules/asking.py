"""The command line, asked as a person or a program asks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import orjson
from typer.testing import CliRunner

from depotgate.cli import app


class Answer(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it is."""
        return orjson.loads(self.out)


def ask(*words: str | Path) -> Answer:
    """Run `depotgate schedule …`."""
    result = CliRunner().invoke(app, ["schedule", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)
