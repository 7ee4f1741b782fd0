"""The rules: one attempt and its facts in, one decision out.

Pure: the same attempt and facts give the same bytes within one RULES_VERSION, this year and next,
which is what makes explanations and replays possible (rule 10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from models.attempt import Attempt, Decision, Facts, Match, TokenKind, Verdict
from models.entitlement import admitted, entitlement_edges, known_until, next_admission
from models.feed_age import FeedState, age_edges, all_fresh, believed, match_state
from models.reasons import PRECEDENCE, Answer, Flag, Reason
from models.record import UtcDatetime
from models.schedule import Mode
from models.site import IdentityClass, IdentityState
from models.texts import driver_text, support_text

RULES_VERSION = "2"
"""Raised whenever the same attempt and facts could give another answer."""


class Case(NamedTuple):
    """An attempt laid before the rules at one instant.

    Attributes:
        at: event time, or a later instant at which the answer is asked for.
        mode: that holds at `at`; None when no schedule is known.
        matches: those that count at `at` (rules 18, 20).
        judged: those of them whose source is not too old to be believed (rule 22).
        states: of the judged ones, in their order.
        valid: whether these matches are inside their validity; else all of them are outside.
        admitted: whether access rules admit one of them at `at` (rules 20, 28).
    """

    attempt: Attempt
    facts: Facts
    at: UtcDatetime
    mode: Mode | None
    matches: tuple[Match, ...]
    judged: tuple[Match, ...]
    states: list[IdentityState | str]
    valid: bool
    admitted: bool


class Rung(NamedTuple):
    """One rung of the ladder: a reason, and whether it holds."""

    reason: Reason
    holds: Callable[[Case], bool]


class Finding(NamedTuple):
    """What the ladder says: every reason of the winning direction, primary first."""

    answer: Answer
    reasons: tuple[Reason, ...]


class Change(NamedTuple):
    """When the answer changes next, and why."""

    at: UtcDatetime
    cause: str


def decide(attempt: Attempt, facts: Facts) -> Decision:
    """Answer one charging attempt at the attempt's own time.

    The ladder below is in the order of the reason table: the first rung that holds is the primary
    reason (rule 25). Raises nothing: facts that could not be gathered are a rung, not an exception
    (rule 24).
    """
    mode = facts.schedule.mode if facts.schedule else None
    case = _case(attempt, facts, attempt.event_at, mode)
    finding = climb(case)
    instants = sorted(_instants(case), key=_instant_at)
    change = next_change(case, finding.answer, instants)
    reason = finding.reasons[0]
    told_of = case.judged or case.matches
    # From here on everything is made of what was validated when it came in.
    verdict = Verdict.model_construct(
        answer=finding.answer,
        reason=reason,
        reasons=finding.reasons,
        flags=tuple(flag for flag, holds in FLAGS if holds(case, finding)),
        # A session is attributed to the one record that matched; to none when several did (20).
        attribution=told_of[0].reference if len(told_of) == 1 else None,
        next_change_at=change.at if change else None,
        next_change_cause=change.cause if change else None,
        driver_text=driver_text(reason, attempt, facts, told_of, change and change.at),
        support_text=support_text(reason, attempt, facts, told_of),
        valid_until=_valid_until(case, finding, instants),
    )
    return Decision.model_construct(
        decision_id=attempt.request_id,
        attempt=attempt,
        facts=facts,
        rules_version=RULES_VERSION,
        verdict=verdict,
    )


def judge(attempt: Attempt, facts: Facts) -> Finding:
    """The answer and its reasons alone, as `decide` has them, in a fifth of its time."""
    mode = facts.schedule.mode if facts.schedule else None
    return climb(_case(attempt, facts, attempt.event_at, mode))


def climb(case: Case) -> Finding:
    """Walk the ladder whole: the first rung that holds wins, others of its direction are listed.

    In freevend a revoked or suspended match is listed beside FREEVEND_OPEN and changes nothing; in
    a denial only denying reasons are listed, in an allow only allowing ones (rule 25).
    """
    if case.mode is Mode.FREEVEND:
        bars = tuple([rung.reason for rung in BARS if rung.holds(case)])
        return Finding(Answer.ALLOW, (Reason.FREEVEND_OPEN, *bars))
    if case.mode is None or case.facts.problem is not None:
        return Finding(Answer.ERROR, (Reason.DECISION_ERROR,))
    denying = tuple([rung.reason for rung in LADDER if rung.holds(case)])
    if denying:
        return Finding(Answer.DENY, denying)
    return Finding(Answer.ALLOW, _allowing(case.judged))


def valid_at(match: Match, at: UtcDatetime) -> bool:
    """Validity is half-open, [from, to); no `to` is open-ended (rule 18)."""
    return match.valid_from <= at and (match.valid_to is None or at < match.valid_to)


def _case(attempt: Attempt, facts: Facts, at: UtcDatetime, mode: Mode | None) -> Case:
    """Records outside their validity are ignored while another is inside it (rule 20), and so are
    those of a source that is too old, while another is not (rule 22)."""
    inside = tuple([match for match in facts.matches if valid_at(match, at)])
    judged = counting = inside or facts.matches
    if facts.feeds:
        judged = tuple([match for match in counting if believed(facts, match, at)])
    states = [match.state for match in judged]
    # With several matches the rule is met if any of them is admitted (rule 20).
    one_is = any(admitted(match, at) for match in judged)
    return Case(attempt, facts, at, mode, counting, judged, states, bool(inside), one_is)


def _freevend_tag(case: Case) -> bool:
    return case.attempt.token.kind == TokenKind.FREEVEND_TAG


def _unreadable(case: Case) -> bool:
    return case.attempt.token.kind == TokenKind.UNREADABLE


def _revoked(case: Case) -> bool:
    """Any revoked match that counts denies in a managed interval (rule 19)."""
    return IdentityState.REVOKED in case.states


def _suspended(case: Case) -> bool:
    """Any suspended match that counts denies in a managed interval (rule 19)."""
    return IdentityState.SUSPENDED in case.states


def _conflict(case: Case) -> bool:
    """Some matches that count would allow and some not, or one cannot be judged (rule 20)."""
    if not all(map(_judgeable, case.judged)):
        return True
    return len(case.judged) > 1 and len({_allows(match, case.at) for match in case.judged}) > 1


def _expired(case: Case) -> bool:
    return not case.valid and any(
        match.valid_to is not None and match.valid_to <= case.at for match in case.judged
    )


def _not_yet(case: Case) -> bool:
    return not case.valid and any(match.valid_from > case.at for match in case.judged)


def _uncertain(case: Case) -> bool:
    """Known only to sources that are too old, or to nobody while one is not fresh (rule 22)."""
    if case.matches:
        return not case.judged
    return _unmatched(case) and not all_fresh(case.facts, case.at)


def _entitled_later(case: Case) -> bool:
    """No access rule admits it now, and one will in managed time of the next 8 days (rule 28)."""
    return _not_entitled(case) and any(next_admission(match, case.at) for match in case.judged)


def _not_entitled_here(case: Case) -> bool:
    return _not_entitled(case) and not _entitled_later(case)


def _not_entitled(case: Case) -> bool:
    """Rule 28 is asked only of an identity that would be allowed: by class, validity and state."""
    if case.admitted or not case.judged:
        return False
    return all(_allows(match, case.at) for match in case.judged)


def _unknown(case: Case) -> bool:
    """No record, and every source is fresh: only then is an identifier unknown (rule 22)."""
    return _unmatched(case) and all_fresh(case.facts, case.at)


def _unmatched(case: Case) -> bool:
    """No record, whatever a newer gateway calls this kind of token: it never allows by itself."""
    return not (case.matches or _freevend_tag(case) or _unreadable(case))


def _judgeable(match: Match) -> bool:
    """A class or state that a newer writer invented stays text, and never allows."""
    known_class = isinstance(match.identity_class, IdentityClass)
    return known_class and isinstance(match.state, IdentityState)


def _allows(match: Match, at: UtcDatetime) -> bool:
    """What "allow" means of one match: class, validity and state (rule 20)."""
    return _judgeable(match) and match.state is IdentityState.ACTIVE and valid_at(match, at)


LADDER: tuple[Rung, ...] = (
    Rung(Reason.FREEVEND_TAG_IN_MANAGED, _freevend_tag),
    Rung(Reason.UNREADABLE_ID, _unreadable),
    Rung(Reason.REVOKED, _revoked),
    Rung(Reason.SUSPENDED, _suspended),
    Rung(Reason.IDENTITY_CONFLICT, _conflict),
    Rung(Reason.AGREEMENT_EXPIRED, _expired),
    Rung(Reason.AGREEMENT_NOT_YET, _not_yet),
    Rung(Reason.IDENTITY_UNCERTAIN, _uncertain),
    Rung(Reason.NOT_ENTITLED_NOW, _entitled_later),
    Rung(Reason.NOT_ENTITLED_HERE, _not_entitled_here),
    Rung(Reason.UNKNOWN_ID, _unknown),
)
"""The denying rungs that are built, in the order of the reason table (a test holds them to it)."""

BARS = tuple(rung for rung in LADDER if rung.reason in {Reason.REVOKED, Reason.SUSPENDED})
"""What is listed beside FREEVEND_OPEN and bars nobody (rule 25)."""

_REASON_OF_CLASS: dict[str, Reason] = {
    IdentityClass.OWN_FLEET: Reason.OWN_FLEET,
    IdentityClass.AGREEMENT: Reason.AGREEMENT_ACTIVE,
}


def _allowing(matches: tuple[Match, ...]) -> tuple[Reason, ...]:
    """OWN_FLEET is primary where any match has it (rule 20): it stands first in the table."""
    reasons = {_REASON_OF_CLASS[match.identity_class] for match in matches}
    return tuple(sorted(reasons, key=PRECEDENCE.__getitem__))


def _in_conflict(case: Case, _finding: Finding) -> bool:
    return case.facts.schedule is not None and case.facts.schedule.conflict


def _near_boundary(case: Case, _finding: Finding) -> bool:
    """An edge within the uncertainty of event time (rule 11). The answer does not change."""
    schedule = case.facts.schedule
    if schedule is None:
        return False
    margin = timedelta(seconds=case.attempt.uncertainty_s)
    begins, ends = schedule.starts_at, schedule.ends_at
    return (begins is not None and abs(begins - case.at) <= margin) or (
        ends is not None and abs(ends - case.at) <= margin
    )


def _stale_feed(case: Case, _finding: Finding) -> bool:
    """A record that is judged as usual comes from a source that is not fresh (rule 22)."""
    facts = case.facts
    return bool(facts.feeds) and any(
        match_state(facts, match, case.at) is not FeedState.FRESH for match in case.judged
    )


def _ambiguous(case: Case, finding: Finding) -> bool:
    return finding.answer is Answer.ALLOW and len(case.judged) > 1


def _retrospective(case: Case, _finding: Finding) -> bool:
    """Only replays are retrospective (rule 15)."""
    return case.attempt.replayed


FLAGS: tuple[tuple[Flag, Callable[[Case, Finding], bool]], ...] = (
    (Flag.SCHEDULE_CONFLICT, _in_conflict),
    (Flag.NEAR_BOUNDARY, _near_boundary),
    (Flag.STALE_FEED, _stale_feed),
    (Flag.IDENTITY_AMBIGUOUS, _ambiguous),
    (Flag.RETROSPECTIVE, _retrospective),
)


class Ahead(NamedTuple):
    """What an attempt would be told at a later instant at which that may change."""

    at: UtcDatetime
    cause: str
    mode: Mode | None
    finding: Finding


def ahead(attempt: Attempt, facts: Facts) -> Iterator[Ahead]:
    """What the same token would be told, at event time and at each later instant at which it may be
    something else, as far as the facts reach."""
    mode = facts.schedule.mode if facts.schedule else None
    case = _case(attempt, facts, attempt.event_at, mode)
    now = climb(case)
    yield Ahead(attempt.event_at, "", mode, now)
    for at, cause, begun in sorted(_instants(case), key=_instant_at):
        mode = begun or mode
        yield Ahead(at, cause, mode, climb(_later_case(case, now.answer, at, mode)))


def next_change(case: Case, answer: Answer, instants: Iterable[_Instant]) -> Change | None:
    """The next time the answer would be another, as far as the known edges reach (rule 25).

    The same ladder is climbed again at each instant at which mode, validity, entitlement or feed
    age changes.

    Args:
        instants: in their order.
    """
    mode = case.mode
    for at, cause, begun in instants:
        mode = begun or mode
        if _answer_at(case, answer, at, mode) is not answer:
            return Change(at, cause)
    return None


def _answer_at(case: Case, answer: Answer, at: UtcDatetime, mode: Mode | None) -> Answer:
    """The answer at a later instant of a case that is answered at its own."""
    if mode is Mode.FREEVEND:
        return Answer.ALLOW
    later = _later_case(case, answer, at, mode)
    # Time itself matters only to records outside their validity, and to no record at all.
    unchanged = (
        mode is case.mode
        and case.valid
        and later.valid
        and later.admitted is case.admitted
        and later.judged == case.judged
    )
    return answer if unchanged else climb(later).answer


def _later_case(case: Case, answer: Answer, at: UtcDatetime, mode: Mode | None) -> Case:
    """The same attempt laid before the rules later."""
    later = _case(case.attempt, case.facts, at, mode)
    known = known_until(case.facts.matches)
    if known is not None and at >= known:
        # Past what is known of them, access rules are taken to change nothing.
        return later._replace(admitted=answer is Answer.ALLOW)
    return later


def _valid_until(case: Case, finding: Finding, instants: Sequence[_Instant]) -> UtcDatetime | None:
    """What no copy of the answer outlives (rule 23); of facts that are not whole none is kept."""
    if finding.answer is Answer.ERROR or case.facts.problem is not None:
        return case.at
    return instants[0].at if instants else None


_BEGINS = {mode: f"{mode.value} begins" for mode in Mode}


class _Instant(NamedTuple):
    """An instant that may change the answer, why, and the mode that begins there."""

    at: UtcDatetime
    cause: str
    begun: Mode | None


_instant_at = itemgetter(0)


def _instants(case: Case) -> Iterator[_Instant]:
    """Instants after event time at which a mode, validity, entitlement or a feed's age changes."""
    if case.facts.schedule is None or case.facts.problem is not None:
        return
    edges = case.facts.schedule.edges_ahead
    # Without an edge ahead the mode stays; otherwise nothing is known past the last known edge.
    horizon = edges[-1].at if edges else None
    for edge in edges:
        yield _Instant(edge.at, _BEGINS[edge.mode], edge.mode)
    edges_of = (_validity_edges, entitlement_edges, age_edges)
    for at, cause in chain.from_iterable(edges(case.facts) for edges in edges_of):
        if at > case.at and (horizon is None or at < horizon):
            yield _Instant(at, cause, None)


def _validity_edges(facts: Facts) -> Iterator[tuple[UtcDatetime, str]]:
    for match in facts.matches:
        yield match.valid_from, "validity begins"
        if match.valid_to is not None:
            yield match.valid_to, "validity ends"
