"""Decisions over any facts: never an exception, never an unjustified yes (rules 17–20, 24, 25)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.attempt import Attempt, Decision, Edge, Facts, Match, ScheduleFacts, TokenKind
from models.decision import decide
from models.facts import gather
from models.ladder import LADDER, case_at
from models.next_change import ahead
from models.reasons import PRECEDENCE, ROW_OF, Answer, Flag, Reason
from models.schedule import Mode
from models.site import IdentityClass, IdentityState
from tests.models.samples import ATTEMPT, FACTS, MATCH, SCHEDULE_FACTS
from tests.properties.generated import NOW as GENERATED_AT
from tests.properties.generated import generated_attempts

NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)
HOURS = 6
"""Instants lie on whole hours around now: few enough that they often coincide."""

AHEAD = [NOW + timedelta(minutes=30 * count) for count in range(1, 2 * 3 * HOURS + 1)]
"""Nearest first, on and between all the instants that facts can name."""

NEWER = "a_word_of_a_newer_writer"

instants = st.integers(-HOURS, HOURS).map(lambda hours: NOW + timedelta(hours=hours))
futures = st.integers(1, HOURS).map(lambda hours: NOW + timedelta(hours=hours))


@st.composite
def matches(draw: st.DrawFn) -> Match:
    """A record in any state, of any class and validity."""
    valid_from = draw(instants)
    length = draw(st.one_of(st.none(), st.integers(1, 2 * HOURS)))
    return MATCH.model_copy(
        update={
            "reference": draw(st.sampled_from(["bus-17", "courier/77"])),
            "identity_class": draw(st.sampled_from([*IdentityClass, NEWER])),
            "state": draw(st.sampled_from([*IdentityState, NEWER])),
            "state_since": draw(st.one_of(st.none(), instants)),
            "valid_from": valid_from,
            "valid_to": None if length is None else valid_from + timedelta(hours=length),
        }
    )


@st.composite
def schedules(draw: st.DrawFn) -> ScheduleFacts:
    """A mode and the edges that follow, alternating."""
    mode = draw(st.sampled_from(Mode))
    ahead = sorted(draw(st.sets(futures, max_size=2)))
    following: list[Edge] = []
    for at in ahead:
        last = following[-1].mode if following else mode
        other = Mode.FREEVEND if last is Mode.MANAGED else Mode.MANAGED
        following.append(Edge(at=at, mode=other))
    return SCHEDULE_FACTS.model_copy(
        update={
            "mode": mode,
            "starts_at": draw(st.one_of(st.none(), st.just(NOW - timedelta(hours=1)))),
            "ends_at": ahead[0] if ahead else None,
            "edges_ahead": tuple(following),
            "conflict": draw(st.booleans()),
        }
    )


@st.composite
def facts_of(draw: st.DrawFn) -> Facts:
    """Any facts."""
    return FACTS.model_copy(
        update={
            "schedule": draw(st.one_of(schedules(), schedules(), st.none())),
            "matches": tuple(draw(st.lists(matches(), max_size=3))),
            "problem": draw(st.sampled_from([None, None, None, "too many records"])),
        }
    )


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    """A token of any kind, also of one that this version does not know."""
    kind = draw(st.sampled_from([TokenKind.IDENTIFIED, *TokenKind, NEWER]))
    return ATTEMPT.model_copy(
        update={
            "token": ATTEMPT.token.model_copy(update={"kind": kind}),
            "event_at": NOW,
            "replayed": draw(st.booleans()),
            "uncertainty_s": draw(st.sampled_from([0.0, 1.0, 3600.0])),
        }
    )


def _valid(match: Match, at: datetime) -> bool:
    return match.valid_from <= at and (match.valid_to is None or at < match.valid_to)


def _counting(facts: Facts, at: datetime) -> tuple[Match, ...]:
    inside = tuple(match for match in facts.matches if _valid(match, at))
    return inside or facts.matches


def _good(match: Match, at: datetime) -> bool:
    known = match.identity_class in set(IdentityClass)
    return known and match.state == IdentityState.ACTIVE and _valid(match, at)


@given(attempts(), facts_of())
def test_every_attempt_gets_a_decision_with_reasons_of_one_direction(
    attempt: Attempt, facts: Facts
) -> None:
    """Rule 24: whatever the facts are, no exception; rule 25: the primary reason is the first."""
    verdict = decide(attempt, facts).verdict
    assert verdict.reason == verdict.reasons[0]
    assert ROW_OF[verdict.reason].answer is verdict.answer
    places = [PRECEDENCE[reason] for reason in verdict.reasons]
    assert places == sorted(set(places))
    if verdict.reason != Reason.FREEVEND_OPEN:
        assert {ROW_OF[reason].answer for reason in verdict.reasons} == {verdict.answer}


@given(attempts(), facts_of())
def test_a_decision_made_again_from_its_record_has_the_same_bytes(
    attempt: Attempt, facts: Facts
) -> None:
    """Rule 10: also with words that this version does not know."""
    first = decide(attempt, facts).encode()
    stored = Decision.decode(first)
    assert decide(stored.attempt, stored.facts).encode() == first


@given(attempts(), facts_of())
def test_in_freevend_everybody_charges_and_bars_are_listed(attempt: Attempt, facts: Facts) -> None:
    """Rule 25: the answer stays Accepted, and REVOKED or SUSPENDED stands beside it."""
    if facts.schedule is None or facts.schedule.mode is not Mode.FREEVEND:
        return
    verdict = decide(attempt, facts).verdict
    states = {match.state for match in _counting(facts, NOW)}
    bars = [
        reason
        for reason, state in (
            (Reason.REVOKED, IdentityState.REVOKED),
            (Reason.SUSPENDED, IdentityState.SUSPENDED),
        )
        if state in states
    ]
    assert verdict.answer == Answer.ALLOW
    assert list(verdict.reasons) == [Reason.FREEVEND_OPEN, *bars]


@given(attempts(), facts_of())
def test_without_a_schedule_or_with_a_problem_nothing_is_decided(
    attempt: Attempt, facts: Facts
) -> None:
    """Rule 24: a failure to evaluate is no denial. In freevend there is nothing to fail."""
    mode = facts.schedule.mode if facts.schedule else None
    failed = mode is None or (facts.problem is not None and mode is Mode.MANAGED)
    verdict = decide(attempt, facts).verdict
    assert (verdict.answer == Answer.ERROR) is failed


@given(attempts(), facts_of())
def test_in_a_managed_window_only_records_that_all_allow_admit(
    attempt: Attempt, facts: Facts
) -> None:
    """Rules 17, 19 and 20."""
    if facts.schedule is None or facts.schedule.mode is not Mode.MANAGED or facts.problem:
        return
    verdict = decide(attempt, facts).verdict
    counting = _counting(facts, NOW)
    admitted = bool(counting) and all(_good(match, NOW) for match in counting)
    presented = attempt.token.kind not in {TokenKind.FREEVEND_TAG, TokenKind.UNREADABLE}
    assert (verdict.answer == Answer.ALLOW) is (admitted and presented)
    assert (Flag.IDENTITY_AMBIGUOUS in verdict.flags) is (
        verdict.answer == Answer.ALLOW and len(counting) > 1
    )
    if verdict.answer == Answer.DENY:
        states = {match.state for match in counting}
        assert (Reason.REVOKED in verdict.reasons) is (IdentityState.REVOKED in states)
        assert (Reason.SUSPENDED in verdict.reasons) is (IdentityState.SUSPENDED in states)
        mixed = len({_good(match, NOW) for match in counting}) > 1
        assert not mixed or Reason.IDENTITY_CONFLICT in verdict.reasons


@given(attempts(), facts_of())
def test_the_answer_holds_until_its_next_change(attempt: Attempt, facts: Facts) -> None:
    """Rule 25: at `next_change_at` it is another one, and at no instant before."""
    verdict = decide(attempt, facts).verdict
    if facts.schedule is None or facts.problem:
        assert verdict.next_change_at is None
        return
    known = [at for at in AHEAD if _mode_is_known(facts.schedule, at)]
    if verdict.next_change_at is not None:
        assert verdict.next_change_at in known
        assert verdict.next_change_cause
    for at in known:
        answer = _decided_at(attempt, facts, at)
        if at == verdict.next_change_at:
            assert answer != verdict.answer
            return
        assert answer == verdict.answer


def _mode_is_known(schedule: ScheduleFacts, at: datetime) -> bool:
    """Up to the last edge that is known; without any the mode stays."""
    return not schedule.edges_ahead or at <= schedule.edges_ahead[-1].at


def _decided_at(attempt: Attempt, facts: Facts, at: datetime) -> Answer | str:
    """The answer to the same token at a later time."""
    assert facts.schedule is not None
    passed = [edge.mode for edge in facts.schedule.edges_ahead if edge.at <= at]
    mode = passed[-1] if passed else facts.schedule.mode
    schedule = facts.schedule.model_copy(update={"mode": mode})
    later = attempt.model_copy(update={"event_at": at})
    return decide(later, facts.model_copy(update={"schedule": schedule})).verdict.answer


def test_the_short_ways_through_the_ladder_lead_where_the_whole_one_does() -> None:
    """A plain allow finds no rung that holds; and rule 25's next change is the first instant at
    which the whole ladder, climbed at each of them, says something else."""
    plain = changing = 0
    for depot, attempt in generated_attempts(10, 200):
        facts = gather(attempt, depot, GENERATED_AT)
        verdict = decide(attempt, facts).verdict
        mode = facts.schedule.mode if facts.schedule else None
        case = case_at(attempt, facts, attempt.event_at, mode)
        if mode is Mode.MANAGED and facts.problem is None:
            holding = [rung.reason for rung in LADDER if rung.holds(case)]
            assert holding == (list(verdict.reasons) if verdict.answer is Answer.DENY else [])
            plain += verdict.answer is Answer.ALLOW
        later = [each for each in ahead(attempt, facts) if each.finding.answer != verdict.answer]
        first = (later[0].at, later[0].cause) if later else (None, None)
        assert (verdict.next_change_at, verdict.next_change_cause) == first
        changing += bool(later)
    assert plain > 20
    assert changing > 100
