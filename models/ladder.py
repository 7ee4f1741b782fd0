"""The ladder of reasons: what an attempt is answered at one instant, and why (rule 25)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from models.attempt import Attempt, Facts, Match, TokenKind
from models.entitlement import admitted, next_admission
from models.feed_age import all_fresh, believed
from models.reasons import PRECEDENCE, Answer, Reason
from models.record import UtcDatetime
from models.schedule import Mode
from models.site import IdentityClass, IdentityState


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

    @property
    def spoken_of(self) -> tuple[Match, ...]:
        """The records that the answer is about: where none could be judged, those that count."""
        return self.judged or self.matches


class Rung(NamedTuple):
    """One rung of the ladder: a reason, and whether it holds."""

    reason: Reason
    holds: Callable[[Case], bool]


class Finding(NamedTuple):
    """What the ladder says: every reason of the winning direction, primary first."""

    answer: Answer
    reasons: tuple[Reason, ...]


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
    if _plain(case):
        return _PLAIN[case.judged[0].identity_class]
    denying = tuple([rung.reason for rung in LADDER if rung.holds(case)])
    if denying:
        return Finding(Answer.DENY, denying)
    return Finding(Answer.ALLOW, _allowing(case.judged))


def _plain(case: Case) -> bool:
    """A valid, active and admitted record of a class that is known: no rung of the ladder holds.

    Nine attempts of ten are this one, and need not climb to find nothing (a test climbs).
    """
    if not (case.valid and case.admitted and len(case.judged) == 1):
        return False
    return case.attempt.token.kind is TokenKind.IDENTIFIED and _good(case.judged[0])


def valid_at(match: Match, at: UtcDatetime) -> bool:
    """Validity is half-open, [from, to); no `to` is open-ended (rule 18)."""
    return match.valid_from <= at and (match.valid_to is None or at < match.valid_to)


def case_at(attempt: Attempt, facts: Facts, at: UtcDatetime, mode: Mode | None) -> Case:
    """An attempt at an instant, when `mode` holds.

    Records outside their validity are ignored while another is inside it (rule 20), and so are
    those of a source that is too old, while another is not (rule 22)."""
    inside = tuple([match for match in facts.matches if valid_at(match, at)])
    judged = counting = inside or facts.matches
    if facts.feeds:
        judged = tuple([match for match in counting if believed(facts, match, at)])
    states = [match.state for match in judged]
    # With several matches the rule is met if any of them is admitted (rule 20).
    one_is = _one_is_admitted(judged, at)
    return Case(attempt, facts, at, mode, counting, judged, states, bool(inside), one_is)


def _one_is_admitted(judged: tuple[Match, ...], at: UtcDatetime) -> bool:
    for match in judged:  # noqa: SIM110 - asked of every attempt several times: half of any()'s time
        if match.entitlement is None or admitted(match, at):
            return True
    return False


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
    return len(case.judged) > 1 and len({allows(match, case.at) for match in case.judged}) > 1


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
    return all(allows(match, case.at) for match in case.judged)


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


def allows(match: Match, at: UtcDatetime) -> bool:
    """What "allow" means of one match: class, validity and state (rule 20)."""
    return _good(match) and valid_at(match, at)


def _good(match: Match) -> bool:
    """An active record of a class that this version knows."""
    return match.state is IdentityState.ACTIVE and isinstance(match.identity_class, IdentityClass)


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


_PLAIN = {each: Finding(Answer.ALLOW, (reason,)) for each, reason in _REASON_OF_CLASS.items()}


def _allowing(matches: tuple[Match, ...]) -> tuple[Reason, ...]:
    """OWN_FLEET is primary where any match has it (rule 20): it stands first in the table."""
    reasons = {_REASON_OF_CLASS[match.identity_class] for match in matches}
    return tuple(sorted(reasons, key=PRECEDENCE.__getitem__))
