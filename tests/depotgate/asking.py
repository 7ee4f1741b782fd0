"""The command line, asked in this process as a person or a program asks it."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from depotgate.cli import app
from tests.said import Said


@functools.cache
def command_line() -> Any:
    """All of `depotgate`, of the click that typer brings along.

    Once for all tests: typer's own runner reads the signature of every command again at each call.
    """
    return typer.main.get_command(app)


def ask(*words: str | Path, typed: str = "") -> Said:
    """Run `depotgate …` with what is typed into it, to its end."""
    with CliRunner().isolation(input=typed) as (out, err, _):
        with pytest.raises(SystemExit) as ended:
            command_line().main(args=[*map(str, words)], prog_name="depotgate")
        sys.stdout.flush()
        sys.stderr.flush()
        assert isinstance(ended.value.code, int), ended.value.code
        return Said(ended.value.code, out.getvalue().decode(), err.getvalue().decode())
