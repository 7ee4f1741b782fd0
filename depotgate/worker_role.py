"""The worker process, from its settings to its end."""

from __future__ import annotations

from pathlib import Path

from depotgate.installation import data_folder
from depotgate.roles import begin, kafka_of, teller
from depotgate.settings import Settings
from streams.app import WorkerSettings, run_worker


def worker_main(settings: Settings, *, ready_file: Path | None, log_file: Path | None) -> None:
    """Be a worker until SIGTERM or SIGINT; ends the process.

    Raises:
        DepotgateError: broker, topics, address or data folder are not as expected.
    """
    worker = WorkerSettings(
        bootstrap=kafka_of(settings),
        instance_id=settings.worker_id,
        data=data_folder(settings) / "faust",
        switches_per_s=settings.switches_per_s,
    )
    metrics = begin("worker", settings, ready_file=ready_file, log_file=log_file)
    run_worker(worker, metrics, teller(ready_file))
