"""Gauges of the chargers of a worker: modes, those that do not follow them, wrong clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState
from models.ids import SiteId
from models.metrics import (
    CHARGERS_BY_MODE,
    CHARGERS_GIVEN_UP,
    CHARGERS_NOT_SWITCHABLE,
    CLOCKS_OFF,
    OFFLINE_UNMET,
    RESEND_SHORT,
)
from models.offline_words import resend_short, unmet
from models.site import SiteRecord


def count_chargers(
    rows: Iterable[ChargerState], sites: Mapping[SiteId, SiteRecord], metrics: Metrics
) -> None:
    """Set the gauges to what the rows say now."""
    known = list(rows)
    modes: Counter[tuple[str, ...]] = Counter()
    for row in known:
        modes[row.site_id, "desired", row.desired or "unknown"] += 1
        modes[row.site_id, "observed", row.observed.mode if row.observed else "unknown"] += 1
    metrics.replace(
        {
            CHARGERS_BY_MODE: modes,
            CHARGERS_GIVEN_UP: Counter((row.site_id,) for row in known if row.given_up_at),
            CHARGERS_NOT_SWITCHABLE: Counter(
                (row.site_id,) for row in known if row.not_switchable_at
            ),
            CLOCKS_OFF: _wrong_clocks(known, sites),
            OFFLINE_UNMET: Counter((row.site_id,) for row in known if unmet(row.offline)),
            RESEND_SHORT: Counter((row.site_id,) for row in known if resend_short(row.offline)),
        }
    )


def _wrong_clocks(
    rows: Iterable[ChargerState], sites: Mapping[SiteId, SiteRecord]
) -> Counter[tuple[str, ...]]:
    """How many clocks are off by more than their sites allow."""
    return Counter(
        (row.site_id,)
        for row in rows
        if row.clock is not None
        and row.site_id in sites
        and row.clock.off_by_more_than(sites[row.site_id].clock_limit_s)
    )
