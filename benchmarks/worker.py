"""A worker as `depotgate worker` runs it, which says when it is ready.

`python -m benchmarks.worker BOOTSTRAP DATA READY_FILE`
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from connectors.telemetry.metrics import Metrics
from streams.app import WorkerSettings, run_worker

if __name__ == "__main__":
    # aiokafka says a good deal at INFO and nothing here reads it.
    logging.basicConfig(level=logging.WARNING)
    bootstrap, data, ready_file = sys.argv[1:]
    Path(data).mkdir(parents=True, exist_ok=True)
    run_worker(
        WorkerSettings(bootstrap=bootstrap, instance_id=None, data=Path(data)),
        Metrics("worker"),
        Path(ready_file).touch,
    )
