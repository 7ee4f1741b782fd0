"""The gateway process, from its settings to its end."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvloop

from connectors.key_watch import WatchedKeys, follow_keys
from connectors.known_identities import KnownIdentities
from connectors.ocpp.gateway import GatewaySettings, SecureListener, run_gateway
from connectors.ocpp.tls import TlsFiles
from connectors.telemetry.metrics import Metrics
from depotgate.installation import data_folder
from depotgate.roles import begin, kafka_of, teller
from depotgate.settings import Settings
from models.errors import ConfigurationError
from models.ids import GatewayInstance, Slot


def gateway_main(settings: Settings, *, ready_file: Path | None, log_file: Path | None) -> None:
    """Be a gateway until SIGTERM or SIGINT.

    Raises:
        DepotgateError: keys, broker, topics, addresses or data folder are not as expected.
    """
    keys = WatchedKeys(settings.pseudonym_keys_file, settings.tenant)
    gateway = GatewaySettings(
        bootstrap=kafka_of(settings),
        host=settings.ocpp.host,
        port=settings.ocpp.port,
        slot=Slot(settings.slot),
        instance=GatewayInstance(f"{socket.gethostname()}-{secrets.token_hex(4)}"),
        deadline_s=settings.deadline_s,
        allow_unauthenticated=settings.allow_unauthenticated,
        pseudonymiser=keys,
        data=data_folder(settings),
        tls=secure_listener_of(settings),
        switches_per_s=settings.switches_per_s,
        identities=KnownIdentities(settings.identities, keys) if settings.identities else None,
    )
    metrics = begin("gateway", settings, ready_file=ready_file, log_file=log_file)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(gateway, keys, metrics, teller(ready_file)))


async def _serve(
    settings: GatewaySettings, keys: WatchedKeys, metrics: Metrics, ready: Callable[[], None]
) -> None:
    stop, asked = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stop.set)
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    watch = asyncio.create_task(follow_keys(keys, asked, metrics))
    try:
        await run_gateway(settings, metrics, ready, stop)
    finally:
        watch.cancel()
        await asyncio.wait({watch})
        if not watch.cancelled():
            watch.result()


def secure_listener_of(settings: Settings) -> SecureListener | None:
    """Where TLS is to be spoken; None where it is not.

    Raises:
        ConfigurationError: its certificate or key is not named, or files are named and no address.
    """
    files = (settings.tls_certificate_file, settings.tls_key_file, settings.tls_client_ca_file)
    certificate, key, client_ca = files
    if settings.ocpp_tls is None:
        if any(files):
            raise ConfigurationError(
                "TLS files are named and no address to use them at; expected --ocpp-tls HOST:PORT "
                "(DEPOTGATE_OCPP_TLS)"
            )
        return None
    if certificate is None or key is None:
        raise ConfigurationError(
            f"no certificate for TLS at {settings.ocpp_tls}; name its PEM files in "
            "DEPOTGATE_TLS_CERTIFICATE_FILE and DEPOTGATE_TLS_KEY_FILE"
        )
    return SecureListener(*settings.ocpp_tls, TlsFiles(certificate, key, client_ca))
