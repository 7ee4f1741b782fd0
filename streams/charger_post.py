"""What a worker says about a charger: commands to its gateway, mode facts, and its row."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from connectors.deliveries import Delivery
from connectors.telemetry.metrics import Metrics
from models.announcements import Announced
from models.announcing import ANNOUNCE_WITHIN
from models.assisted import ANSWER_WITHIN
from models.attempt import Denial, DriverText
from models.charger import (
    ChargerCommand,
    ChargerState,
    Commanded,
    CommandKind,
    Connection,
    ModeFact,
    ModeFactKind,
)
from models.governing import Governing
from models.ids import ChargerId, CommandId, timed_id
from models.metrics import COMMANDS_SENT
from models.mode_commands import EXPIRES_AFTER_S
from models.offline_state import UNANSWERED_AFTER, OfflineOrder, OfflineState
from models.probing import probe_command
from models.read_backs import READ_BACK_WITHIN, read_back_id
from models.schedule import Mode
from models.session_ends import STOP_EXPIRES_AFTER_S
from models.sessions import AssistedStart, Occupation, Session, SessionStop
from models.site import Stage
from models.topics import COMMANDS, DENIALS, MODE, STATE
from streams.outbox import Outbox
from streams.recent import RecentIds

ROWS_AT_ONCE = 16
"""Written before decisions have their turn: about a millisecond. A quarter of a second of a busy
worker leaves hundreds."""


class _Order(NamedTuple):
    """What every command says, whatever it is about."""

    command_id: CommandId
    kind: CommandKind | str
    mode: Mode
    sent_at: datetime

    def over(
        self, connection: Connection, governing: Governing, within: timedelta, **about: Any
    ) -> ChargerCommand:
        """The command to a governed charger.

        Args:
            within: it expires after that.
            about: fields of this kind of command.
        """
        return ChargerCommand(
            command_id=self.command_id,
            kind=self.kind,
            charger_id=governing.charger.charger_id,
            site_id=governing.site.site_id,
            connection_id=connection.connection_id,
            slot=connection.slot,
            ocpp=connection.ocpp,
            mode=self.mode,
            profile=governing.profile.name,
            sent_at=self.sent_at,
            expires_at=self.sent_at + within,
            **about,
        )


class _Known(NamedTuple):
    """What every fact says, whatever it is about."""

    fact_id: str
    kind: ModeFactKind
    row: ChargerState
    at: datetime
    stage: Stage

    def fact(self, **about: Any) -> ModeFact:
        """The fact; `about`: its other fields."""
        row = self.row
        return ModeFact(
            fact_id=self.fact_id,
            kind=self.kind,
            charger_id=row.charger_id,
            site_id=row.site_id,
            at=self.at,
            desired=row.desired,
            observed=row.observed.mode if row.observed else None,
            stage=self.stage,
            **about,
        )


class ChargerPost:
    """Sends what follows from a row before the row itself.

    A row says that everything up to its offset was dealt with: were it in the log while a fact or a
    command is not, a worker that takes over would skip the event, and they would never be sent. The
    other way round it sends them once more, with the same ids.
    """

    def __init__(self, outbox: Outbox, metrics: Metrics) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._said = RecentIds()
        self._underway: list[Delivery] = []
        self._unwritten: dict[ChargerId, ChargerState] = {}
        self._writing = asyncio.Lock()

    async def switch(
        self, connection: Connection, commanded: Commanded, governing: Governing
    ) -> None:
        """A switch or a reset, for the first time or once more: same id, same expiry."""
        order = _Order(commanded.command_id, commanded.kind, commanded.mode, commanded.sent_at)
        within = timedelta(seconds=EXPIRES_AFTER_S)
        command = order.over(connection, governing, within)
        # What is sent once more is the same command, though another profile was found meanwhile.
        profile = commanded.profile or command.profile
        await self._command(command.model_copy(update={"profile": profile}))
        self._metrics.count(COMMANDS_SENT, governing.site.site_id, commanded.mode)

    async def probe(
        self, connection: Connection, governing: Governing, at: datetime, about: str
    ) -> None:
        """Have a charger asked what its configuration has; `about`: see `probe_command`."""
        profile = governing.profile.name
        await self._command(probe_command(governing.charger, profile, connection, at, about))

    async def read_back(self, row: ChargerState, governing: Governing, now: datetime) -> None:
        """Have a charger asked for its mode, and nothing else."""
        link = row.connection
        assert link is not None, "a command needs a connection to go to"
        mode = row.desired or Mode.MANAGED
        order = _Order(read_back_id(row, now), CommandKind.READ_BACK, mode, now)
        await self._command(order.over(link, governing, READ_BACK_WITHIN))

    async def offline(
        self, row: ChargerState, state: OfflineState, order: OfflineOrder, governing: Governing
    ) -> None:
        """Have a charger set to what it does while it is offline."""
        link = row.connection
        assert link is not None, "a command needs a connection to go to"
        # Not its business: the mode stays.
        mode = row.desired or Mode.MANAGED
        sent = _Order(state.command_id, CommandKind.OFFLINE, mode, state.asked_at)
        await self._command(sent.over(link, governing, UNANSWERED_AFTER, offline=order))

    async def announce(
        self,
        row: ChargerState,
        announced: Announced,
        texts: tuple[DriverText, ...],
        governing: Governing,
    ) -> None:
        """Have a charger's display say something, or nothing any more."""
        link = row.connection
        assert link is not None, "a command needs a connection to go to"
        mode, at = announced.window.mode, announced.sent_at
        order = _Order(announced.command_id, CommandKind.ANNOUNCE, mode, at)
        await self._command(order.over(link, governing, ANNOUNCE_WITHIN, texts=texts))

    async def close(self, row: ChargerState, superseded: Connection, since: datetime) -> None:
        """A newer connection elsewhere: the old slot is told to close (design, slots).

        Args:
            since: when the newer one was heard of.
        """
        now = datetime.now(UTC)
        command_id = timed_id(since, row.charger_id, superseded.connection_id, CommandKind.CLOSE)
        await self._command(
            ChargerCommand(
                command_id=CommandId(command_id),
                kind=CommandKind.CLOSE,
                charger_id=row.charger_id,
                site_id=row.site_id,
                connection_id=superseded.connection_id,
                slot=superseded.slot,
                ocpp=superseded.ocpp,
                mode=row.desired or Mode.MANAGED,
                profile="",
                sent_at=now,
                expires_at=now + timedelta(seconds=EXPIRES_AFTER_S),
            )
        )

    async def tell(
        self,
        row: ChargerState,
        kind: ModeFactKind,
        at: datetime,
        stage: Stage,
        *,
        command: CommandId | None = None,
        about: str = "",
        detail: str = "",
    ) -> None:
        """Publish a mode fact, once for what it is about; after a take-over its id is the same.

        Args:
            command: that the fact is about; else it is about the present mode and connection.
            about: what else makes it a fact of its own.
        """
        connection = row.connection.connection_id if row.connection else ""
        subject = command or f"{row.desired_since}|{connection}"
        fact_id = timed_id(row.desired_since or at, row.charger_id, kind, subject, about)
        known = _Known(fact_id, kind, row, at, stage)
        await self._fact(known.fact(command_id=command, detail=detail))

    async def tell_session(
        self,
        row: ChargerState,
        session: Session,
        kind: ModeFactKind,
        at: datetime,
        stage: Stage,
        *,
        detail: str = "",
        command: CommandId | None = None,
    ) -> None:
        """Publish a fact about a session, once for the charger, the place and its beginning."""
        names = (row.charger_id, session.place or 0, session.transaction_id or "", kind, detail)
        fact_id = timed_id(session.began_at, *names, session.began_at.isoformat())
        known = _Known(fact_id, kind, row, at, stage)
        where = {"connector": session.place, "session_id": session.session_id}
        await self._fact(known.fact(command_id=command, detail=detail, **where))

    async def _fact(self, fact: ModeFact) -> None:
        if not self._said.add(fact.fact_id):
            return
        self._underway.append(
            await self._outbox.send(MODE, fact.charger_id, fact, event_id=fact.fact_id)
        )

    async def deny(self, denial: Denial) -> None:
        """Publish a denial that no attempt led to; its id makes doing it twice harmless."""
        if not self._said.add(denial.denial_id):
            return
        self._underway.append(
            await self._outbox.send(DENIALS, denial.charger_id, denial, event_id=denial.denial_id)
        )

    async def stop(
        self, connection: Connection, session: Session, stop: SessionStop, governing: Governing
    ) -> None:
        """Have a session ended; what the charger calls it itself comes before our own id."""
        assert stop.command_id is not None, "a stop that is sent has an id"
        assert stop.sent_at is not None, "a stop that is sent has a time"
        order = _Order(stop.command_id, CommandKind.STOP, Mode.MANAGED, stop.sent_at)
        within = timedelta(seconds=STOP_EXPIRES_AFTER_S)
        named = session.called or session.transaction_id
        await self._command(
            order.over(connection, governing, within, transaction_id=named, cause=stop.cause)
        )

    async def start(
        self,
        connection: Connection,
        vehicle: Occupation,
        start: AssistedStart,
        governing: Governing,
    ) -> None:
        """Have a session begun for a vehicle (models/assisted.py)."""
        assert start.command_id is not None, "a start that is sent has an id"
        assert start.sent_at is not None, "a start that is sent has a time"
        order = _Order(start.command_id, CommandKind.START, Mode.FREEVEND, start.sent_at)
        await self._command(
            order.over(connection, governing, ANSWER_WITHIN, connector=vehicle.place)
        )

    async def tell_vehicle(
        self,
        row: ChargerState,
        vehicle: Occupation,
        kind: ModeFactKind,
        at: datetime,
        stage: Stage,
        *,
        detail: str = "",
    ) -> None:
        """Publish a fact about a vehicle that waits, once in the interval that is due."""
        since = max(vehicle.since, row.desired_since or vehicle.since)
        names = (row.charger_id, vehicle.place, kind, vehicle.since.isoformat())
        known = _Known(timed_id(since, *names), kind, row, at, stage)
        await self._fact(known.fact(detail=detail, connector=vehicle.place))

    def keep(self, rows: Collection[ChargerState]) -> None:
        """Have rows written soon, in place of older ones of their chargers that are not yet."""
        self._unwritten.update({row.charger_id: row for row in rows})

    async def write(self) -> None:
        """Write the rows that are kept, the log of the next owner, once Kafka has all that was sent
        before. To be done before the offset of an event is committed.

        Raises:
            DeliveryFailedError: something was not delivered: no row is written any more.
        """
        # One at a time: an older row of a charger never comes behind a newer one. And nothing is
        # taken away before it is sent, so that a write that is cancelled leaves it to the next.
        async with self._writing:
            underway, rows = list(self._underway), list(self._unwritten.values())
            await self._outbox.delivered(underway)
            del self._underway[: len(underway)]
            for place, row in enumerate(rows, start=1):
                await self._outbox.send(
                    STATE, row.charger_id, row, event_id=f"{row.charger_id}-{row.offset}"
                )
                if self._unwritten.get(row.charger_id) is row:
                    del self._unwritten[row.charger_id]
                if place % ROWS_AT_ONCE == 0:
                    # Nothing is waited for while the producer has room: decisions come first.
                    await asyncio.sleep(0)

    async def _command(self, command: ChargerCommand) -> None:
        """To the slot of the gateway that holds the connection."""
        self._underway.append(
            await self._outbox.send(
                COMMANDS,
                command.charger_id,
                command,
                event_id=command.command_id,
                partition=command.slot,
            )
        )
