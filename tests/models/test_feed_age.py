"""Age of a source, its limits, and how it is said (rule 22)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.denials import denial_of
from models.feed_age import FeedState, believed, content_time, edges, feed_age, state_at
from models.reasons import Reason
from models.site import ExpiredFeed, FeedPolicy
from models.texts import age_in_words
from tests.models.samples import FACTS, MATCH, OUTCOME, VERDICT

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
RULE_22 = FeedPolicy()
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("age_s", "state"),
    [
        (-60, FeedState.FRESH),
        (0, FeedState.FRESH),
        (900, FeedState.FRESH),
        (900.000001, FeedState.STALE),
        (901, FeedState.STALE),
        (86_400, FeedState.STALE),
        (86_400.000001, FeedState.EXPIRED),
        (86_401, FeedState.EXPIRED),
    ],
)
def test_rule_22_a_limit_belongs_to_the_better_state(age_s: float, state: FeedState) -> None:
    assert state_at(NOON - timedelta(seconds=age_s), NOON, RULE_22) is state


def test_rule_22_the_edges_are_the_first_instants_of_the_next_state() -> None:
    stale_at, expired_at = edges(NOON, RULE_22)
    assert state_at(NOON, stale_at - MICROSECOND, RULE_22) is FeedState.FRESH
    assert state_at(NOON, stale_at, RULE_22) is FeedState.STALE
    assert state_at(NOON, expired_at - MICROSECOND, RULE_22) is FeedState.STALE
    assert state_at(NOON, expired_at, RULE_22) is FeedState.EXPIRED


def test_content_of_the_future_has_no_age() -> None:
    assert feed_age(NOON + timedelta(hours=1), NOON) == timedelta(0)


def test_of_two_feeds_of_one_name_the_older_counts() -> None:
    (feed,) = FACTS.feeds
    younger = feed.model_copy(update={"content_at": feed.content_at + timedelta(hours=1)})
    facts = FACTS.model_copy(update={"feeds": (younger, feed)})
    assert content_time(facts, feed.source) == feed.content_at
    assert content_time(facts, "folder") is None


def test_a_choice_of_a_newer_writer_admits_nobody_from_an_expired_feed() -> None:
    policy = FeedPolicy(expired="a_word_of_a_newer_writer")
    facts = FACTS.model_copy(update={"feed_policy": policy})
    match = MATCH.model_copy(update={"source": FACTS.feeds[0].source})
    expired_at = edges(FACTS.feeds[0].content_at, policy)[1]
    assert not believed(facts, match, expired_at)
    open_ = facts.model_copy(update={"feed_policy": FeedPolicy(expired=ExpiredFeed.OPEN)})
    assert believed(open_, match, expired_at)


def test_rule_22_an_uncertain_identity_is_never_counted_as_misuse() -> None:
    verdict = VERDICT.model_copy(update={"reason": Reason.IDENTITY_UNCERTAIN})
    denial = denial_of(OUTCOME.model_copy(update={"verdict": verdict, "posture": None}))
    assert denial is not None
    assert denial.misuse is False


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=119), "119 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2, hours=5), "2 days"),
    ],
)
def test_an_age_is_said_in_the_largest_unit_of_which_there_are_two(
    age: timedelta, words: str
) -> None:
    assert age_in_words(age) == words
