"""The metric table: whole, well named, and bounded."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from models.metrics import LATENCY_BUCKETS_S, METRICS, RULES_BUCKETS_S, Metric, MetricKind

ALL = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)

BOUNDED_LABELS = {
    "evidence": "a read-back or behaviour",
    "site": "sites of one installation",
    "source": "sources of feeds.yaml, which has at most 64",
    "ocpp": "versions",
    "cause": "refusals and faults, an enum",
    "action": "actions of the message tables",
    "result": "enums",
    "kind": "OCPP actions that present a token; desired or observed",
    "stage": "enum",
    "answer": "enum",
    "reason": "the reason table",
    "would_deny": "true or false",
    "topic": "the topic table",
    "table": "tables of the replica",
    "mode": "enum",
}
"""Every label there may be, and why it is bounded. Never a charger, never an identity (rule 26)."""


@ALL
def test_labels_are_bounded(metric: Metric) -> None:
    assert set(metric.labels) <= BOUNDED_LABELS.keys()
    assert len(set(metric.labels)) == len(metric.labels)


@ALL
def test_a_name_is_as_prometheus_wants_it(metric: Metric) -> None:
    assert re.fullmatch(r"depotgate_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is MetricKind.COUNTER)
    if metric.kind is MetricKind.HISTOGRAM:
        assert metric.name.endswith("_seconds")
    assert metric.help


@ALL
def test_a_metric_says_who_has_it(metric: Metric) -> None:
    assert set(metric.role.split(", ")) <= {"gateway", "worker", "flags"}


@ALL
def test_histograms_have_buckets_in_order_and_nothing_else_has_any(metric: Metric) -> None:
    assert bool(metric.buckets_s) is (metric.kind is MetricKind.HISTOGRAM)
    assert list(metric.buckets_s) == sorted(set(metric.buckets_s))


def test_names_are_unique() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_answers_are_resolved_from_a_millisecond_to_five_seconds() -> None:
    """A good answer takes a few milliseconds, and the default deadline is 3 s."""
    assert (LATENCY_BUCKETS_S[0], LATENCY_BUCKETS_S[-1]) == (0.001, 5.0)
    assert 3.0 in LATENCY_BUCKETS_S
    assert all(later <= 2 * earlier for earlier, later in pairwise(LATENCY_BUCKETS_S))


def test_the_rules_alone_are_resolved_in_microseconds() -> None:
    assert RULES_BUCKETS_S[0] <= 0.00001
