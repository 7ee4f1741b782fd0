"""What went wrong is a sentence and an exit code; what is a fault of ours shows its trace."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from aiokafka.errors import KafkaConnectionError

from depotgate.commands.saying import INTERRUPTED, sayable
from models.errors import ConfigurationError


def code_of(fault: BaseException) -> int:
    @sayable
    def command() -> None:
        raise fault

    with pytest.raises(typer.Exit) as ended:
        command()
    return ended.value.exit_code


def test_a_mistake_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(ConfigurationError("no such file")) == 1
    assert capsys.readouterr().err == "no such file\n"


def test_a_kafka_that_goes_away_in_the_middle_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(KafkaConnectionError("Connection at 127.0.0.1:9092 closed")) == 1
    said = capsys.readouterr().err
    assert said.startswith("Kafka ended what was asked of it (KafkaConnectionError: Connection at")
    assert said.count("\n") == 1


def test_an_output_that_has_no_room_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    @sayable
    def command() -> None:
        typer.echo("a timetable", nl=False)

    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(typer.Exit) as ended:
            command()
    assert ended.value.exit_code == 1
    assert capfd.readouterr().err == "not all could be written: No space left on device\n"


def test_a_full_disk_is_said_by_a_service_without_an_output_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert code_of(OSError(errno.ENOSPC, "No space left on device")) == 1
    assert capsys.readouterr().err == "not all could be written: No space left on device\n"


@pytest.mark.parametrize("written", ["ascii", "iso-8859-1"])
def test_files_and_pipes_are_utf_8_whatever_the_locale_is(written: str) -> None:
    env = {**os.environ, "PYTHONIOENCODING": written}
    run = subprocess.run(
        [sys.executable, "-c", "from depotgate.cli import main; main()", "schedule", "--help"],
        capture_output=True,
        env=env,
        check=True,
    )
    assert "╭─ Commands" in run.stdout.decode()


def test_ctrl_c_is_said_by_its_exit_code() -> None:
    assert code_of(KeyboardInterrupt()) == INTERRUPTED


def test_a_fault_of_ours_is_not_hidden() -> None:
    @sayable
    def command() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        command()
