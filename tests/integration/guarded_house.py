"""A depot on a secured Kafka: its gateway and worker log in as such, and people ask."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from connectors.kafka.broker_files import free_port
from connectors.keys import write_new_keys
from connectors.processes import die_with_parent, kill_child, stop_child
from models.metrics import Metric
from tests.integration.commands import depotgate
from tests.integration.depots import Depot
from tests.integration.installations import environment, holds_within, metric
from tests.integration.secured_broker import SecuredBroker
from tests.said import Said

WITHIN_S = 90.0


class Started(NamedTuple):
    """A process to be started."""

    role: str
    options: tuple[str, ...]
    variables: dict[str, str]


class House:
    """A depot whose gateway and worker log in as such, and people who ask."""

    def __init__(self, broker: SecuredBroker, folder: Path, depot: Depot) -> None:
        self.broker = broker
        self.depot = depot
        self.ocpp = f"127.0.0.1:{free_port()}"
        self._folder = folder
        self._metrics: dict[str, str] = {}
        self._keys = folder / "keys.json"
        write_new_keys(self._keys, "k1")

    async def ask(self, *arguments: str, **variables: str) -> Said:
        """How a `depotgate` command ends with these settings."""
        return await depotgate(*arguments, environment=self._environment(variables))

    @asynccontextmanager
    async def running(self, *given: Started) -> AsyncIterator[list[str]]:
        """Processes that are ready; when the block has ended, all that each of them said."""
        processes = [self.launch(each) for each in given]
        said: list[str] = []
        try:
            for each, process in zip(given, processes, strict=True):
                await self.until_ready(each.role, process)
            yield said
            await asyncio.gather(*(stop_child(process, WITHIN_S) for process in processes))
            said += [self.said(each.role).read_text() for each in given]
        finally:
            for process in processes:
                kill_child(process)

    async def until_ready(self, role: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for a process that was launched; fails the test with what it said instead."""
        ready = self._ready(role)
        await holds_within(
            lambda: ready.exists() or process.poll() is not None, WITHIN_S, f"{role} is ready"
        )
        assert ready.exists(), self.said(role).read_text()

    def _ready(self, role: str) -> Path:
        return self._folder / f"{role}.ready"

    def metric(self, role: str, row: Metric) -> float:
        """Of a process that runs."""
        return metric(f"http://{self._metrics[role]}/metrics", row.name)

    def said(self, role: str) -> Path:
        """What the process of a role said, its log among it."""
        return self._folder / f"{role}.out"

    def launch(self, given: Started) -> subprocess.Popen[bytes]:
        """A process that somebody else ends."""
        self._ready(given.role).unlink(missing_ok=True)
        self._metrics[given.role] = f"127.0.0.1:{free_port()}"
        files = (f"--data={self._folder / given.role}", f"--ready-file={self._ready(given.role)}")
        metrics = f"--metrics={self._metrics[given.role]}"
        command = [sys.executable, "-m", "depotgate", given.role, *files, metrics]
        with self.said(given.role).open("wb") as out:
            return subprocess.Popen(
                [*command, *given.options],
                env=self._environment(given.variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - plain calls only, see there
            )

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        keys = {"DEPOTGATE_PSEUDONYM_KEYS_FILE": str(self._keys)}
        return {**environment(), "COLUMNS": "80", **keys, **variables}
