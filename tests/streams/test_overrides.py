"""Each override still replaces what it was written against, and does what it is there for."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any, cast

import faust
import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import TopicAuthorizationFailedError
from faust.app.base import App
from faust.sensors.base import SensorDelegate
from faust.tables.recovery import Recovery
from faust.transport import consumer as faust_consumer
from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import Message
from mode import Service
from mode import Worker as ModeWorker
from mode.utils.queues import FlowControlEvent, FlowControlQueue

from connectors.kafka.producer import Producer
from connectors.telemetry.metrics import Metrics
from models.errors import DeliveryFailedError
from models.topics import EVENTS, REQUESTS
from streams.outbox import Outbox
from streams.overrides import (
    Consumer,
    ConsumerThread,
    DepotgateApp,
    Flow,
    Monitor,
    RawSchema,
    Transport,
    Worker,
)

PARTITION = TP(REQUESTS.name, 3)

VERSIONS = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}

# fmt: off
READ: tuple[tuple[Callable[..., Any], str], ...] = (
    # What was read to write the overrides: replaced here, or relied on by what replaces it.
    (FlowControlEvent.resume,                            "4dcdc1253fd0"),
    (FlowControlEvent.suspend,                           "807929ab275a"),
    (FlowControlEvent.clear,                             "dda5e40d8028"),
    (Recovery._resume_streams,                           "d986a6710c1a"),
    (faust_consumer.Consumer.on_partitions_revoked,      "d04b7ae72c6f"),
    (faust_consumer.Consumer._commit_offsets,            "1a6979904118"),
    (faust_consumer.Consumer.commit,                     "a354437baaa0"),
    (faust_consumer.Consumer.wait_empty,                 "e4662fe24f09"),
    (App._on_partitions_revoked,                         "d5c895bbe57d"),
    (App._new_transport,                                 "42db531312dd"),
    (App._stop_consumer,                                 "55854a5de12c"),
    (faust_consumer.Consumer._drain_messages,            "44a2500309e8"),
    (faust_consumer.Consumer.verify_event_path,          "aead7dc3d8dc"),
    (driver.AIOKafkaConsumerThread.verify_event_path,    "b983e7735f64"),
    (Conductor._compile_message_handler,                 "9fbc0538097a"),
    (driver.Consumer._new_consumer_thread,               "0870ec53dea7"),
    (driver.AIOKafkaConsumerThread.on_start,             "38b4e8bd1e10"),
    (driver.AIOKafkaConsumerThread._fetch_records,       "39a2c6c79fc1"),
    (driver.ConsumerRebalanceListener.on_partitions_assigned, "1c1f8406ad36"),
    (Fetcher._fetch_requests_routine,                    "2a8ec5932644"),
    (Fetcher._get_actions_per_node,                      "1dab2cf937d1"),
    (Fetcher._proc_fetch_request,                        "59bf948fff47"),
    (faust.Schema.compile,                               "d46eec5ce319"),
    (SensorDelegate.on_stream_event_in,                  "8d61a7ef5f31"),
    (Service.wait_first,                                 "feade6a31f8a"),
    (Service.stop,                                       "e17cd2b6bd01"),
    (Service._execute_task,                              "2a976a30f01c"),
    (faust.Worker.__init__,                              "25a4d782432f"),
    (faust.Worker._flag_as_shutdown_by_signal,           "6b295fb1f824"),
    (faust.Worker.on_worker_shutdown,                    "41a905feb7ba"),
    (faust.Worker._setup_spinner_handler,                "18cb28ef5b3d"),
    (ModeWorker.execute_from_commandline,                "212e98f635d7"),
    (ModeWorker.default_on_first_start,                  "09c96afd65d5"),
)
# fmt: on


def digest(method: Callable[..., Any]) -> str:
    return hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:12]


@pytest.mark.parametrize("package", VERSIONS)
def test_the_versions_that_were_read_are_installed(package: str) -> None:
    assert version(package) == VERSIONS[package]


@pytest.mark.parametrize(("method", "read"), READ, ids=[m.__qualname__ for m, _ in READ])
def test_the_library_still_is_what_was_read(method: Callable[..., Any], read: str) -> None:
    assert digest(method) == read, (
        f"{method.__module__}.{method.__qualname__} has changed: read it again, see whether "
        "streams/overrides.py still does what it is there for, and write down its new digest"
    )


class Deliveries(Outbox):
    """An outbox that tells when it was settled, and may have failed."""

    def __init__(self, told: list[str], *, failed: bool = False) -> None:
        super().__init__(Producer("127.0.0.1:1", "tests"), Metrics("worker"))
        self._told = told
        self._failed = failed

    async def settle(self) -> None:
        self._told.append("settled")
        if self._failed:
            raise DeliveryFailedError("a record was not delivered")


class Recorded(Consumer):
    """Our consumer, with the partition assigned and the commit written down instead of sent."""

    told: list[str]

    def assignment(self) -> set[TP]:
        return {PARTITION}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        self.told.append(f"committed {offsets[PARTITION]}")
        return True

    async def wait_empty(self) -> None:
        self.told.append("waited for streams")


async def nothing() -> None:
    """An application that was given nothing to finish."""


def app_with(folder: Path, outbox: Outbox | None = None) -> DepotgateApp:
    outbox = outbox or Deliveries([])
    return DepotgateApp(
        "tests",
        outbox=outbox,
        settle=outbox.settle,
        finish=nothing,
        broker="kafka://127.0.0.1:1",
        datadir=str(folder),
    )


def consumer_of(app: DepotgateApp, told: list[str]) -> Recorded:
    async def ignored(*_: Any) -> None:
        pass

    async def producer_flushed() -> None:
        told.append("Faust's own producer flushed")

    app.producer.flush = producer_flushed  # type: ignore[method-assign]
    consumer = Recorded(
        app.transport,
        callback=ignored,
        on_partitions_revoked=app._on_partitions_revoked,
        on_partitions_assigned=ignored,
    )
    consumer.told = told
    app.consumer = consumer
    return consumer


def message_at(offset: int, *, key: bytes | None = b"", value: bytes | None = b"") -> Message:
    return Message(
        topic=PARTITION.topic,
        partition=PARTITION.partition,
        offset=offset,
        timestamp=0.0,
        timestamp_type=0,
        headers=None,
        key=key,
        value=value,
        checksum=None,
        tp=PARTITION,
    )


def acknowledge(consumer: Consumer, offset: int) -> None:
    consumer.app.topics.acking_topics.add(PARTITION.topic)
    consumer.ack(message_at(offset))


async def queued(flow: FlowControlEvent) -> FlowControlQueue[int]:
    queue: FlowControlQueue[int] = FlowControlQueue(flow_control=flow, clear_on_resume=True)
    queue.put_nowait(1)
    return queue


async def test_events_fetched_while_nothing_was_suspended_are_kept() -> None:
    flow = Flow()
    flow.resume()
    queue = await queued(flow)
    # What recovery does on a spare worker whose last assignment was empty.
    flow.resume()
    assert queue.qsize() == 1


async def test_events_of_the_last_assignment_are_dropped_when_the_flow_is_resumed() -> None:
    flow = Flow()
    flow.suspend()
    queue = await queued(flow)
    flow.resume()
    assert queue.empty()
    assert flow.is_active()


async def test_the_application_uses_the_overrides(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    assert isinstance(app.flow_control, Flow)
    assert isinstance(app.transport, Transport)
    assert isinstance(app.consumer, Consumer)
    assert isinstance(app.monitor, Monitor)
    assert isinstance(app.consumer._thread, ConsumerThread)
    assert driver.Consumer in Consumer.__mro__


async def test_a_commit_waits_for_the_outbox_first(tmp_path: Path) -> None:
    told: list[str] = []
    consumer = consumer_of(app_with(tmp_path, Deliveries(told)), told)
    acknowledge(consumer, 7)
    assert await consumer.commit()
    assert told == ["settled", "Faust's own producer flushed", "committed 8"]


async def test_a_fetch_that_is_not_permitted_finds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: Any, **__: Any) -> None:
        raise TopicAuthorizationFailedError(EVENTS.name)

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", refused)
    monkeypatch.setattr("streams.overrides.RETRY_AFTER_S", 0.0)
    thread = consumer_of(app_with(tmp_path), [])._new_consumer_thread()
    assert await thread._fetch_records(None, {PARTITION}, timeout=0.0) == {}


async def test_nothing_is_committed_after_a_delivery_failed_and_the_worker_stops(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    app = app_with(tmp_path, Deliveries(told, failed=True))
    consumer = consumer_of(app, told)
    acknowledge(consumer, 7)
    assert not await consumer.commit()
    assert told == ["settled"]
    assert consumer.crashed
    assert isinstance(consumer.crash_reason, DeliveryFailedError)


async def test_a_crash_of_the_consumer_reaches_the_process(tmp_path: Path) -> None:
    told: list[str] = []
    app = app_with(tmp_path, Deliveries(told, failed=True))
    worker = Worker(app, asyncio.get_running_loop())
    app.beacon.reattach(worker.beacon)
    consumer = consumer_of(app, told)
    consumer.beacon.reattach(app.beacon)
    acknowledge(consumer, 7)
    await consumer.commit()
    assert worker.crashed


async def test_a_task_of_the_application_that_dies_stops_the_process(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    worker = Worker(app, asyncio.get_running_loop())
    app.beacon.reattach(worker.beacon)

    async def dies() -> None:
        raise ValueError("time stands still")

    await app.add_future(dies())
    assert worker.crashed
    assert isinstance(worker.crash_reason, ValueError)


async def test_a_partition_is_let_go_of_though_its_commit_fails(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    consumer = consumer_of(app, [])

    async def fails() -> None:
        raise OSError("no such broker")

    app.producer.flush = fails  # type: ignore[method-assign]
    acknowledge(consumer, 7)
    with pytest.raises(OSError, match="no such broker"):
        await consumer.on_partitions_revoked({PARTITION})
    assert not app.flow_control.is_active()


async def test_offsets_are_committed_before_the_partition_is_given_away(tmp_path: Path) -> None:
    told: list[str] = []
    app = app_with(tmp_path, Deliveries(told))
    consumer = consumer_of(app, told)

    async def given_away(_app: Any, revoked: set[TP], **_: Any) -> None:
        told.append("given away")

    app.on_partitions_revoked.connect(cast("Any", given_away))
    acknowledge(consumer, 7)
    await consumer.on_partitions_revoked({PARTITION})
    assert told.index("committed 8") < told.index("waited for streams") < told.index("given away")
    # Faust has forgotten what was acknowledged: it could not have committed it any more.
    assert not consumer._acked[PARTITION]


class Delivery:
    """The delivery of one event to its stream, which waits until there is room."""

    def __init__(self, *, room: bool) -> None:
        self.room = asyncio.Event()
        self.steps: list[str] = []
        if room:
            self.room.set()

    async def __call__(self) -> None:
        self.steps.append("began")
        try:
            await self.room.wait()
            self.steps.append("delivered")
        except asyncio.CancelledError:
            self.steps.append("cancelled")
            raise


async def test_an_event_with_room_in_its_stream_is_delivered_at_once(tmp_path: Path) -> None:
    consumer, delivery = consumer_of(app_with(tmp_path), []), Delivery(room=True)
    tasks_before = asyncio.all_tasks()
    waiting = consumer.wait_first(delivery(), consumer.suspend_flow.wait())
    with pytest.raises(StopIteration) as ended:
        # Nothing else gets its turn in between.
        waiting.send(None)
    assert delivery.steps == ["began", "delivered"]
    assert not ended.value.value.stopped
    assert asyncio.all_tasks() == tasks_before


async def test_an_event_without_room_goes_on_where_it_began(tmp_path: Path) -> None:
    consumer, delivery = consumer_of(app_with(tmp_path), []), Delivery(room=False)
    waiting = asyncio.create_task(consumer.wait_first(delivery(), consumer.suspend_flow.wait()))
    await asyncio.sleep(0)
    assert delivery.steps == ["began"]
    delivery.room.set()
    await waiting
    assert delivery.steps == ["began", "delivered"]


async def test_an_event_without_room_is_given_up_when_the_flow_is_suspended(
    tmp_path: Path,
) -> None:
    consumer, delivery = consumer_of(app_with(tmp_path), []), Delivery(room=False)
    waiting = asyncio.create_task(consumer.wait_first(delivery(), consumer.suspend_flow.wait()))
    await asyncio.sleep(0)
    consumer.suspend_flow.set()
    await waiting
    # The task of the delivery sees its cancellation in its next turn.
    await asyncio.sleep(0)
    assert delivery.steps == ["began", "cancelled"]


async def test_what_goes_wrong_with_an_event_reaches_the_fetch_loop(tmp_path: Path) -> None:
    consumer = consumer_of(app_with(tmp_path), [])

    async def fails(after: Callable[[], Any]) -> None:
        await after()
        raise ValueError("no such stream")

    async def at_once() -> None:
        pass

    for after in (at_once, lambda: asyncio.sleep(0)):
        with pytest.raises(ValueError, match="no such stream"):
            await consumer.wait_first(fails(after), consumer.suspend_flow.wait())


@pytest.mark.parametrize(("key", "value"), [(b"CP-1", b"{"), (b"\xff", b"\xfe"), (None, None)])
async def test_key_and_value_are_left_as_they_came(
    tmp_path: Path, key: bytes | None, value: bytes | None
) -> None:
    app = app_with(tmp_path)
    topic = app.topic(REQUESTS.name, schema=RawSchema(key_type=bytes, value_type=bytes))
    event = await topic.decode(message_at(7, key=key, value=value), propagate=True)
    assert (event.key, event.value, event.message.offset) == (key, value, 7)


async def test_a_stream_that_stands_still_is_still_noticed(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    before_s = monotonic()
    app.monitor.on_stream_event_in(PARTITION, 7, cast("Any", None), cast("Any", None))
    assert app.monitor.stream_inbound_time[PARTITION] >= before_s


async def test_the_application_finishes_what_it_was_given(tmp_path: Path) -> None:
    finished: list[bool] = []

    async def finish() -> None:
        finished.append(True)

    app = DepotgateApp(
        "tests", outbox=Deliveries([]), settle=nothing, finish=finish, datadir=str(tmp_path)
    )
    await app.on_shutdown()
    assert finished == [True]


async def test_a_worker_leaves_logs_and_terminal_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    worker = Worker(app_with(tmp_path), asyncio.get_running_loop())
    assert not worker.override_logging
    assert not worker.redirect_stdouts
    await worker.on_execute()
    await worker.on_startup_finished()
    worker.carp("-INT- -INT-")
    assert (root.level, list(root.handlers)) == before
    assert capsys.readouterr() == ("", "")


HUNG = """
import asyncio, sys, time
from pathlib import Path
from streams import overrides
from tests.streams.test_overrides import app_with

async def hang():
    overrides.STOP_MAX_S = 0.1
    worker = overrides.Worker(app_with(Path(sys.argv[1])), asyncio.get_running_loop())
    getattr(worker, sys.argv[2])()
    time.sleep(60)

asyncio.run(hang())
"""
"""A worker that is told to stop and whose event loop never gets round to it."""


@pytest.mark.parametrize("told_to_stop", ["_flag_as_shutdown_by_signal", "on_worker_shutdown"])
def test_a_stop_that_hangs_is_ended(tmp_path: Path, told_to_stop: str) -> None:
    hung = [sys.executable, "-c", HUNG, str(tmp_path), told_to_stop]
    ended = subprocess.run(hung, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert b"stop_gave_up" in ended.stdout + ended.stderr
