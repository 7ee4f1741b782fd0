"""A depot folder onto the topics."""

from __future__ import annotations

from typing import Annotated

import typer

from depotgate.commands.options import (
    AsJson,
    Data,
    Folder,
    Kafka,
    Keys,
    Tenant,
)
from depotgate.commands.saying import run_until_told, sayable
from depotgate.settings import read_settings


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
