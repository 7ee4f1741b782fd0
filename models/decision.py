"""The rules: one attempt and its facts in, one decision out.

Pure: the same attempt and facts give the same bytes within one RULES_VERSION, this year and next,
which is what makes explanations and replays possible (rule 10).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

from models.attempt import Attempt, Decision, Facts, Verdict
from models.drift import drift_of_attempt
from models.feed_age import FeedState, match_state
from models.ladder import Case, Finding, allows, case_at, climb
from models.next_change import instants_of, next_change, valid_until
from models.reasons import Answer, Flag
from models.texts import driver_texts, support_text

RULES_VERSION = "7"
"""Raised whenever the same attempt and facts could give another answer."""

MARGINS_MAX = 256
"""Remembered: live messages have one uncertainty, and measured clocks a few."""


def decide(attempt: Attempt, facts: Facts) -> Decision:
    """Answer one charging attempt at the attempt's own time.

    The ladder is in the order of the reason table: the first rung that holds is the primary reason
    (rule 25). Raises nothing: facts that could not be gathered are a rung, not an exception
    (rule 24).
    """
    mode = facts.schedule.mode if facts.schedule else None
    case = case_at(attempt, facts, attempt.event_at, mode)
    finding = climb(case)
    instants = instants_of(case)
    change = next_change(case, finding.answer, instants)
    reason = finding.reasons[0]
    told_of = case.spoken_of
    texts = driver_texts(reason, attempt, facts, told_of, change and change.at)
    text, more_texts = texts[0], texts[1:]
    # From here on everything is made of what was validated when it came in.
    verdict = Verdict.model_construct(
        answer=finding.answer,
        reason=reason,
        reasons=finding.reasons,
        flags=tuple([flag for flag, holds in FLAGS if holds(case, finding)]),
        # A session is attributed to the one record that matched; to none when several did (20).
        attribution=told_of[0].reference if len(told_of) == 1 else None,
        next_change_at=change.at if change else None,
        next_change_cause=change.cause if change else None,
        driver_text=text.text,
        support_text=support_text(reason, attempt, facts, told_of),
        valid_until=valid_until(case, finding.answer, instants),
        language=text.language,
        more_texts=more_texts,
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
    return climb(case_at(attempt, facts, attempt.event_at, mode))


def _in_conflict(case: Case, _finding: Finding) -> bool:
    return case.facts.schedule is not None and case.facts.schedule.conflict


def _near_boundary(case: Case, _finding: Finding) -> bool:
    """An edge within the uncertainty of event time (rule 11). The answer does not change."""
    schedule = case.facts.schedule
    if schedule is None:
        return False
    at, margin = case.at, _margin(case.attempt.uncertainty_s)
    begins, ends = schedule.starts_at, schedule.ends_at
    return (begins is not None and abs(begins - at) <= margin) or (
        ends is not None and abs(ends - at) <= margin
    )


@lru_cache(maxsize=MARGINS_MAX)
def _margin(uncertainty_s: float) -> timedelta:
    return timedelta(seconds=uncertainty_s)


def _mode_drift(case: Case, _finding: Finding) -> bool:
    """Scheduled, commanded and observed mode disagree, and no switch is under way (rule 16)."""
    schedule = case.facts.schedule
    return schedule is not None and drift_of_attempt(case.attempt, schedule)


def _stale_feed(case: Case, _finding: Finding) -> bool:
    """A record that is judged as usual comes from a source that is not fresh (rule 22)."""
    facts = case.facts
    return bool(facts.feeds) and any(
        match_state(facts, match, case.at) is not FeedState.FRESH for match in case.judged
    )


def _ambiguous(case: Case, finding: Finding) -> bool:
    """Several records match and all allow (rule 20); in freevend they may as well not."""
    if finding.answer is not Answer.ALLOW or len(case.judged) < 2:
        return False
    return all(allows(match, case.at) for match in case.judged)


def _retrospective(case: Case, _finding: Finding) -> bool:
    """Only replays are retrospective (rule 15)."""
    return case.attempt.replayed


FLAGS: tuple[tuple[Flag, Callable[[Case, Finding], bool]], ...] = (
    (Flag.SCHEDULE_CONFLICT, _in_conflict),
    (Flag.NEAR_BOUNDARY, _near_boundary),
    (Flag.MODE_DRIFT, _mode_drift),
    (Flag.STALE_FEED, _stale_feed),
    (Flag.IDENTITY_AMBIGUOUS, _ambiguous),
    (Flag.RETROSPECTIVE, _retrospective),
)
