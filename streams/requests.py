"""Requests to the decision desk, read in batches by a consumer in a group of its own.

Faust fetches all its topics together, with every partition in each request and response, and hands
over one event at a time: too much for the path on which a driver waits (docs/decisions/0007). Any
worker can decide any request, so nothing has to move with these partitions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import stop_consumer
from connectors.kafka.lacking import permission_lacking
from connectors.kafka.security import Kafka, client_options
from connectors.telemetry.failing import Failing
from models.topics import REQUESTS, REQUESTS_GROUP
from streams.outbox import Outbox

log = structlog.get_logger()

SESSION_S = 10.0
HEARTBEAT_S = 1.0
"""A killed worker's partitions stand still for a session; the gateway's second try goes to another
worker meanwhile."""

POLL_S = 1.0
"""How long a fetch waits when nothing comes; what comes ends it at once."""

RETRY_AFTER_S = 0.2
"""Between tries that fail while Kafka is away."""

BATCH_RECORDS = 100
"""Decided before anything else gets its turn: about 10 ms."""

COMMIT_EVERY_S = 0.25
"""Bounds what a crash repeats; the flush before each commit makes smaller values costly."""

Decide = Callable[[ConsumerRecord], Awaitable[None]]


async def follow_requests(
    bootstrap: Kafka,
    instance_id: str | None,
    outbox: Outbox,
    decide: Decide,
    ready: Callable[[], None],
) -> None:
    """Have requests decided until cancelled; what was decided is committed then.

    Args:
        instance_id: static group membership; None = dynamic.
        decide: takes one request.
        ready: called when partitions were assigned, which may be none.

    Raises:
        DeliveryFailedError: a decision was not delivered; its request is not committed.
        NotPermittedError: Kafka does not permit this user to join the group or to read requests.
    """
    while True:
        consumer = AIOKafkaConsumer(
            **client_options(bootstrap),
            group_id=REQUESTS_GROUP,
            group_instance_id=instance_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(SESSION_S * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_S * 1000),
        )
        reader = RequestReader(consumer, outbox, decide, ready)
        consumer.subscribe([REQUESTS.name], listener=reader)
        try:
            await consumer.start()
            await reader.run()
        except KafkaError as fault:
            lacking = permission_lacking(fault, bootstrap, "read")
            if lacking is not None:
                raise lacking from fault
            log.warning("requests.join_failed", error=type(fault).__name__)
            await asyncio.sleep(RETRY_AFTER_S)
        finally:
            await stop_consumer(consumer)


class RequestReader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One membership in the group: reads, has decided, commits what Kafka has acknowledged."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        outbox: Outbox,
        decide: Decide,
        ready: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._outbox = outbox
        self._decide = decide
        self._ready = ready
        self._owned: set[TopicPartition] = set()
        self._next_offsets: dict[TopicPartition, int] = {}
        # A batch is decided whole before its partitions are given away, and an older commit never
        # comes after a newer one.
        self._deciding = asyncio.Lock()
        self._committing = asyncio.Lock()

    async def run(self) -> None:
        """Read and commit until cancelled; see `follow_requests`."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read())
                tasks.create_task(self._keep_committing())
        finally:
            await self._commit()

    async def _read(self) -> None:
        fetch = Failing("requests.fetch")
        while True:
            try:
                batches = await self._consumer.getmany(
                    timeout_ms=int(POLL_S * 1000), max_records=BATCH_RECORDS
                )
            except KafkaError as fault:
                fetch.failed(fault)
                await asyncio.sleep(RETRY_AFTER_S)
                continue
            fetch.worked()
            async with self._deciding:
                for partition, messages in batches.items():
                    # Given away since it was fetched: whoever has it now decides it.
                    if partition in self._owned:
                        await self._decide_all(partition, messages)

    async def _decide_all(
        self, partition: TopicPartition, messages: Iterable[ConsumerRecord]
    ) -> None:
        for message in messages:
            await self._outbox.handled(REQUESTS, message, self._decide(message))
            self._next_offsets[partition] = message.offset + 1

    async def _keep_committing(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            await self._commit()

    async def _commit(self) -> None:
        """Commit what has been decided so far, once Kafka has its decisions."""
        async with self._committing:
            offsets = dict(self._next_offsets)
            if not offsets:
                return
            await self._outbox.settle()
            try:
                await self._consumer.commit(offsets)
            except KafkaError as fault:
                # Nothing is lost: it is tried again, or the next owner decides them again.
                log.warning("requests.commit_failed", error=type(fault).__name__)
                return
            for partition, offset in offsets.items():
                if self._next_offsets.get(partition) == offset:
                    del self._next_offsets[partition]

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish what was begun, and leave nothing for the next owner to repeat."""
        async with self._deciding:
            try:
                await self._commit()
            finally:
                self._owned.clear()
                self._next_offsets.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin with what was assigned."""
        self._owned = set(assigned)
        self._ready()
