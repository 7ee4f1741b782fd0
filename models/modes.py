"""Desired, commanded and observed mode: the one table that says what comes next (rule 16).

Schedule, overrides and lock give the desired mode, the last command the commanded one, read-backs
and behaviour the observed one. It runs on connect, boot, edge, command result, contrary evidence
and every change of what governs the charger, so that catching up is no special case (rule 14).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from models.attempt import AttemptKind, TokenKind
from models.charger import (
    ChargerEvent,
    ChargerState,
    Commanded,
    CommandStatus,
    Connection,
    EventName,
    Observed,
)
from models.ids import CommandId, timed_id
from models.profiles import profile_named, switchable
from models.schedule import Mode
from models.site import Stage

ATTEMPTS_MAX = 5
"""A charger that five times refused a mode, or took it without effect, needs a person: the next
connect, boot or edge begins to count again. Chargers that only lost a message need two."""

RESEND_AFTER_S = 10
"""A command that its gateway never saw delays an edge by this much; one that it did see is known
there by its id, so repeating it costs one message."""

EXPIRES_AFTER_S = 180
"""A switch is at most five calls of the gateway's 30 s each (one that was already running, set,
set by another spelling, ClearCache, read-back), and 30 s in which Kafka may be away."""


class NextStep(StrEnum):
    """What the worker does about a charger's mode now."""

    NOTHING = "nothing"
    WAIT = "wait"
    """For the outstanding command; repeat it when `resend_due`."""
    SWITCH = "switch"
    WOULD_SWITCH = "would_switch"
    NOT_SWITCHABLE = "not_switchable"
    GIVE_UP = "give_up"


class Link(StrEnum):
    """Whether the charger can be told anything."""

    ABSENT = "absent"
    FIXED = "not_switchable"
    """Connected, but its profile has no setting to switch."""
    SWITCHABLE = "switchable"


class Order(StrEnum):
    """How the last command stands to the desired mode."""

    NONE = "none"
    """Nothing was commanded, or the other mode was and that has ended."""
    OPPOSED = "opposed"
    """The other mode is commanded and its result outstanding."""
    SENT = "outstanding"
    DONE = "done"
    FAILED = "failed"


class Seen(StrEnum):
    """How the last evidence stands to the desired mode."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


ANY = None


class Rule(NamedTuple):
    """One row of the table; ANY stands for every value."""

    stage: Stage | None
    link: Link | None
    order: Order | None
    seen: Seen | None
    tries_left: bool | None
    step: NextStep


# fmt: off
RULES: tuple[Rule, ...] = (
    # The first row that fits says the step.
    #    stage          link         order          seen          tries  step
    #                                                             left
    # Rule 27: `off` records nothing.
    Rule(Stage.OFF,     ANY,         ANY,           ANY,          ANY,   NextStep.NOTHING),
    # Connecting is a trigger of its own (rule 14).
    Rule(ANY,           Link.ABSENT, ANY,           ANY,          ANY,   NextStep.NOTHING),
    # Recorded, never silently enforced.
    Rule(ANY,           Link.FIXED,  ANY,           ANY,          ANY,   NextStep.NOT_SWITCHABLE),
    # Rule 27: `shadow` records what it would have sent and sends nothing.
    Rule(Stage.SHADOW,  ANY,         ANY,           Seen.AGREES,  ANY,   NextStep.NOTHING),
    Rule(Stage.SHADOW,  ANY,         ANY,           ANY,          ANY,   NextStep.WOULD_SWITCH),
    # The newer command supersedes, whatever is seen meanwhile.
    Rule(Stage.ENFORCE, ANY,         Order.OPPOSED, ANY,          ANY,   NextStep.SWITCH),
    Rule(Stage.ENFORCE, ANY,         Order.SENT,    ANY,          ANY,   NextStep.WAIT),
    Rule(Stage.ENFORCE, ANY,         ANY,           Seen.AGREES,  ANY,   NextStep.NOTHING),
    # Finding 9: after every connect and boot the mode is unknown, and is asserted again.
    Rule(Stage.ENFORCE, ANY,         Order.NONE,    ANY,          ANY,   NextStep.SWITCH),
    # Accepted by a charger that does not tell its setting: behaviour will (finding 4).
    Rule(Stage.ENFORCE, ANY,         Order.DONE,    Seen.UNKNOWN, ANY,   NextStep.NOTHING),
    # Failed, or an Accepted that did nothing (finding 4).
    Rule(Stage.ENFORCE, ANY,         ANY,           ANY,          True,  NextStep.SWITCH),
    Rule(Stage.ENFORCE, ANY,         ANY,           ANY,          False, NextStep.GIVE_UP),
)
# fmt: on


def reconcile(  # noqa: PLR0917 - the six things that are compared, in the order of the design
    desired: Mode | None,
    commanded: Commanded | None,
    observed: Observed | None,
    connection: Connection | None,
    profile: str,
    stage: Stage,
) -> NextStep:
    """The next step for one charger.

    Doing it twice is harmless: a step that was taken changes `commanded`, and the facts that the
    others stand for are recorded once for each edge and connection.

    Args:
        desired: None where nothing governs the charger yet: nothing is to be done.
        profile: name of a row of profiles.toml.
    """
    if desired is None:
        return NextStep.NOTHING
    link = link_of(connection, profile)
    order, seen = order_of(desired, commanded), seen_of(desired, observed)
    return step_of(stage, link, order, seen, tries_left=tries_left(commanded))


# Its arguments have a few dozen combinations, and every event of every charger asks.
@cache
def step_of(stage: Stage, link: Link, order: Order, seen: Seen, *, tries_left: bool) -> NextStep:
    """One cell of the table."""
    cell = (stage, link, order, seen, tries_left)
    return next(rule.step for rule in RULES if _fits(rule, cell))


def _fits(rule: Rule, cell: tuple[StrEnum | bool, ...]) -> bool:
    wanted = rule[:-1]
    return all(one is ANY or one is so for one, so in zip(wanted, cell, strict=True))


def link_of(connection: Connection | None, profile: str) -> Link:
    """Whether a charger of this profile can be told anything over its connection."""
    if connection is None:
        return Link.ABSENT
    known = switchable(connection.ocpp, profile_named(profile))
    return Link.SWITCHABLE if known else Link.FIXED


def order_of(desired: Mode, commanded: Commanded | None) -> Order:
    """How the last command stands to the desired mode. A status of a newer version is a failure."""
    if commanded is None:
        return Order.NONE
    if commanded.status is None:
        return Order.SENT if commanded.mode is desired else Order.OPPOSED
    if commanded.mode is not desired:
        return Order.NONE
    return Order.DONE if commanded.status == CommandStatus.DONE else Order.FAILED


def seen_of(desired: Mode, observed: Observed | None) -> Seen:
    """How the last evidence stands to the desired mode."""
    if observed is None:
        return Seen.UNKNOWN
    return Seen.AGREES if observed.mode is desired else Seen.DIFFERS


def tries_left(commanded: Commanded | None) -> bool:
    """Whether the commanded mode may be commanded once more."""
    return commanded is None or commanded.attempts_count < ATTEMPTS_MAX


def command_id(state: ChargerState, attempts_count: int) -> CommandId:
    """The id of the `attempts_count`-th command for the desired mode on this connection.

    A worker that takes the charger over arrives at the same id, and a gateway runs an id once. So
    the id names the command before it too: a timetable that is changed and changed back asks for
    the same mode since the same edge, and the charger, switched in between, must be switched again.
    """
    connection, since = state.connection, state.desired_since
    assert connection is not None, "a command needs a connection to go to"
    assert state.desired is not None, "a command needs a desired mode"
    assert since is not None, "a desired mode needs the instant since when it is desired"
    unknown_since = state.mode_unknown_since or since
    before = state.commanded.command_id if state.commanded else ""
    return CommandId(
        timed_id(
            max(since, unknown_since),
            state.charger_id,
            connection.connection_id,
            state.desired,
            attempts_count,
            since.isoformat(),
            unknown_since.isoformat(),
            before,
        )
    )


def resend_due(commanded: Commanded, now: datetime) -> bool:
    """Whether an outstanding command is to be sent again, with its id; `resent_at` is then `now`.

    A repetition keeps the first sending's expiry, and `end_overdue` ends it there.
    """
    last_sent_at = commanded.resent_at or commanded.sent_at
    return commanded.status is None and now - last_sent_at >= timedelta(seconds=RESEND_AFTER_S)


def end_overdue(state: ChargerState, now: datetime) -> ChargerState:
    """The row with an outstanding command ended as expired when its time is over.

    Its gateway reports what it drops; this is for the report that never arrives.
    """
    commanded = state.commanded
    if commanded is None or commanded.status is not None:
        return state
    if now - commanded.sent_at < timedelta(seconds=EXPIRES_AFTER_S):
        return state
    # It may have been carried out all the same, so what was seen before it says nothing.
    ended = commanded.model_copy(update={"status": CommandStatus.EXPIRED})
    return state.model_copy(update={"commanded": ended, "observed": None})


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

    Events of a connection that is not the charger's current one change nothing.
    """
    if offset <= state.offset:
        return state
    change = _CHANGES.get(event.name)
    of_current = event.name == EventName.CONNECTED or _is_current(state, event)
    update = change(state, event) if change and of_current else {}
    if update:
        update["updated_at"] = event.received_at
    return state.model_copy(update={**update, "offset": offset})


Update = dict[str, Any]


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
    found = {"connection": _connection(event), "site_id": event.site_id}
    return {**found, **_unknown(event.received_at)}


def _disconnected(_state: ChargerState, _event: ChargerEvent) -> Update:
    return {"connection": None}


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
    # Without a read-back nothing is known: what was seen before the command says nothing now.
    observed = (
        Observed(mode=result.observed, at=event.received_at, evidence="read_back")
        if result.observed
        else None
    )
    ended = commanded.model_copy(update={"status": result.status})
    return {"commanded": ended, "observed": observed}


def _started(_state: ChargerState, event: ChargerEvent) -> Update:
    """A start with the freevend tag proves freevend, whatever was read back (finding 4)."""
    starting = event.token == TokenKind.FREEVEND_TAG and event.data.get("eventType") != "Ended"
    # A replay tells of the mode of its own time (finding 8).
    if not starting or event.data.get("offline") is True:
        return {}
    behaved = Observed(mode=Mode.FREEVEND, at=event.received_at, evidence="behaviour")
    return {"observed": behaved}


_CHANGES: dict[str, Callable[[ChargerState, ChargerEvent], Update]] = {
    EventName.CONNECTED: _connected,
    EventName.DISCONNECTED: _disconnected,
    EventName.COMMAND_RESULT: _command_ended,
    "BootNotification": _booted,
    AttemptKind.START_TRANSACTION: _started,
    AttemptKind.TRANSACTION_EVENT: _started,
}
