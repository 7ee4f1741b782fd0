"""What is known of the sessions and the occupied places of one charger.

A place is a connector in OCPP 1.6 and an EVSE in 2.x; an occupation is a vehicle at a place, from
being plugged in until it is gone. What events make of both is in session_events.py, what
outcomes do in session_outcomes.py, what follows from them in session_ends.py.
"""

from __future__ import annotations

from datetime import timedelta

from models.attempt import Attempt, TokenKind
from models.ids import CommandId, ConnectionId
from models.record import Frozen, Open, UtcDatetime
from models.schedule import Mode

RUNNING_MAX = 16
"""Sessions of one charger that are followed: it has a few connectors, each with one at a time."""

ENDED_MAX = 8
"""Ended sessions that are remembered, so that a message that is repeated or comes late does not
begin one anew (finding 7). Not more: chargers that count their transactions from 1 after each boot
use an id again. What an outcome begins anew after that, events end (session_changes.py)."""

OCCUPATIONS_MAX = 16

CLAIM_STEP = timedelta(seconds=10)
"""Cards that follow one another within it, with no vehicle there, are told of as one: a row is
written for what it learns, not for each tap of a driver who tries again."""

ENERGY = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
"""1.6 ChargePointStatus and 2.x ChargingStateEnumType with energy allowed to flow."""

NOBODYS = frozenset({None, TokenKind.FREEVEND_TAG, TokenKind.ASSISTED_TAG})
"""No card, or one that no driver presented."""


class SessionStop(Frozen):
    """A stop that was asked for.

    Attributes:
        cause: why; a StopCause.
        command_id: of the last one sent; None where the stage sends none.
        sent_at: when it was sent last.
        connection_id: to which it was sent last.
        given_up: it was asked for as often as is of any use.
    """

    cause: str
    at: UtcDatetime
    command_id: CommandId | None = None
    sent_at: UtcDatetime | None = None
    connection_id: ConnectionId | None = None
    tries_count: int = 0
    given_up: bool = False


class AssistedStart(Frozen):
    """The last remote start for a vehicle (models/assisted.py).

    Attributes:
        command_id, sent_at: None where the stage sends none.
        answer: the status that the charger gave, or why it gave none.
        given_up: it was tried as often as is of any use.
    """

    command_id: CommandId | None = None
    sent_at: UtcDatetime | None = None
    connection_id: ConnectionId | None = None
    tries_count: int = 0
    answered_at: UtcDatetime | None = None
    answer: str | None = None
    given_up: bool = False


class Session(Frozen):
    """One transaction of a charger.

    Attributes:
        session_id: the product's own (see ids.session_id); None where it never was told.
        transaction_id: on the wire; None while only its attempt is known.
        called: what the charger calls it instead, where that is 0 or -1 (finding 7).
        began_in: mode that was due when it began; None where that is not known.
        energy_at: when energy was first seen to flow, or to be allowed to; of a refused session,
            to flow in spite of it (finding 1).
        token: kind of the last token that was presented in it.
        attempt: that identifies it: an accepted one with a card.
        refused_at: when its start was answered by a refusal.
        seen_at: when the charger last spoke of it, to the hour.
        spared_at: of the edge to managed that it may outlast, as its card is admitted (rule 12).
        overstay_at: since when its entitlement has ended (rule 29), once that was told.
    """

    session_id: str | None
    transaction_id: str | None
    called: str | None = None
    place: int | None = None
    began_at: UtcDatetime
    began_in: Mode | None = None
    energy_at: UtcDatetime | None = None
    token: Open[TokenKind] | None = None
    attempt: Attempt | None = None
    refused_at: UtcDatetime | None = None
    seen_at: UtcDatetime
    ended_at: UtcDatetime | None = None
    spared_at: UtcDatetime | None = None
    overstay_at: UtcDatetime | None = None
    stop: SessionStop | None = None


class Occupation(Frozen):
    """A vehicle at a place.

    Attributes:
        connector: of the EVSE, where the charger says.
        since: when it was first heard of.
        waits_since: when its wait for a card began anew.
        token_at: when a card was presented for it, whatever it was answered.
        served: energy has flowed; it waits for nothing.
        noted_at: when its NO_IDENTIFICATION was recorded: there is one for an occupation.
        idle: the charger last said that it waits, not that it charges or has finished.
        start: that was sent for it from here.
    """

    place: int
    connector: int | None = None
    since: UtcDatetime
    waits_since: UtcDatetime | None = None
    token_at: UtcDatetime | None = None
    served: bool = False
    noted_at: UtcDatetime | None = None
    idle: bool = True
    start: AssistedStart | None = None


class Sessions(Frozen):
    """All that is known of one charger's sessions and occupations.

    Attributes:
        ended: the last ones, oldest first.
        unclaimed_at: when a card was presented before any vehicle was there; the last one was
            less than ten seconds later.
    """

    running: tuple[Session, ...] = ()
    ended: tuple[Session, ...] = ()
    occupied: tuple[Occupation, ...] = ()
    unclaimed_at: UtcDatetime | None = None

    def at(self, place: int | None) -> Occupation | None:
        """The vehicle at a place."""
        return next((each for each in self.occupied if each.place == place), None)
