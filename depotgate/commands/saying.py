"""How a command meets a person: what it says, how it ends, what a mistake looks like."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from connectors.telemetry.logs import quiet_logs
from models.errors import DepotgateError, DepotRefusedError

P = ParamSpec("P")
T = TypeVar("T")

INTERRUPTED = 130
"""Exit code of a shell's command that Ctrl-C ended."""

UNWRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a file, or a disk under it, answers that takes no more."""

PROBLEMS_SHOWN = 50
"""On a terminal; more scroll away, and the count is told."""


def sayable(command: Callable[P, T]) -> Callable[P, T]:
    """Turn what went wrong on purpose into a sentence and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            try:
                return command(*args, **kwargs)
            finally:
                # Here and not when Python ends, where nobody says what went wrong.
                if sys.stdout:  # a service may have been started without
                    sys.stdout.flush()
        except DepotRefusedError as fault:
            _print_problems(fault)
            raise typer.Exit(1) from None
        except DepotgateError as fault:
            errors().print(str(fault), style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
        except BrokenPipeError:
            # The reader of a pipe had enough: `depotgate tail … | head`.
            _write_no_more()
            raise typer.Exit(0) from None
        except OSError as fault:
            if fault.errno not in UNWRITTEN:
                raise
            _write_no_more()
            said = f"not all could be written: {fault.strerror}"
            errors().print(said, style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise typer.Exit(INTERRUPTED) from None
        except Exception as fault:
            if not _of_kafka(fault):
                raise
            said = f"Kafka ended what was asked of it ({fault}); see that it is well, and try again"
            errors().print(said, style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None

    return run


def _write_no_more() -> None:
    """Let what is left for standard output go nowhere, or Python would try it again at its end."""
    if sys.stdout:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_kafka(fault: Exception) -> bool:
    # Commands that ask Kafka nothing shall not take the time to import its client.
    client = sys.modules.get("aiokafka.errors")
    return client is not None and isinstance(fault, client.KafkaError)


def run_until_told(main_: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine for a person; SIGTERM and a closed terminal end it as Ctrl-C does."""
    quiet_logs()

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None
        for ending in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(ending, task.cancel)
        return await main_

    return asyncio.run(cancellable())


def _print_problems(fault: DepotRefusedError) -> None:
    console = errors()
    for problem in fault.problems[:PROBLEMS_SHOWN]:
        console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    count = len(fault.problems)
    problems = "1 problem" if count == 1 else f"{count:,} problems"
    more = f" (the first {PROBLEMS_SHOWN} are shown)" if count > PROBLEMS_SHOWN else ""
    console.print(
        f"refused, nothing was changed: {problems}{more}",
        style="red",
        highlight=False,
    )


def errors() -> Console:
    """Where what went wrong is said."""
    return Console(stderr=True)


def say(line: str) -> None:
    """A line for whoever reads standard output."""
    typer.echo(line)
