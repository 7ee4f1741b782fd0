"""What the processes of every role have in common: their broker, their logs and their end.

Each role has a module of its own: a gateway has no use for Faust, nor a worker for the messages of
OCPP, and each of the two takes a good part of a second to import.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from connectors.kafka.security import Kafka, secured
from connectors.telemetry.logs import configure_logs
from connectors.telemetry.metrics import Metrics
from depotgate.settings import Settings
from models.errors import ConfigurationError
from models.zones import tzdata_version

log = structlog.get_logger()

ORPHAN_LOOK_EVERY_S = 1.0
ORPHAN_ENDS_AFTER_S = 10.0
"""A process whose supervisor was killed is told to stop by the kernel; its broker goes the same
way, so what waits for Kafka would wait for ever."""


def kafka_of(settings: Settings) -> Kafka:
    """The broker to use.

    Raises:
        ConfigurationError: none is named, or its certificates or password cannot be used.
    """
    if settings.kafka is None:
        raise ConfigurationError(
            "no Kafka is named; set DEPOTGATE_KAFKA=HOST:PORT, "
            "or run `depotgate up FOLDER`, which starts one"
        )
    return secured(settings.kafka, settings.kafka_security)


def begin(
    role: str, settings: Settings, *, ready_file: Path | None, log_file: Path | None
) -> Metrics:
    """Logs, `/metrics`, and an eye on the supervisor, as every process has them.

    Raises:
        ConfigurationError: the address of the metrics is taken or not ours.
    """
    configure_logs(role, log_file)
    metrics = Metrics(role)
    metrics.serve(settings.metrics.host, settings.metrics.port)
    log.info(f"{role}.starting", tzdata=tzdata_version(), metrics=str(settings.metrics))
    if ready_file is not None:
        _end_with_supervisor()
    return metrics


def teller(ready_file: Path | None) -> Callable[[], None]:
    """Tells the supervisor that this process is ready."""
    return ready_file.touch if ready_file is not None else lambda: None


def _end_with_supervisor() -> None:
    supervisor = os.getppid()

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(ORPHAN_LOOK_EVERY_S)
        time.sleep(ORPHAN_ENDS_AFTER_S)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()
