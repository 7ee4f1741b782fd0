"""Child processes that end with the process that started them."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>: the signal this process gets when the thread that forked it ends."""

_POLL_S = 0.02
"""Between two looks at a child: short beside the 0.2 s that a broker takes to stop."""


def die_with_parent(with_signal: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """Make a `preexec_fn` for `subprocess.Popen`: the child gets `with_signal` when we end.

    Holds however we end, SIGKILL included. Start such a child from the main thread: Linux sends
    the signal when the *thread* that forked ends (prctl(2), PR_SET_PDEATHSIG). It survives exec,
    so wrapper scripts that exec are fine. Does nothing where the kernel is not Linux.
    """
    if sys.platform != "linux":
        return lambda: None
    # Looked up here: between fork and exec only plain calls are safe, no imports, no locks.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, with_signal.value, 0, 0, 0)
        # The parent may have ended between fork and prctl: then no signal would ever come.
        if os.getppid() != parent:
            os._exit(128 + with_signal.value)

    return in_child


def start_child(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    """Start a child that ends with us and writes to a file.

    In a session of its own: Ctrl-C is for the launcher, which stops its children in order.
    """
    with output.open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - plain calls only, see above
        )


def command_of(pid: int) -> tuple[str, ...]:
    """The command line of a running process; empty when it is gone, a zombie or not to be seen."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(part.decode(errors="replace") for part in raw.split(b"\0") if part)


async def ended_within(ended: Callable[[], bool], within_s: float) -> bool:
    """Look at `ended` until it holds; False when `within_s` has passed first."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not ended():
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


async def stop_child(child: subprocess.Popen[bytes], within_s: float) -> None:
    """SIGTERM, and SIGKILL when the child has not ended `within_s` later; reaps it."""
    if child.poll() is None:
        child.terminate()
        if not await ended_within(lambda: child.poll() is not None, within_s):
            kill_child(child)


def kill_child(child: subprocess.Popen[bytes]) -> None:
    """SIGKILL and reap: the kernel ends it at once, so the wait is short and has no bound."""
    if child.poll() is None:
        child.kill()
        child.wait()


async def end_stranger(pid: int, ours: Callable[[tuple[str, ...]], bool], within_s: float) -> bool:
    """End a process that another process started, if its command line is `ours`.

    The command line is looked at again before each signal, so a reused pid is left alone.

    Returns:
        whether there was such a process.
    """

    def gone() -> bool:
        return not ours(command_of(pid))

    if gone():
        return False
    for ending in (signal.SIGTERM, signal.SIGKILL):
        if not gone():
            os.kill(pid, ending)
        if await ended_within(gone, within_s):
            break
    return True
