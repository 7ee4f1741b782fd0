"""From a decision and its outcome to an explanation: nothing else is looked up, nothing is added.

Pure: the same records give the same explanation next year.
"""

from __future__ import annotations

from datetime import datetime

from models.advice import HELP_OF, MEANING_OF_FLAG, NEWER
from models.answers import ACCEPTED
from models.attempt import (
    Attempt,
    Basis,
    Decision,
    Facts,
    Match,
    Outcome,
    ScheduleFacts,
    Told,
    Verdict,
)
from models.clock_notes import clock_notes
from models.concerns import concerned
from models.data_notes import data_seen
from models.decision import RULES_VERSION
from models.explanation import (
    UNDECIDED,
    Different,
    Explanation,
    Held,
    MatchSeen,
    Stretch,
    ToldSeen,
)
from models.ladder import case_at, valid_at
from models.reasons import Answer, Reason
from models.schedule import Mode
from models.site import IdentityClass, IdentityState, Stage
from models.site_clock import UTC_NAME, SiteClock

REFERENCES_SAID = 3
"""In a sentence; the list of matches has them all."""


def explain(
    decision: Decision | None,
    outcome: Outcome | None,
    *,
    would_tell: Told | None = None,
    timezone: str = UTC_NAME,
) -> Explanation:
    """Explain an attempt from what was recorded of it; at least one of the two is needed.

    Args:
        decision: None where none is found: it is being made, or the stage is off.
        outcome: None where none is found: it is on its way, or the attempt is imagined.
        would_tell: for a decision that was only made to be explained: what would be answered.
        timezone: of the site, for an outcome without a decision: it does not state one.
    """
    return _Explainer(decision, outcome, would_tell, timezone).explanation()


class _Explainer:
    def __init__(
        self,
        decision: Decision | None,
        outcome: Outcome | None,
        would_tell: Told | None,
        timezone: str,
    ) -> None:
        known = decision or outcome
        assert known is not None, "a decision or an outcome is needed"
        self.decision = decision
        self.outcome = outcome
        self.would_tell = would_tell
        self.recorded = would_tell is None
        self.attempt: Attempt = known.attempt
        self.facts: Facts | None = decision.facts if decision else None
        self.verdict: Verdict | None = _verdict(decision, outcome)
        self.schedule: ScheduleFacts | None = (
            self.facts.schedule if self.facts else outcome.schedule if outcome else None
        )
        self.stage = str(outcome.stage if outcome else self.facts.stage if self.facts else "")
        self.late = _came_late(decision, outcome)
        self.clock = SiteClock(
            self.facts.timezone if self.facts else timezone, self.attempt.event_at
        )

    def explanation(self) -> Explanation:
        attempt, verdict = self.attempt, self.verdict
        return Explanation(
            decision_id=attempt.request_id,
            recorded=self.recorded,
            answer=str(verdict.answer) if verdict else UNDECIDED,
            headline=self._headline(),
            sentence=self._sentence(),
            site_id=attempt.site_id,
            charger_id=attempt.charger_id,
            connector=attempt.connector,
            ocpp=str(attempt.ocpp),
            kind=str(attempt.kind),
            token=attempt.token.display,
            stage=self.stage,
            zone=self.clock.zone,
            happened=self.clock.moment(attempt.event_at),
            received=self.clock.moment(attempt.received_at),
            timeline=_timeline(self.schedule, self.clock),
            matches=self._matches(),
            data=data_seen(self.facts, self.attempt.event_at, self.clock) if self.facts else (),
            reasons=self._reasons(),
            flags=self._flags(),
            told=self._told(),
            different=self._different(),
            advice=self._advice(),
            notes=tuple(self._notes()),
        )

    @property
    def _primary(self) -> str:
        """The reason that the driver's answer has; a late decision was not the answer."""
        if self.late or self.verdict is None:
            return str(self.outcome.reason or "") if self.outcome else ""
        return str(self.verdict.reason)

    def _headline(self) -> str:
        told = self.outcome.told if self.outcome else None
        if self.late or self.verdict is None:
            return _POSTURE_HEADLINES[None if told is None else told.accepted]
        allowed, denied = self.verdict.answer == Answer.ALLOW, self.verdict.answer == Answer.DENY
        if not (allowed or denied):
            return "Not decided: the evaluation failed"
        if self.stage in {Stage.SHADOW, Stage.OFF} and denied:
            return "Let in; it would have been refused in stage enforce"
        if not self.recorded:
            return "It would be allowed" if allowed else "It would be refused"
        return "Allowed" if allowed else "Refused"

    def _sentence(self) -> str:
        if not self._primary:
            return "In stage off nothing is decided: every card is accepted."
        row = HELP_OF.get(self._primary)
        return row.why.format_map(self._words()) if row else NEWER

    def _words(self) -> dict[str, str]:
        about = self._matches_about()
        references = list(dict.fromkeys(f"“{match.reference}”" for match in about))
        hidden = len(references) - REFERENCES_SAID
        more = f" and {hidden} more" if hidden > 0 else ""
        several = len(references) > 1
        return {
            "charger": self.attempt.charger_id,
            "until": self._until(),
            "references": ", ".join(references[:REFERENCES_SAID]) + more or "This card",
            "since": self._since(about),
            "s": "" if several else "s",
            "is": "are" if several else "is",
            "has": "have" if several else "has",
            "count": str(len(self._spoken_of)),
            "problem": self._problem(),
            "deadline": self._deadline(),
        }

    def _until(self) -> str:
        ends = self.schedule.ends_at if self.schedule else None
        return f" until {self.clock.moment(ends).clock}" if ends else ""

    def _problem(self) -> str:
        if self.facts is None:
            return "its facts are not recorded"
        if self.facts.problem:
            return self.facts.problem
        return "no schedule is known" if self.facts.schedule is None else "its facts are incomplete"

    def _deadline(self) -> str:
        if self.outcome is None:
            return "its deadline"
        return f"{(self.outcome.deadline_at - self.attempt.received_at).total_seconds():.1f} s"

    @property
    def _spoken_of(self) -> tuple[Match, ...]:
        """The records that the answer is about: one that has ended beside one that holds is not."""
        if self.facts is None:
            return ()
        mode = self.schedule.mode if self.schedule else None
        return case_at(self.attempt, self.facts, self.attempt.event_at, mode).spoken_of

    def _matches_about(self) -> tuple[Match, ...]:
        """Of them, those that the primary reason is about."""
        spoken_of = self._spoken_of
        return concerned(self._primary, spoken_of, self.attempt.event_at) or spoken_of

    def _since(self, matches: tuple[Match, ...]) -> str:
        """When the state that the reason names began, or the validity ended or begins."""
        match self._primary:
            case Reason.REVOKED | Reason.SUSPENDED:
                times = [each.state_since for each in matches if each.state_since]
                return f" since {self.clock.moment(max(times)).local}" if times else ""
            case Reason.AGREEMENT_EXPIRED:
                times = [each.valid_to for each in matches if each.valid_to]
                return f" {self.clock.moment(max(times)).local}" if times else ""
            case Reason.AGREEMENT_NOT_YET:
                times = [each.valid_from for each in matches]
                return f" {self.clock.moment(min(times)).local}" if times else ""
            case _:
                return ""

    def _matches(self) -> tuple[MatchSeen, ...]:
        return tuple(
            MatchSeen(
                source=each.source,
                reference=each.reference,
                identity_class=_CLASSES.get(each.identity_class, str(each.identity_class)),
                identifier_type=each.identifier_type,
                state=str(each.state),
                state_since=self.clock.perhaps(each.state_since),
                valid_from=self.clock.moment(each.valid_from),
                valid_to=self.clock.perhaps(each.valid_to),
                standing=_standing(each, self.attempt.event_at),
            )
            for each in (self.facts.matches if self.facts else ())
        )

    def _reasons(self) -> tuple[Held, ...]:
        held = [str(reason) for reason in (self.verdict.reasons if self.verdict else ())]
        codes = held if self._primary in held or not self._primary else [self._primary, *held]
        return tuple(
            Held(code=code, meaning=HELP_OF[code].meaning if code in HELP_OF else NEWER)
            for code in codes
        )

    def _flags(self) -> tuple[Held, ...]:
        return tuple(
            Held(code=str(flag), meaning=MEANING_OF_FLAG.get(flag, NEWER))
            for flag in (self.verdict.flags if self.verdict else ())
        )

    def _told(self) -> ToldSeen | None:
        outcome = self.outcome
        told = outcome.told if outcome else self.would_tell
        if outcome is None and told is None:
            return None
        seen = ToldSeen(
            accepted=told.accepted if told else None,
            status=told.status if told else None,
            text=told.text if told else None,
            because=self._because(told),
            late=self.late,
        )
        if outcome is None:
            return seen
        took = outcome.answered_at - self.attempt.received_at
        answered = {
            "answered": self.clock.moment(outcome.answered_at),
            "took_ms": round(took.total_seconds() * 1000),
            "tries_count": outcome.tries_count,
        }
        return seen.model_copy(update=answered)

    def _because(self, told: Told | None) -> str:
        posture = self.outcome.posture if self.outcome else None
        match told.basis if told else None:
            case None:
                return "the charger was gone before the answer"
            case Basis.DECISION if told and not told.accepted and told.status == ACCEPTED:
                return "by decision: OCPP asks to accept this tag, and its session is stopped"
            case Basis.DECISION:
                return "by decision"
            case Basis.STAGE:
                return f"stage {self.stage} accepts every card"
            case Basis.POSTURE:
                return f"without a decision, posture {posture or 'unknown'}"
            case basis:
                return str(basis)

    def _different(self) -> Different | None:
        verdict = self.verdict
        # A decision that came late was not the answer: when it would change is another matter.
        if self.late or verdict is None or verdict.next_change_at is None:
            return None
        then = "refused" if verdict.answer == Answer.ALLOW else "allowed"
        return Different(
            at=self.clock.moment(verdict.next_change_at),
            cause=verdict.next_change_cause or "",
            then=then,
        )

    def _advice(self) -> tuple[str, ...]:
        row = HELP_OF.get(self._primary)
        return row.advice if row else ()

    def _notes(self) -> list[str]:
        notes = []
        if self.recorded and self.outcome is None:
            notes.append("No outcome is recorded: what the driver was told is not known (yet).")
        if self.recorded and self.decision is None and self.outcome and self.outcome.reason:
            notes.append("No decision is recorded: only the outcome is known.")
        if self.late and self.verdict is not None:
            notes.append(
                f"A decision came after the deadline: {self.verdict.answer}, "
                f"{self.verdict.reason}. It changed no answer."
            )
        if self.facts and not self.recorded and self.attempt.event_at < self.facts.evaluated_at:
            notes.append(
                "Answered from what is loaded now, which may differ from what was loaded then."
            )
        if self.attempt.replayed:
            notes.append("The charger was offline and reported it afterwards.")
        notes += clock_notes(self.attempt)
        if self.decision is not None and self.decision.rules_version != RULES_VERSION:
            notes.append(
                f"Decided by rules version {self.decision.rules_version}; "
                f"this depotgate has version {RULES_VERSION}."
            )
        return notes


_POSTURE_HEADLINES = {
    True: "Let in without a decision",
    False: "Turned away without a decision",
    None: "Not answered: the charger was gone",
}

_CLASSES: dict[str, str] = {
    IdentityClass.OWN_FLEET: "own fleet",
    IdentityClass.AGREEMENT: "agreement",
}


def _verdict(decision: Decision | None, outcome: Outcome | None) -> Verdict | None:
    if outcome is not None and outcome.verdict is not None:
        return outcome.verdict
    return decision.verdict if decision else None


def _came_late(decision: Decision | None, outcome: Outcome | None) -> bool:
    return decision is not None and outcome is not None and outcome.verdict is None


def _standing(match: Match, at: datetime) -> str:
    if match.valid_from > at:
        return "not begun"
    if not valid_at(match, at):
        return "ended"
    return "valid" if match.state == IdentityState.ACTIVE else "admits nobody"


def _timeline(schedule: ScheduleFacts | None, clock: SiteClock) -> tuple[Stretch, ...]:
    """Previous, current and next intervals, as far as the facts know edges."""
    if schedule is None:
        return ()
    starts, ends = clock.perhaps(schedule.starts_at), clock.perhaps(schedule.ends_at)
    now = Stretch(
        starts=starts, ends=ends, mode=schedule.mode, because=_governed_by(schedule), now=True
    )
    stretches = [now]
    if starts is not None:
        # Two modes: before the edge it was the other one. When that began is not in the facts.
        before = Mode.FREEVEND if schedule.mode is Mode.MANAGED else Mode.MANAGED
        stretches.insert(0, Stretch(starts=None, ends=starts, mode=before, because="", now=False))
    edges = schedule.edges_ahead
    for place, edge in enumerate(edges):
        following = edges[place + 1].at if place + 1 < len(edges) else None
        stretches.append(
            Stretch(
                starts=clock.moment(edge.at),
                ends=clock.perhaps(following),
                mode=edge.mode,
                because="",
                now=False,
            )
        )
    return tuple(stretches)


def _governed_by(schedule: ScheduleFacts) -> str:
    if schedule.override_id is not None:
        return f"{schedule.layer} “{schedule.name}” for this {schedule.scope}"
    what = (
        schedule.layer if schedule.layer == schedule.name else f"{schedule.layer} “{schedule.name}”"
    )
    return f"{what.replace(' “”', '')} of schedule “{schedule.schedule_id}” ({schedule.scope}'s)"
