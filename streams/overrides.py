"""What depotgate changes in Faust's insides, in one place.

Each override was written against faust-streaming 0.15.3 with aiokafka 0.14.0, which pyproject.toml
pins, and each has a test in tests/streams/test_overrides.py that fails when the library's own
method changes.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from time import monotonic
from typing import Any

import faust
import structlog
from aiokafka.errors import TopicAuthorizationFailedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, EventT, Message
from mode.services import WaitResults
from mode.utils.objects import cached_property
from mode.utils.queues import FlowControlEvent

from connectors.first_step import Begun
from connectors.kafka.pacing import pace
from models.errors import DeliveryFailedError
from streams.outbox import Outbox

log = structlog.get_logger()

STOP_MAX_S = 9.0
"""A stop flushes and commits, in well under 3 s. What is not committed then is read again, and who
waits longer is killed anyway: Docker and most supervisors do so after 10 s."""

RETRY_AFTER_S = 0.5
"""Between fetches that Kafka does not permit."""


class Flow(FlowControlEvent):
    """Clears the stream queues only when the flow really was suspended.

    Recovery resumes the partitions, awaits a seek, and only then calls `resume`, which clears every
    queue. A spare worker whose last assignment was empty was never suspended: what it fetched in
    between would vanish while its offsets move on.
    """

    def resume(self) -> None:
        if not self.is_active():
            super().resume()


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Fetches what is worth a fetch: nobody waits for what Faust's agents read."""

    async def on_start(self) -> None:
        await super().on_start()
        # Faust has no settings for this.
        pace(self._consumer)

    async def _fetch_records(self, *args: Any, **options: Any) -> Any:
        # An exception here is the end of Faust. What is not permitted may be again: the watch over
        # permissions says what is lacking, and ends the worker where it goes on lacking.
        try:
            return await super()._fetch_records(*args, **options)
        except TopicAuthorizationFailedError:
            await asyncio.sleep(RETRY_AFTER_S)
            return {}


class Consumer(driver.Consumer):
    """Commits only what Kafka has acknowledged, and before partitions are given away."""

    app: DepotgateApp

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # Faust drops the acknowledged offsets of revoked partitions before it could commit them
        # (faust-streaming#502): every rebalance would decide the last events again. A commit that
        # fails costs repeats; a partition that is not let go of would have two owners.
        try:
            await self.commit()
        finally:
            await super().on_partitions_revoked(revoked)

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        # Faust's own flushes only Faust's producer; ours carries the answers. It also draws a table
        # of the offsets for a log line that nobody reads, four times a second: 5 % of a busy
        # worker. Of the rest nothing is left out but tables and transactions, which are not used.
        try:
            await self.app.settle()
        except DeliveryFailedError as fault:
            await self.crash(fault)
            return False
        assigned = self.assignment()
        committable = {tp: offset for tp, offset in offsets.items() if tp in assigned}
        if not committable:
            return False
        await self.app.producer.flush()
        committed = await self._commit(committable)
        self._committed_offset.update(committable)
        return committed

    async def wait_first(
        self,
        *coros: Any,
        timeout: Any = None,  # noqa: ASYNC109 - Faust's own signature
    ) -> WaitResults:
        # The fetch loop has each event put into its stream's queue and watches for a rebalance
        # meanwhile, with four tasks for each event. Nearly always there is room in the queue and
        # nothing to wait for: the first step is taken here, and usually it is the last.
        match coros:
            case (Coroutine() as delivery, Coroutine() as suspended):
                try:
                    begun = Begun(delivery)
                except BaseException:
                    suspended.close()
                    raise
                if begun.done:
                    suspended.close()
                    return WaitResults([delivery], [begun.result], stopped=False)
                coros = (begun, suspended)
        return await super().wait_first(*coros, timeout=timeout)


class RawSchema(faust.Schema[bytes, bytes]):
    """Leaves key and value as the bytes that came, and the headers where they are.

    Faust's own looks up a codec for the key and one for the value of each event, which have nothing
    to do for bytes, and makes a dictionary of the headers; agents read `event.message`.
    """

    def compile(self, app: AppT, **_: Any) -> Callable[..., Awaitable[EventT[bytes]]]:
        create_event = app.create_event

        async def decode(message: Message, *, propagate: bool = False) -> EventT[bytes]:
            return create_event(message.key, message.value, None, message)

        return decode


class Monitor(faust.Monitor):
    """Counts nothing for each event: /metrics has our own counters, and nobody reads these.

    What stays is when each partition's stream last had an event: Faust's watch over streams that
    stand still asks for it.
    """

    def on_message_in(self, tp: TP, offset: int, message: Any) -> None:
        pass

    def on_message_out(self, tp: TP, offset: int, message: Any) -> None:
        pass

    def on_stream_event_in(self, tp: TP, offset: int, stream: Any, event: Any) -> None:
        self.stream_inbound_time[tp] = monotonic()

    def on_stream_event_out(
        self, tp: TP, offset: int, stream: Any, event: Any, state: Any = None
    ) -> None:
        pass

    def track_tp_end_offset(self, tp: TP, offset: int) -> None:
        pass


class Transport(driver.Transport):
    """The aiokafka transport with our consumer."""

    Consumer = Consumer


class DepotgateApp(faust.App):
    """A Faust application with an outbox of its own.

    Args:
        outbox: takes what agents send.
        settle: awaited before each commit: afterwards Kafka has all that follows from what was
            handled.
        finish: awaited when the application has stopped: nothing is sent any more.
    """

    def __init__(
        self,
        id: str,
        *,
        outbox: Outbox,
        settle: Callable[[], Awaitable[None]],
        finish: Callable[[], Awaitable[None]],
        **settings: Any,
    ) -> None:
        self.outbox = outbox
        self.settle = settle
        self._finish = finish
        super().__init__(id, Monitor=Monitor, **settings)

    @cached_property
    def flow_control(self) -> FlowControlEvent:
        return Flow(loop=self.loop)

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self._finish()

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)


class Worker(faust.Worker):
    """Runs the application in the process it is given: logs and terminal stay as they are."""

    def __init__(self, app: DepotgateApp, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
        # Faust's spinner would set the root logger to DEBUG where there is no terminal, and write
        # to the one there is.
        self.spinner = None
        self._stop_bound: threading.Timer | None = None

    def _flag_as_shutdown_by_signal(self) -> None:
        self._bound_stop()
        super()._flag_as_shutdown_by_signal()

    def on_worker_shutdown(self) -> None:
        self._bound_stop()
        super().on_worker_shutdown()

    def _bound_stop(self) -> None:
        # While Kafka is away, Faust waits for the last commit for ever. From a thread: whatever
        # hangs, this does not.
        if self._stop_bound is None:
            self._stop_bound = threading.Timer(STOP_MAX_S, _give_up)
            self._stop_bound.daemon = True
            self._stop_bound.start()


def _give_up() -> None:
    log.error("worker.stop_gave_up", after_s=STOP_MAX_S)
    os._exit(1)
