"""Which Kafka a command talks to."""

from __future__ import annotations

from depotgate.run_file import read_run
from depotgate.settings import Settings
from models.errors import ConfigurationError


def reachable_kafka(settings: Settings) -> str:
    """The named broker, else the one of the installation that runs on this data folder.

    Raises:
        ConfigurationError: neither is there.
    """
    if settings.kafka is not None:
        return settings.kafka
    run = read_run(settings.data)
    if run is None:
        raise ConfigurationError(
            f"nothing runs on {settings.data} and no Kafka is named; start `depotgate up FOLDER`, "
            "or set DEPOTGATE_KAFKA=HOST:PORT"
        )
    return run.kafka
