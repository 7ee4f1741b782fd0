"""What a supervisor does about processes that die."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from pathlib import Path

import pytest

from connectors.processes import ended_within
from depotgate import supervisor as supervised
from depotgate.supervisor import (
    BACK_OFF_MOST_S,
    BackOff,
    Child,
    ProcessFailedError,
    Supervisor,
    called,
)
from models.errors import BrokerUnavailableError


def test_waits_double_up_to_half_a_minute_and_begin_again_after_a_stable_minute() -> None:
    back_off = BackOff()
    assert [back_off.after_s(1.0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, BACK_OFF_MOST_S]
    assert back_off.after_s(61.0) == 0.5
    assert back_off.after_s(1.0) == 1


class Program(Child):
    """A child that runs a line of Python in place of `depotgate`."""

    def __init__(self, code: str, data: Path) -> None:
        super().__init__("worker", [], data)
        self._code = code

    def _command(self) -> list[str]:
        return [sys.executable, "-c", self._code, str(self._ready_file)]


READY_AND_STAY = "import sys, time, pathlib; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"


async def test_a_child_is_ready_when_it_says_so_and_ends_when_told(tmp_path: Path) -> None:
    child = Program(READY_AND_STAY, tmp_path)
    child.start()
    await child.until_ready()
    assert child.pid is not None
    await child.stop()
    assert child.ended
    assert child.pid is None
    assert child.how_ended() == "killed by SIGTERM"


async def test_a_child_that_ends_first_is_quoted(tmp_path: Path) -> None:
    child = Program("import sys; sys.exit('no Kafka answers at nowhere:1')", tmp_path)
    child.start()
    with pytest.raises(ProcessFailedError, match=r"exit code 1.*no Kafka answers at nowhere:1"):
        await child.until_ready()


async def test_a_child_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "READY_S", 0.2)
    child = Program("import time; time.sleep(60)", tmp_path)
    child.start()
    with pytest.raises(ProcessFailedError, match="not ready"):
        await child.until_ready()
    await child.stop()


class MortalBroker:
    """A broker that is dead until it was started twice: the first start fails."""

    kind = "jars"
    bootstrap = "127.0.0.1:1"
    pid = None
    alive = False

    def __init__(self) -> None:
        self.starts = 0

    async def start_again(self) -> None:
        self.starts += 1
        if self.starts == 1:
            raise BrokerUnavailableError("its port is taken")
        self.alive = True

    async def stop(self) -> None:
        raise AssertionError("the supervisor does not stop the broker")

    def kill(self) -> None:
        raise AssertionError("the supervisor does not kill the broker")


async def test_what_dies_is_started_again_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "BACK_OFF_FIRST_S", 0.05)
    said: list[str] = []
    changed: list[int | None] = []
    child = Program(READY_AND_STAY, tmp_path)
    broker = MortalBroker()
    watched = Supervisor(broker, [child], said.append, lambda: changed.append(child.pid))  # type: ignore[arg-type]
    await watched.start()
    first = child.pid
    assert first is not None
    watching = asyncio.create_task(watched.watch())
    os.kill(first, signal.SIGKILL)
    back = ["the worker is back", "the broker is back"]
    assert await ended_within(lambda: set(back) <= set(said), 30), said
    watching.cancel()
    assert child.pid not in {None, first}
    assert child.pid in changed, "run.json was told of the new process"
    assert any("the worker ended (killed by SIGKILL)" in line for line in said)
    assert "its port is taken" in said
    await watched.stop()


class NeedsRoom(Program):
    """A child for whose files there is no room at the second start."""

    starts = 0

    def start(self) -> None:
        self.starts += 1
        if self.starts == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().start()


async def test_a_full_disk_ends_nothing_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "BACK_OFF_FIRST_S", 0.05)
    said: list[str] = []

    def changed() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    child, broker = NeedsRoom(READY_AND_STAY, tmp_path), MortalBroker()
    broker.alive = True
    watched = Supervisor(broker, [child], said.append, changed)  # type: ignore[arg-type]
    await watched.start()
    watching = asyncio.create_task(watched.watch())
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    assert await ended_within(lambda: "the worker is back" in said, 10), said
    assert "the worker cannot be started (No space left on device)" in said
    assert any(line.startswith("run.json cannot be written (No space left") for line in said)
    assert not watching.done()
    watching.cancel()
    await watched.stop()


def test_the_process_of_flags_is_one() -> None:
    assert [called(role) for role in ("worker", "flags")] == ["worker", "flags process"]
