"""What the integration tests share: one broker per test session, from the product's launcher."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.kafka.broker import Broker, start_broker


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A Kafka that answers: the one that DEPOTGATE_KAFKA names, else one of this session's own."""
    running = await start_broker(
        tmp_path_factory.mktemp("broker"),
        named=os.environ.get("DEPOTGATE_KAFKA") or None,
        on_progress=print,
    )
    yield running
    await running.stop()
