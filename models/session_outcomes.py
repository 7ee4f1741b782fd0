"""From the outcomes of attempts to sessions: who a session is, and whether it was refused.

Outcomes arrive beside events, not between them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from models.attempt import Attempt, AttemptKind, Outcome, TokenKind
from models.reasons import Answer, Reason
from models.schedule import Mode
from models.session_changes import bounded, session_of, with_session, with_vehicle
from models.sessions import CLAIM_STEP, NOBODYS, Session, Sessions


def outcome_noted(sessions: Sessions, outcome: Outcome) -> Sessions:
    """What an attempt says of a session: who it is, and whether its start was refused."""
    attempt = outcome.attempt
    if attempt.kind == AttemptKind.AUTHORIZE:
        return _authorized(sessions, outcome)
    return bounded(_presented(sessions, outcome), attempt.received_at)


def _presented(sessions: Sessions, outcome: Outcome) -> Sessions:
    """A token within a transaction identifies that session (rule 12)."""
    attempt = outcome.attempt
    own_id = str(attempt.session_id)
    known = session_of(sessions, None, own_id)
    if known is not None and known.ended_at is not None:
        return sessions
    session = known or Session(
        session_id=own_id,
        transaction_id=None,
        place=attempt.connector,
        began_at=attempt.event_at,
        seen_at=attempt.received_at,
    )
    told: dict[str, Any] = {}
    if session.transaction_id is None:
        # Of a session that events have told of they tell this too: a freevend tag that was heard of
        # before its event would be taken for one that is repeated there (models/proofs.py).
        told["token"] = attempt.token.kind
    if session.began_in is None and outcome.schedule is not None:
        told["began_in"] = outcome.schedule.mode
    if _identifies(outcome):
        told |= {"attempt": attempt, "refused_at": None}
    elif _refuses(outcome, session):
        told |= {"refused_at": outcome.answered_at, "energy_at": None}
    return with_session(_withdrawn(sessions, attempt), session.model_copy(update=told))


def _identifies(outcome: Outcome) -> bool:
    """Whether a card was accepted; in shadow every one is, so there what was decided counts."""
    told, verdict = outcome.told, outcome.verdict
    if outcome.attempt.token.kind != TokenKind.IDENTIFIED or told is None or not told.accepted:
        return False
    return verdict is None or verdict.answer == Answer.ALLOW


def _refuses(outcome: Outcome, session: Session) -> bool:
    """Whether its start was refused; a card that is presented in vain while it runs ends nothing
    that rule 12 lets finish."""
    if outcome.told is None or outcome.told.accepted or session.attempt or session.refused_at:
        return False
    if outcome.attempt.token.kind == TokenKind.FREEVEND_TAG and not _in_managed(outcome, session):
        return False
    return session.began_in is not Mode.FREEVEND


def _in_managed(outcome: Outcome, session: Session) -> bool:
    """Whether the rules found a freevend tag in the managed time in which its session began: a
    missed deadline says nothing of it, and chargers repeat the tag of what began before the edge.

    Its gateway stops such a session itself, and forgets to when it restarts.
    """
    verdict, schedule = outcome.verdict, outcome.schedule
    if verdict is None or verdict.reason != Reason.FREEVEND_TAG_IN_MANAGED:
        return False
    since = schedule.starts_at if schedule else None
    return since is None or session.began_at >= since


def _withdrawn(sessions: Sessions, attempt: Attempt) -> Sessions:
    """An Authorize that led to a start was for that one, and identifies no other."""

    def without(each: Session) -> Session:
        by = each.attempt
        if by is None or by.kind != AttemptKind.AUTHORIZE or by.attempt_id != attempt.attempt_id:
            return each
        return each.model_copy(update={"attempt": None, "spared_at": None})

    return sessions.model_copy(update={"running": tuple(without(e) for e in sessions.running)})


def _authorized(sessions: Sessions, outcome: Outcome) -> Sessions:
    """An Authorize names no place: it is for the only unidentified session, else for the vehicle
    that was plugged in last (rule 12)."""
    attempt = outcome.attempt
    if attempt.token.kind in NOBODYS:
        # What a charger presents by itself in freevend, or for a session started from here.
        return sessions
    lasting = attempt.token.lasting_pseudonym
    if any(each.attempt and each.attempt.token.lasting_pseudonym == lasting
           for each in sessions.running):  # fmt: skip
        # Whoever began a session ends it with the same card.
        return sessions
    session = _unidentified(sessions)
    if session is not None:
        if _identifies(outcome):
            session = session.model_copy(update={"attempt": attempt, "token": attempt.token.kind})
            sessions = with_session(sessions, session)
        vehicle = sessions.at(session.place)
    else:
        waiting = [each for each in sessions.occupied if each.token_at is None]
        vehicle = max(waiting, key=lambda each: each.since, default=None)
    if vehicle is None:
        return _unclaimed(sessions, attempt.received_at)
    return with_vehicle(sessions, vehicle.model_copy(update={"token_at": attempt.received_at}))


def _unclaimed(sessions: Sessions, at: datetime) -> Sessions:
    """A card was presented, and no vehicle is there that has none yet."""
    before = sessions.unclaimed_at
    if before is not None and at < before + CLAIM_STEP:
        return sessions
    return sessions.model_copy(update={"unclaimed_at": at})


def _unidentified(sessions: Sessions) -> Session | None:
    found = [each for each in sessions.running if each.attempt is None and each.energy_at]
    return max(found, key=lambda each: _plugged_at(sessions, each), default=None)


def _plugged_at(sessions: Sessions, session: Session) -> datetime:
    vehicle = sessions.at(session.place)
    return vehicle.since if vehicle else session.began_at
