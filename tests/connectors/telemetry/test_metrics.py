"""The metric registry: every row of its role, bounded labels, served as Prometheus reads it."""

from __future__ import annotations

import threading
import urllib.request
from itertools import count as numbers

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.telemetry.metrics import Metrics
from connectors.telemetry.trace import new_traceparent
from models.errors import ConfigurationError
from models.metrics import (
    ATTEMPTS,
    CHARGERS_BY_MODE,
    CONNECTED,
    DECIDED,
    FEED_AGE,
    FEED_ROWS,
    KAFKA_TIME,
    METRICS,
    SOCKET_TO_SOCKET,
    MetricKind,
)

BOUNDED = {
    "evidence",
    "action",
    "answer",
    "cause",
    "kind",
    "mode",
    "ocpp",
    "reason",
    "result",
    "site",
    "source",
    "stage",
    "table",
    "topic",
    "would_deny",
}
"""Words of the vocabulary, sites and sources: never a charger, card, connection or request."""


def page(port: int) -> dict[str, str]:
    """Families on a served page, by name, with their type."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {family.name: family.type for family in text_string_to_metric_families(text)}


def test_no_label_could_hold_a_charger_or_an_identifier() -> None:
    assert {label for row in METRICS for label in row.labels} <= BOUNDED


@pytest.mark.parametrize("role", ["gateway", "worker"])
def test_a_process_serves_every_metric_of_its_role_and_no_other(role: str) -> None:
    served = page(Metrics(role).serve("127.0.0.1", 0))
    # The client library adds the time at which each counter and histogram began.
    served = {name: kind for name, kind in served.items() if not name.endswith("_created")}
    own = {row.name.removesuffix("_total"): str(row.kind) for row in METRICS if role in row.role}
    assert served == own


def test_two_registries_share_nothing() -> None:
    one, other = Metrics("gateway"), Metrics("gateway")
    one.count(ATTEMPTS, "north", "Authorize")
    labels = {"site": "north", "kind": "Authorize"}
    assert one.registry.get_sample_value(ATTEMPTS.name, labels) == 1
    assert other.registry.get_sample_value(ATTEMPTS.name, labels) is None


def test_a_metric_of_another_role_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Metrics("gateway").count(DECIDED, "north", "allow", "OWN_FLEET")


def test_a_gauge_forgets_what_is_counted_no_more() -> None:
    metrics = Metrics("worker")
    metrics.set(CHARGERS_BY_MODE, 3, "north", "desired", "managed")
    metrics.replace({CHARGERS_BY_MODE: {}})
    labels = {"site": "north", "kind": "desired", "mode": "managed"}
    assert metrics.registry.get_sample_value(CHARGERS_BY_MODE.name, labels) is None


def test_latencies_resolve_a_millisecond_to_five_seconds() -> None:
    for row in (SOCKET_TO_SOCKET, KAFKA_TIME):
        assert (row.kind, row.buckets_s[0], row.buckets_s[-1]) == (
            MetricKind.HISTOGRAM,
            0.001,
            5.0,
        )
    metrics = Metrics("gateway")
    metrics.observe(SOCKET_TO_SOCKET, 0.0015, "Authorize")
    for bucket, count in (("0.001", 0), ("0.002", 1), ("5.0", 1)):
        labels = {"kind": "Authorize", "le": bucket}
        assert metrics.registry.get_sample_value(f"{SOCKET_TO_SOCKET.name}_bucket", labels) == count


def test_a_taken_address_is_one_sentence_with_what_to_do() -> None:
    port = Metrics("gateway").serve("127.0.0.1", 0)
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port} .*--metrics"):
        Metrics("gateway").serve("127.0.0.1", port)


def test_a_trace_begins_as_w3c_says() -> None:
    version, trace, parent, flags = new_traceparent().split("-")
    assert (version, len(trace), len(parent), flags) == ("00", 32, 16, "01")
    assert int(trace, 16)
    assert new_traceparent() != new_traceparent()


def test_connections_are_a_gauge_by_site_and_version() -> None:
    assert (CONNECTED.kind, CONNECTED.labels) == (MetricKind.GAUGE, ("site", "ocpp"))


def test_a_gauge_that_was_cleared_is_set_anew() -> None:
    metrics = Metrics("worker")
    for mode in ("freevend", "managed"):
        metrics.set(CHARGERS_BY_MODE, 3, "north", "desired", mode)
        metrics.replace({CHARGERS_BY_MODE: {}})
    metrics.set(CHARGERS_BY_MODE, 4, "north", "desired", "freevend")
    samples = [each for family in metrics.registry.collect() for each in family.samples]
    chargers = [each for each in samples if each.name == CHARGERS_BY_MODE.name]
    assert [(each.labels["mode"], each.value) for each in chargers] == [("freevend", 4)]


def test_a_scrape_never_sees_a_gauge_between_two_counts() -> None:
    metrics, over = Metrics("worker"), threading.Event()

    def change() -> None:
        for number in numbers():
            # Another source each time: the one before it is forgotten.
            values: dict[tuple[str, ...], float] = {(f"feed-{number % 2}", "depot"): number}
            metrics.replace({FEED_AGE: values, FEED_ROWS: values})
            if over.is_set():
                return

    metrics.replace({FEED_AGE: {("feed-1", "depot"): 0.0}, FEED_ROWS: {("feed-1", "depot"): 0.0}})
    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(300):
            families = {family.name: family.samples for family in metrics.registry.collect()}
            (age,), (rows,) = families[FEED_AGE.name], families[FEED_ROWS.name]
            assert age.labels == rows.labels
            assert age.value == rows.value
    finally:
        over.set()
        changing.join()
