"""Processes under measurement: started, watched and ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.processes import ended_within, start_child, stop_child
from models.errors import DepotgateError

STOP_S = 10.0
"""For a clean stop; a worker flushes and commits first."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LOG_LINES = 15
"""Of a child that died: its last words."""


class ChildFailedError(DepotgateError):
    """A process of the benchmark ended or hung before it did its part."""


class Child:
    """A Python module of this benchmark in a process of its own."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    async def wait_until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait for a condition that this process brings about.

        Raises:
            ChildFailedError: it ended first, or `within_s` passed; with its last words.
        """
        held = await ended_within(lambda: condition() or self.ended, within_s)
        if not held or not condition():
            cause = "ended" if self.ended else f"was not within {within_s:.0f} s"
            raise ChildFailedError(f"{self.name} {cause} {what}:\n{self._last_words()}")

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:])

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL."""
        await stop_child(self._process, STOP_S)


class Children:
    """Starts children; ends all that are left, newest first, when its block ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[Child] = []

    def start(self, name: str, command: list[str]) -> Child:
        """Start `python -m command…`; its output goes to a log in the folder."""
        log = self.folder / f"{name}.log"
        child = Child(name, start_child([sys.executable, "-m", *command], log), log)
        self._running.append(child)
        return child

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        while self._running:
            await self._running.pop().stop()


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, that a process has used in all its threads (proc(5), stat)."""
    # The command name may hold blanks; fields are counted from behind its bracket: 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def memory_mb(pid: int | str) -> tuple[float, float]:
    """Resident memory of a process in MB: now, and at its highest (proc(5), status)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    rows = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return tuple(int(rows[row].split()[0]) / 1024 for row in ("VmRSS", "VmHWM"))  # type: ignore[return-value]
