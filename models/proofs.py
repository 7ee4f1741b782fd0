"""What a charger event claims and proves of a charger: events in, changes of its row out.

A start is energy allowed to flow: StartTransaction in 1.6; in 2.x a chargingState, because with
TxStartPoint EVConnected every plug-in sends Started without a token. It is without Authorize only
with the freevend tag, or in 2.x while no token has been seen in the transaction; a remote start
proves only that remote starts work. Managed is proven by an occupation whose energy began only
after an accepted token, and a start with the freevend tag in a managed interval withdraws it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from models.attempt import AttemptKind, TokenKind
from models.capability import Claims, KeyClaim, Proofs, SetClaim
from models.charger import (
    ChargerEvent,
    ChargerState,
    CommandKind,
    EventName,
    Place,
    PlaceStep,
)
from models.clocks import CLOCKS_SET_SINCE, before
from models.profiles import Setting, named_setting
from models.schedule import Mode
from models.session_changes import presented_before
from models.sessions import ENERGY
from models.switchability import without_refusal
from models.token_types import split

PLACES_MAX = 16
"""Occupations that are followed at once: a charger has a few connectors."""

Update = dict[str, Any]

_QUIET = frozenset({"Preparing", "Occupied"})
_GONE = frozenset({"Available", "Faulted", "Unavailable"})


def noted(state: ChargerState, event: ChargerEvent) -> Update:
    """What an event of the charger's current connection changes in claims, proofs and places."""
    change = _NOTED.get(event.name)
    return change(state, event) if change else {}


# Claims


def _probed(state: ChargerState, event: ChargerEvent) -> Update:
    """What the charger answered to a probe; one that was not carried out tells nothing."""
    told = event.data
    if told.get("status") != "Accepted":
        return {}
    known = _claims_of(state, str(told.get("profile", "")))
    if _one_of(KeyClaim, told.get("mode_key")) in {KeyClaim.WRITABLE, KeyClaim.PRESENT}:
        known = without_refusal(known)
    claims = known.model_copy(
        update={
            "firmware": state.firmware,
            "probed_at": event.received_at,
            "mode": _one_of(Mode, told.get("mode")),
            "token_types": split(told.get("token_types")),
            **{
                key: _one_of(KeyClaim, told.get(key))
                for key in ("mode_key", "tag_key", "pre_authorize", "cache")
            },
        }
    )
    return {"claims": claims}


E = TypeVar("E", bound=StrEnum)


def _one_of(kind: type[E], value: object) -> E | None:
    return next((each for each in kind if each == value), None)


_SET_CLAIMS = {
    Setting.DONE: SetClaim.TAKEN,
    Setting.REBOOT_REQUIRED: SetClaim.REBOOT_REQUIRED,
    Setting.NOT_SUPPORTED: SetClaim.NOT_SUPPORTED,
    Setting.REJECTED: SetClaim.REJECTED,
}


def _switched(state: ChargerState, event: ChargerEvent) -> Update:
    """What the charger answered to a switch; a time-out or a CALLERROR claims nothing."""
    result, commanded = event.result, state.commanded
    if result is None or commanded is None or commanded.status is not None:
        return {}
    meaning = named_setting(result.detail)
    of_switch = commanded.kind == CommandKind.SWITCH and result.command_id == commanded.command_id
    if meaning is None or not of_switch:
        return {}
    claims = _claims_of(state, commanded.profile).model_copy(
        update={
            "set_at": event.received_at,
            "set_status": _SET_CLAIMS[meaning],
            "read_back": result.observed is result.mode,
        }
    )
    return {"claims": claims}


def _claims_of(state: ChargerState, profile: str) -> Claims:
    """What it said of the keys of this profile; of those of another it says nothing."""
    known = state.claims
    if known is None or known.profile != profile:
        return Claims(profile=profile, firmware=state.firmware)
    return known


def _booted(state: ChargerState, event: ChargerEvent) -> Update:
    """Another firmware is another charger, as far as anybody knows; energy ends with a boot."""
    paths = ("firmwareVersion", "chargingStation.firmwareVersion")
    told = next((str(event.data[path]) for path in paths if path in event.data), None)
    fresh: Update = {"places": ()} if state.places else {}
    if state.claims is not None and (kept := without_refusal(state.claims)) != state.claims:
        fresh["claims"] = kept
    if state.firmware is None or told == state.firmware:
        return fresh
    return {"claims": None, "proofs": Proofs(), "places": ()}


# Proofs


def _freevend_start(state: ChargerState, event: ChargerEvent) -> Update:
    """A start without Authorize: it proves freevend, and in a managed interval withdraws managed.

    While a switch is outstanding the charger may be in either mode, rightly.
    """
    proved: Update = {"freevend_at": event.received_at}
    switching = state.commanded is not None and state.commanded.status is None
    if state.desired is Mode.MANAGED and not switching and event.token == TokenKind.FREEVEND_TAG:
        proved["withdrawn_at"] = event.received_at
    return {"proofs": state.proofs.model_copy(update=proved)}


def _remote_start(state: ChargerState, event: ChargerEvent) -> Update:
    proved = {"remote_start_at": event.received_at, "remote_starts_failed": 0}
    return {"proofs": state.proofs.model_copy(update=proved)}


def _started_16(state: ChargerState, event: ChargerEvent) -> Update:
    if _older(event, state):
        return {}
    number = event.whole("connectorId")
    if event.token == TokenKind.FREEVEND_TAG:
        repeated = presented_before(state.sessions, event.text("transactionId"), event.token)
        start = {} if repeated else _freevend_start(state, event)
        return start | _at(state, number, PlaceStep.SPENT)
    if event.token == TokenKind.ASSISTED_TAG:
        return _remote_start(state, event) | _at(state, number, PlaceStep.SPENT)
    quiet = _place(state, number)
    if quiet is None or quiet.step != PlaceStep.QUIET:
        return {}
    return _at(state, number, PlaceStep.PRESENTED, energy=True)


def _status(state: ChargerState, event: ChargerEvent) -> Update:
    """Occupied begins an occupation; energy without a start of its own spoils it."""
    number = event.whole("evseId", "connectorId")
    status = event.data.get("connectorStatus", event.data.get("status"))
    if status in _GONE:
        return _without(state, number)
    place = _place(state, number)
    if status in _QUIET and place is None:
        return _at(state, number, PlaceStep.QUIET)
    if status in ENERGY and place is not None and place.step == PlaceStep.QUIET:
        return _at(state, number, PlaceStep.SPENT)
    return {}


def _transaction_event(state: ChargerState, event: ChargerEvent) -> Update:
    # A replay tells of another time (finding 8).
    if event.data.get("offline") is True:
        return {}
    transaction_id = event.text("transactionInfo.transactionId")
    place = _of_transaction(state, transaction_id) or _place(state, event.whole("evse.id"))
    if event.data.get("eventType") == "Ended":
        return _without(state, place.number) if place else {}
    number = place.number if place else event.whole("evse.id")
    if event.token == TokenKind.FREEVEND_TAG:
        repeated = presented_before(state.sessions, transaction_id, event.token)
        start = {} if repeated else _freevend_start(state, event)
        return start | _at(state, number, PlaceStep.SPENT, transaction_id)
    energy = event.data.get("transactionInfo.chargingState") in ENERGY
    assisted = event.token == TokenKind.ASSISTED_TAG
    if assisted or event.data.get("triggerReason") == "RemoteStart":
        spent = _at(state, number, PlaceStep.SPENT, transaction_id)
        # Nobody but a remote start from here has that token.
        return (_remote_start(state, event) if energy or assisted else {}) | spent
    return _step_2x(state, event, place, number, energy=energy)


def _step_2x(
    state: ChargerState,
    event: ChargerEvent,
    place: Place | None,
    number: int | None,
    *,
    energy: bool,
) -> Update:
    transaction_id = event.text("transactionInfo.transactionId")
    begun = event.data.get("eventType") == "Started"
    step = place.step if place else None
    if event.token is not None:
        waited = step == PlaceStep.QUIET or (step is None and begun)
        # Another one after a denied one: what flows already was not kept back by the denial.
        again = place is not None and step == PlaceStep.PRESENTED and not place.energy
        presented = PlaceStep.PRESENTED if waited or again else PlaceStep.SPENT
        return _at(state, number, presented, transaction_id, energy=energy)
    if energy and step == PlaceStep.ACCEPTED:
        return _managed(state, event, number)
    if energy and step == PlaceStep.QUIET:
        # Its transaction was followed from its beginning, and no token was seen in it.
        followed = begun or _of_transaction(state, transaction_id) is not None
        spent = _at(state, number, PlaceStep.SPENT, transaction_id)
        return (_freevend_start(state, event) if followed else {}) | spent
    if energy:
        return _at(state, number, PlaceStep.SPENT, transaction_id)
    if begun and step in {None, PlaceStep.QUIET}:
        return _at(state, number, PlaceStep.QUIET, transaction_id)
    return {}


def _accepted(state: ChargerState, event: ChargerEvent) -> Update:
    """The token of a start was accepted; until it was presented no energy had flowed."""
    place = _of_transaction(state, event.text("transactionId"))
    place = place or _place(state, event.whole("connector"))
    if place is None or place.step != PlaceStep.PRESENTED:
        return {}
    if place.energy:
        return _managed(state, event, place.number)
    return _at(state, place.number, PlaceStep.ACCEPTED)


def _managed(state: ChargerState, event: ChargerEvent, number: int | None) -> Update:
    """Energy after an accepted token: a proof, if managed is due."""
    spent = _at(state, number, PlaceStep.SPENT)
    if state.desired is not Mode.MANAGED:
        return spent
    return {"proofs": state.proofs.model_copy(update={"managed_at": event.received_at}), **spent}


# Places


def _place(state: ChargerState, number: int | None) -> Place | None:
    return next((each for each in state.places if each.number == number), None)


def _of_transaction(state: ChargerState, transaction_id: str | None) -> Place | None:
    known = (each for each in state.places if each.transaction_id == transaction_id)
    return next(known, None) if transaction_id else None


def _at(
    state: ChargerState,
    number: int | None,
    step: PlaceStep,
    transaction_id: str | None = None,
    *,
    energy: bool = False,
) -> Update:
    """The places with one as it is now; the oldest goes when there are too many."""
    if not number:
        return {}
    known = _place(state, number)
    transaction_id = transaction_id or (known.transaction_id if known else None)
    now = Place(number=number, step=step, transaction_id=transaction_id, energy=energy)
    if now == known:
        return {}
    others = tuple(each for each in state.places if each.number != number)
    return {"places": (*others, now)[-PLACES_MAX:]}


def _without(state: ChargerState, number: int | None) -> Update:
    kept = tuple(each for each in state.places if each.number != number)
    return {} if kept == state.places else {"places": kept}


def _older(event: ChargerEvent, state: ChargerState) -> bool:
    """Whether a 1.6 start is from before the connection, as far as its clock can be trusted (rule
    11), or of a time nobody can tell: 1.6 replays carry no mark (finding 8)."""
    started_at, connection, clock = event.timestamp, state.connection, state.clock
    if started_at is None or connection is None or started_at < CLOCKS_SET_SINCE:
        return True
    nobody_knows = clock is not None and not clock.usable
    return nobody_knows or before(started_at, connection.since, clock)


_NOTED: dict[str, Callable[[ChargerState, ChargerEvent], Update]] = {
    EventName.PROBED: _probed,
    EventName.COMMAND_RESULT: _switched,
    EventName.START_ACCEPTED: _accepted,
    "BootNotification": _booted,
    "StatusNotification": _status,
    AttemptKind.START_TRANSACTION: _started_16,
    AttemptKind.TRANSACTION_EVENT: _transaction_event,
}
