"""A broker of a module's own, for tests that kill what holds up others or change its topics."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.kafka.broker import Broker, start_broker
from connectors.kafka.broker_files import BrokerFiles, choose_ports
from connectors.kafka.broker_jars import JarsBroker, fetch_jars, jars_present, start_from_jars
from connectors.kafka.topics import apply_topics

_formatted: list[TemporaryDirectory[str]] = []
"""What Kafka's storage tool made of an empty folder, once for this process: a second of a core."""


class _Formatter(JarsBroker):
    """Prepares a data folder, and starts nothing on it."""

    async def format(self) -> None:
        self._files.take()
        self._files.write_settings(*choose_ports(None, None))
        await self._format()
        self._files.release()


async def format_folder(folder: Path) -> None:
    """Have a folder of a broker as if one had been started there before and had nothing written.

    Where there are no jars, which have the tool, whoever starts it has it formatted.
    """
    if not jars_present():
        return
    if not _formatted:
        made = TemporaryDirectory(prefix="depotgate-formatted-")
        files = BrokerFiles(Path(made.name))
        await _Formatter(files, None, await fetch_jars(print)).format()
        _formatted.append(made)
    shutil.copytree(BrokerFiles(Path(_formatted[0].name)).data, BrokerFiles(folder).data)


async def start_own(folder: Path) -> Broker:
    """A broker without topics, with its data in a folder. Whoever asked ends it."""
    await format_folder(folder / "kafka")
    return await start_broker(folder, named=None, on_progress=print)


async def start_own_jars(folder: Path) -> JarsBroker:
    """As `start_own`, from its jars."""
    await format_folder(folder / "kafka")
    return await start_from_jars(BrokerFiles(folder / "kafka"), None, print)


@contextmanager
def broker_in(folder: Path) -> Iterator[JarsBroker]:
    """One with the topics of the table; killed at the end, as nobody reads it any more."""

    async def start() -> JarsBroker:
        broker = await start_own_jars(folder)
        await apply_topics(broker.bootstrap)
        return broker

    broker = asyncio.run(start())
    yield broker
    broker.kill()
