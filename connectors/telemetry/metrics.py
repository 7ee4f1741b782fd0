"""The metric registry of a process, built from the metric table."""

from __future__ import annotations

from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from models.errors import ConfigurationError
from models.metrics import METRICS, Metric, MetricKind

Instrument = Counter | Gauge | Histogram
K = TypeVar("K", Counter, Gauge, Histogram)


class Metrics:
    """The metrics of one role, ready to be written. One registry per process, no global state."""

    def __init__(self, role: str) -> None:
        self.registry = CollectorRegistry()
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

    def clear(self, row: Metric) -> None:
        """Forget every label set of a gauge, before it is set from a fresh count."""
        self._instruments[row.name].clear()
        self._labelled = {key: each for key, each in self._labelled.items() if key[0] != row.name}

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
