"""A real gateway on a real Kafka, with the test in the place of the worker.

The worker of these tests decides with the product's own rules on the product's own replica, and may
be told to withhold its answers; so what a gateway does without one can be seen at will.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from connectors.kafka.broker_files import free_port
from connectors.kafka.producer import Producer
from connectors.kafka.replica import Replica
from connectors.kafka.topics import apply_topics
from connectors.ocpp.gateway import GatewaySettings, run_gateway
from connectors.telemetry.metrics import Metrics
from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger201 import Charger201
from depotgate.demo.link import BackOff
from depotgate.demo.session import Behaviour, Card
from models.attempt import AccessRequest
from models.decision import decide
from models.facts import gather
from models.identifiers import KeyEpoch, Pseudonymiser, candidates
from models.ids import ChargerId, GatewayInstance, SiteId, Slot
from models.metrics import REPLICA_ROWS
from models.record import Record
from models.schedule import Mode, Schedule
from models.site import (
    ChargerRecord,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    Posture,
    SiteRecord,
    Stage,
)
from models.topics import (
    CHARGERS,
    COMMANDS,
    DECISIONS,
    EVENTS,
    FEEDS,
    IDENTITIES,
    OUTCOMES,
    OVERRIDES,
    REQUESTS,
    SITES,
    Topic,
)
from tests.integration.records import WITHIN_S, Records, reading, until

DEADLINE_S = 2.0
"""Long enough for an answer over a busy Kafka on a busy machine."""

MISSED_S = 0.6
"""The deadline of a gateway whose tests let it pass, again and again."""

PASSWORD = "correct horse battery"  # noqa: S105 - of simulated chargers
FREEVEND_TAG = "YARDISOPEN"

QUICK = Behaviour(
    response_timeout_s=8.0,
    back_off=BackOff(0.05, 0.2),
    retry_interval_s=0.05,
    meter_interval_s=0.2,
)

CARDS = {
    "own fleet": Card("own fleet", "04A1B2C3D4E5F6"),
    "revoked": Card("revoked", "04DEADBE"),
    "unknown": Card("unknown", "04C0FFEE"),
}

# fmt: off
SITES_OF_TEST = {
    #            stage          mode           posture
    "closed":   (Stage.ENFORCE, Mode.MANAGED,  Posture.CLOSED),
    "open":     (Stage.ENFORCE, Mode.MANAGED,  Posture.OPEN),
    "freevend": (Stage.ENFORCE, Mode.FREEVEND, Posture.CLOSED),
    "shadow":   (Stage.SHADOW,  Mode.MANAGED,  Posture.CLOSED),
    "off":      (Stage.OFF,     Mode.MANAGED,  Posture.CLOSED),
}
# fmt: on

_WORKER_TOPICS = (SITES, CHARGERS, OVERRIDES, FEEDS, IDENTITIES)
_READ = (REQUESTS, OUTCOMES, EVENTS, COMMANDS, DECISIONS)


class Worker:
    """Answers requests with the product's rules, unless it is told to withhold its answer.

    Attributes:
        withholds: by charger, whether a request stays unanswered.
        withheld: those that did, in their order.
    """

    def __init__(self, bootstrap: str, producer: Producer) -> None:
        self.replica = Replica(bootstrap, _WORKER_TOPICS, Metrics("worker"))
        self.withholds: dict[str, Callable[[AccessRequest], bool]] = {}
        self.withheld: defaultdict[str, list[AccessRequest]] = defaultdict(list)
        self._producer = producer

    async def take(self, message: ConsumerRecord) -> None:
        """One request."""
        request = AccessRequest.decode(message.value)
        charger_id = request.attempt.charger_id
        withholds = self.withholds.get(charger_id)
        if withholds is not None and withholds(request):
            self.withheld[charger_id].append(request)
        else:
            await self.answer(request)

    def silence(self, charger_id: str) -> None:
        """Withhold every answer to a charger."""
        self.withholds[charger_id] = lambda _: True

    async def answer(self, request: AccessRequest) -> None:
        """Decide, and send the decision to the slot that asked."""
        now = datetime.now(UTC)
        decision = decide(request.attempt, gather(request.attempt, self.replica, now))
        await self._producer.send(
            DECISIONS,
            request.attempt.charger_id,
            decision,
            event_id=decision.decision_id,
            at=now,
            partition=request.slot,
        )


@dataclass(frozen=True)
class Running:
    """A gateway that serves."""

    endpoint: str
    slot: Slot
    metrics: Metrics
    stop: asyncio.Event

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


class House:
    """A depot's records on a Kafka, its worker, its gateways and its chargers.

    Everything in it has names of its own, as other tests share the broker.
    """

    def __init__(self, bootstrap: str, data: Path) -> None:
        self.bootstrap = bootstrap
        self.data = data
        self.name = f"gw-{secrets.token_hex(3)}"
        self.records = Records()
        self.producer = Producer(bootstrap, "tests")
        self.worker = Worker(bootstrap, self.producer)
        self.key = KeyEpoch("k1", secrets.token_bytes(32))
        self.pseudonymiser = Pseudonymiser((self.key,), self.name)
        self.gateways: list[Running] = []
        self._chargers_count = 0

    def site_id(self, site: str) -> SiteId:
        return SiteId(f"{self.name}-{site}")

    async def write(self, topic: Topic, key: str, record: Record | None, **options: Any) -> None:
        """Write one record; returns when Kafka has it."""
        sent = await self.producer.send(
            topic, key, record, event_id=key, at=datetime.now(UTC), **options
        )
        await sent

    async def write_site(self, site: str, **fields: Any) -> None:
        """Write a site of `SITES_OF_TEST`, or one with other fields."""
        stage, mode, fail = SITES_OF_TEST[site]
        row: dict[str, Any] = {
            "site_id": self.site_id(site),
            "name": site,
            "timezone": "UTC",
            "stage": stage,
            "fail": fail,
            "freevend_tag": FREEVEND_TAG,
            "schedules": (Schedule(id="all day", default=mode),),
            "schedule": "all day",
            "revision": "1",
            "loaded_at": datetime.now(UTC),
        }
        await self.write(SITES, self.site_id(site), SiteRecord(**row | fields))

    async def write_identities(self) -> None:
        """Every card but the unknown one."""
        for label, card in CARDS.items():
            if label == "unknown":
                continue
            revoked = label == "revoked"
            record = IdentityRecord(
                source="folder",
                pseudonym=self.pseudonymiser.current(candidates(card.token, card.id_type)[0]),
                identifier_type=card.id_type,
                display="card",
                identity_class=IdentityClass.OWN_FLEET,
                reference=label,
                valid_from=datetime.now(UTC) - timedelta(days=400),
                state=IdentityState.REVOKED if revoked else IdentityState.ACTIVE,
            )
            await self.write(IDENTITIES, record.key, record)

    def charger_record(self, charger_id: str, site: str, **fields: Any) -> ChargerRecord:
        """A row of security profile 1."""
        verifier = self.pseudonymiser.credential_verifier(charger_id, PASSWORD)
        row: dict[str, Any] = {
            "charger_id": ChargerId(charger_id),
            "site_id": self.site_id(site),
            "security_profile": 1,
            "verifier": verifier,
            "revision": "1",
        }
        return ChargerRecord(**row | fields)

    async def new_charger(self, site: str, **fields: Any) -> ChargerId:
        """A row for a charger that nobody has used; returns when everybody has it."""
        self._chargers_count += 1
        charger_id = ChargerId(f"{self.name}/{self._chargers_count:02d}")
        await self.write(CHARGERS, charger_id, self.charger_record(charger_id, site, **fields))
        chargers = self.worker.replica.chargers
        await until(lambda: charger_id in chargers, "the worker has the charger")
        for gateway in self.gateways:
            await until(
                lambda gateway=gateway: _rows(gateway) == len(chargers),  # type: ignore[misc]
                "the gateway has the charger",
            )
        return charger_id

    @asynccontextmanager
    async def charger(
        self,
        kind: type[Charger],
        site: str,
        gateway: Running,
        *,
        profile: str = "standard",
        **options: Any,
    ) -> AsyncIterator[Any]:
        """A simulated charger of a site, connected."""
        profile = "microocpp" if kind is Charger16 and profile == "standard" else profile
        charger_id = await self.new_charger(site, profile=profile)
        options = {"password": PASSWORD, "behaviour": QUICK, **options}
        async with kind(charger_id, gateway.endpoint, **options) as charger:
            await charger.connected(WITHIN_S)
            yield charger

    @asynccontextmanager
    async def gateway(self, slot: int, **settings: Any) -> AsyncIterator[Running]:
        """A gateway in this process; ended, as by SIGTERM, with the block."""
        fields: dict[str, Any] = {
            "bootstrap": self.bootstrap,
            "host": "127.0.0.1",
            "port": free_port(),
            "slot": Slot(slot),
            "instance": GatewayInstance(f"{self.name}-{secrets.token_hex(2)}"),
            "deadline_s": DEADLINE_S,
            "allow_unauthenticated": False,
            "pseudonymiser": self.pseudonymiser,
            "data": self.data,
        } | settings
        endpoint = f"ws://127.0.0.1:{fields['port']}/ocpp"
        running = Running(endpoint, Slot(slot), Metrics("gateway"), asyncio.Event())
        ready = asyncio.Event()
        task = asyncio.create_task(
            run_gateway(GatewaySettings(**fields), running.metrics, ready.set, running.stop)
        )
        try:
            await until(lambda: ready.is_set() or task.done(), "the gateway is ready")
            if task.done():
                await task
            self.gateways.append(running)
            yield running
        finally:
            running.stop.set()
            if running in self.gateways:
                self.gateways.remove(running)
            await task


def _rows(gateway: Running) -> float:
    return gateway.metric(REPLICA_ROWS.name, table=CHARGERS.name)


@asynccontextmanager
async def open_house(bootstrap: str, data: Path) -> AsyncIterator[House]:
    """Topics, sites, cards and a worker."""
    await apply_topics(bootstrap)
    house = House(bootstrap, data)
    read = {topic.name: topic.partitions for topic in _READ}
    read |= {topic.dead_letter_name: topic.partitions for topic in (DECISIONS, COMMANDS)}
    async with AsyncExitStack() as stack:
        await house.producer.start()
        stack.push_async_callback(house.producer.stop)
        for site in SITES_OF_TEST:
            await house.write_site(site)
        await house.write_identities()
        await house.worker.replica.load()
        follows = asyncio.create_task(house.worker.replica.follow())
        stack.push_async_callback(_end, follows)
        await stack.enter_async_context(reading(bootstrap, read, house.records.take, paced=True))
        asked = {REQUESTS.name: REQUESTS.partitions}
        await stack.enter_async_context(reading(bootstrap, asked, house.worker.take))
        yield house


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


BOTH = pytest.mark.parametrize("kind", [Charger16, Charger201])
"""For a test that holds in every version."""


def authorize(kind: type[Charger], token: str) -> dict[str, Any]:
    """The payload of an Authorize."""
    if kind is Charger16:
        return {"idTag": token}
    return {"idToken": {"idToken": token, "type": "ISO14443"}}


async def ask(
    charger: Charger, action: str, payload: dict[str, Any], message_id: str = "raw-1"
) -> list[Any]:
    """Send a call as a frame of the test's own; the frame that answers it."""
    answer: list[Any] = json.loads(
        await charger.raw(json.dumps([2, message_id, action, payload]), timeout_s=20.0)
    )
    return answer
