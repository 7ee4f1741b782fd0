"""What the gateway tells Kafka, and what becomes of it while Kafka is away.

    what                     while Kafka is away
    status events            answered at once, the newest per connector is sent when it is back
    transaction events       left unanswered, the charger repeats them
    outcomes                 on disk before the driver is told, sent when it is back

Kafka counts as away when an acknowledgement is a second late or a record failed, and as back with
the next acknowledgement. While it is away nothing more is put into the producer, except one record
when none is on its way: the producer goes on trying what it has, and that is how the return shows.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from connectors.deliveries import (
    AWAY_AFTER_S,
    Delivery,
    acknowledged,
    acknowledged_by,
    all_acknowledged,
)
from connectors.first_step import Begun
from connectors.kafka.producer import Producer
from connectors.kafka.spool import Spool, Spooled
from connectors.telemetry.metrics import Metrics
from models.attempt import Outcome
from models.charger import ChargerEvent, EventName, Scalar
from models.errors import DeliveryFailedError, UndecodableRecordError
from models.ids import ChargerId
from models.metrics import EVENTS_HELD, KAFKA_AWAY, SPOOL_FULL, SPOOLED
from models.record import Record
from models.topics import EVENTS, OUTCOMES, Topic

log = structlog.get_logger()

WATCH_EVERY_S = 0.1
"""How late an absence or a return may be noticed."""

HELD_MAX = 50_000
"""Newest events per connector: ten thousand chargers of a few connectors, about 50 MB."""

SPOOL_BATCH_MAX = 256
"""Outcomes that share one fsync: an answer waits for two of them at most."""

SPOOL_WAITING_MAX = 10_000
"""As many as attempts can be pending."""

DRAIN_BATCH_MAX = 500
"""Outcomes sent from the spool before their acknowledgements are awaited."""

_PASSING = (TimeoutError, KafkaTimeoutError, MessageSizeTooLargeError)
"""Failures of one record that say nothing about the producer."""


class HeldKey(NamedTuple):
    """What an event is about."""

    charger_id: ChargerId
    name: str
    evse: Scalar
    connector: Scalar


class Publisher:
    """The gateway's way to Kafka.

    Args:
        producer: started, and stopped, by the owner.
        spool: of this process alone.
    """

    def __init__(self, producer: Producer, spool: Spool, metrics: Metrics) -> None:
        self._producer = producer
        self._spool = spool
        self._metrics = metrics
        self._unacknowledged: dict[Delivery, float] = {}
        self._away = False
        self._back = asyncio.Event()
        self._back.set()
        self._fatal: BaseException | None = None
        self._held: OrderedDict[HeldKey, ChargerEvent] = OrderedDict()
        self._to_spool: deque[tuple[Spooled, asyncio.Future[bool]]] = deque()
        self._spool_wanted = asyncio.Event()
        self._spool_turn = asyncio.Lock()

    @property
    def away(self) -> bool:
        """Whether Kafka does not acknowledge at present."""
        return self._away

    # Sending

    async def append(
        self,
        topic: Topic,
        key: str,
        record: Record,
        *,
        event_id: str,
        at: datetime,
        partition: int | None = None,
        traceparent: str | None = None,
        within_s: float = AWAY_AFTER_S,
    ) -> Delivery | None:
        """Append one record; its delivery is to be awaited with `acknowledged`.

        Returns:
            None when Kafka is away, or the producer's buffer stayed full for `within_s`.
        """
        if self._away and self._unacknowledged:
            return None
        try:
            appending = Begun(
                self._producer.send(
                    topic,
                    key,
                    record,
                    event_id=event_id,
                    at=at,
                    partition=partition,
                    traceparent=traceparent,
                )
            )
            delivery = appending.result if appending.done else await _in_time(appending, within_s)
        except (KafkaError, TimeoutError) as fault:
            self._lost(fault)
            return None
        self._unacknowledged[delivery] = asyncio.get_running_loop().time()
        delivery.add_done_callback(self._ended)
        return delivery

    async def append_when_back(
        self,
        topic: Topic,
        key: str,
        record: Record,
        *,
        event_id: str,
        at: datetime,
        until_s: float,
        traceparent: str | None = None,
    ) -> Delivery | None:
        """As `append`, but waits for Kafka until `until_s` of the loop's clock."""
        while True:
            delivery = await self.append(
                topic, key, record, event_id=event_id, at=at, traceparent=traceparent
            )
            if delivery is not None or not await self._until_back(until_s):
                return delivery

    async def append_event(
        self, event: ChargerEvent, traceparent: str | None = None
    ) -> Delivery | None:
        """Append one charger event, as `append`."""
        return await self.append(
            EVENTS,
            event.charger_id,
            event,
            event_id=event.event_id,
            at=event.received_at,
            traceparent=traceparent,
        )

    async def report(self, event: ChargerEvent) -> None:
        """Publish an event that Kafka may get later; returns when it has it, or is away."""
        # Behind what is held, so that the newest stays the last.
        delivery = None if self._held else await self.append_event(event)
        if delivery is None:
            self.hold(event)
            return
        if not await acknowledged(delivery, AWAY_AFTER_S) and delivery.done():
            self.hold(event)

    async def deliver(self, event: ChargerEvent, until_s: float) -> bool:
        """Publish an event that must not be lost; whether Kafka has it by `until_s`."""
        delivery = await self.append_when_back(
            EVENTS,
            event.charger_id,
            event,
            event_id=event.event_id,
            at=event.received_at,
            until_s=until_s,
        )
        return delivery is not None and await acknowledged_by(delivery, until_s)

    def hold(self, event: ChargerEvent) -> None:
        """Keep an event for Kafka's return, in place of an older one about the same thing."""
        key = held_key(event)
        self._held.pop(key, None)
        self._held[key] = event
        if len(self._held) > HELD_MAX:
            self._held.popitem(last=False)

    async def record(self, outcome: Outcome, traceparent: str | None) -> bool:
        """Make an outcome durable, by Kafka or on disk; False when neither took it."""
        if not self._away:
            delivery = await self._append_outcome(outcome, traceparent)
            if delivery is not None and await acknowledged(delivery, AWAY_AFTER_S):
                return True
        spooled = Spooled(outcome.attempt.charger_id, outcome.request_id, outcome.encode())
        return await self._keep(spooled)

    async def _append_outcome(self, outcome: Outcome, traceparent: str | None) -> Delivery | None:
        return await self.append(
            OUTCOMES,
            outcome.attempt.charger_id,
            outcome,
            event_id=outcome.request_id,
            at=outcome.answered_at,
            traceparent=traceparent,
        )

    # Away and back

    def _ended(self, delivery: Delivery) -> None:
        self._unacknowledged.pop(delivery, None)
        fault = asyncio.CancelledError() if delivery.cancelled() else delivery.exception()
        if fault is None:
            self._returned()
        else:
            self._lost(fault)

    def _lost(self, fault: BaseException) -> None:
        # The idempotent producer repeats what can be repeated by itself; another error ends it.
        if not isinstance(fault, _PASSING) and not getattr(fault, "retriable", False):
            self._fatal = self._fatal or fault
        self._went_away()

    def _went_away(self) -> None:
        if not self._away:
            self._away = True
            self._back.clear()
            self._metrics.set(KAFKA_AWAY, 1)
            log.warning("kafka.away", unacknowledged=len(self._unacknowledged))

    def _returned(self) -> None:
        if self._away:
            self._away = False
            self._back.set()
            self._metrics.set(KAFKA_AWAY, 0)
            log.warning("kafka.back", held=len(self._held), spool_bytes=self._spool.size_bytes)

    async def _until_back(self, until_s: float) -> bool:
        """Wait until something may be sent; False when `until_s` came first."""
        try:
            async with asyncio.timeout_at(until_s):
                # A full buffer without an absence: look again soon, not at once.
                await asyncio.sleep(WATCH_EVERY_S)
                if self._unacknowledged:
                    await self._back.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Notice absence and return, write the spool, catch up; until cancelled.

        Raises:
            DeliveryFailedError: the producer failed for good.
        """
        self._metrics.set(KAFKA_AWAY, 0)
        self._metrics.set(SPOOL_FULL, 0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            tasks.create_task(self._write_spool())
            tasks.create_task(self._catch_up())

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        looked_s = loop.time()
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            late_s = loop.time() - looked_s - WATCH_EVERY_S
            looked_s = loop.time()
            if self._fatal is not None:
                raise DeliveryFailedError(
                    "records can no longer be delivered "
                    f"({self._producer.cause_of(self._fatal)}); the gateway starts again"
                )
            oldest_s = next(iter(self._unacknowledged.values()), looked_s)
            # A loop that stood still has not read the acknowledgements yet.
            if looked_s - oldest_s > AWAY_AFTER_S + late_s:
                self._went_away()
            self._metrics.set(SPOOLED, self._spool.size_bytes)
            self._metrics.set(EVENTS_HELD, len(self._held))

    async def _catch_up(self) -> None:
        """Send what was kept, whenever something may be sent."""
        while True:
            if not (self._away and self._unacknowledged):
                if self._spool.size_bytes:
                    await self._drain()
                await self._send_held()
            await asyncio.sleep(WATCH_EVERY_S)

    async def _send_held(self) -> None:
        while self._held:
            key, event = next(iter(self._held.items()))
            if await self.append_event(event) is None:
                return
            # A newer one may have taken its place meanwhile.
            if self._held.get(key) is event:
                del self._held[key]

    # The spool

    async def _keep(self, spooled: Spooled) -> bool:
        if len(self._to_spool) >= SPOOL_WAITING_MAX:
            return False
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._to_spool.append((spooled, kept))
        self._spool_wanted.set()
        return await kept

    async def _write_spool(self) -> None:
        """Write what waits, as many as wait with one fsync, in a thread."""
        while True:
            await self._spool_wanted.wait()
            self._spool_wanted.clear()
            while self._to_spool:
                count = min(len(self._to_spool), SPOOL_BATCH_MAX)
                batch = [self._to_spool.popleft() for _ in range(count)]
                async with self._spool_turn:
                    records = [spooled for spooled, _ in batch]
                    written = await asyncio.to_thread(self._spool.append, *records)
                self._metrics.set(SPOOL_FULL, 0 if written else 1)
                for _, kept in batch:
                    if not kept.done():
                        kept.set_result(written)

    async def _drain(self) -> None:
        """Send the spool and forget it once Kafka has all of it; else it stays as it is.

        Readers drop a repeated id, so sending a part twice is harmless. Outcomes that come
        meanwhile wait, for a batch's acknowledgement at most.
        """
        async with self._spool_turn:
            sent: list[Delivery] = []
            for outcome in _outcomes(self._spool):
                delivery = await self._append_outcome(outcome, None)
                if delivery is None:
                    return
                sent.append(delivery)
                if len(sent) >= DRAIN_BATCH_MAX:
                    if not await all_acknowledged(sent):
                        return
                    sent.clear()
            if await all_acknowledged(sent):
                await asyncio.to_thread(self._spool.clear)
                self._metrics.set(SPOOL_FULL, 0)
                log.info("spool.drained")


async def _in_time(appending: Begun[Delivery], within_s: float) -> Delivery:
    async with asyncio.timeout(within_s):
        return await appending


def _outcomes(spool: Spool) -> Iterator[Outcome]:
    for spooled in spool.read():
        try:
            yield Outcome.decode(spooled.value)
        except UndecodableRecordError as fault:
            log.error("spool.undecodable", outcome_id=spooled.event_id, cause=str(fault))


_EACH_COUNTS = frozenset({EventName.DECISION_LATE, EventName.SESSION_STOPPED})
"""Events of which an older one is not made worthless by a newer one."""


def held_key(event: ChargerEvent) -> HeldKey:
    """What a newer event has to share with an event to take its place."""
    data = event.data
    about: Scalar = event.event_id if event.name in _EACH_COUNTS else data.get("evseId")
    # The gateway's own events have a connector of 1.6 and an EVSE of 2.x under one name.
    connector = data.get("connectorId", data.get("connector"))
    return HeldKey(event.charger_id, event.name, about, connector)
