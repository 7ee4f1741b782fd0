"""`depotgate keys`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from depotgate.commands.saying import sayable

keys_app = typer.Typer(help="The keys of pseudonyms.", no_args_is_help=True)


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
