"""Real workers in processes of their own, as `depotgate worker` runs them."""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import time_machine
from prometheus_client.parser import text_string_to_metric_families

from connectors.telemetry.logs import configure_logs
from connectors.telemetry.metrics import Metrics
from models.errors import DepotgateError
from models.metrics import Metric
from streams.app import WorkerSettings, run_worker
from tests.integration.forks import Streams, start

READY_S = 60.0
"""From start to partitions: 2–3 s on an idle machine, and 10 s more where a member was killed."""

STOP_S = 30.0

FOLLOWS_WITHIN_S = 30.0
"""From a published configuration to a worker that goes by it."""

PAGE_WITHIN_S = 30.0
"""For a page of metrics: a worker may be in the midst of other work."""

LOG_SHOWN_CHARS = 4_000

DYNAMIC = "-"

CLOCK = "clock_ahead_s"
"""File that a worker's clock is set by."""


def holds(condition: Callable[[], bool], within_s: float) -> bool:
    """Poll a condition; False when it did not hold in time.

    Between two looks it rests for as long as one takes: a page of metrics costs the worker, too.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        looked_s = time.monotonic()
        if condition():
            return True
        if looked_s > deadline_s:
            return False
        time.sleep(max(0.02, time.monotonic() - looked_s))


class WorkerProcess:
    """One worker. Its clock may run ahead of ours."""

    def __init__(
        self, bootstrap: str, folder: Path, *, instance_id: str, clock_ahead_s: float
    ) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        streams = Streams(Path(os.devnull), folder / "log", folder / "log")
        self._process = start(streams, _work, bootstrap, folder, instance_id, clock_ahead_s)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None, "it was started"
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.exitcode is not None

    @property
    def ready(self) -> bool:
        """Whether it has told that its partitions are assigned and their state loaded."""
        return (self._folder / "ready").exists()

    @property
    def log(self) -> str:
        """Everything it said, on standard output and standard error."""
        return (self._folder / "log").read_text(errors="replace")

    def wait_ready(self) -> WorkerProcess:
        """Wait until its partitions are assigned and the state of their chargers is loaded."""
        assert holds(lambda: self.ready or self.ended, READY_S), f"not ready:\n{self.log}"
        assert self.ready, f"ended with {self._process.exitcode}:\n{self.log}"
        return self

    def metric(self, row: Metric, *labels: str) -> float:
        """A value from its /metrics, 0 where there is none yet."""
        url = (self._folder / "metrics").read_text()
        with urllib.request.urlopen(url, timeout=PAGE_WITHIN_S) as page:  # noqa: S310 - our own, on loopback
            families = text_string_to_metric_families(page.read().decode())
        wanted = dict(zip(row.labels, labels, strict=True))
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == row.name and sample.labels == wanted
        )

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def set_clock(self, ahead_s: float) -> None:
        """Have its clock jump while it runs, so that an edge comes when the test is ready for it.

        Args:
            ahead_s: of our own clock.
        """
        (self._folder / CLOCK).write_text(str(ahead_s))
        self.signal(signal.SIGALRM)

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, committed or said."""
        self._process.kill()
        self._process.join()

    def wait_ended(self, within_s: float = STOP_S) -> int:
        """Its exit code; fails the test where it does not end."""
        self._process.join(within_s)
        code = self._process.exitcode
        assert code is not None, f"not within {within_s:.0f} s: the end of a worker"
        return code

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        if not self.ended:
            self._process.terminate()
        try:
            return self.wait_ended()
        finally:
            self._process.kill()


class Workers:
    """Starts workers on one broker; ends all that are left."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self._bootstrap = bootstrap
        self._folder = folder
        self._started: list[WorkerProcess] = []

    def start(self, instance_id: str = DYNAMIC, *, clock_ahead_s: float = 0.0) -> WorkerProcess:
        """A worker that starts now; `wait_ready` waits for it."""
        folder = self._folder / f"worker-{len(self._started)}"
        worker = WorkerProcess(
            self._bootstrap, folder, instance_id=instance_id, clock_ahead_s=clock_ahead_s
        )
        self._started.append(worker)
        return worker

    def end(self) -> None:
        """SIGTERM to each that still runs: so the group forgets it at once."""
        for worker in self._started:
            if not worker.ended:
                worker.signal(signal.SIGCONT)
                worker.signal(signal.SIGTERM)
        for worker in self._started:
            if not holds(lambda worker=worker: worker.ended, STOP_S):  # type: ignore[misc]
                worker.kill()
            # Shown by pytest where a test fails.
            print(f"worker {worker.pid} said:\n{worker.log[-LOG_SHOWN_CHARS:]}")


@contextmanager
def workers_on(bootstrap: str, folder: Path) -> Iterator[Workers]:
    """Workers that do not outlive the block."""
    workers = Workers(bootstrap, folder)
    try:
        yield workers
    finally:
        workers.end()


class Clock:
    """The time that a worker believes it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._travel: time_machine.travel | None = None
        # Faust takes SIGUSR1 and SIGUSR2 for itself.
        signal.signal(signal.SIGALRM, lambda *_: self.set(float((folder / CLOCK).read_text())))

    def set(self, ahead_s: float) -> None:
        if self._travel is not None:
            self._travel.stop()
        self._travel = time_machine.travel(time.time() + ahead_s, tick=True)
        self._travel.start()


def _work(bootstrap: str, folder: Path, instance_id: str, clock_ahead_s: float) -> None:
    """Be a worker."""
    clock = Clock(folder)
    configure_logs("worker")
    metrics = Metrics("worker")
    (folder / "metrics").write_text(f"http://127.0.0.1:{metrics.serve('127.0.0.1', 0)}/metrics")
    settings = WorkerSettings(
        bootstrap=bootstrap,
        instance_id=None if instance_id == DYNAMIC else instance_id,
        data=folder,
    )
    if clock_ahead_s:
        clock.set(clock_ahead_s)
    try:
        run_worker(settings, metrics, (folder / "ready").touch)
    except DepotgateError as fault:
        # As the command line does.
        print(fault, file=sys.stderr)
        sys.exit(1)
