"""The *Access* dashboard: attempts, answers and reasons, denials, latency, mode, replica age."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel
from grafana_foundation_sdk.models.dashboard import Dashboard as DashboardModel
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

from models.metrics import (
    ATTEMPTS,
    CHARGERS_BY_MODE,
    COMMANDS_RUN,
    CONNECTED,
    CONNECTIONS_REFUSED,
    DEAD_LETTERS,
    DEADLINE_MISSES,
    DECIDED,
    DENIALS_TOTAL,
    EDGES,
    KAFKA_AWAY,
    KAFKA_TIME,
    LATE_DECISIONS,
    OUTCOMES_TOTAL,
    REPLICA_AGE,
    REPLICA_ROWS,
    RULES_TIME,
    SECOND_TRIES,
    SOCKET_TO_SOCKET,
    SPOOLED,
    Metric,
)

UID = "depotgate-access"
_DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_SITE = 'site=~"$site"'
_PANEL_HEIGHT = 8
_PANEL_WIDTH = 8
"""Three to a row of Grafana's 24 columns: readable on a wall."""


class Query(NamedTuple):
    """One PromQL expression and the legend of its series."""

    expr: str
    legend: str


class Graph(NamedTuple):
    """One time series panel; `unit` in Grafana's words."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]


def _rate(row: Metric, *by: str, where: str = "") -> Query:
    selector = ",".join(part for part in (where, _SITE if "site" in row.labels else "") if part)
    labels = ", ".join(by)
    expr = f"sum by ({labels}) (rate({row.name}{{{selector}}}[$__rate_interval]))"
    return Query(expr, " ".join(f"{{{{{label}}}}}" for label in by) or "all")


def _value(row: Metric, *by: str, how: str = "sum") -> Query:
    selector = _SITE if "site" in row.labels else ""
    labels = ", ".join(by)
    legend = " ".join(f"{{{{{label}}}}}" for label in by) or "all"
    return Query(f"{how} by ({labels}) ({row.name}{{{selector}}})", legend)


def _quantiles(row: Metric) -> tuple[Query, ...]:
    return tuple(
        Query(
            f"histogram_quantile({quantile}, "
            f"sum by (le) (rate({row.name}_bucket[$__rate_interval])))",
            f"p{round(quantile * 100)}",
        )
        for quantile in (0.5, 0.9, 0.99)
    )


ROWS: dict[str, tuple[Graph, ...]] = {
    "Attempts and answers": (
        Graph(
            "Attempts",
            "Tokens presented to start, by OCPP action (rule 30).",
            "reqps",
            (_rate(ATTEMPTS, "kind"),),
        ),
        Graph(
            "Outcomes by answer",
            "What was decided: allow, deny, error, or the posture when no decision came.",
            "reqps",
            (_rate(OUTCOMES_TOTAL, "answer", "stage"),),
        ),
        Graph(
            "Outcomes by reason",
            "The primary reason of each outcome.",
            "reqps",
            (_rate(OUTCOMES_TOTAL, "reason"),),
        ),
        Graph(
            "Denials by site",
            "Access decisions, never faults; `would_deny` is stage shadow.",
            "reqps",
            (_rate(DENIALS_TOTAL, "site", "reason", "would_deny"),),
        ),
        Graph("Decisions", "Published by the workers.", "reqps", (_rate(DECIDED, "answer"),)),
        Graph(
            "Deadline misses and second tries",
            "Attempts answered by the posture; requests sent to another partition; late decisions.",
            "reqps",
            (
                _rate(DEADLINE_MISSES, "site"),
                _rate(SECOND_TRIES)._replace(legend="second tries"),
                _rate(LATE_DECISIONS)._replace(legend="late decisions"),
            ),
        ),
    ),
    "Latency": (
        Graph(
            "Socket to socket",
            "From an attempt's arrival to its answer on the same socket.",
            "s",
            _quantiles(SOCKET_TO_SOCKET),
        ),
        Graph(
            "Kafka and worker",
            "From the published request to the decision back at the gateway.",
            "s",
            _quantiles(KAFKA_TIME),
        ),
        Graph("Rules alone", "Facts gathered and decided.", "s", _quantiles(RULES_TIME)),
    ),
    "Mode": (
        Graph(
            "Chargers by mode",
            "Desired by schedule and observed at the charger.",
            "short",
            (_value(CHARGERS_BY_MODE, "kind", "mode"),),
        ),
        Graph(
            "Mode commands",
            "Run on chargers, by the mode wanted and how they ended.",
            "reqps",
            (_rate(COMMANDS_RUN, "mode", "result"),),
        ),
        Graph("Edges", "Mode edges that workers noticed.", "reqps", (_rate(EDGES, "mode"),)),
    ),
    "Health": (
        Graph(
            "Connected chargers",
            "With an authenticated connection; refused connections by cause.",
            "short",
            (_value(CONNECTED, "ocpp"), _rate(CONNECTIONS_REFUSED, "cause")),
        ),
        Graph(
            "Replica age and rows",
            "Seconds since a process knew its configuration was complete; rows per table.",
            "s",
            (
                _value(REPLICA_AGE, "job", how="max"),
                _value(REPLICA_ROWS, "table", how="max"),
            ),
        ),
        Graph(
            "Kafka away",
            "Gateways without acknowledgements, bytes of outcomes on disk, dead letters.",
            "short",
            (
                _value(KAFKA_AWAY, "instance", how="max"),
                _value(SPOOLED, "instance", how="max"),
                _rate(DEAD_LETTERS, "topic"),
            ),
        ),
    ),
}
"""Row title to its graphs: the dashboard, and the tests that hold it to the metric table."""


def expressions() -> Iterator[str]:
    """Every PromQL expression of the dashboard."""
    for graphs in ROWS.values():
        for graph in graphs:
            for query in graph.queries:
                yield query.expr


def build() -> DashboardModel:
    """The dashboard as Grafana's own model."""
    dashboard = (
        Dashboard("depotgate: Access")
        .uid(UID)
        .tags(["depotgate"])
        .description("Who was let in, who was not and why; how fast; which mode chargers are in.")
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .with_variable(DatasourceVariable("datasource").type("prometheus").label("Data source"))
        .with_variable(_site_variable())
    )
    for title, graphs in ROWS.items():
        dashboard = dashboard.with_row(Row(title))
        for graph in graphs:
            dashboard = dashboard.with_panel(_panel(graph))
    return dashboard.build()


def _site_variable() -> QueryVariable:
    return (
        QueryVariable("site")
        .label("Site")
        .datasource(_DATASOURCE)
        .query(f"label_values({ATTEMPTS.name}, site)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _panel(graph: Graph) -> Panel:
    panel = (
        Panel()
        .title(graph.title)
        .description(graph.description)
        .unit(graph.unit)
        .datasource(_DATASOURCE)
        .height(_PANEL_HEIGHT)
        .span(_PANEL_WIDTH)
        .min(0)
    )
    for letter, query in zip("ABCDEF", graph.queries, strict=False):
        panel = panel.with_target(
            Dataquery().expr(query.expr).legend_format(query.legend).ref_id(letter)
        )
    return panel
