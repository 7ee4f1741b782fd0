"""Gauges of the chargers of a worker: modes, those that were given up, wrong clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState
from models.ids import SiteId
from models.metrics import CHARGERS_BY_MODE, CHARGERS_GIVEN_UP, CLOCKS_OFF
from models.site import SiteRecord


def count_chargers(
    rows: Iterable[ChargerState], sites: Mapping[SiteId, SiteRecord], metrics: Metrics
) -> None:
    """Set the gauges to what the rows say now."""
    known = list(rows)
    modes: Counter[tuple[str, str, str]] = Counter()
    for row in known:
        modes[row.site_id, "desired", row.desired or "unknown"] += 1
        modes[row.site_id, "observed", row.observed.mode if row.observed else "unknown"] += 1
    given_up = Counter(row.site_id for row in known if row.given_up_at)
    metrics.clear(CHARGERS_BY_MODE)
    for labels, count in modes.items():
        metrics.set(CHARGERS_BY_MODE, count, *labels)
    metrics.clear(CHARGERS_GIVEN_UP)
    for site_id, count in given_up.items():
        metrics.set(CHARGERS_GIVEN_UP, count, site_id)
    metrics.clear(CLOCKS_OFF)
    for site_id, count in _wrong_clocks(known, sites).items():
        metrics.set(CLOCKS_OFF, count, site_id)


def _wrong_clocks(
    rows: Iterable[ChargerState], sites: Mapping[SiteId, SiteRecord]
) -> Counter[SiteId]:
    """How many clocks are off by more than their sites allow."""
    return Counter(
        row.site_id
        for row in rows
        if row.clock is not None
        and row.site_id in sites
        and row.clock.off_by_more_than(sites[row.site_id].clock_limit_s)
    )
