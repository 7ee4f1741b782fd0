"""How every source stands at every site that it speaks about: for lists, metrics and `doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from models.feed_age import FeedState, edges, feed_age, state_at
from models.ids import SiteId
from models.site import FeedPolicy, FeedReceipt, SiteRecord

NEAR = 2 / 3
"""Of the time for which it is fresh: a source that is fetched twice in that time never gets there,
unless a fetch has failed."""


class FeedStanding(NamedTuple):
    """One source at one site.

    Attributes:
        site_id: None where it speaks about all sites and none is loaded.
        stale_at, expires_at: the first instants of the next states, if nothing comes before.
        near: fresh, and nearly not.
    """

    receipt: FeedReceipt
    site_id: SiteId | None
    age: timedelta
    state: FeedState
    stale_at: datetime
    expires_at: datetime
    near: bool


def standings(
    sites: Iterable[SiteRecord], receipts: Iterable[FeedReceipt], now: datetime
) -> Iterator[FeedStanding]:
    """Every source that ages at every site, in the order of their names."""
    policies = {site.site_id: site.feed for site in sites}
    for receipt in sorted(receipts, key=lambda each: each.key):
        if not receipt.ages:
            continue
        about: Sequence[SiteId | None] = (
            [receipt.site_id] if receipt.site_id else sorted(policies) or [None]
        )
        for site_id in about:
            policy = policies.get(site_id) if site_id else None
            yield _standing(receipt, site_id, policy or FeedPolicy(), now)


def _standing(
    receipt: FeedReceipt, site_id: SiteId | None, policy: FeedPolicy, now: datetime
) -> FeedStanding:
    age = feed_age(receipt.content_at, now)
    state = state_at(receipt.content_at, now, policy)
    stale_at, expires_at = edges(receipt.content_at, policy)
    near = state is FeedState.FRESH and age.total_seconds() > NEAR * policy.fresh_for_s
    return FeedStanding(receipt, site_id, age, state, stale_at, expires_at, near)
