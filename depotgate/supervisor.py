"""Processes of one installation: started, watched, started again, stopped in order."""

from __future__ import annotations

import asyncio
import math
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.kafka.broker import Broker
from connectors.processes import ended_within, start_child, stop_child
from models.errors import BrokerUnavailableError, DepotgateError

Say = Callable[[str], None]
"""Takes a line for the person at the terminal."""

READY_S = 120.0
"""From start to ready: 2–3 s, and a minute for a million identities on a busy machine."""

STOP_S = 12.0
"""For a clean stop: a gateway ends attempts within their deadline and its record, a worker flushes
and commits."""

BACK_OFF_FIRST_S = 0.5
BACK_OFF_MOST_S = 30.0
STABLE_AFTER_S = 60.0
"""A process that ran this long and dies has had an accident; one that dies sooner has a cause, and
is given more and more time."""

LAST_WORDS_LINES = 5


class ProcessFailedError(DepotgateError):
    """A process ended or hung before it was ready; carries its own last words."""


def called(role: str) -> str:
    """A role as people are told of its process: `flags` is one process, not several."""
    return "flags process" if role == "flags" else role


class BackOff:
    """Waits between two starts: doubled up to half a minute, short again after a stable minute."""

    def __init__(self) -> None:
        self._wait_s = BACK_OFF_FIRST_S

    def after_s(self, ran_s: float) -> float:
        """How long to wait before the next start, after one that ran so long."""
        if ran_s >= STABLE_AFTER_S:
            self._wait_s = BACK_OFF_FIRST_S
        wait_s = self._wait_s
        self._wait_s = min(BACK_OFF_MOST_S, 2 * wait_s)
        return wait_s


class Child:
    """One `depotgate` process under supervision.

    Args:
        role: `gateway` or `worker`: the command, and the name people read.
        options: of that command.
        data: the installation's data folder.
    """

    def __init__(self, role: str, options: Sequence[str], data: Path) -> None:
        self.role = role
        self._options = tuple(options)
        self._ready_file = data / "run" / f"{role}.ready"
        self._log_file = data / "logs" / f"{role}.log"
        self._said_file = data / "logs" / f"{role}.out"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return None if self._process is None or self.ended else self._process.pid

    @property
    def ready(self) -> bool:
        """Whether it has said so since it was started."""
        return self._ready_file.exists()

    @property
    def ended(self) -> bool:
        """Whether it was started and has ended."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start it; call from the main thread, with which it ends (connectors.processes)."""
        for file in (self._ready_file, self._said_file):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
        self._process = start_child(self._command(), self._said_file)

    def _command(self) -> list[str]:
        files = [f"--ready-file={self._ready_file}", f"--log-file={self._log_file}"]
        return [sys.executable, "-m", "depotgate", self.role, *self._options, *files]

    async def until_ready(self) -> None:
        """Wait until it has said that it is ready.

        Raises:
            ProcessFailedError: it ended first, or took too long.
        """
        if await ended_within(lambda: self.ready or self.ended, READY_S) and self.ready:
            return
        how = f"ended ({self.how_ended()})" if self.ended else f"is not ready after {READY_S:.0f} s"
        raise ProcessFailedError(f"the {called(self.role)} {how}: {self.last_words()}")

    def how_ended(self) -> str:
        """Its exit code, or the signal that ended it."""
        code = self._process.returncode if self._process else 0
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def last_words(self) -> str:
        """What it said on its way out, else where its log is."""
        try:
            lines = self._said_file.read_text(errors="replace").split("\n")
        except OSError:
            lines = []
        said = [line.strip() for line in lines if line.strip()][-LAST_WORDS_LINES:]
        return " ".join(said) if said else f"its log is {self._log_file}"

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL."""
        if self._process is not None:
            await stop_child(self._process, STOP_S)


class Supervisor:
    """Keeps the broker and the children running.

    Args:
        children: in the order in which they are started; they are stopped in the reverse.
        changed: called after each restart, for run.json.
    """

    def __init__(
        self, broker: Broker, children: Sequence[Child], say: Say, changed: Callable[[], None]
    ) -> None:
        self._broker = broker
        self._children = tuple(children)
        self._say = say
        self._changed = changed

    async def start(self) -> None:
        """Start every child and wait until all are ready.

        Raises:
            ProcessFailedError: one of them ended or hung instead.
        """
        for child in self._children:
            child.start()
        for child in self._children:
            await child.until_ready()

    async def watch(self) -> None:
        """Start again whatever dies, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_broker())
            for child in self._children:
                tasks.create_task(self._keep(child))

    async def stop(self) -> None:
        """Stop the children, last started first: a gateway ends its attempts with its worker."""
        for child in reversed(self._children):
            await child.stop()

    async def _keep(self, child: Child) -> None:
        back_off = BackOff()
        while True:
            ran_s = await _lifetime(lambda: child.ended)
            await self._pause(child.role, child.how_ended(), back_off.after_s(ran_s))
            try:
                child.start()
            except OSError as fault:
                # Its files need room; whatever else runs goes on.
                self._say(f"the {called(child.role)} cannot be started ({fault.strerror})")
                continue
            self._tell()
            try:
                await child.until_ready()
            except ProcessFailedError as fault:
                self._say(str(fault))
            else:
                self._say(f"the {called(child.role)} is back")

    async def _keep_broker(self) -> None:
        back_off = BackOff()
        while True:
            ran_s = await _lifetime(lambda: not self._broker.alive)
            await self._pause("broker", "its process is gone", back_off.after_s(ran_s))
            try:
                await self._broker.start_again()
            except BrokerUnavailableError as fault:
                self._say(str(fault))
            else:
                self._tell()
                self._say("the broker is back")

    def _tell(self) -> None:
        """A run.json that cannot be written is no reason to end what runs."""
        try:
            self._changed()
        except OSError as fault:
            self._say(
                f"run.json cannot be written ({fault.strerror}) and names a process that is gone; "
                "make room on the disk of the data folder"
            )

    async def _pause(self, role: str, how: str, wait_s: float) -> None:
        self._say(f"the {called(role)} ended ({how}); starting it again in {wait_s:g} s")
        await asyncio.sleep(wait_s)


async def _lifetime(over: Callable[[], bool]) -> float:
    """Wait until something is over; how long that took in seconds."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await ended_within(over, math.inf)
    return loop.time() - began_s
