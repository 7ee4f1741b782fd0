"""Rounds of the flags process, one of which Kafka does not take to its end (real broker)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from secrets import token_hex

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from connectors.flags.flags_file import FlagSource
from connectors.flags.reading import StageFlag
from connectors.flags.resolving import REPLICA_TOPICS, Resolver, return_to_sites
from connectors.kafka.broker import Broker
from connectors.kafka.bulk import Bulk, bulk_producer
from connectors.kafka.replica import Replica, read_replica
from connectors.kafka.topics import apply_topics
from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState
from models.errors import BrokerUnavailableError
from models.ids import SiteId
from models.site import AuditRecord, Stage
from models.stages import EVERY_CHARGER, StageRecord
from models.topics import AUDIT, CHARGERS, SITES, STAGES, STATE, Topic
from tests.connectors.ocpp.chargers import charger_record, site_record
from tests.integration.written import FOLLOWS_WITHIN_S, read_all, read_kind

pytestmark = pytest.mark.integration

SITE = site_record(site_id=SiteId(f"flags-{token_hex(4)}"), stage=Stage.SHADOW)
CHARGER = charger_record(f"CP-{token_hex(4)}", site_id=SITE.site_id)
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


async def audits(broker: Broker, subject: str = CHARGER.charger_id) -> list[AuditRecord]:
    records = await read_kind(broker.bootstrap, AUDIT, AuditRecord, subject)
    return [each for each in records if each.subject == subject]


def lose(away: pytest.MonkeyPatch, lost: Topic, *, deletions: bool = False) -> None:
    """Have Kafka go away before records of a topic, or before its deletions; what was on its way
    has arrived."""
    add = Bulk.add

    async def add_or_lose(
        bulk: Bulk, topic: Topic, key: str, value: bytes | None, partition: int | None = None
    ) -> None:
        if topic == lost and (value is None) == deletions:
            await bulk.settle()
            raise BrokerUnavailableError("Kafka has not taken all of it")
        await add(bulk, topic, key, value, partition)

    away.setattr(Bulk, "add", add_or_lose)


@pytest.mark.parametrize("lost", [AUDIT, STAGES], ids=lambda topic: topic.name)
async def test_a_round_that_kafka_does_not_take_is_recorded_once(
    broker: Broker, resolver: Resolver, monkeypatch: pytest.MonkeyPatch, lost: Topic
) -> None:
    """Kafka goes away before the records of a round, or between them and its rows."""
    before = await audits(broker)
    with monkeypatch.context() as away:
        lose(away, lost)
        for _ in range(2):
            with pytest.raises(BrokerUnavailableError):
                await resolver.round()
    await resolver.round()
    await resolver.round()
    (record,) = [each for each in await audits(broker) if each not in before]
    assert (record.action, record.after) == ("stage", "enforce (STATIC)")


@pytest.fixture
async def loaded(broker: Broker) -> AsyncIterator[None]:
    """The depot is on the topics, as `return_to_sites` reads it; afterwards it is not."""
    await apply_topics(broker.bootstrap)
    records = ((SITES, SITE.site_id, SITE), (CHARGERS, CHARGER.charger_id, CHARGER))
    async with bulk_producer(broker.bootstrap, "test", "test", datetime.now(UTC)) as bulk:
        for topic, key, record in records:
            await bulk.add(topic, key, record.encode())
    yield
    async with bulk_producer(broker.bootstrap, "test", "test", datetime.now(UTC)) as bulk:
        for topic, key, _ in records:
            await bulk.add(topic, key, None)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("lost", "deletions"), [(STAGES, False), (AUDIT, False), (STAGES, True)],
    ids=["before it has begun", "before its records", "before the rows go"],
)  # fmt: skip
async def test_a_return_to_site_yaml_that_kafka_does_not_take_is_recorded_as_one(
    broker: Broker,
    resolver: Resolver,
    monkeypatch: pytest.MonkeyPatch,
    lost: Topic,
    deletions: bool,
) -> None:
    await resolver.round()
    before = await audits(broker)
    metrics = Metrics("flags")
    with monkeypatch.context() as away:
        lose(away, lost, deletions=deletions)
        for _ in range(2):
            with pytest.raises(BrokerUnavailableError):
                await return_to_sites(broker.bootstrap, metrics, "ada")
    # On a broker that tests share it changes what others left behind, too.
    assert await return_to_sites(broker.bootstrap, metrics, "ada") >= 1
    assert await return_to_sites(broker.bootstrap, metrics, "ada") == 0
    # By another actor, so on another partition: no order of both is known.
    returned = [each for each in await audits(broker) if each not in before]
    assert {(each.before, each.after) for each in returned} == {("enforce", "shadow (site.yaml)")}
    assert len({each.encode() for each in returned}) == 1


@pytest.mark.usefixtures("loaded")
async def test_flags_that_rule_on_after_a_return_that_was_recorded_say_so(
    broker: Broker, resolver: Resolver, flag: StageFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the records would say what is not so: the charger is still as its flag has it."""
    await resolver.round()
    metrics = Metrics("flags")
    with monkeypatch.context() as away:
        lose(away, STAGES, deletions=True)
        with pytest.raises(BrokerUnavailableError):
            await return_to_sites(broker.bootstrap, metrics, "ada")
    before = await audits(broker, EVERY_CHARGER)
    again = await restarted(broker, flag)
    await again.round()
    (record,) = [each for each in await audits(broker, EVERY_CHARGER) if each not in before]
    assert (record.action, record.after) == ("stage", "flags")
    assert (record.before or "").endswith("not finished")


async def restarted(broker: Broker, flag: StageFlag) -> Resolver:
    """That of another process, after its first round: it knows the rows that stand."""
    metrics = Metrics("flags")
    replica = await read_replica(broker.bootstrap, (STAGES,), metrics)
    replica.sites[SITE.site_id] = SITE
    replica.chargers[CHARGER.charger_id] = CHARGER
    resolver = Resolver(broker.bootstrap, flag, replica, metrics)
    first_round = asyncio.Event()
    keeping = asyncio.create_task(resolver.keep(first_round.set))
    try:
        await asyncio.wait_for(first_round.wait(), FOLLOWS_WITHIN_S)
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
    return resolver


async def test_a_flag_is_targeted_by_the_profile_that_was_found(broker: Broker) -> None:
    await apply_topics(broker.bootstrap)
    charger = charger_record(f"CP-{token_hex(4)}", site_id=SITE.site_id, profile_named=False)
    now = datetime.now(UTC)
    row = ChargerState(
        charger_id=charger.charger_id,
        site_id=SITE.site_id,
        offset=0,
        vendor="Easee",
        model="Charge Pro",
        firmware="308",
        booted_over="1.6",
        updated_at=now,
    )
    async with bulk_producer(broker.bootstrap, "test", "test", now) as bulk:
        await bulk.add(STATE, charger.charger_id, row.encode())
        await bulk.settle()
    stages = {stage.value: stage.value for stage in Stage}
    provider = InMemoryProvider({FLAG: InMemoryFlag("shadow", stages, context_evaluator=_easees)})
    api.set_provider_and_wait(provider, domain="test")
    metrics = Metrics("flags")
    replica = Replica(broker.bootstrap, REPLICA_TOPICS, metrics)
    try:
        await replica.load()
        replica.sites[SITE.site_id] = SITE
        replica.chargers[charger.charger_id] = charger
        flag = StageFlag(FlagSource("test", provider, FLAG))
        await Resolver(broker.bootstrap, flag, replica, metrics).round()
        found = await read_all(broker.bootstrap, STAGES, charger.charger_id)
        assert [each.stage for each in found if isinstance(each, StageRecord)] == [Stage.ENFORCE]
    finally:
        await replica.close()
        api.clear_providers()
        await return_to_sites(broker.bootstrap, metrics, "test")


def _easees(flag: InMemoryFlag[str], context: EvaluationContext) -> FlagResolutionDetails[str]:
    enforced = context.attributes["profile"] == "easee"
    return FlagResolutionDetails(flag.variants["enforce" if enforced else "shadow"])
