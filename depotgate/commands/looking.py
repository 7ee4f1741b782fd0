"""What people look at."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from depotgate.commands.options import (
    AsJson,
    Data,
    Kafka,
    Keys,
)
from depotgate.commands.saying import run_until_told, sayable
from depotgate.settings import read_settings


@sayable
def tail(
    what: Annotated[
        str, typer.Argument(help="decisions|outcomes|denials|events|commands|mode|audit")
    ],
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


@sayable
def doctor(
    *,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    as_json: AsJson = False,
) -> None:
    """What is installed, reachable, loaded and lagging, and what to do about each."""
    from depotgate.doctor import examine
    from depotgate.findings import print_findings

    settings = read_settings(kafka=kafka, data=data, pseudonym_keys_file=pseudonym_keys_file)
    findings = run_until_told(examine(settings))
    if not print_findings(findings, Console(), as_json=as_json):
        raise typer.Exit(1)
