"""`depotgate replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from depotgate.commands.options import AsJson, Data, Kafka, Keys, Tenant
from depotgate.commands.saying import run_until_told, sayable
from depotgate.settings import read_settings
from models.errors import ConfigurationError


@sayable
def replay(
    *,
    since: Annotated[
        str, typer.Option(help="2026-07-01, 2026-07-01T06:00:00+02:00, or 30d or 12h ago.")
    ],
    until: Annotated[str | None, typer.Option(help="Likewise.", show_default="now")] = None,
    site: Annotated[str | None, typer.Option(help="Attempts at this site only.")] = None,
    depot: Annotated[
        Path | None, typer.Option(help="What if this draft of a depot folder had been in force.")
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Changes by charger, for a spreadsheet.")
    ] = False,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Decide past attempts again, from their own records or as a draft would have."""
    from depotgate.replaying.report import print_csv, print_json, print_tables
    from depotgate.replaying.running import Asked, replay_period

    if as_csv and (depot is None or as_json):
        raise ConfigurationError("--csv is for what a draft changes: with --depot, without --json")
    settings = read_settings(
        kafka=kafka, data=data, pseudonym_keys_file=pseudonym_keys_file, tenant=tenant
    )
    done = replay_period(settings, Asked(since, until, site, depot), run_until_told)
    if as_json:
        print_json(done)
    elif as_csv:
        print_csv(done)
    else:
        print_tables(done, Console(highlight=False))
    if done.total.tally.differing_count or done.total.tally.unreadable:
        raise typer.Exit(1)
