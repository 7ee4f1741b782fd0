"""Per-charger state of the partitions this worker owns, and its log, charger.state.v1."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import position_reached, start_consumer
from connectors.kafka.partition import partition_of
from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState
from models.errors import UndecodableRecordError
from models.ids import ChargerId
from models.metrics import REPLICA_BAD
from models.topics import STATE

log = structlog.get_logger()

NEVER_APPLIED = -1
"""Offset of a row that no event has touched yet."""


class ChargerStates:
    """The newest row of each charger in the assigned partitions of charger.events.v1.

    Kafka is the truth: rows are loaded when a partition comes and dropped when it goes, so a row
    from an earlier ownership can never be used again.
    """

    def __init__(self, bootstrap: str, metrics: Metrics) -> None:
        self._bootstrap = bootstrap
        self._metrics = metrics
        self._rows: dict[int, dict[ChargerId, ChargerState]] = {}

    def __iter__(self) -> Iterator[ChargerState]:
        """Every row of every assigned partition."""
        for rows in self._rows.values():
            yield from rows.values()

    def charger_ids(self) -> list[ChargerId]:
        """The chargers of every assigned partition, as they are now."""
        return [charger_id for rows in self._rows.values() for charger_id in rows]

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
        for partition in partitions:
            self._rows.pop(partition, None)

    async def load(self, partitions: set[int]) -> None:
        """Read the rows of exactly these partitions, to the end offsets captured at start."""
        self._rows = {partition: {} for partition in partitions}
        if not partitions:
            return
        consumer = await start_consumer(self._bootstrap)
        try:
            assigned = [TopicPartition(STATE.name, partition) for partition in partitions]
            consumer.assign(assigned)
            await consumer.seek_to_beginning(*assigned)
            ends = await consumer.end_offsets(assigned)
            while not await position_reached(consumer, ends):
                for messages in (await consumer.getmany(timeout_ms=200)).values():
                    for message in messages:
                        self._take(message)
        finally:
            await consumer.stop()

    def _take(self, message: ConsumerRecord) -> None:
        try:
            row = ChargerState.decode(message.value)
        except UndecodableRecordError as fault:
            self._metrics.count(REPLICA_BAD, STATE.name)
            log.error("state.bad_row", partition=message.partition, cause=str(fault))
            return
        known = self._rows[message.partition].get(row.charger_id)
        # A worker that was thought dead may still have written: its row is behind ours.
        if known is None or row.offset >= known.offset:
            self._rows[message.partition][row.charger_id] = row
