"""What an explanation says of the data that a decision was made from (rules 10, 22)."""

from __future__ import annotations

from datetime import datetime

from models.attempt import Facts, FeedFacts
from models.explanation import DataSeen
from models.feed_age import feed_age, policy_of, state_at
from models.site_clock import SiteClock
from models.texts import age_in_words


def data_seen(facts: Facts, at: datetime, clock: SiteClock) -> tuple[DataSeen, ...]:
    """How old what it was decided from was, at the time of the attempt (rule 22)."""
    evaluated = clock.moment(facts.evaluated_at)
    site = f"revision {facts.site_revision}" if facts.site_revision else "none is known"
    sources = facts.identity_revision.replace(",", ", ").replace("@", " revision ")
    return (
        *(_feed(facts, feed, at) for feed in facts.feeds),
        DataSeen(what="identities", said=sources or "no source has been loaded"),
        DataSeen(what="site", said=site),
        DataSeen(what="tz database", said=facts.tzdata_version),
        DataSeen(what="decided", said=evaluated.local),
    )


def _feed(facts: Facts, feed: FeedFacts, at: datetime) -> DataSeen:
    age = age_in_words(feed_age(feed.content_at, at))
    state = state_at(feed.content_at, at, policy_of(facts))
    return DataSeen(what=f"source {feed.source}", said=f"{age} old, {state}")
