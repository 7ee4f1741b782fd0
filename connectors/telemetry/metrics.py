"""The metric registry of a process, built from the metric table."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics_core import Metric as Family

from models.errors import ConfigurationError
from models.metrics import METRICS, Metric, MetricKind

Instrument = Counter | Gauge | Histogram
K = TypeVar("K", Counter, Gauge, Histogram)

LabelledValues = Mapping[tuple[str, ...], float]
"""Values of a gauge by the values of its labels."""


class _Registry(CollectorRegistry):
    """A registry that is read as a whole: never while gauges change that belong together."""

    def __init__(self, changing: threading.Lock) -> None:
        super().__init__()
        self._changing = changing

    def collect(self) -> Iterable[Family]:
        with self._changing:
            return list(super().collect())


class Metrics:
    """The metrics of one role, ready to be written. One registry per process, no global state."""

    def __init__(self, role: str) -> None:
        # Scrapes come from a thread of their own (`serve`).
        self._changing = threading.Lock()
        self.registry: CollectorRegistry = _Registry(self._changing)
        self._instruments = {
            row.name: _instrument(row, self.registry) for row in METRICS if role in row.role
        }
        self._labelled: dict[tuple[str, tuple[str, ...]], Any] = {}

    def count(self, row: Metric, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        self._of(row, Counter, labels).inc(by)

    def set(self, row: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._of(row, Gauge, labels).set(value)

    def replace(self, fresh: Mapping[Metric, LabelledValues]) -> None:
        """Set gauges from a fresh count, and forget the label sets that it lacks.

        A scrape sees all of it or nothing: neither a gauge without values, nor two gauges of
        different counts.
        """
        with self._changing:
            for row, values in fresh.items():
                for labels, value in values.items():
                    self.set(row, value, *labels)
                gone = [
                    key for key in self._labelled if key[0] == row.name and key[1] not in values
                ]
                for key in gone:
                    del self._labelled[key]
                    self._instruments[row.name].remove(*key[1])

    def observe(self, row: Metric, seconds: float, *labels: str) -> None:
        """Put a duration into a histogram."""
        self._of(row, Histogram, labels).observe(seconds)

    def _of(self, row: Metric, kind: type[K], labels: tuple[str, ...]) -> K:
        """The instrument of a label set; remembered, as finding it costs more than writing it."""
        found: K | None = self._labelled.get((row.name, labels))
        if found is None:
            instrument = self._instruments[row.name]
            assert isinstance(instrument, kind)
            found = instrument.labels(*labels) if row.labels else instrument
            self._labelled[row.name, labels] = found
        return found

    def serve(self, host: str, port: int) -> int:
        """Serve `/metrics` from a thread of its own; returns the port.

        Raises:
            ConfigurationError: the address is taken or not ours.
        """
        try:
            server, _thread = start_http_server(port, addr=host, registry=self.registry)
        except OSError as fault:
            raise ConfigurationError(
                f"cannot serve metrics on {host}:{port} ({fault.strerror}); "
                "choose another address with --metrics"
            ) from fault
        return int(server.server_port)


def _instrument(row: Metric, registry: CollectorRegistry) -> Instrument:
    match row.kind:
        case MetricKind.COUNTER:
            return Counter(row.name, row.help, row.labels, registry=registry)
        case MetricKind.GAUGE:
            return Gauge(row.name, row.help, row.labels, registry=registry)
        case MetricKind.HISTOGRAM:
            return Histogram(
                row.name, row.help, row.labels, registry=registry, buckets=row.buckets_s
            )
