"""Which Kafka a command talks to."""

from __future__ import annotations

from connectors.kafka.security import Kafka, KafkaSecurity, secured, setting
from depotgate.run_file import read_run
from depotgate.settings import Settings
from models.errors import ConfigurationError

OPEN = KafkaSecurity()
"""Of a Kafka that is started here."""


def named_kafka(settings: Settings) -> Kafka | None:
    """The named broker with its certificates and password read; None = one is to be started here.

    Raises:
        ConfigurationError: they cannot be used, or there is a log-in and nobody to log in at.
    """
    security = settings.kafka_security
    if settings.kafka is not None:
        return secured(settings.kafka, security)
    given = [name for name, value in security._asdict().items() if value != getattr(OPEN, name)]
    if given:
        raise ConfigurationError(
            f"{setting(given[0])} is set and no Kafka is named; set DEPOTGATE_KAFKA=HOST:PORT: "
            "one that is started here listens on loopback, in the clear"
        )
    return None


def reachable_kafka(settings: Settings) -> Kafka:
    """The named broker, else the one of the installation that runs on this data folder.

    Raises:
        ConfigurationError: neither is there, or its certificates or password cannot be used.
    """
    if settings.kafka is not None:
        return secured(settings.kafka, settings.kafka_security)
    run = read_run(settings.data)
    if run is None:
        raise ConfigurationError(
            f"nothing runs on {settings.data} and no Kafka is named; start `depotgate up FOLDER`, "
            "or set DEPOTGATE_KAFKA=HOST:PORT"
        )
    return secured(run.kafka, settings.kafka_security)
