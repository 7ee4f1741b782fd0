"""When the answer to an attempt changes next, and how long a copy of it may live (rules 23, 25)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from models.attempt import Attempt, Edge, Facts
from models.entitlement import entitlement_edges, known_until
from models.feed_age import age_edges
from models.ladder import Case, Finding, case_at, climb
from models.reasons import Answer
from models.record import UtcDatetime
from models.same import Same
from models.schedule import Mode

MODE_INSTANTS_MAX = 1024
"""Remembered: as many as schedule facts are (models.facts)."""


class Change(NamedTuple):
    """When the answer changes next, and why."""

    at: UtcDatetime
    cause: str


class Instant(NamedTuple):
    """An instant that may change the answer, why, and the mode that begins there."""

    at: UtcDatetime
    cause: str
    begun: Mode | None


class Instants(NamedTuple):
    """What may change an answer after event time.

    Attributes:
        known: in their order, as far as the mode is known.
        first_other: before it nothing but the mode changes; None = ever.
    """

    known: tuple[Instant, ...]
    first_other: datetime | None


_NONE = Instants((), None)
_instant_at = itemgetter(0)


def instants_of(case: Case) -> Instants:
    """Instants after event time at which a mode, validity, entitlement or a feed's age changes."""
    facts = case.facts
    if facts.schedule is None or facts.problem is not None:
        return _NONE
    edges = facts.schedule.edges_ahead
    of_modes = _mode_instants(Same(edges))
    others = [Instant(at, cause, None) for at, cause in _other_edges(facts, case.at)]
    if not others:
        return of_modes
    # Without an edge ahead the mode stays; otherwise nothing is known past the last known edge.
    horizon = edges[-1].at if edges else None
    known = [*of_modes.known, *(each for each in others if horizon is None or each.at < horizon)]
    known.sort(key=_instant_at)
    return Instants(tuple(known), min([other.at for other in others]))


@lru_cache(maxsize=MODE_INSTANTS_MAX)
def _mode_instants(edges: Same[tuple[Edge, ...]]) -> Instants:
    """Of a schedule alone: attempts between two edges have the same ones before them."""
    known = [Instant(edge.at, _cause(edge.mode), edge.mode) for edge in edges.it]
    return Instants(tuple(known), None)


def _cause(begun: Mode) -> str:
    return "managed begins" if begun is Mode.MANAGED else "freevend begins"


def _other_edges(facts: Facts, after: datetime) -> list[tuple[UtcDatetime, str]]:
    found = []
    for match in facts.matches:
        if match.valid_from > after:
            found.append((match.valid_from, "validity begins"))
        if match.valid_to is not None and match.valid_to > after:
            found.append((match.valid_to, "validity ends"))
        if match.entitlement is not None:
            found += [each for each in entitlement_edges(match.entitlement) if each[0] > after]
    if facts.feeds:
        found += [each for each in age_edges(facts) if each[0] > after]
    return found


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
    case = case_at(attempt, facts, attempt.event_at, mode)
    now = climb(case)
    yield Ahead(attempt.event_at, "", mode, now)
    for at, cause, begun in instants_of(case).known:
        mode = begun or mode
        yield Ahead(at, cause, mode, climb(_later_case(case, now.answer, at, mode)))


def next_change(case: Case, answer: Answer, instants: Instants) -> Change | None:
    """The next time the answer would be another, as far as the known edges reach (rule 25).

    The same ladder is climbed again at each instant at which mode, validity, entitlement or feed
    age changes.
    """
    mode = case.mode
    for at, cause, begun in instants.known:
        mode = begun or mode
        if mode is Mode.FREEVEND:
            later = Answer.ALLOW
        elif mode is case.mode and (instants.first_other is None or at < instants.first_other):
            # Back in the mode of event time, and nothing else has changed.
            later = answer
        else:
            later = climb(_later_case(case, answer, at, mode)).answer
        if later is not answer:
            return Change(at, cause)
    return None


def _later_case(case: Case, answer: Answer, at: UtcDatetime, mode: Mode | None) -> Case:
    """The same attempt laid before the rules later."""
    later = case_at(case.attempt, case.facts, at, mode)
    known = known_until(case.facts.matches)
    if known is not None and at >= known:
        # Past what is known of them, access rules are taken to change nothing.
        return later._replace(admitted=answer is Answer.ALLOW)
    return later


def valid_until(case: Case, answer: Answer, instants: Instants) -> UtcDatetime | None:
    """What no copy of the answer outlives (rule 23); of facts that are not whole none is kept."""
    if answer is Answer.ERROR or case.facts.problem is not None:
        return case.at
    return instants.known[0].at if instants.known else None
