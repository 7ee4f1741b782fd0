"""The command line, asked as a person or a program asks it."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from depotgate.cli import app
from tests.said import Said


def ask(*words: str | Path) -> Said:
    """Run `depotgate schedule …`."""
    result = CliRunner().invoke(app, ["schedule", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Said(result.exit_code, result.stdout, result.stderr)
