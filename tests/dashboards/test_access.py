"""The dashboard asks only for what the metric table has."""

from __future__ import annotations

import json
import re

import promql_parser
import pytest

from dashboards.__main__ import ACCESS_JSON, access_json
from dashboards.access import expressions
from models.metrics import METRICS, MetricKind

_SCRAPE_LABELS = {"le", "job", "instance"}
"""Labels that Prometheus itself adds."""

_GRAFANA = {"$__rate_interval": "5m", "$site": ".*"}


def _series() -> dict[str, set[str]]:
    """Names as Prometheus stores them, with their labels."""
    names: dict[str, set[str]] = {}
    for metric in METRICS:
        suffixes = ("_bucket", "_count", "_sum") if metric.kind is MetricKind.HISTOGRAM else ("",)
        for suffix in suffixes:
            names[metric.name + suffix] = set(metric.labels)
    return names


def _interpolated(expression: str) -> str:
    for variable, value in _GRAFANA.items():
        expression = expression.replace(variable, value)
    return expression


def _selectors(node: object) -> list[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        return [node]
    children = [
        getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "vs")
    ]
    children += list(getattr(node, "args", None) or [])
    return [found for child in children if child is not None for found in _selectors(child)]


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_each_expression_names_known_metrics_and_labels(expression: str) -> None:
    parsed = promql_parser.parse(_interpolated(expression))
    selectors = _selectors(parsed)
    assert selectors, "an expression without a metric shows nothing"
    series = _series()
    grouped = set(re.findall(r"by \(([^)]*)\)", expression)[0].replace(" ", "").split(",")) - {""}
    for selector in selectors:
        assert selector.name in series
        allowed = series[selector.name] | _SCRAPE_LABELS
        assert {matcher.name for matcher in selector.matchers.matchers} <= allowed
        assert grouped <= allowed


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
