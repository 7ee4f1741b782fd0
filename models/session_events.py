"""From charger events and outcomes to sessions and occupations.

Chargers repeat messages, lose some and send others late (finding 7), and outcomes arrive beside
events, not between them. So a session is known by its transaction, whichever message comes first;
one that has ended stays ended; and whatever never ends is given up: when the vehicle is gone, when
another session begins at its place, or when nobody has spoken of it for days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from models.attempt import Attempt, AttemptKind, Outcome, TokenKind
from models.charger import ChargerEvent, ChargerState
from models.clocks import before
from models.ids import session_id
from models.reasons import Answer
from models.schedule import Mode
from models.sessions import (
    ENDED_MAX,
    OCCUPATIONS_MAX,
    RUNNING_MAX,
    Occupation,
    Session,
    Sessions,
)

FORGOTTEN_AFTER = timedelta(days=3)
"""A session that nobody has spoken of for so long is one whose end was lost: chargers tell meter
values every few minutes, and vehicles stay for a weekend."""

SEEN_EVERY = timedelta(hours=1)
"""A row is written for what it learns, not for each meter value."""

CLAIMED_WITHIN = timedelta(seconds=120)
"""A card is good for the vehicle that is plugged in within the connection time-out of chargers
(rule 30), before or after it."""

OBEYED_WITHIN = timedelta(seconds=5)
"""Energy that is told of so soon after a refusal may have flowed before the charger read it."""

NO_ID = ("0", "-1")
"""What some chargers call a transaction whose id they do not have (finding 7)."""

ENERGY = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
"""1.6 ChargePointStatus and 2.x ChargingStateEnumType with energy allowed to flow."""

_OCCUPIED = ENERGY | {"Preparing", "Finishing", "Occupied"}
_FREE = frozenset({"Available", "Reserved"})
"""A fault or being out of order says nothing of the vehicle."""

_CONNECTED = ENERGY | {"EVConnected"}
"""A 2.x transaction may begin with a card, before any vehicle is there."""

Change = Callable[[Sessions, ChargerEvent, ChargerState], Sessions]
Update = dict[str, Any]


def sessions_noted(state: ChargerState, event: ChargerEvent, *, of_current: bool) -> Update:
    """What an event changes of the row's sessions.

    Args:
        of_current: it comes from the charger's current connection. What an older one says of a
            transaction is true all the same; what it says of a place is past.
    """
    change = _CHANGES.get(event.name)
    if change is None or (event.name == "StatusNotification" and not of_current):
        return {}
    after = _bounded(change(state.sessions, event, state), event.received_at)
    return {} if after == state.sessions else {"sessions": after}


def foreign_transaction(state: ChargerState, event: ChargerEvent) -> bool:
    """Whether an event names a transaction that is none of this charger's: it is applied to
    nothing. In 2.x a charger makes the ids itself, and any is its own."""
    if event.name not in {"StopTransaction", "MeterValues"}:
        return False
    named = event.data.get("transactionId")
    known = state.sessions.running + state.sessions.ended
    if named is None or str(named) in NO_ID:
        return False
    return all(each.transaction_id != str(named) for each in known)


def outcome_noted(sessions: Sessions, outcome: Outcome) -> Sessions:
    """What an attempt says of a session: who it is, and whether its start was refused."""
    attempt = outcome.attempt
    if attempt.kind == AttemptKind.AUTHORIZE:
        return _authorized(sessions, outcome)
    return _bounded(_presented(sessions, outcome), attempt.received_at)


# OCPP 1.6


def _started(sessions: Sessions, event: ChargerEvent, state: ChargerState) -> Sessions:
    transaction_id, place = _text(event, "transactionId"), _whole(event, "connectorId")
    if transaction_id is None or place is None:
        return sessions
    known = _of(sessions, transaction_id, _text(event, "sessionId"))
    session = _begun(event, state, known, transaction_id, place)
    session = session.model_copy(update={"token": event.token or session.token})
    # A start is energy allowed to flow in OCPP 1.6, unless it was refused.
    asked = session if session.refused_at else _energised(session, event)
    if _told_later(event, state):
        return _with(sessions, asked)
    return _token_at(_with(_plugged(sessions, event, place, None), asked), event, place)


def _stopped(sessions: Sessions, event: ChargerEvent, _state: ChargerState) -> Sessions:
    transaction_id = _text(event, "transactionId")
    if transaction_id in NO_ID:
        # It says nothing of which: the only one it can be, or none.
        only = sessions.running[0] if len(sessions.running) == 1 else None
        return _end(sessions, only, event.received_at) if only else sessions
    return _end_named(sessions, event, transaction_id, None)


def _metered(sessions: Sessions, event: ChargerEvent, _state: ChargerState) -> Sessions:
    transaction_id = _text(event, "transactionId")
    if transaction_id in NO_ID:
        place = _whole(event, "connectorId")
        here = next((each for each in sessions.running if each.place == place), None)
        named = here.model_copy(update={"called": transaction_id}) if here else None
        return _with(sessions, _energised(named, event)) if named else sessions
    known = _of(sessions, transaction_id, None)
    if known is None or known.ended_at is not None:
        return sessions
    return _with(sessions, _energised(known, event))


# OCPP 2.x


def _transaction(sessions: Sessions, event: ChargerEvent, state: ChargerState) -> Sessions:
    transaction_id = _text(event, "transactionInfo.transactionId")
    if transaction_id is None:
        return sessions
    own_id = str(session_id(event.charger_id, transaction_id))
    known = _of(sessions, transaction_id, own_id)
    if event.data.get("eventType") == "Ended":
        return _end_named(sessions, event, transaction_id, own_id)
    place = _whole(event, "evse.id") or (known.place if known else None)
    session = _begun(event, state, known, transaction_id, place, own_id)
    later = _told_later(event, state)
    if event.data.get("transactionInfo.chargingState") in ENERGY and not (
        later and session.refused_at
    ):
        session = _energised(session, event)
    presented = event.token is not None and event.data.get("triggerReason") != "StopAuthorized"
    if presented:
        session = session.model_copy(update={"token": event.token})
    # What is told later says nothing of what is plugged in now.
    if place is None or later:
        return _with(sessions, session)
    if event.data.get("transactionInfo.chargingState") in _CONNECTED:
        sessions = _plugged(sessions, event, place, _whole(event, "evse.connectorId"))
    after = _with(sessions, session)
    return _token_at(after, event, place) if presented else after


# Every version


def _status(sessions: Sessions, event: ChargerEvent, _state: ChargerState) -> Sessions:
    place = _whole(event, "evseId", "connectorId")
    connector = _whole(event, "connectorId") if "evseId" in event.data else None
    status = event.data.get("connectorStatus", event.data.get("status"))
    if not place:
        # Connector 0 of OCPP 1.6 is the charger itself.
        return sessions
    if status in _FREE:
        return _gone(sessions, event, place, connector)
    if status not in _OCCUPIED:
        return sessions
    after = _plugged(sessions, event, place, connector)
    here = next((each for each in after.running if each.place == place), None)
    if status in ENERGY and here is not None:
        return _with(after, _energised(here, event))
    return after


_CHANGES: dict[str, Change] = {
    AttemptKind.START_TRANSACTION: _started,
    AttemptKind.TRANSACTION_EVENT: _transaction,
    "StopTransaction": _stopped,
    "MeterValues": _metered,
    "StatusNotification": _status,
}


# Sessions


def _begun(  # noqa: PLR0917 - what is told of it, by whom, and what was known before
    event: ChargerEvent,
    state: ChargerState,
    known: Session | None,
    transaction_id: str,
    place: int | None,
    own_id: str | None = None,
) -> Session:
    """The session as it is known after an event; a new one where it was not known."""
    at = event.received_at
    if known is not None:
        seen_at = at if at - known.seen_at >= SEEN_EVERY else known.seen_at
        told = {"transaction_id": transaction_id, "place": place, "seen_at": seen_at}
        return known.model_copy(update=told)
    later = _told_later(event, state)
    return Session(
        session_id=own_id or _text(event, "sessionId"),
        transaction_id=transaction_id,
        place=place,
        began_at=(_timestamp(event) or at) if later else at,
        # Of another time the row's mode says nothing; the outcome knows.
        began_in=None if later else state.desired,
        seen_at=at,
    )


def _energised(session: Session, event: ChargerEvent) -> Session:
    at = event.received_at
    seen_at = at if at - session.seen_at >= SEEN_EVERY else session.seen_at
    energy_at = session.energy_at or at
    if session.refused_at and energy_at < session.refused_at + OBEYED_WITHIN:
        return session.model_copy(update={"energy_at": None, "seen_at": seen_at})
    return session.model_copy(update={"energy_at": energy_at, "seen_at": seen_at})


def _with(sessions: Sessions, session: Session) -> Sessions:
    """The sessions with one as it is now. A place has one at a time: the one that began last."""
    if session.ended_at is not None or _same(session, sessions.ended):
        return sessions
    others = [each for each in sessions.running if not _is_same(each, session)]
    here = [each for each in others if session.place is not None and each.place == session.place]
    if any(each.began_at > session.began_at for each in here):
        return _end(sessions, session, session.seen_at)
    kept = tuple(each for each in others if each not in here)
    after = sessions.model_copy(update={"running": (*kept, session)})
    for each in here:
        after = _remembered(after, each, session.began_at)
    return _served(after, session)


def _end_named(
    sessions: Sessions, event: ChargerEvent, transaction_id: str | None, own_id: str | None
) -> Sessions:
    """The sessions without the one of this id; one that was not known is remembered as ended."""
    if transaction_id is None:
        return sessions
    at = event.received_at
    known = _of(sessions, transaction_id, own_id)
    unknown = Session(session_id=own_id, transaction_id=transaction_id, began_at=at, seen_at=at)
    return _end(sessions, known or unknown, at)


def _end(sessions: Sessions, session: Session, at: datetime) -> Sessions:
    if session.ended_at is not None:
        return sessions
    kept = tuple(each for each in sessions.running if not _is_same(each, session))
    after = sessions.model_copy(update={"running": kept})
    return _waits_again(_remembered(after, session, at), session, at)


def _remembered(sessions: Sessions, session: Session, at: datetime) -> Sessions:
    # Only its names are of use from now on.
    ended = session.model_copy(update={"ended_at": at, "attempt": None, "stop": None})
    return sessions.model_copy(update={"ended": (*sessions.ended, ended)[-ENDED_MAX:]})


def _bounded(sessions: Sessions, now: datetime) -> Sessions:
    lost = [each for each in sessions.running if now - each.seen_at > FORGOTTEN_AFTER]
    for each in lost:
        sessions = _end(sessions, each, now)
    if len(sessions.running) > RUNNING_MAX:
        sessions = sessions.model_copy(update={"running": sessions.running[-RUNNING_MAX:]})
    return sessions


def _of(sessions: Sessions, transaction_id: str | None, own_id: str | None) -> Session | None:
    for each in sessions.running + sessions.ended:
        if transaction_id is not None and each.transaction_id == transaction_id:
            return each
        if own_id is not None and each.session_id == own_id:
            return each
    return None


def _is_same(one: Session, other: Session) -> bool:
    if one.transaction_id is not None and one.transaction_id == other.transaction_id:
        return True
    return one.session_id is not None and one.session_id == other.session_id


def _same(session: Session, others: Iterable[Session]) -> bool:
    return any(_is_same(session, each) for each in others)


# Occupations


def _plugged(
    sessions: Sessions, event: ChargerEvent, place: int, connector: int | None
) -> Sessions:
    if sessions.at(place) is not None:
        return sessions
    at, claimed = event.received_at, sessions.unclaimed_at
    token_at = claimed if claimed and abs(at - claimed) <= CLAIMED_WITHIN else None
    vehicle = Occupation(place=place, connector=connector, since=at, token_at=token_at)
    unclaimed_at = None if token_at else claimed
    occupied = (*sessions.occupied, vehicle)[-OCCUPATIONS_MAX:]
    return sessions.model_copy(update={"occupied": occupied, "unclaimed_at": unclaimed_at})


def _gone(sessions: Sessions, event: ChargerEvent, place: int, connector: int | None) -> Sessions:
    """The vehicle has left, and whatever it began is over."""
    here = sessions.at(place)
    if here and None not in {here.connector, connector} and here.connector != connector:
        # Another connector of the EVSE.
        return sessions
    for each in sessions.running:
        if each.place == place and each.began_at <= event.received_at:
            sessions = _end(sessions, each, event.received_at)
    kept = tuple(each for each in sessions.occupied if each.place != place)
    return sessions.model_copy(update={"occupied": kept})


def _replaced(sessions: Sessions, vehicle: Occupation) -> Sessions:
    occupied = tuple(vehicle if each.place == vehicle.place else each for each in sessions.occupied)
    return sessions.model_copy(update={"occupied": occupied})


def _token_at(sessions: Sessions, event: ChargerEvent, place: int) -> Sessions:
    """A card was presented for the vehicle; the freevend tag is nobody's."""
    vehicle = sessions.at(place)
    if vehicle is None or vehicle.token_at or event.token in {None, TokenKind.FREEVEND_TAG}:
        return sessions
    return _replaced(sessions, vehicle.model_copy(update={"token_at": event.received_at}))


def _served(sessions: Sessions, session: Session) -> Sessions:
    vehicle = sessions.at(session.place)
    if vehicle is None or vehicle.served or session.energy_at is None:
        return sessions
    return _replaced(sessions, vehicle.model_copy(update={"served": True}))


def _waits_again(sessions: Sessions, session: Session, at: datetime) -> Sessions:
    """A vehicle whose session was stopped from here waits for a card from then on."""
    vehicle = sessions.at(session.place)
    stopped = session.stop is not None and session.stop.command_id is not None
    if vehicle is None or not stopped:
        return sessions
    return _replaced(sessions, vehicle.model_copy(update={"served": False, "waits_since": at}))


# Attempts


def _presented(sessions: Sessions, outcome: Outcome) -> Sessions:
    """A token within a transaction identifies that session (rule 12)."""
    attempt = outcome.attempt
    own_id = str(attempt.session_id)
    known = _of(sessions, None, own_id)
    if known is not None and known.ended_at is not None:
        return sessions
    session = known or Session(
        session_id=own_id,
        transaction_id=None,
        place=attempt.connector,
        began_at=attempt.event_at,
        seen_at=attempt.received_at,
    )
    told: Update = {"token": attempt.token.kind}
    if session.began_in is None and outcome.schedule is not None:
        told["began_in"] = outcome.schedule.mode
    if _identifies(outcome):
        told |= {"attempt": attempt, "refused_at": None}
    elif _refuses(outcome, session):
        told |= {"refused_at": outcome.answered_at, "energy_at": None}
    return _with(_withdrawn(sessions, attempt), session.model_copy(update=told))


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
    return outcome.attempt.token.kind != TokenKind.FREEVEND_TAG and (
        session.began_in is not Mode.FREEVEND
    )


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
    lasting = attempt.token.lasting_pseudonym
    if any(each.attempt and each.attempt.token.lasting_pseudonym == lasting
           for each in sessions.running):  # fmt: skip
        # Whoever began a session ends it with the same card.
        return sessions
    session = _unidentified(sessions)
    if session is not None:
        if _identifies(outcome):
            session = session.model_copy(update={"attempt": attempt, "token": attempt.token.kind})
            sessions = _with(sessions, session)
        vehicle = sessions.at(session.place)
    else:
        waiting = [each for each in sessions.occupied if each.token_at is None]
        vehicle = max(waiting, key=lambda each: each.since, default=None)
    if vehicle is None:
        return sessions.model_copy(update={"unclaimed_at": attempt.received_at})
    return _replaced(sessions, vehicle.model_copy(update={"token_at": attempt.received_at}))


def _unidentified(sessions: Sessions) -> Session | None:
    found = [each for each in sessions.running if each.attempt is None and each.energy_at]
    return max(found, key=lambda each: _plugged_at(sessions, each), default=None)


def _plugged_at(sessions: Sessions, session: Session) -> datetime:
    vehicle = sessions.at(session.place)
    return vehicle.since if vehicle else session.began_at


# Fields of events


def _text(event: ChargerEvent, path: str) -> str | None:
    found = event.data.get(path)
    return None if found is None else str(found)


def _whole(event: ChargerEvent, *paths: str) -> int | None:
    found = (event.data.get(path) for path in paths)
    return next((each for each in found if isinstance(each, int)), None)


def _timestamp(event: ChargerEvent) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(event.data.get("timestamp")))
    except ValueError:
        return None
    # A clock that was never set says nothing, and one that runs ahead neither.
    return at if at.tzinfo and at <= event.received_at else None


def _told_later(event: ChargerEvent, state: ChargerState) -> bool:
    """2.x says so; a 1.6 start is a replay when it is older than the connection (finding 8)."""
    if event.name == AttemptKind.TRANSACTION_EVENT:
        return event.data.get("offline") is True
    at, connection = _timestamp(event), state.connection
    return at is not None and connection is not None and before(at, connection.since, state.clock)
