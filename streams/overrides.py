"""What depotgate changes in Faust's insides, in one place.

Each override was written against faust-streaming 0.15.3 with aiokafka 0.14.0, which pyproject.toml
pins, and each has a test in tests/streams/test_overrides.py that fails when the library's own
method changes.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.objects import cached_property
from mode.utils.queues import FlowControlEvent

from streams.outbox import DeliveryFailedError, Outbox


class Flow(FlowControlEvent):
    """Clears the stream queues only when the flow really was suspended.

    Recovery resumes the partitions, awaits a seek, and only then calls `resume`, which clears every
    queue. A spare worker whose last assignment was empty was never suspended: what it fetched in
    between would vanish while its offsets move on.
    """

    def resume(self) -> None:
        if not self.is_active():
            super().resume()


class Consumer(driver.Consumer):
    """Commits only what Kafka has acknowledged, and before partitions are given away."""

    app: DepotgateApp

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # Faust drops the acknowledged offsets of revoked partitions before it could commit them
        # (faust-streaming#502): every rebalance would decide the last events again.
        await self.commit()
        await super().on_partitions_revoked(revoked)

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        # Faust flushes its own producer here; ours carries the answers.
        try:
            await self.app.outbox.settle()
        except DeliveryFailedError as fault:
            await self.crash(fault)
            return False
        return await super()._commit_offsets(offsets, start_new_transaction)


class Transport(driver.Transport):
    """The aiokafka transport with our consumer."""

    Consumer = Consumer


class DepotgateApp(faust.App):
    """A Faust application that is ready before it joins its group.

    Args:
        outbox: settled before each commit.
        prepare: awaited before the consumer starts, so that a worker never takes partitions from
            a healthy one while it still loads its replica.
    """

    def __init__(
        self, id: str, *, outbox: Outbox, prepare: Callable[[], Awaitable[None]], **settings: Any
    ) -> None:
        self.outbox = outbox
        self._prepare = prepare
        super().__init__(id, **settings)

    @cached_property
    def flow_control(self) -> FlowControlEvent:
        return Flow(loop=self.loop)

    async def on_first_start(self) -> None:
        await self._prepare()
        await super().on_first_start()

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)


class Worker(faust.Worker):
    """Runs the application in the process it is given: logs and terminal stay as they are."""

    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        # Faust's spinner would set the root logger to DEBUG where there is no terminal.
        self.spinner = None
