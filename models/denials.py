"""From an outcome to a denial record: an access decision, never a fault (rule 24)."""

from __future__ import annotations

from models.attempt import Denial, Outcome
from models.reasons import Answer, Reason
from models.site import Stage


def denial_of(outcome: Outcome) -> Denial | None:
    """The denial that an outcome stands for, or None when it is none.

    A refusal decided in stage enforce is a denial; in shadow it is marked `would_deny` (rule 27).
    A failed evaluation or a missed deadline is no denial (rule 24), whatever the posture said.
    """
    verdict = outcome.verdict
    if verdict is None or verdict.answer != Answer.DENY or outcome.posture is not None:
        return None
    attempt, schedule = outcome.attempt, outcome.schedule
    return Denial(
        denial_id=outcome.request_id,
        attempt_id=attempt.attempt_id,
        at=attempt.event_at,
        site_id=attempt.site_id,
        charger_id=attempt.charger_id,
        connector=attempt.connector,
        ocpp=attempt.ocpp,
        kind=attempt.kind,
        stage=outcome.stage,
        would_deny=outcome.stage != Stage.ENFORCE,
        misuse=verdict.reason != Reason.IDENTITY_UNCERTAIN,
        reason=verdict.reason,
        reasons=verdict.reasons,
        flags=verdict.flags,
        token=attempt.token.display,
        pseudonym=attempt.token.pseudonym,
        attribution=verdict.attribution,
        schedule_id=schedule.schedule_id if schedule else None,
        window=schedule.name if schedule else None,
        told_status=outcome.told.status if outcome.told else None,
        told_text=outcome.told.text if outcome.told else None,
        support_text=verdict.support_text,
        next_change_at=verdict.next_change_at,
    )
