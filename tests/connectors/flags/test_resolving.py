"""Rounds of the flags process that Kafka does not permit."""

from __future__ import annotations

import asyncio

import pytest
from openfeature.provider.in_memory_provider import InMemoryProvider
from structlog.testing import capture_logs

from connectors.flags import resolving
from connectors.flags.flags_file import FlagSource
from connectors.flags.reading import StageFlag
from connectors.flags.resolving import REPLICA_TOPICS, Resolver
from connectors.kafka.replica import Replica
from connectors.telemetry.metrics import Metrics
from models.errors import NotPermittedError

WITHIN_S = 30.0


class Refused(Resolver):
    """Kafka permits its rounds from the third on."""

    rounds_count = 0

    async def round(self) -> None:
        self.rounds_count += 1
        if self.rounds_count < 3:
            raise NotPermittedError("Kafka does not permit it")


async def test_a_round_that_is_not_permitted_is_said_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolving, "EVERY_S", 0.0)
    metrics, at = Metrics("flags"), "127.0.0.1:1"
    flag = StageFlag(FlagSource("test", InMemoryProvider({}), "stage"))
    resolver = Refused(at, flag, Replica(at, REPLICA_TOPICS, metrics), metrics)
    written = asyncio.Event()
    with capture_logs() as said:
        keeping = asyncio.create_task(resolver.keep(written.set))
        async with asyncio.timeout(WITHIN_S):
            await written.wait()
        keeping.cancel()
        await asyncio.wait({keeping})
    assert resolver.rounds_count >= 3
    assert [line["event"] for line in said] == ["flags.write_failed", "flags.write_works"]
