"""`depotgate keys`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from depotgate.commands.options import AsJson, Data, Kafka, Keys
from depotgate.commands.saying import errors, run_until_told, sayable
from depotgate.settings import read_settings

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


@keys_app.command("rotate")
@sayable
def keys_rotate(
    *,
    kid: Annotated[
        str | None, typer.Option(help="Name of the new epoch.", show_default="next")
    ] = None,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Make a new epoch, or see how far the last rotation is; run it again after each load."""
    from depotgate.installation import actor
    from depotgate.key_lists import print_rotation
    from depotgate.rotating import rotate, utc_now

    settings = read_settings(kafka=kafka, data=data, pseudonym_keys_file=pseudonym_keys_file)
    rotation = run_until_told(rotate(settings, kid, actor(), utc_now()))
    print_rotation(rotation, as_json=as_json)


@keys_app.command("list")
@sayable
def keys_list(
    *,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Every epoch: since when, what stands under it, and what needs it.

    Without Kafka it shows what the key file says, and fails: nothing is counted then.
    """
    from connectors.keys import read_keys
    from depotgate.key_lists import print_list
    from depotgate.rotating import Standing, look
    from models.errors import BrokerUnavailableError, ConfigurationError

    settings = read_settings(kafka=kafka, data=data, pseudonym_keys_file=pseudonym_keys_file)
    try:
        standing = run_until_told(look(settings))
    except (BrokerUnavailableError, ConfigurationError) as fault:
        print_list(Standing(read_keys(settings.pseudonym_keys_file)), as_json=as_json)
        said = f"this is the key file alone, nothing is counted: {fault}"
        errors().print(said, style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    print_list(standing, as_json=as_json)


@keys_app.command("retire")
@sayable
def keys_retire(
    kid: Annotated[str, typer.Argument(help="Name of the epoch.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Although something needs it.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit topic.")] = None,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Look nothing new up under an old epoch any more; it stays in the file for replays."""
    from depotgate.installation import actor
    from depotgate.key_lists import print_retired
    from depotgate.rotating import Retirement, retire, utc_now

    settings = read_settings(kafka=kafka, data=data, pseudonym_keys_file=pseudonym_keys_file)
    wanted = Retirement(kid, force, reason)
    standing = run_until_told(retire(settings, wanted, actor(), utc_now()))
    print_retired(standing, kid, as_json=as_json)
