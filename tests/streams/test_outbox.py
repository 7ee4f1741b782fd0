"""What was not delivered is never committed, and no exception leaves an agent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from aiokafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    ProducerClosed,
    UnknownTopicOrPartitionError,
)

from connectors.telemetry.metrics import Metrics
from models.charger import ModeFact, ModeFactKind
from models.errors import DeliveryFailedError, UndecodableRecordError
from models.ids import ChargerId, SiteId
from models.metrics import DEAD_LETTERS
from models.schedule import Mode
from models.site import Stage
from models.topics import EVENTS, MODE
from streams.outbox import Outbox
from tests.streams.recorded import Consumed, ScriptedProducer, failed

FACT = ModeFact(
    fact_id="fact-1",
    kind=ModeFactKind.EDGE,
    charger_id=ChargerId("CP-1"),
    site_id=SiteId("north"),
    at=datetime(2026, 3, 2, tzinfo=UTC),
    desired=Mode.MANAGED,
    observed=None,
    stage=Stage.ENFORCE,
)


def outbox_of(producer: ScriptedProducer) -> Outbox:
    return Outbox(producer, Metrics("worker"))


async def send(outbox: Outbox) -> None:
    await outbox.send(MODE, "CP-1", FACT, event_id="fact-1")


@pytest.mark.parametrize("fault", [KafkaTimeoutError, UnknownTopicOrPartitionError])
async def test_a_record_waits_while_kafka_is_away(fault: type[Exception]) -> None:
    producer = ScriptedProducer(fault(), fault())
    outbox = outbox_of(producer)
    await send(outbox)
    assert producer.appended == [(MODE.name, "fact-1")]
    await outbox.settle()


async def test_a_dead_letter_waits_while_kafka_is_away() -> None:
    producer = ScriptedProducer(KafkaTimeoutError())
    outbox = outbox_of(producer)
    await outbox.handled(EVENTS, Consumed(b"?"), raising(UndecodableRecordError("expected, got")))
    assert producer.appended == [(EVENTS.dead_letter_name, "expected, got")]


async def test_a_delivery_that_failed_is_remembered_for_ever() -> None:
    outbox = outbox_of(ScriptedProducer(failed(NotLeaderForPartitionError())))
    await send(outbox)
    for _ in range(2):
        with pytest.raises(DeliveryFailedError, match="NotLeaderForPartitionError"):
            await outbox.settle()
    with pytest.raises(DeliveryFailedError):
        await outbox.delivered(())


async def test_waiting_for_one_delivery_tells_of_its_failure() -> None:
    outbox = outbox_of(ScriptedProducer(failed(NotLeaderForPartitionError())))
    delivery = await outbox.send(MODE, "CP-1", FACT, event_id="fact-1")
    with pytest.raises(DeliveryFailedError):
        await outbox.delivered([delivery])


async def test_a_producer_that_is_closed_is_a_failure() -> None:
    outbox = outbox_of(ScriptedProducer(ProducerClosed()))
    with pytest.raises(DeliveryFailedError, match="ProducerClosed"):
        await send(outbox)
    with pytest.raises(DeliveryFailedError):
        await outbox.settle()


async def test_a_record_that_is_too_large_is_its_senders_fault_alone() -> None:
    outbox = outbox_of(ScriptedProducer(MessageSizeTooLargeError()))
    with pytest.raises(MessageSizeTooLargeError):
        await send(outbox)
    await outbox.settle()


async def raising(fault: Exception) -> None:
    await asyncio.sleep(0)
    raise fault


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (UndecodableRecordError("expected a Thing, got bytes"), "expected a Thing, got bytes"),
        (ZeroDivisionError("1/0"), "expected to handle it, got ZeroDivisionError"),
        (MessageSizeTooLargeError("2 MB"), "expected to handle it, got MessageSizeTooLargeError"),
    ],
)
async def test_what_cannot_be_handled_is_kept_and_the_stream_goes_on(
    fault: Exception, cause: str
) -> None:
    metrics = Metrics("worker")
    producer = ScriptedProducer()
    await Outbox(producer, metrics).handled(EVENTS, Consumed(b"?"), raising(fault))
    assert producer.appended == [(EVENTS.dead_letter_name, cause)]
    counted = metrics.registry.get_sample_value(DEAD_LETTERS.name, {"topic": EVENTS.name})
    assert counted == 1


async def test_after_a_failed_delivery_nothing_is_called_a_dead_letter() -> None:
    producer = ScriptedProducer(ProducerClosed())
    outbox = outbox_of(producer)
    await outbox.handled(EVENTS, Consumed(b"{}"), send(outbox))
    assert producer.appended == []
    with pytest.raises(DeliveryFailedError):
        await outbox.settle()


async def test_a_dead_letter_that_cannot_be_kept_stops_the_worker() -> None:
    outbox = outbox_of(ScriptedProducer(MessageSizeTooLargeError()))
    await outbox.handled(EVENTS, Consumed(b"?"), raising(UndecodableRecordError("bytes")))
    with pytest.raises(DeliveryFailedError):
        await outbox.settle()
