"""Whether a running process still may do what its role does: seen, said once, and bounded.

A permission that is taken away shows late and in many ways: with the first record, at the next
rebalance, as a fetch that fails again and again. So Kafka is asked.
"""

from __future__ import annotations

import asyncio

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from connectors.kafka.permissions import Lacking, lacking_of
from connectors.kafka.security import Kafka
from connectors.kafka.topics import admin_client
from connectors.telemetry.metrics import Metrics
from models.errors import BrokerUnavailableError, KafkaRefusedError
from models.metrics import PERMISSIONS_LACKING
from models.roles import Permit

log = structlog.get_logger()

LOOK_EVERY_S = 5.0
"""Kafka answers out of its memory."""

PATIENCE_S = 30.0
"""Of a worker that lacks something: whoever took it away by mistake sees it and gives it back, or a
worker with another user gets its partitions."""


class PermissionWatch:
    """Looks again and again at what Kafka permits to a process that runs.

    Args:
        permit: of its role.
        patience_s: how long it may lack something; None = for ever, which is for those who serve
            chargers all the same: these would lose their connection, and the next start is refused.
    """

    def __init__(
        self,
        kafka: Kafka,
        permit: Permit,
        metrics: Metrics,
        *,
        patience_s: float | None,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._kafka = kafka
        self._permit = permit
        self._metrics = metrics
        self._patience_s = patience_s
        self._look_every_s = look_every_s
        self._lacking = Lacking()
        self._lacking_since_s: float | None = None

    async def run(self) -> None:
        """Look until cancelled; a Kafka that is away is others' to say.

        Raises:
            NotPermittedError: something has been lacking for longer than is borne.
        """
        self._metrics.set(PERMISSIONS_LACKING, 0)
        while True:
            try:
                async with admin_client(self._kafka) as admin:
                    await self._look_while_there(admin._client)
            except (KafkaError, BrokerUnavailableError, KafkaRefusedError):
                await asyncio.sleep(self._look_every_s)

    async def _look_while_there(self, client: AIOKafkaClient) -> None:
        while True:
            self._found(await lacking_of(client, self._permit))
            await asyncio.sleep(self._look_every_s)

    def _found(self, lacking: Lacking) -> None:
        self._metrics.set(PERMISSIONS_LACKING, len(lacking.names))
        changed, self._lacking = lacking != self._lacking, lacking
        if not lacking.names:
            self._lacking_since_s = None
            if changed:
                log.warning("permissions.complete")
            return
        fault = lacking.said(self._kafka, self._permit)
        if changed:
            log.error("permissions.lacking", cause=str(fault), ends_after_s=self._patience_s)
        now_s = asyncio.get_running_loop().time()
        if self._lacking_since_s is None:
            self._lacking_since_s = now_s
        if self._patience_s is not None and now_s - self._lacking_since_s > self._patience_s:
            raise fault
