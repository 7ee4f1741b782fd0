"""Rounds of the flags process, one of which Kafka does not take to its end (real broker)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from secrets import token_hex

import pytest
from openfeature import api
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from connectors.flags.flags_file import FlagSource
from connectors.flags.reading import StageFlag
from connectors.flags.resolving import REPLICA_TOPICS, Resolver, return_to_sites
from connectors.kafka.broker import Broker
from connectors.kafka.bulk import Bulk
from connectors.kafka.replica import Replica
from connectors.kafka.topics import apply_topics
from connectors.telemetry.metrics import Metrics
from models.errors import BrokerUnavailableError
from models.site import AuditRecord, Stage
from models.topics import AUDIT, STAGES, Topic
from tests.connectors.ocpp.chargers import charger_record, site_record
from tests.integration.installations import read_all

pytestmark = pytest.mark.integration

CHARGER = charger_record(f"CP-{token_hex(4)}")
SITE = site_record(stage=Stage.SHADOW)
FLAG = "depotgate-stage"


@pytest.fixture
def flag() -> Iterator[StageFlag]:
    """It says enforce of every charger."""
    provider = InMemoryProvider({FLAG: InMemoryFlag("all", {"all": Stage.ENFORCE.value})})
    flag = StageFlag(FlagSource("test", provider, FLAG))
    api.set_provider_and_wait(provider, domain="test")
    yield flag
    api.clear_providers()


@pytest.fixture
async def resolver(broker: Broker, flag: StageFlag) -> AsyncIterator[Resolver]:
    """It knows one charger, which is in shadow before its first round."""
    await apply_topics(broker.bootstrap)
    metrics = Metrics("flags")
    replica = Replica(broker.bootstrap, REPLICA_TOPICS, metrics)
    replica.sites[SITE.site_id] = SITE
    replica.chargers[CHARGER.charger_id] = CHARGER
    yield Resolver(broker.bootstrap, flag, replica, metrics)
    # Rows that stay would rule over every installation on this broker.
    await return_to_sites(broker.bootstrap, metrics, "test")


async def audits(broker: Broker) -> list[AuditRecord]:
    records = await read_all(broker.bootstrap, AUDIT, CHARGER.charger_id)
    return [
        each
        for each in records
        if isinstance(each, AuditRecord) and each.subject == CHARGER.charger_id
    ]


@pytest.mark.parametrize("lost", [AUDIT, STAGES], ids=lambda topic: topic.name)
async def test_a_round_that_kafka_does_not_take_is_recorded_once(
    broker: Broker, resolver: Resolver, monkeypatch: pytest.MonkeyPatch, lost: Topic
) -> None:
    """Kafka goes away before the records of a round, or between them and its rows."""
    before = await audits(broker)
    add = Bulk.add

    async def lose(
        bulk: Bulk, topic: Topic, key: str, value: bytes | None, partition: int | None = None
    ) -> None:
        if topic == lost:
            # What was on its way has arrived.
            await bulk.settle()
            raise BrokerUnavailableError("Kafka has not taken all of it")
        await add(bulk, topic, key, value, partition)

    with monkeypatch.context() as away:
        away.setattr(Bulk, "add", lose)
        for _ in range(2):
            with pytest.raises(BrokerUnavailableError):
                await resolver.round()
    await resolver.round()
    await resolver.round()
    (record,) = (await audits(broker))[len(before) :]
    assert (record.action, record.after) == ("stage", "enforce (STATIC)")
