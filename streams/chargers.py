"""Charger events and time to mode: desired, commanded, observed, and the commands between them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import structlog

from connectors.kafka.producer import ConsumedMessage
from connectors.kafka.replica import Replica
from connectors.telemetry.metrics import Metrics
from models.attempt import Outcome
from models.charger import ChargerEvent, ChargerState
from models.errors import DeliveryFailedError
from models.governing import Governing
from models.ids import ChargerId
from models.mode_commands import end_overdue, pause_ends_at
from models.mode_events import apply_event, enter_stage, superseded_connection
from models.profile_choice import boot_of
from models.read_backs import LEAST_URGENT, READ_BACK_EVERY, period_start
from models.record import NEVER
from models.session_outcomes import outcome_noted
from models.topics import CHARGERS, OVERRIDES, SITES, STAGES, Topic
from models.turns import SWITCHES_PER_S
from streams.announcements import AnnouncementDesk, announcement_due_at
from streams.charger_gauges import count_chargers
from streams.charger_post import ChargerPost
from streams.edges import EdgeDesk
from streams.evidence import EvidenceDesk
from streams.gateway_turns import GatewayTurns
from streams.offline import OFFLINE_TURNS, OfflineDesk
from streams.outbox import Outbox
from streams.probes import ProbeDesk
from streams.sessions import SessionDesk
from streams.starts import StartDesk
from streams.states import NEVER_APPLIED, ChargerStates
from streams.switches import SwitchDesk

log = structlog.get_logger()

TICK_S = 0.25
"""How late an edge, a resend or a changed schedule may be noticed, and how long a row waits for
more that changes it; looking at the due times of 10,000 chargers takes about a millisecond."""

LOOK_AT_ONCE = 25
"""Chargers that are looked at before others get their turn: an event or a decision waits some
milliseconds for them at most."""

RESEND_CHECK_S = 1.0
"""How often a charger with an outstanding command is looked at; resends are seconds apart."""

FAULT_RETRY_S = 60.0
"""A charger whose look-up raises is tried again after this; the others go on meanwhile."""

COUNT_EVERY_S = 5.0
"""The gauges of chargers by mode are for people who watch."""


class ChargerDesk:
    """Keeps each charger of the assigned partitions on its way to the mode it should have."""

    def __init__(
        self,
        replica: Replica,
        states: ChargerStates,
        outbox: Outbox,
        metrics: Metrics,
        switches_per_s: float = SWITCHES_PER_S,
    ) -> None:
        self._replica = replica
        self._states = states
        self._outbox = outbox
        self._post = ChargerPost(outbox, metrics)
        self._evidence = EvidenceDesk(self._post, metrics, self._its_turn_at_last)
        self._edges = EdgeDesk(self._post, metrics)
        self._metrics = metrics
        self._turns = GatewayTurns(switches_per_s)
        self._switches = SwitchDesk(self._post, metrics, self._evidence, self._its_turn)
        self._sessions = SessionDesk(replica, self._post, metrics, self._its_turn)
        self._starts = StartDesk(self._post, metrics, self._its_turn)
        self._offline = OfflineDesk(replica, self._post, self._its_turn_offline)
        self._probes = ProbeDesk(self._post, states)
        self._announcements = AnnouncementDesk(self._post, self._its_turn_at_last)
        self._due_at: dict[ChargerId, datetime] = {}
        self._all_due = True
        # Agent, clock and rebalance all read a row, send, and write or drop it: one at a time, or
        # one of them would write over what another just learned or gave away.
        self._one_at_a_time = asyncio.Lock()
        replica.subscribe(self._configuration_changed)

    async def apply(self, message: ConsumedMessage) -> None:
        """Apply one charger event, then see what it means for the charger's mode.

        Raises:
            UndecodableRecordError: the message is no charger event.
        """
        event = ChargerEvent.decode(message.value)
        async with self._one_at_a_time:
            before = self._states.get(event.charger_id) or _new_row(event)
            if message.offset <= before.offset:
                return
            after = apply_event(before, event, message.offset)
            governing = self._governing(after)
            if governing is not None:
                await self._evidence.tell(before, after, event, governing)
                await self._sessions.tell_what_began(before, after, event, governing.stage)
            superseded = superseded_connection(before, event)
            if superseded is not None:
                await self._post.close(after, superseded, event.received_at)
            # Most events say nothing new: what was due before them is due after them, in its time.
            if _only_later(before, after) and not self._due_by_now(event.charger_id):
                self._states.put(after)
                return
            reviewed = await self._review(after, governing)
            self._states.put(reviewed)
            # An event that changed nothing needs no row: applied again it changes nothing again.
            if not _only_later(before, reviewed):
                self._keep([reviewed])

    async def hear(self, outcome: Outcome) -> None:
        """Take note of whose session it is: an attempt may identify one (rule 12).

        Heard again, it says the same; of a charger of another worker it says nothing here.
        """
        charger_id = outcome.attempt.charger_id
        async with self._one_at_a_time:
            row = self._states.get(charger_id)
            if row is None:
                return
            sessions = outcome_noted(row.sessions, outcome)
            if sessions == row.sessions:
                return
            known = row.model_copy(update={"sessions": sessions})
            self._keep([await self._follow_sessions(known)])

    async def _follow_sessions(self, row: ChargerState) -> ChargerState:
        """What follows from sessions alone: the mode is as it was when it was looked at last.

        A look at everything was three fifths of what it takes to hear of a card.
        """
        charger_id = row.charger_id
        governing = self._governing(row)
        if governing is None or self._due_by_now(charger_id):
            return await self._review(row, governing)
        now = datetime.now(UTC)
        row = await self._sessions.review(row, governing, now)
        row, start_at = await self._starts.review(row, governing, now)
        self._due_at[charger_id] = min(
            self._due_at[charger_id], self._sessions.due_at(charger_id), start_at
        )
        return row

    def _governing(self, row: ChargerState) -> Governing | None:
        """What governs a charger, with the boot by which its profile may be found."""
        governing = self._replica.governing(row.charger_id)
        return governing.with_boot(boot_of(row)) if governing else None

    def _its_turn(self, row: ChargerState) -> bool:
        return self._turns.come(row, self._states.share)

    def _its_turn_at_last(self, row: ChargerState) -> bool:
        return self._turns.come(row, self._states.share, LEAST_URGENT)

    def _its_turn_offline(self, row: ChargerState) -> bool:
        return self._turns.come(row, self._states.share, LEAST_URGENT, turns_count=OFFLINE_TURNS)

    async def give_away(self, partitions: set[int]) -> None:
        """Let go of the rows of partitions, once everything about them is in the topics."""
        async with self._one_at_a_time:
            await self.settle()
            self._states.drop(partitions)
            # What is known beside the rows is found again by looking; every row is, after this.
            self._due_at.clear()
            for desk in (self._evidence, self._sessions, self._offline, self._probes):
                desk.forget()

    async def settle(self) -> None:
        """Have Kafka acknowledge everything sent so far, and the rows of what was applied so far.

        Raises:
            DeliveryFailedError: something was not delivered: nothing may be committed any more.
        """
        await self._post.write()
        await self._outbox.settle()

    def take_over(self) -> None:
        """Partitions came: every charger is looked at soon. Rows that others lie behind are written
        once more, and of each partition one under its new ownership."""
        self.write_again(self._states.to_write)
        self.review_all()

    def write_again(self, charger_ids: Collection[ChargerId]) -> None:
        """Have rows written as they are, behind what somebody else wrote."""
        rows = (self._states.get(charger_id) for charger_id in charger_ids)
        self._write([self._states.owned(row) for row in rows if row is not None])

    def review_all(self) -> None:
        """Have every charger looked at soon: partitions came, or configuration changed."""
        self._all_due = True

    async def keep_time(self) -> None:
        """Notice edges, resends and changed configuration, until cancelled."""
        count_at = datetime.now(UTC)
        while True:
            now = datetime.now(UTC)
            if await self._offline.refresh(now):
                self.review_all()
            everyone, self._all_due = self._all_due, False
            due = [
                charger_id
                for charger_id in self._states.charger_ids()
                if everyone or self._due_at.get(charger_id, now) <= now
            ]
            due += self._turns.due(self._states.share) + self._probes.due()
            due += self._sessions.changed()
            # Each once: a second look in the same turn would not see what the first one did.
            due = list(dict.fromkeys(due))
            for first in range(0, len(due), LOOK_AT_ONCE):
                await self._look_at(due[first : first + LOOK_AT_ONCE])
            await self._post.write()
            if now >= count_at:
                count_chargers(self._states, self._replica.sites, self._metrics)
                count_at = now + timedelta(seconds=COUNT_EVERY_S)
            await asyncio.sleep(TICK_S)

    async def _look_at(self, charger_ids: Collection[ChargerId]) -> None:
        async with self._one_at_a_time:
            changed: list[ChargerState] = []
            for charger_id in charger_ids:
                before = self._states.get(charger_id)
                after = await self._reviewed(before) if before else None
                if after is not None and after != before:
                    changed.append(after)
            self._keep(changed)
        # Nothing was waited for: decisions must get their turn.
        await asyncio.sleep(0)

    def _due_by_now(self, charger_id: ChargerId) -> bool:
        now = datetime.now(UTC)
        return self._all_due or self._due_at.get(charger_id, now) <= now

    async def _reviewed(self, row: ChargerState) -> ChargerState | None:
        """The reviewed row; None where that failed, which must not stop the time of the others."""
        try:
            return await self._review(row, self._governing(row))
        except DeliveryFailedError:
            raise
        except Exception:
            log.exception("charger.review_failed", charger_id=row.charger_id)
            self._due_at[row.charger_id] = datetime.now(UTC) + timedelta(seconds=FAULT_RETRY_S)
            return None

    def _configuration_changed(self, topic: Topic, _key: str) -> None:
        if topic in (SITES, CHARGERS, OVERRIDES, STAGES):
            self.review_all()

    def _keep(self, rows: Collection[ChargerState]) -> None:
        now = datetime.now(UTC)
        self._write([self._states.owned(row, updated_at=now) for row in rows])

    def _write(self, rows: Collection[ChargerState]) -> None:
        for row in rows:
            self._states.put(row)
        self._post.keep(rows)

    async def _review(self, row: ChargerState, governing: Governing | None) -> ChargerState:
        """Compare desired, commanded and observed; send what follows; the row as it then is."""
        if governing is None:
            # Nothing governs it any more: its row stays until it is configured again.
            self._due_at[row.charger_id] = NEVER
            return row
        now = datetime.now(UTC)
        row = enter_stage(end_overdue(row, now), governing.stage, governing.stage_since)
        row = await self._edges.noticed(row, governing, now)
        row = await self._switches.review(row, governing, now)
        row = await self._sessions.review(row, governing, now)
        row, start_at = await self._starts.review(row, governing, now)
        row = await self._offline.review(row, governing, now)
        row = await self._announcements.review(row, governing, now)
        probe_at = await self._probes.ask(row, governing, now)
        self._due_at[row.charger_id] = min(
            _next_due(row, governing, now),
            self._sessions.due_at(row.charger_id),
            self._offline.due_at(row.charger_id),
            announcement_due_at(row, governing, now),
            start_at,
            probe_at,
        )
        return row


def _next_due(row: ChargerState, governing: Governing, now: datetime) -> datetime:
    """When a charger is looked at again though nothing happens to it."""
    edge = governing.timeline.at(now).end or NEVER
    if row.connection is not None:
        edge = min(edge, period_start(row.charger_id, now) + READ_BACK_EVERY)
    commanded = row.commanded
    if commanded is None:
        return edge
    if commanded.status is None:
        return min(edge, now + timedelta(seconds=RESEND_CHECK_S))
    paused = pause_ends_at(commanded)
    return min(edge, paused) if paused > now else edge


def _only_later(before: ChargerState, after: ChargerState) -> bool:
    """Whether a row says what it said before, whatever event it has come to."""
    # Of each event: a copy to compare takes four times as long.
    return {**before.__dict__, "offset": after.offset} == after.__dict__


def _new_row(event: ChargerEvent) -> ChargerState:
    return ChargerState(
        charger_id=event.charger_id,
        site_id=event.site_id,
        offset=NEVER_APPLIED,
        updated_at=event.received_at,
    )
