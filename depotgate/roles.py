"""What the gateway and the worker process are made of, from settings to the last log line."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog
import uvloop

from connectors.kafka.security import Kafka, secured
from connectors.key_watch import WatchedKeys, follow_keys
from connectors.keys import read_keys
from connectors.known_identities import KnownIdentities
from connectors.ocpp.gateway import GatewaySettings, SecureListener, run_gateway
from connectors.ocpp.tls import TlsFiles
from connectors.telemetry.logs import configure_logs
from connectors.telemetry.metrics import Metrics
from depotgate.settings import Settings
from models.errors import ConfigurationError
from models.identifiers import Pseudonymiser
from models.ids import GatewayInstance, Slot
from models.zones import tzdata_version
from streams.app import WorkerSettings, run_worker

log = structlog.get_logger()

ORPHAN_LOOK_EVERY_S = 1.0
ORPHAN_ENDS_AFTER_S = 10.0
"""A process whose supervisor was killed is told to stop by the kernel; its broker goes the same
way, so what waits for Kafka would wait for ever."""


def kafka_of(settings: Settings) -> Kafka:
    """The broker to use.

    Raises:
        ConfigurationError: none is named, or its certificates or password cannot be used.
    """
    if settings.kafka is None:
        raise ConfigurationError(
            "no Kafka is named; set DEPOTGATE_KAFKA=HOST:PORT, "
            "or run `depotgate up FOLDER`, which starts one"
        )
    return secured(settings.kafka, settings.kafka_security)


def pseudonymiser_of(settings: Settings) -> Pseudonymiser:
    """Pseudonyms of this installation.

    Raises:
        PseudonymKeyError: the key file is missing or not usable (rule 26): nothing starts.
    """
    return Pseudonymiser(read_keys(settings.pseudonym_keys_file), settings.tenant)


def data_folder(settings: Settings) -> Path:
    """The data folder, made when it is not there.

    Raises:
        ConfigurationError: it cannot be written to.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.data, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as fault:
        raise ConfigurationError(
            f"cannot write to {settings.data} ({fault.strerror}); "
            "choose another data folder with --data"
        ) from fault
    return settings.data


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


def worker_main(settings: Settings, *, ready_file: Path | None, log_file: Path | None) -> None:
    """Be a worker until SIGTERM or SIGINT; ends the process.

    Raises:
        DepotgateError: broker, topics, address or data folder are not as expected.
    """
    worker = WorkerSettings(
        bootstrap=kafka_of(settings),
        instance_id=settings.worker_id,
        data=data_folder(settings) / "faust",
        switches_per_s=settings.switches_per_s,
    )
    metrics = begin("worker", settings, ready_file=ready_file, log_file=log_file)
    run_worker(worker, metrics, teller(ready_file))


def begin(
    role: str, settings: Settings, *, ready_file: Path | None, log_file: Path | None
) -> Metrics:
    """Logs, `/metrics`, and an eye on the supervisor, as every process has them.

    Raises:
        ConfigurationError: the address of the metrics is taken or not ours.
    """
    configure_logs(role, log_file)
    metrics = Metrics(role)
    metrics.serve(settings.metrics.host, settings.metrics.port)
    log.info(f"{role}.starting", tzdata=tzdata_version(), metrics=str(settings.metrics))
    if ready_file is not None:
        _end_with_supervisor()
    return metrics


def teller(ready_file: Path | None) -> Callable[[], None]:
    """Tells the supervisor that this process is ready."""
    return ready_file.touch if ready_file is not None else lambda: None


def _end_with_supervisor() -> None:
    supervisor = os.getppid()

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(ORPHAN_LOOK_EVERY_S)
        time.sleep(ORPHAN_ENDS_AFTER_S)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()
