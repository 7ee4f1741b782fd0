"""Which Kafka a command talks to, and as whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.kafka.security import Protocol, SecuredKafka
from depotgate.reaching import named_kafka, reachable_kafka
from depotgate.run_file import Run, write_run
from depotgate.settings import Settings
from models.errors import ConfigurationError

RUNNING = Run(kafka="127.0.0.1:29092", ocpp="", metrics={}, processes={})


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text("secret")
    return path


def login(password: Path, **others: object) -> Settings:
    return Settings(
        data=password.parent,
        kafka_protocol=Protocol.SASL_SSL,
        kafka_username="anna",
        kafka_password_file=password,
        **others,  # type: ignore[arg-type]
    )


def test_a_named_kafka_is_logged_in_at(password: Path) -> None:
    settings = login(password, kafka="kafka:9094")
    for kafka in (named_kafka(settings), reachable_kafka(settings)):
        assert isinstance(kafka, SecuredKafka)
        assert (kafka.bootstrap, kafka.protocol) == ("kafka:9094", Protocol.SASL_SSL)


def test_one_that_runs_here_is_reached_by_the_same_settings(password: Path) -> None:
    write_run(password.parent, RUNNING)
    assert isinstance(reachable_kafka(login(password)), SecuredKafka)
    assert reachable_kafka(Settings(data=password.parent)) == RUNNING.kafka


def test_a_kafka_that_is_started_here_has_nobody_to_log_in_at(password: Path) -> None:
    with pytest.raises(ConfigurationError, match="KAFKA_PROTOCOL is set and no Kafka is named"):
        named_kafka(login(password))
    with pytest.raises(ConfigurationError, match="KAFKA_USERNAME is set and no Kafka is named"):
        named_kafka(Settings(kafka_username="anna"))
    assert named_kafka(Settings()) is None
