"""`depotgate topics`."""

from __future__ import annotations

from typing import Annotated

import typer

from depotgate.commands.options import (
    AsJson,
    Data,
    Kafka,
)
from depotgate.commands.saying import run_until_told, sayable
from depotgate.settings import read_settings

topics_app = typer.Typer(help="The topics on the broker.", no_args_is_help=True)


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
