"""What went wrong is a sentence and an exit code; what is a fault of ours shows its trace."""

from __future__ import annotations

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


def test_ctrl_c_is_said_by_its_exit_code() -> None:
    assert code_of(KeyboardInterrupt()) == INTERRUPTED


def test_a_fault_of_ours_is_not_hidden() -> None:
    @sayable
    def command() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        command()
