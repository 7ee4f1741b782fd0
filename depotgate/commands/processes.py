"""What runs until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from depotgate.commands.options import (
    Data,
    Deadline,
    Flags,
    Folder,
    Identities,
    Kafka,
    Keys,
    LogFile,
    MetricsAt,
    Ocpp,
    OcppTls,
    ReadyFile,
    Slot,
    Tenant,
    TlsCertificate,
    TlsClientCa,
    TlsKey,
    Unauthenticated,
)
from depotgate.commands.saying import run_until_told, say, sayable
from depotgate.settings import read_settings


@sayable
def up(
    folder: Folder,
    *,
    kafka: Kafka = None,
    data: Data = None,
    ocpp: Ocpp = None,
    ocpp_tls: OcppTls = None,
    tls_certificate_file: TlsCertificate = None,
    tls_key_file: TlsKey = None,
    tls_client_ca_file: TlsClientCa = None,
    metrics: MetricsAt = None,
    deadline_s: Deadline = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    allow_unauthenticated: Unauthenticated = None,
    identities: Identities = None,
    flags: Flags = None,
) -> None:
    """Run everything on this machine: Kafka, a gateway, a worker; follows the folder's changes."""
    from depotgate.up import stay_up

    settings = read_settings(
        kafka=kafka,
        data=data,
        ocpp=ocpp,
        ocpp_tls=ocpp_tls,
        tls_certificate_file=tls_certificate_file,
        tls_key_file=tls_key_file,
        tls_client_ca_file=tls_client_ca_file,
        metrics=metrics,
        deadline_s=deadline_s,
        pseudonym_keys_file=pseudonym_keys_file,
        tenant=tenant,
        allow_unauthenticated=allow_unauthenticated,
        identities=identities,
        flags=flags,
    )
    run_until_told(stay_up(settings, folder, say))


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


@sayable
def gateway(
    *,
    kafka: Kafka = None,
    data: Data = None,
    ocpp: Ocpp = None,
    ocpp_tls: OcppTls = None,
    tls_certificate_file: TlsCertificate = None,
    tls_key_file: TlsKey = None,
    tls_client_ca_file: TlsClientCa = None,
    metrics: MetricsAt = None,
    deadline_s: Deadline = None,
    slot: Slot = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    allow_unauthenticated: Unauthenticated = None,
    identities: Identities = None,
    ready_file: ReadyFile = None,
    log_file: LogFile = None,
) -> None:
    """Serve chargers."""
    from depotgate.gateway_role import gateway_main

    settings = read_settings(
        kafka=kafka,
        data=data,
        ocpp=ocpp,
        ocpp_tls=ocpp_tls,
        tls_certificate_file=tls_certificate_file,
        tls_key_file=tls_key_file,
        tls_client_ca_file=tls_client_ca_file,
        metrics=metrics,
        deadline_s=deadline_s,
        slot=slot,
        pseudonym_keys_file=pseudonym_keys_file,
        tenant=tenant,
        allow_unauthenticated=allow_unauthenticated,
        identities=identities,
    )
    gateway_main(settings, ready_file=ready_file, log_file=log_file)


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
    from depotgate.worker_role import worker_main

    settings = read_settings(kafka=kafka, data=data, metrics=metrics, worker_id=worker_id)
    worker_main(settings, ready_file=ready_file, log_file=log_file)


@sayable
def flags(
    flags: Flags = None,
    *,
    kafka: Kafka = None,
    data: Data = None,
    metrics: MetricsAt = None,
    ready_file: ReadyFile = None,
    log_file: LogFile = None,
) -> None:
    """Keep every charger's stage as a flag says it; without a flags file, as site.yaml does."""
    from depotgate.flagging import flags_main

    settings = read_settings(kafka=kafka, data=data, metrics=metrics, flags=flags)
    flags_main(settings, ready_file=ready_file, log_file=log_file)
