"""`depotgate acl`."""

from __future__ import annotations

from typing import Annotated

import typer

from depotgate.commands.options import AsJson, Data, Kafka
from depotgate.commands.saying import run_until_told, sayable
from depotgate.settings import read_settings
from models.roles import Role


@sayable
def acl(
    role: Annotated[Role, typer.Argument(help="Whose permissions.")],
    *,
    principal: Annotated[str, typer.Option(help="To whom, as the broker calls them: User:NAME.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Give them now, logged in as an administrator.")
    ] = False,
    kafka: Kafka = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What a role may do at Kafka, as lines for kafka-acls.sh, or given at once."""
    from depotgate.granting import grant

    settings = read_settings(kafka=kafka, data=data)
    run_until_told(grant(settings, role, principal, apply=apply, as_json=as_json))
