"""How the sessions and occupations of a charger's row change, whatever told of it.

A session is known by its transaction, whichever message comes first; one that has ended stays
ended; and a place has one session at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from models.sessions import ENDED_MAX, RUNNING_MAX, Occupation, Session, Sessions

FORGOTTEN_AFTER = timedelta(days=3)
"""A session that nobody has spoken of for so long is one whose end was lost: chargers tell meter
values every few minutes, and vehicles stay for a weekend."""


AWAITED_FOR = timedelta(minutes=5)
"""Of a session that only its attempt has told of. The event of that message is written within
seconds of its outcome and read before any that came later, so after minutes of events without it
the session has been and is over: it was told of late, and its end is among those forgotten."""


def with_session(sessions: Sessions, session: Session) -> Sessions:
    """The sessions with one as it is now. A place has one at a time: the one that began last."""
    if session.ended_at is not None or _same(session, sessions.ended):
        return sessions
    others = [each for each in sessions.running if not _is_same(each, session)]
    here = [each for each in others if session.place is not None and each.place == session.place]
    if any(each.began_at > session.began_at for each in here):
        return end(sessions, session, session.seen_at)
    kept = tuple(each for each in others if each not in here)
    after = sessions.model_copy(update={"running": (*kept, session)})
    for each in here:
        after = _remembered(after, each, session.began_at)
    return _served(after, session)


def end(sessions: Sessions, session: Session, at: datetime) -> Sessions:
    """The sessions without this one, which is remembered as ended; ended twice, it ended once."""
    if session.ended_at is not None:
        return sessions
    kept = tuple(each for each in sessions.running if not _is_same(each, session))
    after = sessions.model_copy(update={"running": kept})
    return _waits_again(_remembered(after, session, at), session, at)


def bounded(sessions: Sessions, now: datetime) -> Sessions:
    """The sessions without those whose end was lost, and no more of them than are followed."""
    lost = [each for each in sessions.running if now - each.seen_at > FORGOTTEN_AFTER]
    for each in lost:
        sessions = end(sessions, each, now)
    if len(sessions.running) > RUNNING_MAX:
        sessions = sessions.model_copy(update={"running": sessions.running[-RUNNING_MAX:]})
    return sessions


def without_awaited(sessions: Sessions, told_at: datetime) -> Sessions:
    """The sessions without those that were awaited in vain.

    Args:
        told_at: when an event of this charger came in; outcomes may be read ahead of events, so
            only events tell how far they are.
    """
    kept = tuple(
        each
        for each in sessions.running
        if each.transaction_id is not None or told_at - each.seen_at <= AWAITED_FOR
    )
    if len(kept) == len(sessions.running):
        return sessions
    return sessions.model_copy(update={"running": kept})


def session_of(
    sessions: Sessions, transaction_id: str | None, own_id: str | None
) -> Session | None:
    """The session of this transaction, or of this id of our own, running or ended."""
    for each in sessions.running + sessions.ended:
        if transaction_id is not None and each.transaction_id == transaction_id:
            return each
        if own_id is not None and each.session_id == own_id:
            return each
    return None


def presented_before(sessions: Sessions, transaction_id: str | None, token: str | None) -> bool:
    """Whether a kind of token that a message carries was told of in its transaction before: some
    chargers repeat it with every meter value, and it began nothing then (rule 30)."""
    known = session_of(sessions, transaction_id, None)
    return known is not None and token is not None and known.token == token


def with_vehicle(sessions: Sessions, vehicle: Occupation) -> Sessions:
    """The sessions with a vehicle as it is now."""
    occupied = tuple(vehicle if each.place == vehicle.place else each for each in sessions.occupied)
    return sessions.model_copy(update={"occupied": occupied})


def _remembered(sessions: Sessions, session: Session, at: datetime) -> Sessions:
    # Only its names are of use from now on.
    ended = session.model_copy(update={"ended_at": at, "attempt": None, "stop": None})
    return sessions.model_copy(update={"ended": (*sessions.ended, ended)[-ENDED_MAX:]})


def _is_same(one: Session, other: Session) -> bool:
    if one.transaction_id is not None and one.transaction_id == other.transaction_id:
        return True
    return one.session_id is not None and one.session_id == other.session_id


def _same(session: Session, others: Iterable[Session]) -> bool:
    return any(_is_same(session, each) for each in others)


def _served(sessions: Sessions, session: Session) -> Sessions:
    vehicle = sessions.at(session.place)
    if vehicle is None or vehicle.served or session.energy_at is None:
        return sessions
    return with_vehicle(sessions, vehicle.model_copy(update={"served": True}))


def _waits_again(sessions: Sessions, session: Session, at: datetime) -> Sessions:
    """A vehicle whose session was stopped from here waits for a card from then on."""
    vehicle = sessions.at(session.place)
    stopped = session.stop is not None and session.stop.command_id is not None
    if vehicle is None or not stopped:
        return sessions
    return with_vehicle(sessions, vehicle.model_copy(update={"served": False, "waits_since": at}))
