"""What becomes of sessions and waiting vehicles in managed time (rules 12, 13, 29).

Pure: times in, times out. Who a card belongs to, and when its entitlement ends, is asked of the
rules by whoever calls.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from models.attempt import Denial
from models.charger import ChargerState
from models.drift import drift_of_row
from models.governing import Governing
from models.ids import AttemptId, ChargerId, CommandId, ConnectionId, RequestId, timed_id
from models.reasons import ROW_OF, Flag, Reason
from models.schedule import Mode
from models.sessions import NOBODYS, Occupation, Session, SessionStop
from models.site import EdgeAction, SiteRecord, Stage

RECONNECTED_S = 60
"""After a reconnect a charger first tells what happened meanwhile, of presented cards too."""

STOP_TRIES_MAX = 5
STOP_AGAIN_AFTER_S = 30.0
STOP_FACTOR = 2
"""A stop that had no effect is sent again after 30, 60, 120 and 240 s: a charger that was busy or
away for minutes gets it, and one that never obeys needs a person."""

STOP_EXPIRES_AFTER_S = 60
"""One call of at most 30 s, and 30 s in which Kafka may be away."""

CHECK_EVERY_S = 60.0
"""How often a running session's card is judged again though nothing was told of it: sources age.
10,000 sessions cost two per cent of a core; a card that changes is judged at once
(streams/session_cards.py)."""


class StopCause(StrEnum):
    """Why a session is ended from here."""

    EDGE = "EDGE"
    """A managed window began, and the site's choice is `stop` (rule 12)."""
    NOT_IDENTIFIED = "NOT_IDENTIFIED"
    """A managed window began, and nobody identified the session in time (rule 12)."""
    REFUSED = "REFUSED"
    """It was refused its start, and energy flows all the same (finding 1)."""
    OVERSTAY = "OVERSTAY"
    """Its entitlement ended, and the site's grace time is over (rule 29)."""


def running_over_edge(session: Session, row: ChargerState) -> bool:
    """Whether a session that charges began before the managed interval that is due (rule 12)."""
    edge_at = row.desired_since
    if row.desired is not Mode.MANAGED or edge_at is None or session.energy_at is None:
        return False
    return session.began_in is Mode.FREEVEND or session.began_at < edge_at


def edge_of(session: Session, row: ChargerState) -> datetime:
    """When the edge was that it ran over: never before it began, where a timetable was changed
    behind it."""
    assert row.desired_since is not None, "asked of a session that runs over an edge"
    return max(row.desired_since, session.began_at)


def edge_stop_at(site: SiteRecord, edge_at: datetime) -> datetime | None:
    """When a session that ran over an edge is stopped, unless its card is admitted; None where it
    may finish. A choice of a newer writer stops nobody."""
    if site.edge == EdgeAction.STOP:
        return edge_at
    if site.edge == EdgeAction.IDENTIFY:
        return edge_at + timedelta(seconds=site.identify_within_s)
    return None


def edge_cause(site: SiteRecord) -> StopCause:
    """Why such a session is stopped."""
    return StopCause.EDGE if site.edge == EdgeAction.STOP else StopCause.NOT_IDENTIFIED


def stop_again_at(stop: SessionStop, connection_since: datetime) -> datetime:
    """When a stop is sent for the first time or again, or given up (see `used_up`).

    What was sent to an earlier connection may never have arrived.
    """
    if stop.sent_at is None:
        return stop.at
    longer = STOP_FACTOR ** max(stop.tries_count - 1, 0)
    again = stop.sent_at + timedelta(seconds=STOP_AGAIN_AFTER_S * longer)
    return min(again, connection_since) if connection_since > stop.sent_at else again


def used_up(stop: SessionStop) -> bool:
    """Whether it was sent as often as is of any use."""
    return stop.tries_count >= STOP_TRIES_MAX


def stop_command_id(
    charger_id: ChargerId, session: Session, stop: SessionStop, connection_id: ConnectionId
) -> CommandId:
    """The id of the next sending: a worker that takes over arrives at the same one."""
    return CommandId(
        timed_id(
            stop.at,
            charger_id,
            connection_id,
            "stop",
            session.transaction_id or "",
            stop.cause,
            stop.tries_count + 1,
        )
    )


def unidentified_at(vehicle: Occupation, row: ChargerState, after_s: int) -> datetime | None:
    """When a vehicle without a card becomes a NO_IDENTIFICATION; None where it does not.

    An edge to managed begins the wait anew for vehicles that are there already (rule 12), and a
    vehicle that charges, or has charged, waits for nothing.
    """
    edge_at, link = row.desired_since, row.connection
    done = vehicle.token_at or vehicle.noted_at or vehicle.served
    if done or row.desired is not Mode.MANAGED or edge_at is None or link is None:
        return None
    begins = max(vehicle.since, edge_at, vehicle.waits_since or edge_at)
    at = begins + timedelta(seconds=after_s)
    if link.since > vehicle.since:
        at = max(at, link.since + timedelta(seconds=RECONNECTED_S))
    return at


def occupation_id(charger_id: ChargerId, vehicle: Occupation) -> RequestId:
    """Of the one NO_IDENTIFICATION of an occupation (design, ids)."""
    since = vehicle.since
    return RequestId(timed_id(since, charger_id, vehicle.place, since.isoformat()))


def no_identification(
    row: ChargerState, vehicle: Occupation, governing: Governing, at: datetime
) -> Denial:
    """The record of a vehicle that was there too long without a card."""
    denial_id = occupation_id(row.charger_id, vehicle)
    interval, site = governing.timeline.at(at), governing.site
    waited_s = int((at - vehicle.since).total_seconds())
    reason = Reason.NO_IDENTIFICATION
    return Denial(
        denial_id=denial_id,
        attempt_id=AttemptId(denial_id),
        at=at,
        site_id=site.site_id,
        charger_id=row.charger_id,
        connector=vehicle.place,
        ocpp=row.connection.ocpp if row.connection else "",
        kind="Occupied",
        stage=governing.stage,
        would_deny=governing.stage is not Stage.ENFORCE,
        misuse=True,
        reason=reason,
        reasons=(reason,),
        flags=(Flag.MODE_DRIFT,) if drift_of_row(row, governing, at) else (),
        token="",
        pseudonym=None,
        attribution=None,
        schedule_id=governing.schedule_id,
        window=interval.source.name,
        told_status=None,
        told_text=None,
        support_text=ROW_OF[reason].support_text.format(n=waited_s),
        next_change_at=interval.end,
    )


def began_by_mode_change(session: Session, row: ChargerState) -> bool:
    """Whether a vehicle that was plugged in while managed began by itself in freevend (rule 13).

    A driver who presents a card starts it; the freevend tag is what a charger presents by itself,
    and the assisted one what it is started with from here.
    """
    vehicle, edge_at = row.sessions.at(session.place), row.desired_since
    if row.desired is not Mode.FREEVEND or vehicle is None or edge_at is None:
        return False
    if session.energy_at is None or session.token not in NOBODYS:
        return False
    return vehicle.since < edge_at <= session.energy_at
