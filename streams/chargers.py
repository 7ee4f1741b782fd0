"""Charger events and time to mode: desired, commanded, observed, and the commands between them."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import structlog

from connectors.kafka.producer import ConsumedMessage
from connectors.kafka.replica import Replica
from connectors.telemetry.metrics import Metrics
from models.charger import (
    ChargerCommand,
    ChargerEvent,
    ChargerState,
    Commanded,
    CommandKind,
    Connection,
    ModeFact,
    ModeFactKind,
)
from models.errors import UndecodableRecordError
from models.governing import Governing
from models.ids import ChargerId, CommandId, timed_id
from models.metrics import CHARGERS_BY_MODE, COMMANDS_SENT, EDGES
from models.modes import (
    EXPIRES_AFTER_S,
    NextStep,
    apply_event,
    command_id,
    end_overdue,
    enter_stage,
    reconcile,
    resend_due,
    superseded_connection,
)
from models.schedule import Mode
from models.site import Stage
from models.topics import CHARGERS, COMMANDS, EVENTS, MODE, SITES, STATE, Topic
from streams.outbox import Outbox
from streams.states import NEVER_APPLIED, ChargerStates

log = structlog.get_logger()

TICK_S = 0.25
"""How late an edge, a resend or a changed schedule may be noticed; looking at the due times of
10,000 chargers takes about a millisecond."""

RESEND_CHECK_S = 1.0
"""How often a charger with an outstanding command is looked at; resends are seconds apart."""

COUNT_EVERY_S = 5.0
"""The gauges of chargers by mode are for people who watch."""

NEVER = datetime.max.replace(tzinfo=UTC)
"""Due time of a charger whose mode does not change by itself."""

_FACT_OF_STEP = {
    NextStep.WOULD_SWITCH: ModeFactKind.WOULD_SWITCH,
    NextStep.NOT_SWITCHABLE: ModeFactKind.NOT_SWITCHABLE,
    NextStep.GIVE_UP: ModeFactKind.SWITCH_FAILED,
}


class ChargerDesk:
    """Keeps each charger of the assigned partitions on its way to the mode it should have."""

    def __init__(
        self, replica: Replica, states: ChargerStates, outbox: Outbox, metrics: Metrics
    ) -> None:
        self._replica = replica
        self._states = states
        self._outbox = outbox
        self._metrics = metrics
        self._due_at: dict[ChargerId, datetime] = {}
        self._said: dict[ChargerId, str] = {}
        self._all_due = True
        # Agent and clock both read a row, send, and write it: one at a time, or one of them would
        # write over what the other just learned.
        self._one_at_a_time = asyncio.Lock()
        replica.subscribe(self._configuration_changed)

    async def apply(self, message: ConsumedMessage) -> None:
        """Apply one charger event, then see what it means for the charger's mode."""
        try:
            event = ChargerEvent.decode(message.value)
        except UndecodableRecordError as fault:
            await self._outbox.dead_letter(EVENTS, message, fault)
            return
        async with self._one_at_a_time:
            await self._apply(event, message.offset)

    async def _apply(self, event: ChargerEvent, offset: int) -> None:
        row = self._states.get(event.charger_id) or _new_row(event)
        if offset <= row.offset:
            return
        superseded = superseded_connection(row, event)
        applied = apply_event(row, event, offset)
        self._states.put(applied)
        await self._tell_facts_of(row, applied, event)
        if superseded is not None:
            await self._tell_to_close(applied, superseded)
        await self._review(applied, before=row)

    def review_all(self) -> None:
        """Have every charger looked at soon: partitions came, or configuration changed."""
        self._all_due = True

    async def keep_time(self) -> None:
        """Notice edges, resends and changed configuration, until cancelled."""
        count_at = datetime.now(UTC)
        while True:
            now = datetime.now(UTC)
            everyone, self._all_due = self._all_due, False
            for charger_id in self._states.charger_ids():
                if everyone or self._due_at.get(charger_id, now) <= now:
                    await self._look_at(charger_id)
            if now >= count_at:
                self._count_modes()
                count_at = now + timedelta(seconds=COUNT_EVERY_S)
            await asyncio.sleep(TICK_S)

    async def _look_at(self, charger_id: ChargerId) -> None:
        async with self._one_at_a_time:
            row = self._states.get(charger_id)
            if row is not None:
                await self._review(row, before=row)

    def _configuration_changed(self, topic: Topic, _key: str) -> None:
        if topic in (SITES, CHARGERS):
            self.review_all()

    async def _review(self, row: ChargerState, *, before: ChargerState) -> None:
        """Compare desired, commanded and observed; send what follows; keep the row if changed."""
        governing = self._replica.governing(row.charger_id)
        if governing is None:
            # Nothing governs it any more: its row stays until it is configured again.
            self._due_at[row.charger_id] = NEVER
            await self._keep(row, before)
            return
        now = datetime.now(UTC)
        row = await self._noticed_edge(row, governing, now)
        row = enter_stage(end_overdue(row, now), governing.site.stage_known(), now)
        row = await self._take_step(row, governing, now)
        self._due_at[row.charger_id] = self._next_due(row, governing, now)
        await self._keep(row, before)

    async def _take_step(
        self, row: ChargerState, governing: Governing, now: datetime
    ) -> ChargerState:
        """Do what the table of models.modes says comes next."""
        step = reconcile(
            row.desired,
            row.commanded,
            row.observed,
            row.connection,
            governing.charger.profile,
            governing.site.stage_known(),
        )
        match step:
            case NextStep.SWITCH:
                return await self._command(row, governing, now)
            case NextStep.WAIT:
                return await self._maybe_resend(row, governing, now)
            case NextStep.WOULD_SWITCH | NextStep.NOT_SWITCHABLE | NextStep.GIVE_UP:
                await self._tell(row, _FACT_OF_STEP[step], now, detail=governing.charger.profile)
            case NextStep.NOTHING:
                pass
        return row

    async def _noticed_edge(
        self, row: ChargerState, governing: Governing, now: datetime
    ) -> ChargerState:
        """The row with the mode due now; an edge that was passed is told once (rule 14)."""
        interval = governing.timeline.at(now)
        if row.desired is interval.mode:
            return row
        passed = row.desired is not None
        row = row.model_copy(
            update={"desired": interval.mode, "desired_since": interval.start or now}
        )
        if passed:
            self._metrics.count(EDGES, row.site_id, interval.mode)
            await self._tell(row, ModeFactKind.EDGE, now, detail=interval.source.name)
        return row

    async def _command(
        self, row: ChargerState, governing: Governing, now: datetime
    ) -> ChargerState:
        """Send a new command for the desired mode."""
        connection = row.connection
        assert row.desired is not None, "a command needs a desired mode"
        assert connection is not None, "a command needs a connection to go to"
        last = row.commanded
        attempts_count = last.attempts_count + 1 if last and last.mode is row.desired else 1
        commanded = Commanded(
            command_id=command_id(row, attempts_count),
            mode=row.desired,
            sent_at=now,
            attempts_count=attempts_count,
        )
        row = row.model_copy(update={"commanded": commanded})
        await self._send_command(connection, commanded, governing)
        await self._tell(row, ModeFactKind.SWITCH_COMMANDED, now, command=commanded.command_id)
        return row

    async def _maybe_resend(
        self, row: ChargerState, governing: Governing, now: datetime
    ) -> ChargerState:
        """An outstanding command is sent again, with its id and expiry, until its result comes."""
        commanded, connection = row.commanded, row.connection
        if commanded is None or connection is None or not resend_due(commanded, now):
            return row
        await self._send_command(connection, commanded, governing)
        again = commanded.model_copy(update={"resent_at": now})
        return row.model_copy(update={"commanded": again})

    async def _send_command(
        self, connection: Connection, commanded: Commanded, governing: Governing
    ) -> None:
        command = ChargerCommand(
            command_id=commanded.command_id,
            kind=CommandKind.SWITCH,
            charger_id=governing.charger.charger_id,
            site_id=governing.site.site_id,
            connection_id=connection.connection_id,
            slot=connection.slot,
            ocpp=connection.ocpp,
            mode=commanded.mode,
            profile=governing.charger.profile,
            sent_at=commanded.sent_at,
            expires_at=commanded.sent_at + timedelta(seconds=EXPIRES_AFTER_S),
        )
        await self._post(command)
        self._metrics.count(COMMANDS_SENT, governing.site.site_id, commanded.mode)

    async def _post(self, command: ChargerCommand) -> None:
        """To the slot of the gateway that holds the connection."""
        await self._outbox.send(
            COMMANDS,
            command.charger_id,
            command,
            event_id=command.command_id,
            partition=command.slot,
        )

    async def _tell_to_close(self, row: ChargerState, superseded: Connection) -> None:
        """A newer connection elsewhere: the old slot is told to close (design, slots)."""
        now = datetime.now(UTC)
        command = ChargerCommand(
            command_id=CommandId(timed_id(now, row.charger_id, superseded.connection_id, "close")),
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
        await self._post(command)

    async def _tell_facts_of(
        self, before: ChargerState, after: ChargerState, event: ChargerEvent
    ) -> None:
        """What an event itself proves: a switch that arrived, or drift (rule 16)."""
        observed = after.observed
        if observed is None or observed == before.observed:
            return
        if event.result is not None and observed.mode is event.result.mode:
            command = event.result.command_id
            await self._tell(after, ModeFactKind.SWITCHED, event.received_at, command=command)
        elif observed.mode is not after.desired:
            detail = observed.evidence
            await self._tell(after, ModeFactKind.DRIFT, event.received_at, detail=detail)

    async def _tell(
        self,
        row: ChargerState,
        kind: ModeFactKind,
        at: datetime,
        *,
        command: CommandId | None = None,
        detail: str = "",
    ) -> None:
        """Publish a mode fact, once for what it is about; after a take-over its id is the same."""
        connection = row.connection.connection_id if row.connection else ""
        about = command or f"{row.desired_since}|{connection}"
        observed_at = str(row.observed.at) if kind is ModeFactKind.DRIFT and row.observed else ""
        fact_id = timed_id(row.desired_since or at, row.charger_id, kind, about, observed_at)
        if self._said.get(row.charger_id) == fact_id:
            return
        self._said[row.charger_id] = fact_id
        fact = ModeFact(
            fact_id=fact_id,
            kind=kind,
            charger_id=row.charger_id,
            site_id=row.site_id,
            at=at,
            desired=row.desired,
            observed=row.observed.mode if row.observed else None,
            stage=row.stage or Stage.SHADOW,
            command_id=command,
            detail=detail,
        )
        await self._outbox.send(MODE, row.charger_id, fact, event_id=fact_id)

    async def _keep(self, row: ChargerState, before: ChargerState) -> None:
        """Write a row that changed: the log of the next owner."""
        if row == before:
            return
        row = row.model_copy(update={"updated_at": datetime.now(UTC)})
        self._states.put(row)
        await self._outbox.send(
            STATE, row.charger_id, row, event_id=f"{row.charger_id}-{row.offset}"
        )

    def _next_due(self, row: ChargerState, governing: Governing, now: datetime) -> datetime:
        """When this charger is looked at again though nothing happens to it."""
        edge = governing.timeline.at(now).end or NEVER
        outstanding = row.commanded is not None and row.commanded.status is None
        resend = now + timedelta(seconds=RESEND_CHECK_S) if outstanding else NEVER
        return min(edge, resend)

    def _count_modes(self) -> None:
        counts: Counter[tuple[str, str, str]] = Counter()
        for row in self._states:
            counts[row.site_id, "desired", row.desired or "unknown"] += 1
            counts[row.site_id, "observed", row.observed.mode if row.observed else "unknown"] += 1
        self._metrics.clear(CHARGERS_BY_MODE)
        for labels, count in counts.items():
            self._metrics.set(CHARGERS_BY_MODE, count, *labels)


def _new_row(event: ChargerEvent) -> ChargerState:
    return ChargerState(
        charger_id=event.charger_id,
        site_id=event.site_id,
        offset=NEVER_APPLIED,
        updated_at=event.received_at,
    )
