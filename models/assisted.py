"""Assisted freevend: sessions that depotgate starts itself on chargers without a setting.

In freevend a vehicle that is plugged in there waits for a card that nobody needs. So it is started
by RemoteStartTransaction or RequestStartTransaction with a reserved token. Pure: row and times in,
the next step out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from models.capability import Capability, classify
from models.charger import ChargerEvent, ChargerState
from models.ids import CommandId, timed_id
from models.profile_choice import EffectiveProfile
from models.profiles import profile_named, switchable
from models.schedule import Mode
from models.session_changes import with_vehicle
from models.sessions import AssistedStart, Occupation, Sessions
from models.switchability import believed

ASSISTED_TAG = "DEPOTGATEASSISTED"
"""The reserved token, an OCPP 1.6 idTag of at most 20 characters. It is no secret: it is nobody's,
belongs to no record, and is refused in managed time whoever presents it."""

TRIES_MAX = 3
"""For one vehicle and interval: a charger that was busy is served by the second, and who waits at a
charger that does not start has gone to another after two minutes."""

TRIALS_MAX = 3
"""Vehicles in a row that were tried in vain on a charger of class unsupported: remote starts may
work where nobody has seen one, and after three it is believed that they do not."""

AFTER = timedelta(seconds=3)
"""A charger that starts by itself, and a card held to the reader meanwhile, come first."""

CARD_WITHIN = timedelta(seconds=60)
"""Whoever presented a card starts by it, within the usual connection time-out (rule 30)."""

RECONNECTED = timedelta(seconds=15)
"""A charger first tells what happened meanwhile, of sessions and vehicles that left too."""

ANSWER_WITHIN = timedelta(seconds=60)
"""One call of at most 30 s, and 30 s in which Kafka may be away; the command expires then."""

STARTS_WITHIN = timedelta(seconds=60)
"""From Accepted to the session: the usual connection time-out, though the cable is there."""

PAUSE = timedelta(seconds=10)
PAUSE_FACTOR = 3

EDGE_MARGIN = timedelta(seconds=30)
"""Nothing is started so shortly before managed begins: its start would be judged after the edge."""

ACCEPTED = "Accepted"


class StartStep(StrEnum):
    """What is done about a vehicle that waits."""

    NOTHING = "nothing"
    WAIT = "wait"
    SEND = "send"
    GIVE_UP = "give_up"


class NextStart(NamedTuple):
    """The step, and with `wait` until when."""

    step: StartStep
    at: datetime | None = None


NOTHING = NextStart(StartStep.NOTHING)


def assisted(row: ChargerState, profile: EffectiveProfile) -> bool:
    """Whether sessions of this charger are started from here: class assisted, or unsupported while
    it is not known that remote starts do not work there."""
    link = row.connection
    if link is None:
        return False
    has_key = switchable(link.ocpp, profile_named(profile.name))
    claims = believed(row.claims, profile)
    found = classify(claims, row.proofs, has_key=has_key, desired=row.desired).capability
    if found is Capability.UNSUPPORTED:
        return row.proofs.remote_starts_failed < TRIALS_MAX
    return found is Capability.ASSISTED


def next_start(
    vehicle: Occupation, row: ChargerState, managed_at: datetime | None, now: datetime
) -> NextStart:
    """The next step for one vehicle in freevend.

    Args:
        managed_at: when the freevend that is due ends; None = it does not.
    """
    link, since, start = row.connection, row.desired_since, start_of(vehicle, row)
    if link is None or since is None or row.desired is not Mode.FREEVEND:
        return NOTHING
    if not vehicle.idle or vehicle.served or _in_session(vehicle, row.sessions):
        return NOTHING
    if start is not None and start.given_up:
        return NOTHING
    at = max(vehicle.since, since, vehicle.waits_since or since) + AFTER
    if vehicle.token_at is not None:
        at = max(at, vehicle.token_at + CARD_WITHIN)
    if link.since > vehicle.since:
        at = max(at, link.since + RECONNECTED)
    if start is not None:
        at = max(at, _again_at(start, row))
    if start is not None and start.tries_count >= TRIES_MAX:
        return NextStart(StartStep.GIVE_UP) if now >= at else NextStart(StartStep.WAIT, at)
    if managed_at is not None and max(at, now) > managed_at - EDGE_MARGIN:
        return NOTHING
    return NextStart(StartStep.SEND) if now >= at else NextStart(StartStep.WAIT, at)


def start_of(vehicle: Occupation, row: ChargerState) -> AssistedStart | None:
    """The start that was sent for a vehicle in the freevend that is due; none of an earlier one."""
    start = vehicle.start
    if start is None or start.sent_at is None or row.desired_since is None:
        return None
    return start if start.sent_at >= row.desired_since else None


def sent_start(vehicle: Occupation, row: ChargerState, now: datetime) -> AssistedStart:
    """The next start for a vehicle; a worker that takes over arrives at the same id."""
    link, before = row.connection, start_of(vehicle, row)
    assert link is not None, "a start needs a connection to go to"
    tries_count = (before.tries_count if before else 0) + 1
    since = max(vehicle.since, row.desired_since or vehicle.since)
    command_id = timed_id(
        since,
        row.charger_id,
        link.connection_id,
        "start",
        vehicle.place,
        vehicle.since.isoformat(),
        tries_count,
    )
    return AssistedStart(
        command_id=CommandId(command_id),
        sent_at=now,
        connection_id=link.connection_id,
        tries_count=tries_count,
    )


def start_answered(sessions: Sessions, event: ChargerEvent) -> Sessions:
    """What the charger said of a start, for the vehicle that it was sent for, if that is still
    there."""
    command_id = event.data.get("commandId")
    for vehicle in sessions.occupied:
        start = vehicle.start
        if start is None or start.command_id != command_id or start.answered_at is not None:
            continue
        told = {"answered_at": event.received_at, "answer": str(event.data.get("result", ""))}
        answered = vehicle.model_copy(update={"start": start.model_copy(update=told)})
        return with_vehicle(sessions, answered)
    return sessions


def with_failure(row: ChargerState) -> ChargerState:
    """The row of a charger that a vehicle was tried in vain on."""
    count = row.proofs.remote_starts_failed + 1
    proofs = row.proofs.model_copy(update={"remote_starts_failed": count})
    return row.model_copy(update={"proofs": proofs})


def _in_session(vehicle: Occupation, sessions: Sessions) -> bool:
    """A 2.x transaction that only says that a cable is there waits as the vehicle does."""
    here = (each for each in sessions.running if each.place == vehicle.place)
    return any(each.energy_at or each.token or each.attempt for each in here)


def _again_at(start: AssistedStart, row: ChargerState) -> datetime:
    """When a start that has led to no session is sent again, or given up."""
    link = row.connection
    assert start.sent_at is not None, "asked of a start that was sent"
    if start.answered_at is None:
        elsewhere = link is not None and link.connection_id != start.connection_id
        return start.sent_at if elsewhere else start.sent_at + ANSWER_WITHIN
    if start.answer == ACCEPTED:
        return start.answered_at + STARTS_WITHIN
    longer: int = PAUSE_FACTOR ** (start.tries_count - 1)
    return start.answered_at + PAUSE * longer
