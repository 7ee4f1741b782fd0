"""A broker of a module's own, for tests that kill what holds up others or change its topics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.kafka.broker_files import BrokerFiles
from connectors.kafka.broker_jars import JarsBroker, start_from_jars
from connectors.kafka.topics import apply_topics


@contextmanager
def broker_in(folder: Path) -> Iterator[JarsBroker]:
    """Kafka from its jars with its data in a folder, with the topics of the table."""

    async def start() -> JarsBroker:
        broker = await start_from_jars(BrokerFiles(folder / "kafka"), None, print)
        await apply_topics(broker.bootstrap)
        return broker

    broker = asyncio.run(start())
    yield broker
    asyncio.run(broker.stop())
