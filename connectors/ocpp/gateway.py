"""The gateway process: its parts, wired, in the order in which they have to begin and end."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog
from websockets.asyncio.server import Server, ServerConnection

from connectors.attempts import AttemptDesk
from connectors.cases import Late
from connectors.collector import collect_seldom
from connectors.kafka.permission_watch import PermissionWatch
from connectors.kafka.permissions import refuse_lacking
from connectors.kafka.producer import Producer
from connectors.kafka.replica import Replica
from connectors.kafka.security import Kafka
from connectors.kafka.spool import Spool
from connectors.kafka.topics import check_topics
from connectors.known_identities import KnownIdentities, follow_identities
from connectors.ocpp import handlers16, handlers201
from connectors.ocpp.admission import Admission
from connectors.ocpp.commands import CommandDesk
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.incoming import Handler, Services
from connectors.ocpp.memory import AttemptMemory
from connectors.ocpp.registry import Registry
from connectors.ocpp.server import Listener
from connectors.ocpp.stopping import stop_session
from connectors.ocpp.table import Version
from connectors.ocpp.tls import Tls, TlsFiles
from connectors.publishing import Publisher
from connectors.sink import Sink
from connectors.telemetry.metrics import Metrics
from models.charger import ChargerEvent, EventName
from models.errors import ConfigurationError, DepotgateError
from models.identifiers import Pseudonymiser
from models.ids import ChargerId, GatewayInstance, Slot, timed_id
from models.reasons import OcppVersion
from models.roles import Role, permit_of
from models.site import ChargerRecord
from models.topics import CHARGERS, OVERRIDES, SITES, STAGES, Topic
from models.turns import SWITCHES_PER_S

log = structlog.get_logger()

REPLICA_TOPICS = (SITES, CHARGERS, OVERRIDES, STAGES)

CLOSE_WITHIN_S = 5.0
"""For what is under way when the gateway ends: its deadline and a record; chargers dial again."""

HANDLERS: Mapping[OcppVersion, Mapping[str, Handler]] = {
    "1.6": handlers16.HANDLERS,
    "2.0.1": handlers201.HANDLERS,
    "2.1": handlers201.HANDLERS,
}


class SecureListener(NamedTuple):
    """Where TLS is spoken, and its files."""

    host: str
    port: int
    files: TlsFiles


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What a gateway needs to know.

    Attributes:
        bootstrap: `HOST:PORT[,HOST:PORT]` of Kafka.
        switches_per_s: mode commands that are begun in a second at most.
        host, port: where chargers connect.
        tls: where chargers of security profiles 2 and 3 connect, and its files; None = nowhere.
        slot: reply partition, 0–15; need not be exclusive.
        instance: names this process in requests and events.
        deadline_s: for the answer to an attempt.
        allow_unauthenticated: let in rows of security profile 0.
        identities: raw, for local lists; None = this gateway composes none.
        data: an existing folder for the spool; two gateways may share it, with other slots.
    """

    bootstrap: Kafka
    host: str
    port: int
    slot: Slot
    instance: GatewayInstance
    deadline_s: float
    allow_unauthenticated: bool
    pseudonymiser: Pseudonymiser
    data: Path
    tls: SecureListener | None = None
    switches_per_s: float = SWITCHES_PER_S
    identities: KnownIdentities | None = None


class Gateway:
    """Everything of one gateway process."""

    def __init__(self, settings: GatewaySettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._producer = Producer(settings.bootstrap, f"gateway/{settings.instance}")
        self._replica = Replica(settings.bootstrap, REPLICA_TOPICS, metrics)
        self._publisher = Publisher(self._producer, Spool(spool_path(settings)), metrics)
        self._tls = Tls(settings.tls.files) if settings.tls else None
        self._connections: Registry[ChargerConnection] = Registry(metrics)
        self._services = self._make_services()
        self._sink = Sink(
            settings.bootstrap,
            settings.slot,
            decisions=self._services.desk,
            commands=CommandDesk(self._connections, metrics, settings.switches_per_s),
            producer=self._producer,
            metrics=metrics,
        )

    def _make_services(self) -> Services:
        settings = self._settings
        desk = AttemptDesk(
            self._publisher,
            self._replica,
            self._metrics,
            instance=settings.instance,
            slot=settings.slot,
            deadline_s=settings.deadline_s,
            tell_late=self._tell_late,
        )
        return Services(
            configuration=self._replica,
            publisher=self._publisher,
            desk=desk,
            memory=AttemptMemory(),
            pseudonymiser=settings.pseudonymiser,
            metrics=self._metrics,
            instance=settings.instance,
            slot=settings.slot,
            identities=settings.identities,
        )

    async def run(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Serve until `stop` is set; see `run_gateway`."""
        async with self._kafka(), asyncio.TaskGroup() as tasks:
            work = [
                tasks.create_task(self._replica.follow()),
                tasks.create_task(self._publisher.run()),
                tasks.create_task(self._sink.follow()),
                tasks.create_task(self._watch_permissions()),
            ]
            servers = await self._listen()
            if self._tls is not None:
                work.append(tasks.create_task(self._tls.follow()))
            if self._settings.identities is not None:
                work.append(tasks.create_task(follow_identities(self._settings.identities)))
            log.info("gateway.ready", slot=self._settings.slot)
            collect_seldom()
            try:
                ready()
                await stop.wait()
            finally:
                await self._close(servers)
                for task in work:
                    task.cancel()

    async def _watch_permissions(self) -> None:
        permit = permit_of(Role.GATEWAY)
        watch = PermissionWatch(self._settings.bootstrap, permit, self._metrics, patience_s=None)
        await watch.run()

    @asynccontextmanager
    async def _kafka(self) -> AsyncIterator[None]:
        """Replica and slot, complete before the first charger can connect."""
        await check_topics(self._settings.bootstrap)
        await refuse_lacking(self._settings.bootstrap, permit_of(Role.GATEWAY))
        await self._producer.start()
        try:
            await self._replica.load()
            self._replica.subscribe(self._configuration_changed)
            await self._sink.open()
            yield
        finally:
            await self._sink.close()
            await _within(self._producer.stop())

    async def _listen(self) -> list[Server]:
        settings = self._settings
        admission = Admission(
            self._replica.chargers,
            settings.pseudonymiser,
            allow_unauthenticated=settings.allow_unauthenticated,
        )
        listener = Listener(
            admission, self._metrics, self._connected, lambda: len(self._connections)
        )
        servers = [await listener.open(settings.host, settings.port)]
        if settings.tls is not None and self._tls is not None:
            host, port, _files = settings.tls
            servers.append(await listener.open(host, port, self._tls.context))
        return servers

    async def _close(self, servers: Sequence[Server]) -> None:
        """Close every connection, and end what was begun on them: attempts leave their outcome."""
        for server in servers:
            server.close()
        for server in servers:
            await _within(server.wait_closed())

    async def _connected(
        self, socket: ServerConnection, charger: ChargerRecord, version: Version
    ) -> None:
        connection = ChargerConnection(
            socket,
            charger,
            version,
            handlers=HANDLERS[version.name],
            services=self._services,
            on_over=self._connections.leave,
        )
        self._connections.enter(connection)
        await connection.run()

    def _configuration_changed(self, topic: Topic, key: str) -> None:
        if topic is CHARGERS:
            charger_id = ChargerId(key)
            self._connections.charger_changed(charger_id, self._replica.chargers.get(charger_id))

    def _tell_late(self, late: Late) -> None:
        """A late decision is recorded; a denial of what the posture let in ends it (rule 24)."""
        self._publisher.hold(_late_event(late, datetime.now(UTC)))
        connection = self._connections.of(late.case.attempt.charger_id)
        if late.stop and connection is not None:
            cause = str(late.decision.verdict.reason)
            connection.later(partial(stop_session, connection, late.case.stop, cause))


def _late_event(late: Late, at: datetime) -> ChargerEvent:
    """Of the connection that asked, which may be gone by now."""
    event, verdict = late.case.event, late.decision.verdict
    request_id = late.case.attempt.request_id
    about = f"{EventName.DECISION_LATE} {request_id}"
    return ChargerEvent(
        event_id=timed_id(at, event.charger_id, event.connection_id, about),
        charger_id=event.charger_id,
        site_id=event.site_id,
        ocpp=event.ocpp,
        connection_id=event.connection_id,
        gateway_instance=event.gateway_instance,
        slot=event.slot,
        name=EventName.DECISION_LATE,
        received_at=at,
        data={
            "requestId": request_id,
            "answer": str(verdict.answer),
            "reason": str(verdict.reason),
        },
    )


def spool_path(settings: GatewaySettings) -> Path:
    """Where outcomes wait while Kafka is away; named by slot, which a restart keeps."""
    return settings.data / f"outcomes-{settings.slot}.jsonl"


async def run_gateway(
    settings: GatewaySettings, metrics: Metrics, ready: Callable[[], None], stop: asyncio.Event
) -> None:
    """Run a gateway until `stop` is set.

    Args:
        ready: called when chargers can connect.

    Raises:
        DepotgateError: broker, topics, address or data folder are not as expected.
    """
    with _sole_user(spool_path(settings)):
        try:
            await Gateway(settings, metrics).run(ready, stop)
        except ExceptionGroup as group:
            raise _expected(group) from None


def _expected(group: ExceptionGroup[Exception]) -> Exception:
    """The error that a person can act on, out of the task group that it ended; else the group."""
    _, unexpected = group.split(DepotgateError)
    fault: Exception = group
    while unexpected is None and isinstance(fault, ExceptionGroup):
        fault = fault.exceptions[0]
    return fault


@contextmanager
def _sole_user(path: Path) -> Iterator[None]:
    """Hold the spool against a second gateway; the lock goes with the process, however it ends."""
    lock = path.with_suffix(".lock")
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                f"another gateway uses {lock.name} in the data folder; give this one another "
                "slot (DEPOTGATE_SLOT) or another data folder"
            ) from None
        yield


async def _within(ending: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await ending
    except TimeoutError:
        log.warning("gateway.close_timed_out", within_s=CLOSE_WITHIN_S)
