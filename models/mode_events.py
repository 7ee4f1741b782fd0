"""What an event changes of a charger's row: connections, boots, ends of commands, behaviour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from models.announcing import announced_noted
from models.attempt import AttemptKind, TokenKind
from models.charger import (
    BEHAVIOUR,
    READ_BACK,
    ChargerEvent,
    ChargerState,
    Commanded,
    CommandKind,
    CommandResult,
    CommandStatus,
    Connection,
    EventName,
    Observed,
)
from models.offline_state import forgotten, offline_noted
from models.proofs import noted
from models.read_backs import awaits_boot
from models.schedule import Mode
from models.session_changes import presented_before, session_of
from models.session_events import sessions_noted, told_later
from models.site import Stage

Update = dict[str, Any]

REFUSED = frozenset({CommandStatus.REJECTED, CommandStatus.NOT_SUPPORTED})
"""By these a charger says itself that it did nothing."""

DRIFT_APART = timedelta(minutes=5)
"""Contrary behaviour begins the tries again, but not more often than this: a charger at which one
vehicle after the other starts by itself would be switched without end."""


def enter_stage(state: ChargerState, stage: Stage, since: datetime) -> ChargerState:
    """The row in `stage`. Entering `enforce` pushes the mode, whatever is known of it (rule 27).

    Args:
        since: when the stage was set, not when it was noticed: command ids are made from it, and a
            worker that takes over must arrive at the same ones.
    """
    entering = stage is Stage.ENFORCE and state.stage != stage
    forgotten: Update = {}
    if entering and (state.commanded or state.observed):
        forgotten = _unknown(max(since, state.mode_unknown_since or since))
    return state.model_copy(update={"stage": stage, **forgotten})


def superseded_connection(state: ChargerState, event: ChargerEvent) -> Connection | None:
    """The older of two connections of one charger, to be told to close; None if there is none.

    Asked before `apply_event`. Two connections at one gateway are that gateway's own to sort out.
    """
    current = state.connection
    if event.name != EventName.CONNECTED or current is None:
        return None
    if current.gateway_instance == event.gateway_instance:
        return None
    arrived = _connection(event)
    return min(current, arrived, key=lambda connection: connection.connection_id)


def apply_event(state: ChargerState, event: ChargerEvent, offset: int) -> ChargerState:
    """The row after an event; the same row for one that it has already (offset at or below).

    Events of a connection that is not the charger's current one change nothing but what they say of
    a transaction.
    """
    if offset <= state.offset:
        return state
    change = _CHANGES.get(event.name)
    of_current = event.name == EventName.CONNECTED or _is_current(state, event)
    update = change(state, event) if change and of_current else {}
    if of_current:
        proved = noted(state, event)
        update |= proved
        if event.token is None and _started_unasked(state, event, proved):
            update |= _behaved(state, event)
        update |= offline_noted(state, event)
    update |= sessions_noted(state, event, of_current=of_current)
    if event.clock is not None and of_current:
        update = {**update, "clock": event.clock}
    if update:
        update["updated_at"] = event.received_at
    return state.model_copy(update={**update, "offset": offset})


def _is_current(state: ChargerState, event: ChargerEvent) -> bool:
    current = state.connection
    return current is not None and current.connection_id == event.connection_id


def _connection(event: ChargerEvent) -> Connection:
    return Connection(
        connection_id=event.connection_id,
        gateway_instance=event.gateway_instance,
        slot=event.slot,
        ocpp=event.ocpp,
        since=event.received_at,
    )


def _unknown(at: datetime) -> Update:
    return {"observed": None, "commanded": None, "mode_unknown_since": at}


def _connected(state: ChargerState, event: ChargerEvent) -> Update:
    # UUIDv7: the greater one is the newer one; an equal one is this event once more.
    if state.connection and event.connection_id <= state.connection.connection_id:
        return {}
    found = {
        "connection": _connection(event),
        "disconnected_at": None,
        "site_id": event.site_id,
    }
    return {**found, **_unknown(event.received_at)}


def _disconnected(_state: ChargerState, event: ChargerEvent) -> Update:
    return {"connection": None, "disconnected_at": event.received_at}


_BOOT_FIELDS = {
    #            OCPP 1.6             2.0.1
    "vendor": ("chargePointVendor", "chargingStation.vendorName"),
    "model": ("chargePointModel", "chargingStation.model"),
    "firmware": ("firmwareVersion", "chargingStation.firmwareVersion"),
}


def _booted(state: ChargerState, event: ChargerEvent) -> Update:
    told: Update = {
        field: next((str(event.data[path]) for path in paths if path in event.data), None)
        for field, paths in _BOOT_FIELDS.items()
    }
    told["booted_over"] = event.ocpp
    if state.offline is not None:
        told["offline"] = forgotten(state.offline)
    if state.stored_mode is not None:
        told |= {"booted_with": state.stored_mode, "stored_mode": None}
    if state.announced and state.announced.status is not None:
        # Many keep messages in memory only, and another display may be there by now.
        told["announced"] = None
    if state.commanded and state.commanded.status is None:
        # Sent on connect, moments ago: its read-back is about the booted charger.
        return {**told, "observed": None}
    return {**told, **_unknown(event.received_at)}


def _command_ended(state: ChargerState, event: ChargerEvent) -> Update:
    result, commanded = event.result, state.commanded
    if result is None or commanded is None or commanded.status is not None:
        return {}
    if commanded.command_id != result.command_id:
        return {}
    ended: Update = {"status": result.status, "ended_at": event.received_at}
    if commanded.kind == CommandKind.RESET:
        return {"commanded": commanded.model_copy(update=ended)}
    read = result.observed
    if _in_force(state, result):
        ended["status"], read = CommandStatus.DONE, result.stored
    # Without a read-back nothing is known: what was seen before the command says nothing now.
    observed = Observed(mode=read, at=event.received_at, evidence=READ_BACK) if read else None
    meanwhile = _seen_meanwhile(state.observed, commanded)
    if meanwhile is not None and observed is None and ended["status"] == CommandStatus.DONE:
        ended["doubted"] = meanwhile.mode is not commanded.mode
    refused = result.status in REFUSED
    return {
        "commanded": commanded.model_copy(update=ended),
        "observed": observed or (meanwhile if refused else None),
        "refused": result.refused,
        **_stored(state, result),
    }


def _seen_meanwhile(seen: Observed | None, commanded: Commanded) -> Observed | None:
    """What was seen while a command was outstanding. Where the charger refused it, nothing has
    changed since (rule 16). Where it took it and tells no setting, the command is in doubt: what
    was seen may have come before it, or in spite of it, so it is sent once more. Whatever else came
    of it is tried again anyway."""
    return seen if seen is not None and seen.at >= commanded.sent_at else None


def _in_force(state: ChargerState, result: CommandResult) -> bool:
    """Whether it booted with this very setting, and asks for another reboot all the same."""
    asks = result.status == CommandStatus.REBOOT_REQUIRED
    return asks and state.booted_with is result.mode and result.stored in {None, result.mode}


def _stored(state: ChargerState, result: CommandResult) -> Update:
    """What a charger holds for its next boot, and what it booted with."""
    if result.status == CommandStatus.REBOOT_REQUIRED:
        return {"stored_mode": None if _in_force(state, result) else result.mode}
    if result.status == CommandStatus.DONE:
        return {"booted_with": None, "stored_mode": None}
    return {}


def _started(state: ChargerState, event: ChargerEvent) -> Update:
    """A start with the freevend tag proves freevend. A session that goes on with it proves nothing:
    those of freevend may finish in managed time (rule 12)."""
    starting = event.token == TokenKind.FREEVEND_TAG and event.data.get("eventType") != "Ended"
    named = event.text("transactionInfo.transactionId") or event.text("transactionId")
    if not starting or presented_before(state.sessions, named, event.token):
        return {}
    # A replay tells of the mode of its own time (finding 8).
    return {} if told_later(event, state) else _behaved(state, event)


def _started_unasked(state: ChargerState, event: ChargerEvent, proved: Update) -> bool:
    """Whether energy began to flow in OCPP 2.x without any token, as models/proofs.py saw it.

    A card that was held to the reader before, and not told of again, is no drift: somebody was
    asked.
    """
    proofs = proved.get("proofs")
    if proofs is None or proofs.freevend_at == state.proofs.freevend_at:
        return False
    transaction_id = event.data.get("transactionInfo.transactionId")
    session = session_of(state.sessions, str(transaction_id), None)
    place = session.place if session else event.data.get("evse.id")
    vehicle = state.sessions.at(place) if isinstance(place, int) else None
    asked = (session and session.attempt) or (vehicle and vehicle.token_at)
    return not asked


def _behaved(state: ChargerState, event: ChargerEvent) -> Update:
    """A start that nobody was asked about is freevend, whatever was read back (finding 4)."""
    behaved = Observed(mode=Mode.FREEVEND, at=event.received_at, evidence=BEHAVIOUR)
    return _contrary(state, behaved)


def _read_back(state: ChargerState, event: ChargerEvent) -> Update:
    """What the charger's setting was found at, long after it was switched."""
    told = event.data.get("mode")
    mode = next((each for each in Mode if each == told), None)
    if mode is None or event.data.get("status") != "Accepted":
        return {}
    asked: Update = {"read_back_at": event.received_at}
    outstanding = state.commanded is not None and state.commanded.status is None
    if outstanding or awaits_boot(state):
        # It is being set, or is not in force.
        return asked
    seen = state.observed
    if seen is not None and (seen.mode is mode or seen.evidence == BEHAVIOUR):
        # Behaviour weighs more than what a setting says (finding 4).
        return asked
    found = Observed(mode=mode, at=event.received_at, evidence=READ_BACK)
    return asked | _contrary(state, found)


def _contrary(state: ChargerState, seen: Observed) -> Update:
    """What was seen; where it contradicts the last command, its tries begin again (rule 16)."""
    if _begins_again(state.commanded, seen):
        return {**_unknown(seen.at), "observed": seen}
    return {"observed": seen}


def _begins_again(commanded: Commanded | None, seen: Observed) -> bool:
    """Whether contrary evidence makes worthless what is known of a command, its tries too.

    So a charger that was given up, or that drifted long after it was switched, gets all of its
    tries once more (rule 16). What waits for a boot, or was commanded moments ago, goes on.
    """
    if commanded is None or commanded.status is None or commanded.mode is seen.mode:
        return False
    settling = commanded.status == CommandStatus.REBOOT_REQUIRED or (
        commanded.kind == CommandKind.RESET
    )
    return not settling and seen.at - (commanded.ended_at or commanded.sent_at) >= DRIFT_APART


_CHANGES: dict[str, Callable[[ChargerState, ChargerEvent], Update]] = {
    EventName.CONNECTED: _connected,
    EventName.DISCONNECTED: _disconnected,
    EventName.COMMAND_RESULT: _command_ended,
    EventName.ANNOUNCED: announced_noted,
    "BootNotification": _booted,
    AttemptKind.START_TRANSACTION: _started,
    AttemptKind.TRANSACTION_EVENT: _started,
    EventName.READ_BACK: _read_back,
}
