"""`depotgate acl`: what a role is permitted, as lines for Kafka's own tool, or given at once."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

import typer

from connectors.kafka.grants import give
from depotgate.printing import print_json
from depotgate.progress import progress_bar
from depotgate.reaching import reachable_kafka
from depotgate.settings import Settings
from models.errors import ConfigurationError
from models.roles import Grant, Operation, ResourceType, Role, grants_of

ANY_KAFKA = "HOST:PORT"
"""Stands in the lines where no Kafka is named."""

_PRINCIPAL = re.compile(r"[A-Za-z]+:[^\s*][^\n]*")


async def grant(
    settings: Settings, role: Role, principal: str, *, apply: bool, as_json: bool
) -> None:
    """Print the grants of a role to a user, or give them.

    Raises:
        ConfigurationError: the principal is none.
        DepotgateError: they were to be given, and Kafka did not take them.
    """
    if not _PRINCIPAL.fullmatch(principal):
        raise ConfigurationError(f"expected TYPE:NAME, for instance User:anna, got {principal!r}")
    grants = grants_of(role)
    if apply and grants:
        with progress_bar("permissions in force") as step:
            await give(reachable_kafka(settings), principal, grants, step)
    if as_json:
        print_json([{"principal": principal, **each._asdict()} for each in grants])
    elif not grants:
        typer.echo(f"# the role {role} needs no permission of Kafka: it sees metrics alone")
    elif apply:
        typer.echo(
            f"{principal} has the {len(grants)} permissions of {role}, and Kafka acts by them"
        )
    else:
        for line in kafka_acls_lines(grants, principal, settings.kafka or ANY_KAFKA):
            typer.echo(line)


def kafka_acls_lines(grants: Iterable[Grant], principal: str, bootstrap: str) -> list[str]:
    """One line for each operation on topics, and on groups."""
    named: dict[tuple[ResourceType, Operation], list[str]] = {}
    for each in grants:
        named.setdefault((each.resource, each.operation), []).append(each.name)
    return [
        shlex.join(
            [
                "kafka-acls.sh",
                "--bootstrap-server",
                bootstrap,
                "--command-config",
                "admin.properties",
                "--add",
                "--allow-principal",
                principal,
                "--operation",
                operation,
                *(part for name in names for part in (f"--{resource}", name)),
            ]
        )
        for (resource, operation), names in named.items()
    ]
