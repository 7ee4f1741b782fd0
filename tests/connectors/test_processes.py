"""Children end with their parent, and nobody else's process is touched."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from connectors.processes import command_of, end_stranger, stop_child

PARENT = """
import subprocess, sys
from connectors.processes import die_with_parent
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"],
                         preexec_fn=die_with_parent(), start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""

DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert command_of(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while command_of(child) and time.monotonic() < deadline:
        os.sched_yield()
    assert command_of(child) == ()


async def test_a_child_deaf_to_sigterm_is_killed_after_its_time() -> None:
    child = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE)  # noqa: ASYNC220
    assert child.stdout is not None
    assert child.stdout.readline()
    child.stdout.close()
    await stop_child(child, 0.1)
    assert child.returncode == -signal.SIGKILL


async def test_a_stranger_is_ended_only_if_its_command_line_is_ours() -> None:
    stranger = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import signal; signal.pause()", "mark-of-this-test"
    )

    def theirs(command: tuple[str, ...]) -> bool:
        return "another-mark" in command

    def ours(command: tuple[str, ...]) -> bool:
        return "mark-of-this-test" in command

    assert not await end_stranger(stranger.pid, theirs, 1.0)
    assert stranger.returncode is None
    assert await end_stranger(stranger.pid, ours, 30.0)
    assert await stranger.wait() < 0


def test_a_process_that_is_gone_has_no_command_line() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert command_of(child.pid) == ()
