"""A whole installation on one machine: Kafka, a gateway and a worker over one depot folder."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from connectors.feeds.depot_folder import Depot, FolderSignature, folder_signature
from connectors.feeds.publish import checked_depot, publish_depot
from connectors.flags.flags_file import read_flags_file
from connectors.flags.resolving import return_to_sites
from connectors.kafka.broker import Broker, start_broker
from connectors.kafka.security import Kafka
from connectors.kafka.topics import apply_topics
from connectors.keys import file_signature
from connectors.telemetry.metrics import Metrics
from depotgate.addresses import Addresses, free_addresses
from depotgate.feeding import FeedFollower, feeds_path
from depotgate.installation import actor, data_folder, pseudonymiser_of
from depotgate.loading import said
from depotgate.reaching import named_kafka
from depotgate.run_file import Run, remove_run, write_run
from depotgate.settings import Address, Settings
from depotgate.supervisor import Child, Say, Supervisor
from models.errors import DepotgateError, DepotRefusedError

FOLLOW_EVERY_S = 2.0
"""A change of the folder is loaded within 10 s, though it has to lie still for one look first: an
editor that is halfway through a file would be refused."""

BROKER_WAYS = {
    "named": "named by DEPOTGATE_KAFKA",
    "docker": "in Docker",
    "jars": "from its jars",
}


class Running(NamedTuple):
    """An installation that is ready."""

    kafka: Kafka
    ocpp: str
    ocpp_tls: str | None
    metrics: Mapping[str, Sequence[str]]
    supervisor: Supervisor
    follower: FolderFollower
    feeds: FeedFollower


@asynccontextmanager
async def running(settings: Settings, folder: Path, say: Say) -> AsyncIterator[Running]:
    """Have everything running; all of it has ended when the block ends.

    The block has to keep the supervisor and both followers going (`keep_up`).

    Args:
        folder: the depot.
        say: gets a line for each thing that a person waits for.

    Raises:
        DepotgateError: something is missing or in the way; the message says what to do.
    """
    # A person's mistakes are said before anything starts that takes long.
    follower = FolderFollower(folder, settings, say)
    depot = await follower.read()
    if settings.flags is not None:
        read_flags_file(settings.flags)
    addresses = free_addresses(settings)
    data = data_folder(settings)
    named = named_kafka(settings)
    broker = await start_broker(data, named=named, on_progress=say)
    kafka = named or broker.bootstrap
    try:
        say(f"Kafka {BROKER_WAYS[broker.kind]} at {broker.bootstrap}")
        await apply_topics(kafka)
        if settings.flags is None:
            await return_to_sites(kafka, Metrics("flags"), actor())
        await follower.publish(kafka, depot)
        # Of a million identities, and needed no more, while everything runs.
        del depot
        async with _processes(settings, addresses, broker, say) as (run, supervisor):
            path = feeds_path(settings, folder)
            feeds = FeedFollower(kafka, path, lambda: pseudonymiser_of(settings), actor(), say)
            yield Running(kafka, run.ocpp, run.ocpp_tls, run.metrics, supervisor, follower, feeds)
    finally:
        await broker.stop()


@asynccontextmanager
async def _processes(
    settings: Settings, addresses: Addresses, broker: Broker, say: Say
) -> AsyncIterator[tuple[Run, Supervisor]]:
    """Worker, gateway and where asked for flags, and run.json while they are there."""
    ocpp, ocpp_tls, metrics = addresses
    options = {
        "worker": _worker_options(settings, broker, metrics["worker"]),
        "gateway": _gateway_options(settings, broker, addresses),
    }
    if settings.flags is not None:
        options["flags"] = _flags_options(settings, broker, metrics["flags"])
    children = [Child(role, given, settings.data) for role, given in options.items()]

    def run() -> Run:
        pids = {"broker": broker.pid} | {child.role: child.pid for child in children}
        return Run(
            kafka=broker.bootstrap,
            ocpp=f"ws://{ocpp}/ocpp",
            ocpp_tls=f"wss://{ocpp_tls}/ocpp" if ocpp_tls else None,
            metrics={role: [f"http://{metrics[role]}/metrics"] for role in options},
            processes={role: [pid] for role, pid in pids.items() if pid is not None},
        )

    supervisor = Supervisor(broker, children, say, lambda: write_run(settings.data, run()))
    try:
        say(f"starting {' and '.join(options)}")
        await supervisor.start()
        write_run(settings.data, run())
        yield run(), supervisor
    finally:
        remove_run(settings.data)
        await supervisor.stop()


def _shared_options(settings: Settings, broker: Broker, metrics: Address) -> list[str]:
    return [
        f"--kafka={broker.bootstrap}",
        f"--data={settings.data}",
        f"--metrics={metrics}",
    ]


def _flags_options(settings: Settings, broker: Broker, metrics: Address) -> list[str]:
    return [f"--kafka={broker.bootstrap}", f"--metrics={metrics}", f"--flags={settings.flags}"]


def _worker_options(settings: Settings, broker: Broker, metrics: Address) -> list[str]:
    worker_id = settings.worker_id or _worker_id(settings.data)
    return [*_shared_options(settings, broker, metrics), f"--worker-id={worker_id}"]


def _worker_id(data: Path) -> str:
    """Static group membership: the same after a restart, another one for another data folder."""
    folder = hashlib.sha256(str(data).encode()).hexdigest()[:8]
    return f"{socket.gethostname()}-{folder}"


def _gateway_options(settings: Settings, broker: Broker, addresses: Addresses) -> list[str]:
    tls = {
        "--ocpp-tls": addresses.ocpp_tls,
        "--tls-certificate-file": settings.tls_certificate_file,
        "--tls-key-file": settings.tls_key_file,
        "--tls-client-ca-file": settings.tls_client_ca_file,
    }
    return [
        *_shared_options(settings, broker, addresses.metrics["gateway"]),
        f"--ocpp={addresses.ocpp}",
        f"--slot={settings.slot}",
        f"--deadline-s={settings.deadline_s}",
        f"--tenant={settings.tenant}",
        f"--pseudonym-keys-file={settings.pseudonym_keys_file}",
        *(f"{option}={value}" for option, value in tls.items() if value is not None),
        *([f"--identities={settings.identities}"] if settings.identities else []),
        *(["--allow-unauthenticated"] if settings.allow_unauthenticated else []),
    ]


class FolderFollower:
    """Loads a depot folder, and again whenever its files or the key file change."""

    def __init__(self, folder: Path, settings: Settings, say: Say) -> None:
        self._folder = folder
        self._settings = settings
        self._say = say
        self._read_signature: object = None

    async def read(self) -> Depot:
        """The folder as it is now.

        Raises:
            ConfigurationError: there is no key file, or it cannot be used.
            DepotRefusedError: naming every problem.
        """
        # Before it is read: a change while it is read shall be seen by the next look.
        self._read_signature = self._signature()
        return await checked_depot(self._folder, pseudonymiser_of(self._settings))

    async def publish(self, kafka: Kafka, depot: Depot) -> None:
        """Load what was read.

        Raises:
            DepotRefusedError: a charger belongs to another site; what stood before stays.
        """
        loaded = await publish_depot(kafka, depot, actor=actor())
        for notice in loaded.notices:
            self._say(str(notice))
        self._say(said(loaded))

    def _signature(self) -> tuple[FolderSignature, tuple[int, ...]]:
        keys_file = self._settings.pseudonym_keys_file
        return folder_signature(self._folder), file_signature(keys_file) if keys_file else ()

    async def follow(self, kafka: Kafka) -> None:
        """Load it again after each change, until cancelled; what is refused is said."""
        seen = self._read_signature
        while True:
            await asyncio.sleep(FOLLOW_EVERY_S)
            before, seen = seen, self._signature()
            if seen != before or seen == self._read_signature:
                continue
            try:
                await self.publish(kafka, await self.read())
            except DepotRefusedError as fault:
                self._say(f"{self._folder} is not loaded, what was loaded before stays:\n{fault}")
            except DepotgateError as fault:
                # Kafka is away: this change is still to be loaded.
                self._read_signature = None
                self._say(f"{self._folder} is not loaded yet: {fault}")


async def stay_up(settings: Settings, folder: Path, say: Say) -> None:
    """`depotgate up`: run until cancelled.

    Raises:
        DepotgateError: something is missing or in the way; the message says what to do.
    """
    began_s = asyncio.get_running_loop().time()
    try:
        async with running(settings, folder, say) as installation:
            took_s = asyncio.get_running_loop().time() - began_s
            say(f"ready in {took_s:.0f} s: chargers connect to {installation.ocpp}/CHARGER_ID")
            if installation.ocpp_tls:
                say(f"  with TLS to {installation.ocpp_tls}/CHARGER_ID")
            for role, urls in installation.metrics.items():
                say(f"  {role}: {', '.join(urls)}")
            say("Ctrl-C stops everything")
            await keep_up(installation)
    finally:
        say("stopped")


async def keep_up(installation: Running) -> None:
    """Start again what dies and load what changes, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(installation.supervisor.watch())
        tasks.create_task(installation.follower.follow(installation.kafka))
        tasks.create_task(installation.feeds.follow())
