"""Sessions at the edges of managed time: stopped, spared, marked or recorded (rules 12, 13, 29)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from connectors.kafka.replica import Replica
from connectors.telemetry.metrics import Metrics
from models.attempt import Attempt, Facts
from models.charger import ChargerEvent, ChargerState, Connection, ModeFactKind
from models.decision import judge
from models.facts import gather
from models.governing import Governing
from models.ids import ChargerId
from models.metrics import DENIALS_TOTAL, FOREIGN_TRANSACTIONS, SESSION_STOPS
from models.overstay import entitlement_end, overstaying
from models.reasons import Answer
from models.record import NEVER
from models.schedule import Mode
from models.session_ends import (
    CHECK_EVERY_S,
    StopCause,
    began_by_mode_change,
    edge_cause,
    edge_of,
    edge_stop_at,
    no_identification,
    running_over_edge,
    stop_again_at,
    stop_command_id,
    unidentified_at,
    used_up,
)
from models.session_events import foreign_transaction
from models.sessions import Occupation, Session, Sessions, SessionStop
from models.site import Stage
from streams.charger_post import ChargerPost
from streams.gateway_turns import Turn
from streams.session_cards import SessionCards

OF_EDGE = frozenset({StopCause.EDGE, StopCause.NOT_IDENTIFIED})
"""Stops that whoever identifies the session after all is spared."""


class _Looked(NamedTuple):
    """What sessions were last looked at with: the same gives the same until `due_at`."""

    sessions: Sessions
    governing: Governing
    desired_since: datetime | None
    connected_since: datetime | None
    due_at: datetime


class _Look(NamedTuple):
    """One look at a charger: its row as it is so far, and when it is to be looked at again."""

    row: ChargerState
    governing: Governing
    now: datetime
    due_at: datetime = NEVER

    @property
    def stage(self) -> Stage:
        """How far depotgate may go here (rule 27)."""
        return self.governing.stage

    def again(self, *at: datetime | None) -> _Look:
        """The same, due at these times too."""
        return self._replace(due_at=min([self.due_at, *(each for each in at if each)]))

    def with_sessions(self, sessions: Sessions) -> _Look:
        """With these sessions in the row."""
        return self._replace(row=self.row.model_copy(update={"sessions": sessions}))

    def with_session(self, session: Session) -> _Look:
        """With one session of the row as it is now."""
        known = self.row.sessions
        running = tuple(
            session if each.transaction_id == session.transaction_id else each
            for each in known.running
        )
        return self.with_sessions(known.model_copy(update={"running": running}))


class SessionDesk:
    """Does what follows for the sessions and vehicles of a charger; the row keeps what was done.

    Args:
        turn: stops are spread as switches are, with them.
    """

    def __init__(self, replica: Replica, post: ChargerPost, metrics: Metrics, turn: Turn) -> None:
        self._replica = replica
        self._post = post
        self._metrics = metrics
        self._turn = turn
        self._looked: dict[ChargerId, _Looked] = {}
        self._waiting: set[ChargerId] = set()
        self._cards = SessionCards(replica)

    async def tell_what_began(
        self, before: ChargerState, after: ChargerState, event: ChargerEvent, stage: Stage
    ) -> None:
        """Count what is nobody's, and tell what began by itself at an edge to freevend."""
        if foreign_transaction(before, event):
            self._metrics.count(FOREIGN_TRANSACTIONS, after.site_id, event.name)
        if after.sessions is before.sessions or stage is Stage.OFF:
            return
        charging = {each.session_id for each in before.sessions.running if each.energy_at}
        for session in after.sessions.running:
            if session.energy_at is None or session.session_id in charging:
                continue
            if began_by_mode_change(session, after):
                kind = ModeFactKind.STARTED_BY_MODE_CHANGE
                await self._post.tell_session(after, session, kind, event.received_at, stage)

    async def review(self, row: ChargerState, governing: Governing, now: datetime) -> ChargerState:
        """Do what is due for a charger's sessions and vehicles; the row as it then is."""
        if governing.stage is Stage.OFF or row.desired is not Mode.MANAGED:
            self._looked.pop(row.charger_id, None)
            return row
        self._cards.note(row)
        if self._seen_already(row, governing, now):
            return row
        look = _Look(row, governing, now)
        for vehicle in row.sessions.occupied:
            look = await self._vehicle(look, vehicle)
        for session in row.sessions.running:
            look = await self._session(look, session)
        after = look.row
        self._looked[row.charger_id] = _Looked(
            after.sessions, governing, after.desired_since, _connected_since(after), look.due_at
        )
        return after

    def due_at(self, charger_id: ChargerId) -> datetime:
        """When it is to be reviewed again though nothing happens at it."""
        looked = self._looked.get(charger_id)
        return looked.due_at if looked else NEVER

    def changed(self) -> list[ChargerId]:
        """Chargers to be reviewed now, as a card was changed that charges there."""
        changed = self._cards.changed()
        for charger_id in changed:
            self._looked.pop(charger_id, None)
        return changed

    def forget(self) -> None:
        """Chargers go to other workers."""
        self._cards.forget()
        self._looked.clear()
        self._waiting.clear()

    def _seen_already(self, row: ChargerState, governing: Governing, now: datetime) -> bool:
        looked = self._looked.get(row.charger_id)
        if row.charger_id in self._waiting:
            # It may be its turn.
            self._waiting.discard(row.charger_id)
            return False
        return (
            looked is not None
            and looked.sessions is row.sessions
            and _alike(looked.governing, governing)
            and looked.desired_since == row.desired_since
            and looked.connected_since == _connected_since(row)
            and now < looked.due_at
        )

    # Vehicles

    async def _vehicle(self, look: _Look, vehicle: Occupation) -> _Look:
        row, now = look.row, look.now
        at = unidentified_at(vehicle, row, look.governing.site.no_identification_after_s)
        if at is None or at > now:
            return look.again(at)
        denial = no_identification(row, vehicle, look.governing, now)
        await self._post.deny(denial)
        would_deny = str(denial.would_deny).lower()
        self._metrics.count(DENIALS_TOTAL, denial.site_id, denial.reason, would_deny)
        noted = vehicle.model_copy(update={"noted_at": now})
        occupied = tuple(noted if each == vehicle else each for each in row.sessions.occupied)
        return look.with_sessions(row.sessions.model_copy(update={"occupied": occupied}))

    # Sessions

    async def _session(self, look: _Look, session: Session) -> _Look:
        row, stop = look.row, session.stop
        if session.energy_at is None or session.transaction_id is None:
            return look
        if stop is not None and row.desired_since and stop.at < row.desired_since:
            # Of an earlier managed interval.
            session = session.model_copy(update={"stop": None})
        elif stop is not None and not (stop.cause in OF_EDGE and self._admitted(look, session)):
            return await self._stop(look, session, stop)
        if session.refused_at is not None:
            at = max(session.refused_at, row.desired_since or session.refused_at)
            refused = SessionStop(cause=StopCause.REFUSED, at=at)
            return await self._stop(look, session, refused)
        if running_over_edge(session, row) and session.spared_at != row.desired_since:
            return await self._over_edge(look, session)
        return await self._entitled(look, session)

    async def _over_edge(self, look: _Look, session: Session) -> _Look:
        """Rule 12: finish, stop or identify; a card that is admitted is spared."""
        row, site = look.row, look.governing.site
        if self._admitted(look, session):
            spared = session.model_copy(update={"spared_at": row.desired_since, "stop": None})
            return await self._entitled(look.with_session(spared), spared)
        at = edge_stop_at(site, edge_of(session, row))
        if at is None or look.now < at:
            return look.again(at, _check_at(session, look.now))
        return await self._stop(look, session, SessionStop(cause=edge_cause(site), at=at))

    def _admitted(self, look: _Look, session: Session) -> bool:
        found = self._judged(look, session)
        # A failure to evaluate is no denial (rule 24): it stops nobody.
        return found is not None and judge(*found).answer is not Answer.DENY

    def _judged(self, look: _Look, session: Session) -> tuple[Attempt, Facts] | None:
        """A session's own attempt, and the facts of this moment; None for who is not identified."""
        if session.attempt is None:
            return None
        attempt = session.attempt.model_copy(update={"event_at": look.now, "replayed": False})
        return attempt, gather(attempt, self._replica, look.now)

    async def _entitled(self, look: _Look, session: Session) -> _Look:
        """Rule 29: a session that runs when its entitlement has ended."""
        found = self._judged(look, session)
        look = look.again(_check_at(session, look.now))
        end = entitlement_end(*found, session.began_at) if found else None
        if end is None or end.at > look.now:
            return look.again(end.at if end else None)
        if session.overstay_at is None:
            session = session.model_copy(update={"overstay_at": end.at})
            look = look.with_session(session)
            kind = ModeFactKind.OVERSTAY
            await self._post.tell_session(
                look.row, session, kind, end.at, look.stage, detail=end.reason
            )
        stop_at = overstaying(end, look.governing.site.overstay).stop_at
        if stop_at is None or look.now < stop_at:
            return look.again(stop_at)
        # Told late, of a time before this interval: the stop is of this one.
        at = max(stop_at, look.row.desired_since or stop_at)
        return await self._stop(look, session, SessionStop(cause=StopCause.OVERSTAY, at=at))

    # Stops

    async def _stop(self, look: _Look, session: Session, stop: SessionStop) -> _Look:
        """End a session, or go on ending it; in shadow only say so (rule 27)."""
        begun, link = session.stop is not None, look.row.connection
        if look.stage is not Stage.ENFORCE:
            return look if begun else await self._say_only(look, session, stop)
        if link is None or stop.given_up or (begun and stop.sent_at is None):
            # What was only said in shadow is not made good afterwards.
            return look
        again_at = stop_again_at(stop, link.since)
        if look.now < again_at:
            return look.again(again_at)
        if used_up(stop):
            return await self._give_up(look, session, stop)
        if self._turn(look.row):
            return await self._send(look, session, stop, link)
        self._waiting.add(look.row.charger_id)
        return look.again(look.now + timedelta(seconds=CHECK_EVERY_S))

    async def _say_only(self, look: _Look, session: Session, stop: SessionStop) -> _Look:
        kind = ModeFactKind.WOULD_STOP
        await self._post.tell_session(
            look.row, session, kind, look.now, look.stage, detail=stop.cause
        )
        return look.with_session(session.model_copy(update={"stop": stop}))

    async def _send(
        self, look: _Look, session: Session, stop: SessionStop, link: Connection
    ) -> _Look:
        row = look.row
        command_id = stop_command_id(row.charger_id, session, stop, link.connection_id)
        sent = stop.model_copy(
            update={
                "command_id": command_id,
                "sent_at": look.now,
                "connection_id": link.connection_id,
                "tries_count": stop.tries_count + 1,
            }
        )
        session = session.model_copy(update={"stop": sent})
        await self._post.stop(link, session, sent, look.governing)
        if stop.sent_at is None:
            self._metrics.count(SESSION_STOPS, row.site_id, stop.cause)
            kind = ModeFactKind.STOP_COMMANDED
            await self._post.tell_session(
                row, session, kind, look.now, look.stage, detail=stop.cause, command=command_id
            )
        return look.with_session(session).again(stop_again_at(sent, link.since))

    async def _give_up(self, look: _Look, session: Session, stop: SessionStop) -> _Look:
        given_up = stop.model_copy(update={"given_up": True})
        kind = ModeFactKind.STOP_FAILED
        await self._post.tell_session(
            look.row, session, kind, look.now, look.stage, detail=stop.cause
        )
        return look.with_session(session.model_copy(update={"stop": given_up}))


def _alike(before: Governing, now: Governing) -> bool:
    """Whether the same governs: its parts are the replica's own, and what a charger boots as says
    nothing of its sessions."""
    parts = zip(before.with_boot(now.boot), now, strict=True)
    return all(one is other for one, other in parts)


def _check_at(session: Session, now: datetime) -> datetime | None:
    """When a session's card is judged again; where there is none, its row tells first."""
    return now + timedelta(seconds=CHECK_EVERY_S) if session.attempt else None


def _connected_since(row: ChargerState) -> datetime | None:
    return row.connection.since if row.connection else None
