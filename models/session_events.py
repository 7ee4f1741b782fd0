"""From charger events to sessions and occupations.

Chargers repeat messages, lose some and send others late (finding 7). So a session is known by its
transaction, whichever message comes first; one that has ended stays ended; and whatever never ends
is given up: when the vehicle is gone, when another session begins at its place, or when nobody has
spoken of it for days.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from models.assisted import start_answered
from models.attempt import AttemptKind
from models.charger import ChargerEvent, ChargerState, EventName
from models.clocks import before
from models.ids import session_id
from models.session_changes import (
    bounded,
    end,
    session_of,
    with_session,
    with_vehicle,
    without_awaited,
)
from models.sessions import (
    CLAIM_STEP,
    ENERGY,
    NOBODYS,
    OCCUPATIONS_MAX,
    Occupation,
    Session,
    Sessions,
)

SEEN_EVERY = timedelta(hours=1)
"""A row is written for what it learns, not for each meter value."""

CLAIMED_WITHIN = timedelta(seconds=120)
"""A card is good for the vehicle that is plugged in within the connection time-out of chargers
(rule 30), before or after it."""

OBEYED_WITHIN = timedelta(seconds=5)
"""Energy that is told of so soon after a refusal may have flowed before the charger read it."""

NO_ID = ("0", "-1")
"""What some chargers call a transaction whose id they do not have (finding 7)."""

_OCCUPIED = ENERGY | {"Preparing", "Finishing", "Occupied"}
_FREE = frozenset({"Available", "Reserved"})
"""A fault or being out of order says nothing of the vehicle."""

_CONNECTED = ENERGY | {"EVConnected"}
"""A 2.x transaction may begin with a card, before any vehicle is there."""

_IDLE = frozenset({"Preparing", "Occupied"})

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
    told = without_awaited(change(state.sessions, event, state), event.received_at)
    after = bounded(told, event.received_at)
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


# OCPP 1.6


def _started(sessions: Sessions, event: ChargerEvent, state: ChargerState) -> Sessions:
    transaction_id, place = event.text("transactionId"), event.whole("connectorId")
    if transaction_id is None or place is None:
        return sessions
    known = session_of(sessions, transaction_id, event.text("sessionId"))
    session = _begun(event, state, known, transaction_id, place)
    session = session.model_copy(update={"token": event.token or session.token})
    # A start is energy allowed to flow in OCPP 1.6, unless it was refused.
    asked = session if session.refused_at else _energised(session, event)
    if told_later(event, state):
        return with_session(sessions, asked)
    return _token_at(with_session(_plugged(sessions, event, place, None), asked), event, place)


def _stopped(sessions: Sessions, event: ChargerEvent, _state: ChargerState) -> Sessions:
    transaction_id = event.text("transactionId")
    if transaction_id in NO_ID:
        # It says nothing of which: the only one it can be, or none.
        only = sessions.running[0] if len(sessions.running) == 1 else None
        return end(sessions, only, event.received_at) if only else sessions
    return _end_named(sessions, event, transaction_id, None)


def _metered(sessions: Sessions, event: ChargerEvent, _state: ChargerState) -> Sessions:
    transaction_id = event.text("transactionId")
    if transaction_id in NO_ID:
        place = event.whole("connectorId")
        here = next((each for each in sessions.running if each.place == place), None)
        named = here.model_copy(update={"called": transaction_id}) if here else None
        return with_session(sessions, _energised(named, event)) if named else sessions
    known = session_of(sessions, transaction_id, None)
    if known is None or known.ended_at is not None:
        return sessions
    return with_session(sessions, _energised(known, event))


# OCPP 2.x


def _transaction(sessions: Sessions, event: ChargerEvent, state: ChargerState) -> Sessions:
    transaction_id = event.text("transactionInfo.transactionId")
    if transaction_id is None:
        return sessions
    own_id = str(session_id(event.charger_id, transaction_id))
    known = session_of(sessions, transaction_id, own_id)
    if event.data.get("eventType") == "Ended":
        return _end_named(sessions, event, transaction_id, own_id)
    place = event.whole("evse.id") or (known.place if known else None)
    session = _begun(event, state, known, transaction_id, place, own_id)
    later = told_later(event, state)
    if event.data.get("transactionInfo.chargingState") in ENERGY and not (
        later and session.refused_at
    ):
        session = _energised(session, event)
    presented = event.token is not None and event.data.get("triggerReason") != "StopAuthorized"
    if presented:
        session = session.model_copy(update={"token": event.token})
    # What is told later says nothing of what is plugged in now.
    if place is None or later:
        return with_session(sessions, session)
    if event.data.get("transactionInfo.chargingState") in _CONNECTED:
        sessions = _plugged(sessions, event, place, event.whole("evse.connectorId"))
    after = with_session(sessions, session)
    return _token_at(after, event, place) if presented else after


# Every version


def _status(sessions: Sessions, event: ChargerEvent, _state: ChargerState) -> Sessions:
    place = event.whole("evseId", "connectorId")
    connector = event.whole("connectorId") if "evseId" in event.data else None
    status = event.data.get("connectorStatus", event.data.get("status"))
    if not place:
        # Connector 0 of OCPP 1.6 is the charger itself.
        return sessions
    if status in _FREE:
        return _gone(sessions, event, place, connector)
    if status not in _OCCUPIED:
        return sessions
    after = _plugged(sessions, event, place, connector)
    vehicle = after.at(place)
    if vehicle is not None and vehicle.idle != (status in _IDLE):
        after = with_vehicle(after, vehicle.model_copy(update={"idle": status in _IDLE}))
    here = next((each for each in after.running if each.place == place), None)
    if status in ENERGY and here is not None:
        return with_session(after, _energised(here, event))
    return after


def _start_answered(sessions: Sessions, event: ChargerEvent, _state: ChargerState) -> Sessions:
    return start_answered(sessions, event)


_CHANGES: dict[str, Change] = {
    AttemptKind.START_TRANSACTION: _started,
    AttemptKind.TRANSACTION_EVENT: _transaction,
    "StopTransaction": _stopped,
    "MeterValues": _metered,
    "StatusNotification": _status,
    EventName.START_ANSWERED: _start_answered,
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
    later = told_later(event, state)
    return Session(
        session_id=own_id or event.text("sessionId"),
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


def _end_named(
    sessions: Sessions, event: ChargerEvent, transaction_id: str | None, own_id: str | None
) -> Sessions:
    """The sessions without the one of this id; one that was not known is remembered as ended."""
    if transaction_id is None:
        return sessions
    at = event.received_at
    known = session_of(sessions, transaction_id, own_id)
    unknown = Session(session_id=own_id, transaction_id=transaction_id, began_at=at, seen_at=at)
    return end(sessions, known or unknown, at)


# Occupations


def _plugged(
    sessions: Sessions, event: ChargerEvent, place: int, connector: int | None
) -> Sessions:
    if sessions.at(place) is not None:
        return sessions
    at, claimed = event.received_at, sessions.unclaimed_at
    # The card may have been the last of a few, of which the first was noted.
    good = claimed is not None and -CLAIMED_WITHIN <= at - claimed <= CLAIMED_WITHIN + CLAIM_STEP
    token_at = claimed if good else None
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
            sessions = end(sessions, each, event.received_at)
    kept = tuple(each for each in sessions.occupied if each.place != place)
    return sessions.model_copy(update={"occupied": kept})


def _token_at(sessions: Sessions, event: ChargerEvent, place: int) -> Sessions:
    """A card was presented for the vehicle; the freevend tag is nobody's."""
    vehicle = sessions.at(place)
    if vehicle is None or vehicle.token_at or event.token in NOBODYS:
        return sessions
    return with_vehicle(sessions, vehicle.model_copy(update={"token_at": event.received_at}))


# Times


def _timestamp(event: ChargerEvent) -> datetime | None:
    # A clock that was never set says nothing, and one that runs ahead neither.
    at = event.timestamp
    return at if at is not None and at <= event.received_at else None


def told_later(event: ChargerEvent, state: ChargerState) -> bool:
    """2.x says so; a 1.6 start is a replay when it is older than the connection (finding 8)."""
    if event.name == AttemptKind.TRANSACTION_EVENT:
        return event.data.get("offline") is True
    at, connection = _timestamp(event), state.connection
    return at is not None and connection is not None and before(at, connection.since, state.clock)
