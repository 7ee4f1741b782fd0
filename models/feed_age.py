"""How old what a source says is, and what that does to its records (rule 22)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from models.attempt import Facts, Match
from models.site import ExpiredFeed, FeedPolicy, IdentityClass, IdentityState

RESOLUTION = timedelta(microseconds=1)
"""Of an instant here. A feed of exactly `fresh_for_s` is still fresh, so it is stale one of these
later: that is the instant at which answers change."""

BARS = frozenset({IdentityState.REVOKED, IdentityState.SUSPENDED})
"""Rule 19 denies on any of these: a bar does not lapse because its source fell silent."""

_DEFAULT = FeedPolicy()


class FeedState(StrEnum):
    """What the age of a source means at a site."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


def feed_age(content_at: datetime, at: datetime) -> timedelta:
    """Age at an instant; content that is newer than the instant (a replay's) has none."""
    return max(timedelta(0), at - content_at)


def state_at(content_at: datetime, at: datetime, policy: FeedPolicy) -> FeedState:
    """Both limits belong to the better state: an age of exactly 900 s is fresh."""
    age = feed_age(content_at, at)
    if age <= timedelta(seconds=policy.fresh_for_s):
        return FeedState.FRESH
    return FeedState.STALE if age <= timedelta(seconds=policy.stale_for_s) else FeedState.EXPIRED


def edges(content_at: datetime, policy: FeedPolicy) -> tuple[datetime, datetime]:
    """The first instants at which content of this time is stale, and expired."""
    stale, expired = policy.fresh_for_s, policy.stale_for_s
    return (
        content_at + timedelta(seconds=stale) + RESOLUTION,
        content_at + timedelta(seconds=expired) + RESOLUTION,
    )


def policy_of(facts: Facts) -> FeedPolicy:
    """The site's limits; the defaults of rule 22 where a decision does not say."""
    return facts.feed_policy or _DEFAULT


def content_time(facts: Facts, source: str) -> datetime | None:
    """Of a source; None where its records do not age. Of two that bear its name the older one."""
    return min((feed.content_at for feed in facts.feeds if feed.source == source), default=None)


def match_state(facts: Facts, match: Match, at: datetime) -> FeedState:
    """A known identity is as old as its own source."""
    content_at = content_time(facts, match.source)
    if content_at is None:
        return FeedState.FRESH
    return state_at(content_at, at, policy_of(facts))


def believed(facts: Facts, match: Match, at: datetime) -> bool:
    """Whether a record is judged as usual, given the age of its source."""
    if match.state in BARS or match_state(facts, match, at) is not FeedState.EXPIRED:
        return True
    match policy_of(facts).expired:
        case ExpiredFeed.OWN_FLEET:
            return match.identity_class == IdentityClass.OWN_FLEET
        case ExpiredFeed.OPEN:
            return True
        case _:  # closed, or a choice of a newer writer: it never admits
            return False


def all_fresh(facts: Facts, at: datetime) -> bool:
    """Whether every source that speaks about the site is fresh: only then is nobody unknown."""
    policy = policy_of(facts)
    return all(state_at(feed.content_at, at, policy) is FeedState.FRESH for feed in facts.feeds)


def oldest_age(facts: Facts, matches: tuple[Match, ...], at: datetime) -> timedelta | None:
    """Age of the oldest source that the answer rests on; None where nothing ages."""
    return max((feed_age(time, at) for time in _times(facts, matches)), default=None)


def age_edges(facts: Facts) -> Iterator[tuple[datetime, str]]:
    """Every instant at which a source that the answer rests on gets stale or expires, and why."""
    policy = policy_of(facts)
    for content_at in _times(facts, facts.matches):
        stale_at, expired_at = edges(content_at, policy)
        # Where a site has both at one instant it is the second that changes answers.
        yield expired_at, "feed expires"
        yield stale_at, "feed gets stale"


def _times(facts: Facts, matches: tuple[Match, ...]) -> list[datetime]:
    """A known identity rests on its own sources, an unknown one on the silence of all."""
    sources = {match.source for match in matches}
    return [feed.content_at for feed in facts.feeds if feed.source in sources or not matches]
