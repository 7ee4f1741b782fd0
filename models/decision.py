"""The rules: one attempt and its facts in, one decision out.

Pure: the same attempt and facts give the same bytes within one RULES_VERSION, this year and next,
which is what makes explanations and replays possible (rule 10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

from models.attempt import Attempt, Decision, Edge, Facts, Match, TokenKind, Verdict
from models.reasons import PRECEDENCE, Answer, Flag, Reason
from models.record import UtcDatetime
from models.schedule import Mode
from models.site import IdentityClass, IdentityState
from models.texts import driver_text, support_text

RULES_VERSION = "1"
"""Raised whenever the same attempt and facts could give another answer."""


class Rung(NamedTuple):
    """One rung of the ladder: a reason, and whether it holds."""

    reason: Reason
    holds: Callable[[Attempt, Facts], bool]


class Finding(NamedTuple):
    """What the ladder says at one instant: every reason of the winning direction, primary first."""

    answer: Answer
    reasons: tuple[Reason, ...]


def decide(attempt: Attempt, facts: Facts) -> Decision:
    """Answer one charging attempt at the attempt's own time.

    The ladder below is in the order of the reason table: the first rung that holds is the primary
    reason (rule 25). Raises nothing: facts that could not be gathered are a rung, not an exception
    (rule 24).
    """
    finding = climb(attempt, facts)
    change = next_change(attempt, facts, finding.answer)
    reason = finding.reasons[0]
    matches = considered(attempt, facts)
    verdict = Verdict(
        answer=finding.answer,
        reason=reason,
        reasons=finding.reasons,
        flags=tuple(flag for flag, holds in FLAGS if holds(attempt, facts, finding)),
        attribution=_attribution(finding, matches),
        next_change_at=change.at if change else None,
        next_change_cause=change.cause if change else None,
        driver_text=driver_text(reason, attempt, facts, matches, change.at if change else None),
        support_text=support_text(reason, attempt, facts, matches),
    )
    return Decision(
        decision_id=attempt.request_id,
        attempt=attempt,
        facts=facts,
        rules_version=RULES_VERSION,
        verdict=verdict,
    )


def climb(attempt: Attempt, facts: Facts) -> Finding:
    """Walk the ladder whole: the first rung that holds wins, others of its direction are listed.

    In freevend a revoked or suspended match is listed beside FREEVEND_OPEN and changes nothing; in
    a denial only denying reasons are listed, in an allow only allowing ones (rule 25).
    """
    if _freevend(facts):
        bars = [
            rung.reason for rung in LADDER if rung.reason in _BARS and rung.holds(attempt, facts)
        ]
        return Finding(Answer.ALLOW, (Reason.FREEVEND_OPEN, *bars))
    if facts.schedule is None or facts.problem is not None:
        return Finding(Answer.ERROR, (Reason.DECISION_ERROR,))
    denying = tuple(rung.reason for rung in LADDER if rung.holds(attempt, facts))
    if denying:
        return Finding(Answer.DENY, denying)
    return Finding(Answer.ALLOW, _allowing(considered(attempt, facts)))


def considered(attempt: Attempt, facts: Facts) -> tuple[Match, ...]:
    """The matches that count: those inside their validity, or all when none is (rules 18, 20)."""
    inside = tuple(match for match in facts.matches if valid_at(match, attempt.event_at))
    return inside or facts.matches


def valid_at(match: Match, at: UtcDatetime) -> bool:
    """Validity is half-open, [from, to); no `to` is open-ended (rule 18)."""
    return match.valid_from <= at and (match.valid_to is None or at < match.valid_to)


def _freevend(facts: Facts) -> bool:
    return facts.schedule is not None and facts.schedule.mode is Mode.FREEVEND


def _freevend_tag(attempt: Attempt, _facts: Facts) -> bool:
    return attempt.token.kind == TokenKind.FREEVEND_TAG


def _unreadable(attempt: Attempt, _facts: Facts) -> bool:
    return attempt.token.kind == TokenKind.UNREADABLE


def _in_state(state: IdentityState) -> Callable[[Attempt, Facts], bool]:
    """Any match that counts in this state denies in a managed interval (rule 19)."""
    return lambda attempt, facts: any(match.state == state for match in considered(attempt, facts))


def _conflict(attempt: Attempt, facts: Facts) -> bool:
    """Several matches that count, of which some would allow and some not (rule 20)."""
    allowing = {_allows(match, attempt) for match in considered(attempt, facts)}
    return len(allowing) > 1


def _expired(attempt: Attempt, facts: Facts) -> bool:
    return any(
        match.valid_to is not None and match.valid_to <= attempt.event_at
        for match in considered(attempt, facts)
    )


def _not_yet(attempt: Attempt, facts: Facts) -> bool:
    return any(match.valid_from > attempt.event_at for match in considered(attempt, facts))


def _unknown(attempt: Attempt, facts: Facts) -> bool:
    return attempt.token.kind == TokenKind.IDENTIFIED and not facts.matches


def _undecidable(attempt: Attempt, facts: Facts) -> bool:
    """A match of a class or state that a newer writer invented never allows."""
    return any(not _judgeable(match) for match in considered(attempt, facts))


def _judgeable(match: Match) -> bool:
    return isinstance(match.identity_class, IdentityClass) and isinstance(
        match.state, IdentityState
    )


def _allows(match: Match, attempt: Attempt) -> bool:
    """ "Allow" of one match: class, validity and state (rule 20)."""
    return (
        _judgeable(match)
        and match.state is IdentityState.ACTIVE
        and valid_at(match, attempt.event_at)
    )


LADDER: tuple[Rung, ...] = (
    Rung(Reason.FREEVEND_TAG_IN_MANAGED, _freevend_tag),
    Rung(Reason.UNREADABLE_ID, _unreadable),
    Rung(Reason.REVOKED, _in_state(IdentityState.REVOKED)),
    Rung(Reason.SUSPENDED, _in_state(IdentityState.SUSPENDED)),
    Rung(
        Reason.IDENTITY_CONFLICT, lambda at, facts: _conflict(at, facts) or _undecidable(at, facts)
    ),
    Rung(Reason.AGREEMENT_EXPIRED, _expired),
    Rung(Reason.AGREEMENT_NOT_YET, _not_yet),
    Rung(Reason.UNKNOWN_ID, _unknown),
)
"""The denying rungs that are built, in the order of the reason table (a test holds them to it)."""

_BARS = (Reason.REVOKED, Reason.SUSPENDED)

_REASON_OF_CLASS = {
    IdentityClass.OWN_FLEET: Reason.OWN_FLEET,
    IdentityClass.AGREEMENT: Reason.AGREEMENT_ACTIVE,
}


def _allowing(matches: tuple[Match, ...]) -> tuple[Reason, ...]:
    """OWN_FLEET is primary where any match has it (rule 20): it stands first in the table."""
    reasons = {_REASON_OF_CLASS[IdentityClass(match.identity_class)] for match in matches}
    return tuple(sorted(reasons, key=PRECEDENCE.__getitem__))


def _attribution(finding: Finding, matches: tuple[Match, ...]) -> str | None:
    """The reference a session is attributed to: empty when several matched (rule 20)."""
    return matches[0].reference if len(matches) == 1 else None


def _ambiguous(attempt: Attempt, facts: Facts, finding: Finding) -> bool:
    return finding.answer is Answer.ALLOW and len(considered(attempt, facts)) > 1


def _near_boundary(attempt: Attempt, facts: Facts, _finding: Finding) -> bool:
    """An edge within the uncertainty of event time (rule 11). The answer does not change."""
    if facts.schedule is None:
        return False
    margin = timedelta(seconds=attempt.uncertainty_s)
    edges = (facts.schedule.starts_at, facts.schedule.ends_at)
    return any(edge is not None and abs(edge - attempt.event_at) <= margin for edge in edges)


FLAGS: tuple[tuple[Flag, Callable[[Attempt, Facts, Finding], bool]], ...] = (
    (
        Flag.SCHEDULE_CONFLICT,
        lambda _at, facts, _f: bool(facts.schedule and facts.schedule.conflict),
    ),
    (Flag.NEAR_BOUNDARY, _near_boundary),
    (Flag.IDENTITY_AMBIGUOUS, _ambiguous),
    # Only replays are RETROSPECTIVE (rule 15).
    (Flag.RETROSPECTIVE, lambda attempt, _facts, _f: attempt.replayed),
)


class Change(NamedTuple):
    """When the answer changes next, and why."""

    at: UtcDatetime
    cause: str


def next_change(attempt: Attempt, facts: Facts, answer: Answer) -> Change | None:
    """The next time the answer would be another, as far as the known edges reach (rule 25).

    The same ladder is climbed again at each instant at which mode or validity changes.
    """
    if facts.schedule is None or facts.problem is not None:
        return None
    for at, cause in sorted(set(_instants(attempt, facts)), key=lambda change: change[0]):
        later = climb(*_moved(attempt, facts, at))
        if later.answer is not answer:
            return Change(at, cause)
    return None


def _instants(attempt: Attempt, facts: Facts) -> Iterator[Change]:
    assert facts.schedule is not None
    edges = facts.schedule.edges_ahead
    # Without an edge ahead the mode stays; otherwise nothing is known past the last known edge.
    horizon = edges[-1].at if edges else None
    for edge in edges:
        yield Change(edge.at, f"{edge.mode.value} begins")
    for match in facts.matches:
        for at, cause in ((match.valid_from, "validity begins"), (match.valid_to, "validity ends")):
            if at is not None and at > attempt.event_at and (horizon is None or at < horizon):
                yield Change(at, cause)


def _moved(attempt: Attempt, facts: Facts, at: UtcDatetime) -> tuple[Attempt, Facts]:
    """The same attempt, made at another time."""
    assert facts.schedule is not None
    mode = _mode_at(facts.schedule.mode, facts.schedule.edges_ahead, at)
    schedule = facts.schedule.model_copy(update={"mode": mode})
    return (
        attempt.model_copy(update={"event_at": at}),
        facts.model_copy(update={"schedule": schedule}),
    )


def _mode_at(mode: Mode, edges: tuple[Edge, ...], at: UtcDatetime) -> Mode:
    for edge in edges:
        if edge.at > at:
            break
        mode = edge.mode
    return mode
