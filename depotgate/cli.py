"""The command line: one function a command, each a few lines around the part that does it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from connectors.telemetry.logs import quiet_logs
from depotgate.settings import read_settings
from models.errors import DepotgateError, DepotRefusedError

P = ParamSpec("P")
T = TypeVar("T")

app = typer.Typer(
    name="depotgate",
    help="Scheduled managed access for electric-vehicle depot chargers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
topics_app = typer.Typer(help="The topics on the broker.", no_args_is_help=True)
keys_app = typer.Typer(help="The keys of pseudonyms.", no_args_is_help=True)
app.add_typer(topics_app, name="topics")
app.add_typer(keys_app, name="keys")

INTERRUPTED = 130
"""Exit code of a shell's command that Ctrl-C ended."""

PROBLEMS_SHOWN = 50
"""On a terminal; more scroll away, and the count is told."""

# Options that several commands have. None = not given: environment, depotgate.toml, default.
Folder = Annotated[
    Path, typer.Argument(help="Depot folder: site.yaml, chargers.csv, identities.csv.")
]
Kafka = Annotated[str | None, typer.Option(help="HOST:PORT[,HOST:PORT] of the broker.")]
Data = Annotated[Path | None, typer.Option(help="Data folder. [default: .depotgate]")]
Keys = Annotated[Path | None, typer.Option("--pseudonym-keys-file", help="Key epochs.")]
Tenant = Annotated[str | None, typer.Option(help="Name of the installation. [default: default]")]
Ocpp = Annotated[str | None, typer.Option(help="HOST:PORT for chargers. [default: 127.0.0.1:9000]")]
MetricsAt = Annotated[
    str | None,
    typer.Option("--metrics", help="HOST:PORT for /metrics. [default: 127.0.0.1:9400]"),
]
Deadline = Annotated[float | None, typer.Option(help="For an answer, seconds. [default: 3]")]
Slot = Annotated[int | None, typer.Option(help="Reply partition, 0–15. [default: 0]")]
Unauthenticated = Annotated[
    bool | None,
    typer.Option("--allow-unauthenticated", help="Let in chargers of security profile 0."),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
ReadyFile = Annotated[Path | None, typer.Option(hidden=True)]
LogFile = Annotated[Path | None, typer.Option(help="Instead of standard error; rotated.")]


def main() -> None:
    """Run the command line; a user's mistake is one sentence, not a stack trace."""
    app()


def sayable(command: Callable[P, T]) -> Callable[P, T]:
    """Turn what went wrong on purpose into a sentence and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except DepotRefusedError as fault:
            _print_problems(fault)
            raise typer.Exit(1) from None
        except DepotgateError as fault:
            _errors().print(str(fault), style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
        except BrokenPipeError:
            # The reader of a pipe had enough: `depotgate tail … | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise typer.Exit(INTERRUPTED) from None

    return run


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
    errors = _errors()
    for problem in fault.problems[:PROBLEMS_SHOWN]:
        errors.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    hidden = len(fault.problems) - PROBLEMS_SHOWN
    more = f" (the first {PROBLEMS_SHOWN} are shown)" if hidden > 0 else ""
    errors.print(
        f"refused, nothing was loaded: {len(fault.problems)} problems{more}",
        style="red",
        highlight=False,
    )


def _errors() -> Console:
    return Console(stderr=True)


def _say(line: str) -> None:
    typer.echo(line)


# Processes


@app.command()
@sayable
def up(
    folder: Folder,
    *,
    kafka: Kafka = None,
    data: Data = None,
    ocpp: Ocpp = None,
    metrics: MetricsAt = None,
    deadline_s: Deadline = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    allow_unauthenticated: Unauthenticated = None,
) -> None:
    """Run everything on this machine: Kafka, a gateway, a worker; follows the folder's changes."""
    from depotgate.up import stay_up

    settings = read_settings(
        kafka=kafka,
        data=data,
        ocpp=ocpp,
        metrics=metrics,
        deadline_s=deadline_s,
        pseudonym_keys_file=pseudonym_keys_file,
        tenant=tenant,
        allow_unauthenticated=allow_unauthenticated,
    )
    run_until_told(stay_up(settings, folder, _say))


@app.command()
@sayable
def demo(
    seconds: Annotated[
        float | None,
        typer.Option(envvar="DEMO_SECONDS", help="End by itself after this long."),
    ] = None,
) -> None:
    """Simulated chargers and drivers on a depot of their own, live; leaves nothing behind."""
    from depotgate.demo.stage import perform

    if not run_until_told(perform(seconds, Console())):
        raise typer.Exit(1)


@app.command()
@sayable
def gateway(
    *,
    kafka: Kafka = None,
    data: Data = None,
    ocpp: Ocpp = None,
    metrics: MetricsAt = None,
    deadline_s: Deadline = None,
    slot: Slot = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    allow_unauthenticated: Unauthenticated = None,
    ready_file: ReadyFile = None,
    log_file: LogFile = None,
) -> None:
    """Serve chargers."""
    from depotgate.roles import gateway_main

    settings = read_settings(
        kafka=kafka,
        data=data,
        ocpp=ocpp,
        metrics=metrics,
        deadline_s=deadline_s,
        slot=slot,
        pseudonym_keys_file=pseudonym_keys_file,
        tenant=tenant,
        allow_unauthenticated=allow_unauthenticated,
    )
    gateway_main(settings, ready_file=ready_file, log_file=log_file)


@app.command()
@sayable
def worker(
    *,
    kafka: Kafka = None,
    data: Data = None,
    metrics: MetricsAt = None,
    worker_id: Annotated[
        str | None, typer.Option(help="Static group membership; stable over restarts.")
    ] = None,
    ready_file: ReadyFile = None,
    log_file: LogFile = None,
) -> None:
    """Decide attempts, keep chargers in their mode, record denials."""
    from depotgate.roles import worker_main

    settings = read_settings(kafka=kafka, data=data, metrics=metrics, worker_id=worker_id)
    worker_main(settings, ready_file=ready_file, log_file=log_file)


# Configuration


@app.command()
@sayable
def load(
    folder: Folder,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what is wrong, load nothing.")
    ] = False,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Check a depot folder and publish it, all or nothing."""
    from depotgate.loading import load_folder

    settings = read_settings(
        kafka=kafka, data=data, pseudonym_keys_file=pseudonym_keys_file, tenant=tenant
    )
    run_until_told(load_folder(settings, folder, check=check, as_json=as_json))


@topics_app.command("apply")
@sayable
def topics_apply(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    kafka: Kafka = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing and set what differs."""
    from depotgate.loading import apply_table

    settings = read_settings(kafka=kafka, data=data)
    run_until_told(apply_table(settings, dry_run=dry_run, as_json=as_json))


@keys_app.command("new")
@sayable
def keys_new(
    file: Annotated[Path, typer.Argument(help="Key file to write, mode 0600.")],
    kid: Annotated[str, typer.Option(help="Name of the first epoch.")] = "k1",
) -> None:
    """Write a key file with one fresh epoch."""
    from connectors.keys import write_new_keys

    write_new_keys(file, kid)
    typer.echo(f"wrote {file}; keep a copy: without it no card is ever recognised again")


# What people look at


@app.command()
@sayable
def tail(
    what: Annotated[str, typer.Argument(help="decisions|outcomes|denials|events|commands|mode")],
    *,
    kafka: Kafka = None,
    data: Data = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="All that the topic still has.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Go on with what comes, until Ctrl-C.")] = True,
    count: Annotated[int | None, typer.Option(min=1, help="End after this many.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print records as they come, a line each."""
    from depotgate.tail import Extent, follow_topic

    settings = read_settings(kafka=kafka, data=data)
    extent = Extent(from_start=from_start, follow=follow, records_max=count)
    run_until_told(follow_topic(settings, what, extent, as_json=as_json))


@app.command()
@sayable
def doctor(
    *,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    as_json: AsJson = False,
) -> None:
    """What is installed, reachable, loaded and lagging, and what to do about each."""
    from depotgate.doctor import examine, print_findings

    settings = read_settings(kafka=kafka, data=data, pseudonym_keys_file=pseudonym_keys_file)
    findings = run_until_told(examine(settings))
    if not print_findings(findings, Console(), as_json=as_json):
        raise typer.Exit(1)
