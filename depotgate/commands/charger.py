"""`depotgate charger`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from depotgate.commands.options import AsJson, Data, Folder, Kafka
from depotgate.commands.saying import run_until_told, say, sayable
from depotgate.settings import read_settings

charger_app = typer.Typer(help="Single chargers.", no_args_is_help=True)


@charger_app.command("add")
@sayable
def charger_add(
    folder: Folder,
    charger_id: Annotated[str, typer.Argument(help="As the charger calls itself.")],
    *,
    group: Annotated[str, typer.Option(help="Of site.yaml.")] = "",
    ocpp: Annotated[str, typer.Option(help="1.6|2.0.1|2.1; without it any version.")] = "",
    security_profile: Annotated[str, typer.Option(help="1, 2, 3 or 0.")] = "1",
    profile: Annotated[str, typer.Option(help="A row of docs/profiles.md; else found.")] = "",
    schedule: Annotated[str, typer.Option(help="Of site.yaml, its own.")] = "",
) -> None:
    """Add a charger to chargers.csv, with a password of its own where it needs one."""
    from connectors.feeds.new_charger import add_charger

    fields = {
        "charger_id": charger_id,
        "group": group,
        "ocpp": ocpp,
        "security_profile": security_profile,
        "profile": profile,
        "schedule": schedule,
    }
    added = add_charger(folder, fields, datetime.now(UTC))
    say(f"{charger_id} is on line {added.line} of chargers.csv")
    if added.password_file is not None:
        say(f"its password is in {added.password_file}; put it into the charger")
    say("`depotgate up` follows the folder; elsewhere load it with `depotgate load`")


@charger_app.command("probe")
@sayable
def charger_probe(
    charger_id: Annotated[
        str, typer.Argument(metavar="ID", help="As `depotgate chargers` has it.")
    ],
    *,
    kafka: Kafka = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask a connected charger again what its configuration has."""
    from depotgate.probing import probe_charger

    settings = read_settings(kafka=kafka, data=data)
    run_until_told(probe_charger(settings, charger_id, as_json=as_json))


@sayable
def chargers(
    charger_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One charger in full.")
    ] = None,
    *,
    kafka: Kafka = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What each charger can do, and its mode: desired, commanded and observed."""
    from depotgate.chargers_shown import show_chargers

    settings = read_settings(kafka=kafka, data=data)
    run_until_told(show_chargers(settings, charger_id, as_json=as_json))
