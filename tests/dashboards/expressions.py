"""PromQL expressions taken apart, for the tests that hold dashboards to what is measured."""

from __future__ import annotations

import re
from typing import NamedTuple

import promql_parser

SCRAPE_LABELS = {"job", "instance"}
"""Labels that Prometheus itself adds to what it reads."""

_GRAFANA = {"$__rate_interval": "5m", "$site": ".*"}


class Asked(NamedTuple):
    """One series that an expression asks for, and the labels that it knows of it."""

    name: str
    labels: frozenset[str]


def asked_by(expression: str) -> list[Asked]:
    """Every series in an expression; labels are those it matches and those it groups by."""
    parsed = promql_parser.parse(_interpolated(expression))
    grouped = {
        label.strip()
        for labels in re.findall(r"by \(([^)]*)\)", expression)
        for label in labels.split(",")
    } - {""}
    return [
        Asked(
            selector.name or "", frozenset(grouped | {m.name for m in selector.matchers.matchers})
        )
        for selector in _selectors(parsed)
    ]


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
