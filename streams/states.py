"""Per-charger state of the partitions this worker owns, and its log, charger.state.v1."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime

import orjson
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import (
    position_reached,
    read_from_beginning,
    read_on,
    start_consumer,
    stop_consumer,
)
from connectors.kafka.partition import partition_of
from connectors.kafka.security import Kafka
from connectors.telemetry.failing import Failing
from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState
from models.errors import DepotgateError, UndecodableRecordError
from models.ids import ChargerId
from models.metrics import REPLICA_BAD
from models.topics import STATE

log = structlog.get_logger()

NEVER_APPLIED = -1
"""Offset of a row that no event has touched yet."""

POLL_S = 0.2
"""How long one fetch of the load waits for news."""

RETRY_AFTER_S = 0.5
"""Between two tries to load: a rebalance often comes just when a broker has come back."""

LOOK_AT_ONCE = 50
"""Rows of which only the owner is read, before others have their turn: a millisecond at most."""

Rows = dict[int, dict[ChargerId, ChargerState]]


class Log:
    """The rows of some partitions, as their log tells them one after the other.

    A worker that was thought dead may write on for a while, behind rows of the next owner: whatever
    it has applied, the row of the newest ownership counts.

    Attributes:
        rows: that count.
        buried: chargers of which an older row lies behind the one that counts. Compaction would
            keep that one, so the one that counts is to be written once more.
        epochs: the newest of each partition.
        ends: where each partition was read to, as its next offset.
    """

    def __init__(self, partitions: set[int]) -> None:
        self.rows: Rows = {partition: {} for partition in partitions}
        self.buried: set[ChargerId] = set()
        self.epochs = dict.fromkeys(partitions, 0)
        self.ends: dict[TopicPartition, int] = {}

    def take(self, partition: int, row: ChargerState) -> None:
        """The next row of a partition."""
        rows = self.rows[partition]
        known = rows.get(row.charger_id)
        self.epochs[partition] = max(self.epochs[partition], row.owner_epoch or 0)
        if known is None or _counts_before(row, known):
            rows[row.charger_id] = row
            self.buried.discard(row.charger_id)
        else:
            self.buried.add(row.charger_id)


def _counts_before(row: ChargerState, known: ChargerState) -> bool:
    """Whether a row counts in place of one that was written before it."""
    if row.owner_epoch is None or known.owner_epoch is None:
        return row.offset >= known.offset
    return (row.owner_epoch, row.offset) >= (known.owner_epoch, known.offset)


class ChargerStates:
    """The newest row of each charger in the assigned partitions of charger.events.v1.

    Kafka is the truth: rows are loaded when a partition comes and dropped when it goes, so a row
    from an earlier ownership can never be used again.

    Attributes:
        buried: chargers whose rows are to be written once more, see `Log`.
        to_write: these, and one of each other partition: an ownership that never wrote a row is
            numbered as the next one is.
    """

    def __init__(self, bootstrap: Kafka, metrics: Metrics) -> None:
        self._bootstrap = bootstrap
        self._metrics = metrics
        self._rows: Rows = {}
        self.buried: frozenset[ChargerId] = frozenset()
        self.to_write: frozenset[ChargerId] = frozenset()
        self._epochs: dict[int, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._ownership = 0

    def __iter__(self) -> Iterator[ChargerState]:
        """Every row of every assigned partition."""
        for rows in self._rows.values():
            yield from rows.values()

    def charger_ids(self) -> list[ChargerId]:
        """The chargers of every assigned partition, as they are now."""
        return [charger_id for rows in self._rows.values() for charger_id in rows]

    @property
    def share(self) -> float:
        """How much of all chargers is assigned here, 0 to 1: partitions are about equal."""
        return len(self._rows) / STATE.partitions

    def get(self, charger_id: ChargerId) -> ChargerState | None:
        """The charger's row, None when it has none or is another worker's."""
        return self._rows.get(partition_of(charger_id), {}).get(charger_id)

    def put(self, row: ChargerState) -> None:
        """Keep a row; one of a partition that is not assigned is somebody else's to keep."""
        rows = self._rows.get(partition_of(row.charger_id))
        if rows is not None:
            rows[row.charger_id] = row

    def drop(self, partitions: set[int]) -> None:
        """Forget the rows of partitions that go to another worker."""
        self._ownership += 1
        for partition in partitions:
            self._rows.pop(partition, None)

    def owned(self, row: ChargerState, **changed: datetime) -> ChargerState:
        """The row as it is to be written, under the present ownership of its partition.

        Args:
            changed: fields that are others.
        """
        epoch = self._epochs.get(partition_of(row.charger_id))
        owner = {} if epoch is None else {"owner_epoch": epoch}
        return row.model_copy(update={**changed, **owner})

    async def load(self, partitions: set[int], generation: int = 0) -> bool:
        """Read the rows of exactly these partitions, to the end offsets captured at start.

        Nobody sees a row before all are read: an old version of it would send its commands again.

        Args:
            generation: of the consumer group under which they were assigned. Kafka raises it with
                each assignment, and begins anew where a group was forgotten, so it is only the
                least that the ownership is numbered by.

        Returns:
            False when partitions were dropped meanwhile: then nothing is known, and another
            assignment with a load of its own follows.
        """
        self._ownership += 1
        ownership = self._ownership
        self._rows, self._epochs, self._ends = {}, {}, {}
        self.buried = self.to_write = frozenset()
        found = Log(partitions)
        loading = Failing("state.load")
        while self._ownership == ownership:
            try:
                found = await self._read(partitions)
                loading.worked()
                break
            except (KafkaError, DepotgateError) as fault:
                loading.failed(fault)
                await asyncio.sleep(RETRY_AFTER_S)
        if self._ownership != ownership:
            return False
        self._rows, self._ends, self.buried = found.rows, found.ends, frozenset(found.buried)
        numbered = {partition_of(charger_id) for charger_id in found.buried}
        heralds = {
            next(iter(rows)) for each, rows in found.rows.items() if rows and each not in numbered
        }
        self.to_write = self.buried | heralds
        self._epochs = {
            partition: max(generation, newest + 1) for partition, newest in found.epochs.items()
        }
        return True

    async def _read(self, partitions: set[int]) -> Log:
        found = Log(partitions)
        if not partitions:
            return found
        consumer = await start_consumer(self._bootstrap)
        try:
            assigned = [TopicPartition(STATE.name, partition) for partition in partitions]
            ends = await read_from_beginning(consumer, assigned)
            found.ends = dict(ends)
            while not await position_reached(consumer, ends):
                batches = await consumer.getmany(timeout_ms=int(POLL_S * 1000))
                for messages in batches.values():
                    for message in messages:
                        self._take(found, message)
        finally:
            await stop_consumer(consumer)
        return found

    async def written_over(self) -> frozenset[ChargerId]:
        """Chargers of which a row of an older ownership is the last one by now.

        Whoever wrote it was thought dead, and moved again behind our rows; compaction would keep
        it. Each call looks at what came since the one before it, or since the load.

        Raises:
            KafkaError, DepotgateError: it could not be looked at; the next call begins there again.
        """
        ownership, epochs = self._ownership, self._epochs
        if not self._ends:
            return frozenset()
        older: set[ChargerId] = set()
        consumer = await start_consumer(self._bootstrap)
        try:
            ends = await read_on(consumer, self._ends)
            while not await position_reached(consumer, ends):
                batches = await consumer.getmany(
                    timeout_ms=int(POLL_S * 1000), max_records=LOOK_AT_ONCE
                )
                for messages in batches.values():
                    for message in messages:
                        _note_older(older, message, epochs[message.partition])
                # What was fetched is handed over without a pause.
                await asyncio.sleep(0)
        finally:
            await stop_consumer(consumer)
        if self._ownership != ownership:
            return frozenset()
        self._ends = dict(ends)
        return frozenset(older)

    def _take(self, found: Log, message: ConsumerRecord) -> None:
        try:
            row = ChargerState.decode(message.value)
        except UndecodableRecordError as fault:
            self._metrics.count(REPLICA_BAD, STATE.name)
            log.error("state.bad_row", partition=message.partition, cause=str(fault))
            return
        found.take(message.partition, row)


def _note_older(older: set[ChargerId], message: ConsumerRecord, epoch: int) -> None:
    """Take the next row of a charger: of an older ownership than `epoch`, or of that one again."""
    try:
        charger_id = ChargerId((message.key or b"").decode())
        owner_epoch = orjson.loads(message.value or b"{}").get("owner_epoch")
    except (UnicodeDecodeError, orjson.JSONDecodeError, AttributeError):
        # No row: a load counts and says it.
        return
    if isinstance(owner_epoch, int) and owner_epoch >= epoch:
        older.discard(charger_id)
    else:
        older.add(charger_id)
