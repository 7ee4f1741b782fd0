"""A charger's row, what follows from it, and in which order it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.deliveries import Delivery
from connectors.kafka.partition import partition_of
from connectors.kafka.replica import Replica
from connectors.processes import ended_within
from connectors.telemetry.metrics import Metrics
from models.attempt import TokenKind
from models.charger import (
    ChargerCommand,
    ChargerEvent,
    ChargerState,
    CommandKind,
    CommandResult,
    CommandStatus,
    EventName,
    ModeFact,
    ModeFactKind,
    Scalar,
)
from models.errors import UndecodableRecordError
from models.governing import Governing
from models.ids import ChargerId, ConnectionId, GatewayInstance, SiteId, Slot
from models.reasons import OcppVersion
from models.record import Record
from models.schedule import WEEKDAYS, Mode, Schedule, Window
from models.site import ChargerRecord, SiteRecord, Stage
from models.topics import CHARGERS, COMMANDS, MODE, SITES, STATE, Topic
from streams.chargers import ChargerDesk
from streams.states import ChargerStates, Log
from tests.streams.recorded import Consumed, Sent

CHARGER, OTHER = ChargerId("CP-1"), ChargerId("CP-2")
SITE = SiteId("north")
SOON_S = 30.0
FIRST, SECOND = (ConnectionId(f"0195-000{number}") for number in (1, 2))

MANAGED = Schedule(id="depot", default=Mode.MANAGED)
FREEVEND = Schedule(id="depot", default=Mode.FREEVEND)


def reserved_since(begins: datetime) -> Schedule:
    """Freevend until a UTC minute, then managed for four hours."""
    window = Window(
        days=WEEKDAYS,
        start=f"{begins:%H:%M}",
        end=f"{begins + timedelta(hours=4):%H:%M}",
        mode=Mode.MANAGED,
    )
    return Schedule(id="depot", default=Mode.FREEVEND, windows=(window,))


class States(ChargerStates):
    """Rows whose log is given instead of read from Kafka."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__("127.0.0.1:1", metrics)
        self.logged: list[ChargerState] = []
        self.may_load = asyncio.Event()
        self.may_load.set()

    async def _read(self, partitions: set[int]) -> Log:
        found = Log(partitions)
        for row in self.logged:
            found.take(partition_of(row.charger_id), row)
        await self.may_load.wait()
        return found


class View(Replica):
    """A replica whose rows are put, and that fails for chargers it is told to fail for."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__("127.0.0.1:1", (SITES, CHARGERS), metrics)
        self.failing: set[ChargerId] = set()
        self.changed: list[Callable[[Topic, str], None]] = []

    def subscribe(self, changed: Callable[[Topic, str], None]) -> None:
        self.changed.append(changed)

    def governing(self, charger_id: ChargerId) -> Governing | None:
        if charger_id in self.failing:
            raise ZeroDivisionError("a bug")
        return super().governing(charger_id)

    def put(self, topic: Topic, key: str, record: Record) -> None:
        self._put(topic, key, record.encode())
        self._forget_derived({topic})
        for changed in self.changed:
            changed(topic, key)


class Desk:
    """A desk that owns every partition, and everything it sends."""

    ocpp: OcppVersion = "2.0.1"

    def __init__(self) -> None:
        self.metrics = Metrics("worker")
        self.replica = View(self.metrics)
        self.states = States(self.metrics)
        self.sent = Sent(self.metrics)
        self.desk = ChargerDesk(self.replica, self.states, self.sent, self.metrics)
        self.revision = 0
        self.offset = 0

    def configure(
        self,
        schedule: Schedule = MANAGED,
        stage: Stage = Stage.ENFORCE,
        *,
        more: Sequence[ChargerId] = (),
        loaded_at: datetime | None = None,
        **choices: Any,
    ) -> None:
        for charger_id in (CHARGER, OTHER, *more):
            record = ChargerRecord(
                charger_id=charger_id, site_id=SITE, security_profile=0, revision="r"
            )
            self.replica.put(CHARGERS, charger_id, record)
        self.revision += 1
        site = SiteRecord(
            site_id=SITE,
            name="North",
            timezone="UTC",
            stage=stage,
            schedules=(schedule,),
            schedule="depot",
            revision=f"r{self.revision}",
            loaded_at=loaded_at or datetime.now(UTC),
            **choices,
        )
        self.replica.put(SITES, SITE, site)

    async def event(
        self,
        name: str,
        charger_id: ChargerId = CHARGER,
        *,
        connection_id: ConnectionId = FIRST,
        gateway: str = "gw-1",
        received_at: datetime | None = None,
        result: CommandResult | None = None,
        token: TokenKind | None = None,
        data: dict[str, Scalar] | None = None,
    ) -> None:
        self.offset += 1
        event = ChargerEvent(
            event_id=f"event-{self.offset}",
            charger_id=charger_id,
            site_id=SITE,
            ocpp=self.ocpp,
            connection_id=connection_id,
            gateway_instance=GatewayInstance(gateway),
            slot=Slot(3),
            name=name,
            received_at=received_at or datetime.now(UTC),
            result=result,
            token=token,
            data=data or {},
        )
        await self.desk.apply(Consumed(event.encode(), self.offset))

    async def end(self, command: ChargerCommand) -> None:
        result = CommandResult(
            command_id=command.command_id,
            status=CommandStatus.DONE,
            mode=command.mode,
            observed=command.mode,
            detail="Accepted",
        )
        await self.event(EventName.COMMAND_RESULT, command.charger_id, result=result)

    def commands(self, kind: CommandKind = CommandKind.SWITCH) -> list[ChargerCommand]:
        sent = (record for record in self.sent.of(COMMANDS) if isinstance(record, ChargerCommand))
        return [command for command in sent if command.kind is kind]

    def facts(self, kind: ModeFactKind) -> list[ModeFact]:
        sent = (record for record in self.sent.of(MODE) if isinstance(record, ModeFact))
        return [fact for fact in sent if fact.kind is kind]

    @asynccontextmanager
    async def time_kept(self) -> AsyncIterator[None]:
        clock = asyncio.create_task(self.desk.keep_time())
        try:
            yield
        finally:
            clock.cancel()
            await asyncio.wait([clock])

    async def until(self, condition: Callable[[], bool]) -> None:
        assert await ended_within(condition, SOON_S)


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    assert await made.states.load(set(range(16)))
    made.configure()
    return made


async def test_rule_14_connecting_pushes_the_mode_due_now(desk: Desk) -> None:
    await desk.event(EventName.CONNECTED)
    (command,) = desk.commands()
    assert (command.mode, command.connection_id, command.slot) == (Mode.MANAGED, FIRST, 3)
    assert [fact.command_id for fact in desk.facts(ModeFactKind.SWITCH_COMMANDED)] == [
        command.command_id
    ]


async def test_an_event_that_changes_nothing_writes_no_row(desk: Desk) -> None:
    await desk.event(EventName.CONNECTED)
    await desk.desk.settle()
    rows_count = len(desk.sent.of(STATE))
    await desk.event("MeterValues")
    await desk.desk.settle()
    assert len(desk.sent.of(STATE)) == rows_count
    row = desk.states.get(CHARGER)
    assert row is not None
    assert row.offset == desk.offset


async def test_a_row_is_written_after_all_that_follows_from_it_was_delivered(desk: Desk) -> None:
    waiting: Delivery = asyncio.get_running_loop().create_future()
    sending = desk.sent.send

    async def slow(topic: Topic, *args: object, **kwargs: object) -> Delivery:
        delivery = await sending(topic, *args, **kwargs)  # type: ignore[arg-type]
        return waiting if topic is COMMANDS else delivery

    desk.sent.send = slow  # type: ignore[method-assign]
    await desk.event(EventName.CONNECTED)
    assert desk.commands()
    settling = asyncio.create_task(desk.desk.settle())
    done, _waiting = await asyncio.wait([settling], timeout=0.05)
    assert not done
    assert desk.sent.of(STATE) == []
    waiting.cancel()
    await settling
    assert len(desk.sent.of(STATE)) == 1


async def test_a_row_that_changes_often_is_written_once_before_the_commit(desk: Desk) -> None:
    await desk.event(EventName.CONNECTED)
    await desk.event("BootNotification")
    await desk.event(EventName.CONNECTED, OTHER)
    assert desk.sent.of(STATE) == []
    await desk.desk.settle()
    written = desk.sent.of(STATE)
    assert written == [desk.states.get(CHARGER), desk.states.get(OTHER)]
    await desk.desk.settle()
    assert desk.sent.of(STATE) == written


async def test_a_write_that_is_cancelled_leaves_its_rows_to_the_next(desk: Desk) -> None:
    waiting: Delivery = asyncio.get_running_loop().create_future()
    sending = desk.sent.send

    async def slow(topic: Topic, *args: object, **kwargs: object) -> Delivery:
        delivery = await sending(topic, *args, **kwargs)  # type: ignore[arg-type]
        return waiting if topic is COMMANDS else delivery

    desk.sent.send = slow  # type: ignore[method-assign]
    await desk.event(EventName.CONNECTED)
    settling = asyncio.create_task(desk.desk.settle())
    await asyncio.sleep(0)
    settling.cancel()
    await asyncio.wait([settling])
    waiting.cancel()
    await desk.desk.settle()
    assert desk.sent.of(STATE) == [desk.states.get(CHARGER)]


async def test_a_timetable_changed_and_changed_back_is_commanded_again(desk: Desk) -> None:
    # Reserved since the same edge each time: only what was commanded in between differs.
    reserved = reserved_since(datetime.now(UTC) - timedelta(hours=1))
    desk.configure(reserved)
    await desk.event(EventName.CONNECTED)
    await desk.end(desk.commands()[-1])
    for schedule in (FREEVEND, reserved):
        desk.configure(schedule)
        await desk.event("StatusNotification")
        await desk.end(desk.commands()[-1])
    commands = desk.commands()
    assert [command.mode for command in commands] == [Mode.MANAGED, Mode.FREEVEND, Mode.MANAGED]
    assert len({command.command_id for command in commands}) == 3
    edges = desk.facts(ModeFactKind.EDGE)
    assert len({fact.fact_id for fact in edges}) == 2


async def test_one_charger_that_cannot_be_reviewed_does_not_stop_the_others(desk: Desk) -> None:
    await desk.event(EventName.CONNECTED, CHARGER)
    await desk.event(EventName.CONNECTED, OTHER)
    desk.replica.failing.add(CHARGER)
    desk.configure(FREEVEND)
    async with desk.time_kept():
        await desk.until(lambda: bool(desk.facts(ModeFactKind.EDGE)))
    assert {fact.charger_id for fact in desk.facts(ModeFactKind.EDGE)} == {OTHER}


async def test_time_notices_a_changed_timetable_once(desk: Desk) -> None:
    await desk.event(EventName.CONNECTED)
    desk.configure(FREEVEND)
    async with desk.time_kept():
        await desk.until(lambda: len(desk.commands()) == 2)
        desk.configure(FREEVEND)
        await desk.until(lambda: not desk.desk._all_due)
    assert len(desk.facts(ModeFactKind.EDGE)) == 1
    assert len(desk.commands()) == 2


async def test_a_fact_about_the_same_thing_is_told_once(desk: Desk) -> None:
    desk.configure(stage=Stage.SHADOW)
    for name in (EventName.CONNECTED, "BootNotification", "StatusNotification"):
        await desk.event(name)
    (fact,) = desk.facts(ModeFactKind.WOULD_SWITCH)
    assert fact.stage is Stage.SHADOW
    assert desk.commands() == []


async def test_rule_16_drift_is_judged_by_the_mode_at_the_time_of_the_event(desk: Desk) -> None:
    begins = (datetime.now(UTC) - timedelta(hours=1)).replace(second=0, microsecond=0)
    desk.configure(reserved_since(begins))
    await desk.event(EventName.CONNECTED)
    await desk.end(desk.commands()[-1])
    start = "TransactionEvent"
    before, after = (begins + timedelta(minutes=minutes) for minutes in (-1, 1))
    await desk.event(start, token=TokenKind.FREEVEND_TAG, received_at=before)
    assert desk.facts(ModeFactKind.DRIFT) == []
    await desk.event(start, token=TokenKind.FREEVEND_TAG, received_at=after)
    (drift,) = desk.facts(ModeFactKind.DRIFT)
    assert (drift.desired, drift.observed, drift.detail) == (
        Mode.MANAGED,
        Mode.FREEVEND,
        "behaviour",
    )


async def test_the_older_of_two_connections_is_closed_by_the_same_command_for_everyone(
    desk: Desk,
) -> None:
    at = datetime.now(UTC)
    await desk.event(EventName.CONNECTED)
    await desk.event(EventName.CONNECTED, connection_id=SECOND, gateway="gw-2", received_at=at)
    (close,) = desk.commands(CommandKind.CLOSE)
    assert close.connection_id == FIRST
    taken_over = Desk()
    assert await taken_over.states.load(set(range(16)))
    taken_over.configure()
    await taken_over.event(EventName.CONNECTED)
    await taken_over.event(
        EventName.CONNECTED, connection_id=SECOND, gateway="gw-2", received_at=at
    )
    assert taken_over.commands(CommandKind.CLOSE)[0].command_id == close.command_id


@pytest.mark.parametrize("slot", [-1, 16])
async def test_an_event_of_a_connection_that_no_command_reaches_is_refused(
    desk: Desk, slot: int
) -> None:
    event = ChargerEvent.model_construct(
        event_id="event-1",
        charger_id=CHARGER,
        site_id=SITE,
        ocpp="2.0.1",
        connection_id=FIRST,
        gateway_instance=GatewayInstance("gw-1"),
        slot=Slot(slot),
        name=EventName.CONNECTED,
        received_at=datetime.now(UTC),
        data={},
    )
    with pytest.raises(UndecodableRecordError, match="slot"):
        await desk.desk.apply(Consumed(event.encode(), 1))


async def test_a_charger_that_nothing_governs_keeps_its_row_and_gets_nothing(desk: Desk) -> None:
    stranger = ChargerId("CP-9")
    await desk.event(EventName.CONNECTED, stranger)
    assert desk.states.get(stranger) is not None
    assert desk.commands() == []


async def test_partitions_are_given_away_only_between_two_rows(desk: Desk) -> None:
    await desk.event(EventName.CONNECTED)
    async with desk.desk._one_at_a_time:
        giving = asyncio.create_task(desk.desk.give_away(set(range(16))))
        done, _waiting = await asyncio.wait([giving], timeout=0.05)
        assert not done
        assert desk.states.get(CHARGER) is not None
    await giving
    assert desk.states.get(CHARGER) is None


async def test_what_is_known_beside_the_rows_goes_with_them(desk: Desk) -> None:
    await desk.event(EventName.CONNECTED, received_at=datetime.now(UTC) - timedelta(hours=3))
    await desk.end(desk.commands()[-1])
    owner = desk.desk
    assert owner._sessions._looked.keys() == owner._offline._due_at.keys() == {CHARGER}
    await owner.give_away(set(range(16)))
    kept = (owner._due_at, owner._sessions._looked, owner._offline._due_at)
    assert [len(each) for each in kept] == [0, 0, 0]


async def test_no_row_is_seen_before_all_are_loaded(desk: Desk) -> None:
    await desk.event(EventName.CONNECTED)
    row = desk.states.get(CHARGER)
    assert row is not None
    desk.states.logged.append(row)
    desk.states.may_load.clear()
    loading = asyncio.create_task(desk.states.load(set(range(16))))
    await asyncio.sleep(0)
    assert desk.states.charger_ids() == []
    desk.states.may_load.set()
    assert await loading
    assert desk.states.charger_ids() == [CHARGER]


async def test_a_load_that_another_rebalance_overtook_is_worth_nothing(desk: Desk) -> None:
    await desk.event(EventName.CONNECTED)
    desk.states.logged.append(desk.states.get(CHARGER) or pytest.fail("no row"))
    desk.states.may_load.clear()
    loading = asyncio.create_task(desk.states.load(set(range(16))))
    await asyncio.sleep(0)
    desk.states.drop(set(range(16)))
    desk.states.may_load.set()
    assert not await loading
    assert desk.states.charger_ids() == []


async def test_an_edge_of_many_chargers_is_spread_and_none_that_waits_is_timed_out(
    desk: Desk,
) -> None:
    ids = [ChargerId(f"CP-{number:03d}") for number in range(60)]
    desk.desk = ChargerDesk(
        desk.replica, desk.states, desk.sent, Metrics("worker"), switches_per_s=20.0
    )
    desk.configure(more=ids)
    for charger_id in ids:
        await desk.event(EventName.CONNECTED, charger_id)
    # The burst of a second goes at once; the others have no command that could expire.
    begun_count = len(desk.commands())
    assert 20 <= begun_count < 40
    waiting = [row for row in desk.states if row.commanded is None]
    assert len(waiting) == len(ids) - begun_count
    async with desk.time_kept():
        await desk.until(lambda: len(desk.commands()) == len(ids))
    assert {command.charger_id for command in desk.commands()} == set(ids)


async def test_rule_14_each_edge_that_was_missed_is_told_once(desk: Desk) -> None:
    begins = (datetime.now(UTC) - timedelta(hours=1)).replace(second=0, microsecond=0)
    desk.configure(reserved_since(begins))
    await desk.event(EventName.CONNECTED)
    await desk.event(EventName.DISCONNECTED)
    row = desk.states.get(CHARGER)
    assert row is not None
    # As it was when its worker and its connection went away: three days and their edges ago.
    then = begins - timedelta(days=3)
    old = row.model_copy(update={"desired": Mode.MANAGED, "desired_since": then})
    desk.states.put(old)
    desk.configure(reserved_since(begins), loaded_at=then - timedelta(days=1))
    await desk.event("StatusNotification", connection_id=FIRST)
    missed = desk.facts(ModeFactKind.EDGE_MISSED)
    expected = [
        (then + timedelta(hours=4) + timedelta(days=day), Mode.FREEVEND) for day in range(3)
    ] + [(then + timedelta(days=day), Mode.MANAGED) for day in range(1, 4)]
    assert [(fact.at, fact.desired) for fact in missed] == sorted(expected)
    await desk.event("StatusNotification", connection_id=FIRST)
    await desk.event(EventName.CONNECTED, connection_id=SECOND)
    assert len(desk.facts(ModeFactKind.EDGE_MISSED)) == len(missed)
