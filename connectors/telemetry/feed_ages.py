"""The age of every source as metrics, so that it is seen before answers change (rule 22)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from connectors.telemetry.metrics import Metrics
from models.feed_age import FeedState
from models.feed_states import standings
from models.metrics import FEED_AGE, FEED_QUARANTINED, FEED_ROWS, FEED_STATE, Metric
from models.site import FeedReceipt, SiteRecord

_VALUES = {state: place for place, state in enumerate(FeedState)}


def show_feed_ages(
    metrics: Metrics,
    sites: Iterable[SiteRecord],
    receipts: Iterable[FeedReceipt],
    now: datetime,
) -> None:
    """Set them all; a source that is gone is no longer shown."""
    shown: dict[Metric, dict[tuple[str, ...], float]] = {
        metric: {} for metric in (FEED_AGE, FEED_STATE, FEED_ROWS, FEED_QUARANTINED)
    }
    for standing in standings(sites, receipts, now):
        labels = (standing.receipt.source, standing.site_id or "")
        shown[FEED_AGE][labels] = standing.age.total_seconds()
        shown[FEED_STATE][labels] = _VALUES[standing.state]
        shown[FEED_ROWS][labels] = standing.receipt.rows_count
        shown[FEED_QUARANTINED][labels] = standing.receipt.quarantined is not None
    metrics.replace(shown)
