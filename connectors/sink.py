"""Decisions and commands for this gateway's slot, applied where they are held (design, slots).

No group and no committed offsets: what was written before this process began belongs to attempts
and connections that are gone. Everything that nobody here waits for is ignored.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import read_from_now, start_consumer, stop_consumer
from connectors.kafka.producer import Producer
from connectors.kafka.security import Kafka
from connectors.telemetry.failing import Failing
from connectors.telemetry.metrics import Metrics
from models.charger import ChargerCommand
from models.errors import NotPermittedError, UndecodableRecordError
from models.given_decision import GivenDecision
from models.ids import RequestId, Slot
from models.metrics import DEAD_LETTERS
from models.record import Record
from models.topics import COMMANDS, DECISIONS, Topic

log = structlog.get_logger()

POLL_S = 1.0
"""How long a fetch waits when nothing comes; what comes ends it at once."""

RETRY_AFTER_S = 0.2
"""Between fetches that fail while Kafka is away."""

BATCH_RECORDS = 1_000
"""Applied before the event loop sees to the sockets again: about 50 ms of work at most."""

DEAD_LETTER_S = 5.0
"""For Kafka to take a dead letter: the slot is shared with every later decision."""

R = TypeVar("R", bound=Record)


class Decisions(Protocol):
    """Where decisions go (the attempt desk)."""

    def waits_for(self, request_id: RequestId) -> bool: ...

    def decided(self, decision: GivenDecision) -> None: ...


class Commands(Protocol):
    """Where commands go (the command desk)."""

    def take(self, command: ChargerCommand) -> None: ...


class Sink:
    """Reads one slot of access.decisions and charger.commands."""

    def __init__(
        self,
        bootstrap: Kafka,
        slot: Slot,
        *,
        decisions: Decisions,
        commands: Commands,
        producer: Producer,
        metrics: Metrics,
    ) -> None:
        self._bootstrap = bootstrap
        self._slot = slot
        self._decisions = decisions
        self._commands = commands
        self._producer = producer
        self._metrics = metrics
        self._consumer: AIOKafkaConsumer | None = None

    async def open(self) -> None:
        """Take the slot at its end; to be done before the first charger can connect.

        Raises:
            BrokerUnavailableError: nothing answers at the bootstrap address.
        """
        consumer = await start_consumer(self._bootstrap)
        self._consumer = consumer
        assigned = [TopicPartition(topic.name, self._slot) for topic in (DECISIONS, COMMANDS)]
        await read_from_now(consumer, assigned)

    async def close(self) -> None:
        """Let go of the slot."""
        if self._consumer is not None:
            await stop_consumer(self._consumer)

    async def follow(self) -> None:
        """Apply what comes, until cancelled; a Kafka that is away is waited for."""
        assert self._consumer is not None, "follow after open"
        fetch = Failing("sink.fetch")
        while True:
            try:
                batches = await self._consumer.getmany(
                    timeout_ms=int(POLL_S * 1000), max_records=BATCH_RECORDS
                )
            except (KafkaError, NotPermittedError) as fault:
                fetch.failed(fault)
                await asyncio.sleep(RETRY_AFTER_S)
                continue
            fetch.worked()
            for partition, messages in batches.items():
                for message in messages:
                    if partition.topic == DECISIONS.name:
                        await self._decision(message)
                    else:
                        await self._command(message)

    async def _decision(self, message: ConsumerRecord) -> None:
        # The header spares decoding what other gateways of this slot wait for.
        decision_id = _event_id(message)
        if decision_id is not None and not self._decisions.waits_for(decision_id):
            return
        decision = await self._decoded(DECISIONS, GivenDecision, message)
        if decision is not None:
            self._decisions.decided(decision)

    async def _command(self, message: ConsumerRecord) -> None:
        command = await self._decoded(COMMANDS, ChargerCommand, message)
        if command is not None:
            self._commands.take(command)

    async def _decoded(self, topic: Topic, record: type[R], message: ConsumerRecord) -> R | None:
        """The record, or None when it went to the dead letters instead."""
        try:
            return record.decode(message.value)
        except UndecodableRecordError as fault:
            self._metrics.count(DEAD_LETTERS, topic.name)
            log.error(
                "dead_letter",
                topic=topic.name,
                partition=message.partition,
                offset=message.offset,
                cause=str(fault),
            )
            await self._bury(topic, message, str(fault))
            return None

    async def _bury(self, topic: Topic, message: ConsumerRecord, cause: str) -> None:
        try:
            async with asyncio.timeout(DEAD_LETTER_S):
                await (await self._producer.send_dead_letter(topic, message, cause))
        except (KafkaError, TimeoutError) as fault:
            # It stays where it is for as long as its topic keeps it, and it was counted and said.
            log.error("dead_letter.not_sent", topic=topic.name, error=type(fault).__name__)


def _event_id(message: ConsumerRecord) -> RequestId | None:
    for name, value in message.headers:
        # Kafka lets a header have no value.
        if name == "ce_id" and value is not None:
            return RequestId(bytes(value).decode(errors="replace"))
    return None
