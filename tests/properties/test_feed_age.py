"""Answers over the age of sources, at the instants on both sides of every limit (rules 21–23)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from models.attempt import Attempt, Facts, FeedFacts, Match, TokenKind
from models.decision import decide
from models.reasons import Answer, Flag, Reason
from models.schedule import Mode
from models.site import ExpiredFeed, FeedPolicy, IdentityClass, IdentityState
from tests.models.samples import ATTEMPT, FACTS, MATCH, SCHEDULE_FACTS

NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SOURCES = ("agreements", "own-fleet")

limits_s = st.integers(1, 172_800)


@st.composite
def policies(draw: st.DrawFn) -> FeedPolicy:
    fresh_for_s, more_s = draw(limits_s), draw(st.integers(0, 172_800))
    return FeedPolicy(
        fresh_for_s=fresh_for_s,
        stale_for_s=fresh_for_s + more_s,
        expired=draw(st.sampled_from(ExpiredFeed)),
    )


def attempt_at(at: datetime) -> Attempt:
    token = ATTEMPT.token.model_copy(update={"kind": TokenKind.IDENTIFIED})
    return ATTEMPT.model_copy(update={"token": token, "event_at": at, "replayed": False})


def match_of(source: str, identity_class: IdentityClass, **other: object) -> Match:
    update = {
        "source": source,
        "identity_class": identity_class,
        "valid_from": datetime(2000, 1, 1, tzinfo=UTC),
        "valid_to": None,
        **other,
    }
    return MATCH.model_copy(update=update)


def facts_of(policy: FeedPolicy, times: dict[str, datetime], *matches: Match) -> Facts:
    """A managed interval without an end."""
    schedule = SCHEDULE_FACTS.model_copy(
        update={"mode": Mode.MANAGED, "ends_at": None, "edges_ahead": (), "conflict": False}
    )
    feeds = tuple(FeedFacts(source=name, content_at=at) for name, at in times.items())
    return FACTS.model_copy(
        update={
            "schedule": schedule,
            "matches": matches,
            "problem": None,
            "feeds": feeds,
            "feed_policy": policy,
        }
    )


classes = st.sampled_from(IdentityClass)
sources = st.sampled_from(("folder", *SOURCES))
contents = st.dictionaries(
    st.sampled_from(SOURCES), st.integers(0, 400_000).map(lambda s: NOW - timedelta(seconds=s))
)


@given(policies(), classes)
@example(FeedPolicy(fresh_for_s=60, stale_for_s=60), IdentityClass.AGREEMENT)
def test_rule_22_a_known_identity_is_flagged_and_dropped_at_the_very_instant(
    policy: FeedPolicy, identity_class: IdentityClass
) -> None:
    facts = facts_of(policy, {"agreements": NOW}, match_of("agreements", identity_class))
    fresh_until = NOW + timedelta(seconds=policy.fresh_for_s)
    stale_until = NOW + timedelta(seconds=policy.stale_for_s)
    still = decide(attempt_at(fresh_until), facts).verdict
    assert (still.answer, Flag.STALE_FEED in still.flags) == (Answer.ALLOW, False)
    then = decide(attempt_at(fresh_until + MICROSECOND), facts).verdict
    assert policy.fresh_for_s == policy.stale_for_s or Flag.STALE_FEED in then.flags
    last = decide(attempt_at(stale_until), facts).verdict
    assert last.answer == Answer.ALLOW
    over = decide(attempt_at(stale_until + MICROSECOND), facts).verdict
    kept = policy.expired is ExpiredFeed.OPEN or (
        policy.expired is ExpiredFeed.OWN_FLEET and identity_class is IdentityClass.OWN_FLEET
    )
    assert (over.answer, over.reason == Reason.IDENTITY_UNCERTAIN) == (
        (Answer.ALLOW, False) if kept else (Answer.DENY, True)
    )
    assert (Flag.STALE_FEED in over.flags) is kept
    announced = None if kept else stale_until + MICROSECOND
    assert still.next_change_at == last.next_change_at == announced
    if announced:
        assert last.next_change_cause == "feed expires"


@given(policies(), contents, st.integers(-5, 400_000))
def test_rule_22_an_unknown_identity_is_uncertain_while_any_source_is_not_fresh(
    policy: FeedPolicy, times: dict[str, datetime], later_s: int
) -> None:
    at = NOW + timedelta(seconds=later_s)
    verdict = decide(attempt_at(at), facts_of(policy, times)).verdict
    old = any((at - time).total_seconds() > policy.fresh_for_s for time in times.values())
    expected = Reason.IDENTITY_UNCERTAIN if old else Reason.UNKNOWN_ID
    assert verdict.reasons == (expected,)
    assert Flag.STALE_FEED not in verdict.flags
    assert verdict.next_change_at is None


@given(policies(), contents, st.sampled_from(list(IdentityState)), sources, classes)
def test_rule_19_a_bar_holds_however_old_its_source(
    policy: FeedPolicy,
    times: dict[str, datetime],
    state: IdentityState,
    source: str,
    identity_class: IdentityClass,
) -> None:
    barred = match_of(source, identity_class, state=state)
    other = match_of("folder", IdentityClass.OWN_FLEET)
    verdict = decide(attempt_at(NOW), facts_of(policy, times, other, barred)).verdict
    expected = {
        IdentityState.ACTIVE: Reason.OWN_FLEET,
        IdentityState.SUSPENDED: Reason.SUSPENDED,
        IdentityState.REVOKED: Reason.REVOKED,
    }
    assert verdict.reason == expected[state]


@given(
    policies(),
    contents,
    st.lists(st.builds(match_of, sources, classes), max_size=3),
    st.lists(st.integers(0, 400_000), min_size=1, max_size=8),
)
def test_rule_23_nothing_about_an_answer_changes_before_it_is_said_to_be_over(
    policy: FeedPolicy, times: dict[str, datetime], matches: list[Match], later_s: list[int]
) -> None:
    """Nor does asking again ever move the limit of what was answered before it."""
    facts = facts_of(policy, times, *matches)
    first = decide(attempt_at(NOW), facts).verdict
    latest = NOW + timedelta(seconds=400_000)
    edge = first.valid_until or latest
    instants = [NOW + timedelta(seconds=later) for later in later_s]
    for at in (*(at for at in instants if at < edge), edge - MICROSECOND):
        again = decide(attempt_at(at), facts).verdict
        assert (again.answer, again.reasons, again.flags) == (
            first.answer,
            first.reasons,
            first.flags,
        )
        assert again.valid_until == first.valid_until


@given(policies(), contents, st.integers(0, 400_000))
def test_rule_21_what_a_folder_says_does_not_age(
    policy: FeedPolicy, times: dict[str, datetime], later_s: int
) -> None:
    facts = facts_of(policy, times, match_of("folder", IdentityClass.AGREEMENT))
    verdict = decide(attempt_at(NOW + timedelta(seconds=later_s)), facts).verdict
    assert (verdict.answer, verdict.flags, verdict.valid_until) == (Answer.ALLOW, (), None)
