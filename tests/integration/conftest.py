"""What the integration tests share: one broker per test session, from the product's launcher."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from connectors.kafka.broker import Broker, start_broker
from connectors.kafka.topics import apply_topics
from tests.integration.gateways import House, Running, open_house
from tests.integration.topics_io import Topics, topics_on
from tests.integration.workers import WorkerProcess, workers_on


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A Kafka that answers: the one that DEPOTGATE_KAFKA names, else one of this session's own."""
    running = await start_broker(
        tmp_path_factory.mktemp("broker"),
        named=os.environ.get("DEPOTGATE_KAFKA") or None,
        on_progress=print,
    )
    yield running
    # Nobody reads it any more: a clean stop takes another second of a core.
    running.kill()


@pytest.fixture(scope="module")
def worker(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """The only worker on the broker, for all tests of a module."""
    asyncio.run(apply_topics(broker.bootstrap))
    with workers_on(broker.bootstrap, tmp_path_factory.mktemp("workers")) as workers:
        yield workers.start().wait_ready()


@pytest.fixture
async def topics(broker: Broker) -> AsyncIterator[Topics]:
    """The broker's topics, to be written to as load and gateways do, and to be read."""
    async with topics_on(broker.bootstrap) as topics:
        yield topics


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A depot with a worker that the test can silence; see `gateways`."""
    async with open_house(broker.bootstrap, tmp_path_factory.mktemp("gateway")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(house: House) -> AsyncIterator[Running]:
    """A gateway in this process."""
    async with house.gateway(slot=5) as running:
        yield running
