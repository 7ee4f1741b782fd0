"""The dashboard asks only for what the metric table has."""

from __future__ import annotations

import json

import pytest

from dashboards.__main__ import ACCESS_JSON, access_json
from dashboards.access import expressions
from models.metrics import METRICS, MetricKind
from tests.dashboards.expressions import SCRAPE_LABELS, asked_by


def _series() -> dict[str, set[str]]:
    """Names as Prometheus stores them, with their labels."""
    names: dict[str, set[str]] = {}
    for metric in METRICS:
        suffixes = ("_bucket", "_count", "_sum") if metric.kind is MetricKind.HISTOGRAM else ("",)
        for suffix in suffixes:
            own = {"le"} if suffix == "_bucket" else set()
            names[metric.name + suffix] = own | set(metric.labels)
    return names


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_each_expression_names_known_metrics_and_labels(expression: str) -> None:
    asked = asked_by(expression)
    assert asked, "an expression without a metric shows nothing"
    series = _series()
    for each in asked:
        assert each.name in series
        assert each.labels <= series[each.name] | SCRAPE_LABELS


def test_the_provisioned_dashboard_is_the_one_that_is_built() -> None:
    assert ACCESS_JSON.read_text() == access_json(), "run `python -m dashboards`"


def test_every_panel_has_a_query_and_a_data_source() -> None:
    panels = [
        panel
        for row in json.loads(access_json())["panels"]
        for panel in row.get("panels", [row])
        if panel["type"] != "row"
    ]
    assert len(panels) >= 12
    for panel in panels:
        assert panel["targets"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
