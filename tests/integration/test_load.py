"""What a load leaves on the topics: what differs, all of it, and nothing for what is refused."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from connectors.feeds.depot_folder import COMPILED_BYTES_MAX
from connectors.feeds.differences import Change
from connectors.feeds.identities_file import Progress
from connectors.feeds.publish import Loaded, load_depot
from connectors.kafka.broker import Broker
from connectors.kafka.consumer import position_reached, start_consumer
from connectors.kafka.partition import partition_of
from connectors.kafka.producer import Producer
from connectors.kafka.replica import Replica, read_replica
from connectors.kafka.topics import apply_topics
from connectors.telemetry.metrics import Metrics
from models.errors import BrokerUnavailableError, DepotRefusedError
from models.identifiers import Candidate
from models.ids import ChargerId, SiteId
from models.site import AuditRecord, IdentityState
from models.topics import AUDIT, CHARGERS, FEEDS, IDENTITIES, SITES, Topic
from tests.connectors.feeds.folders import CARD, KEYS, SITE, write
from tests.connectors.feeds.folders import CHARGERS as CHARGER_ROWS
from tests.connectors.feeds.folders import IDENTITIES as IDENTITY_ROWS
from tests.integration.written import read_all, read_values

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

PSEUDONYM = KEYS.current(Candidate("ISO14443", CARD))


class Site:
    """A depot folder of its own on the shared broker: site and charger ids are the test's."""

    def __init__(self, broker: Broker, folder: Path, name: str) -> None:
        self._broker = broker
        self._folder = folder
        self.name = name
        self.site_id = SiteId(name)
        self.site = SITE.replace("site: depot", f"site: {name}")
        self.chargers = CHARGER_ROWS.replace("\nCP-", f"\n{name}-")
        self.identities = IDENTITY_ROWS

    def charger(self, number: int) -> ChargerId:
        return ChargerId(f"{self.name}-{number}")

    async def load(self, *, dry_run: bool = False, on_progress: Progress | None = None) -> Loaded:
        write(self._folder, site=self.site, chargers=self.chargers, identities=self.identities)
        return await load_depot(
            self._broker.bootstrap,
            self._folder,
            KEYS,
            actor=self.name,
            dry_run=dry_run,
            on_progress=on_progress,
        )

    def identity_rows(self, count: int) -> str:
        """An identities.csv of so many cards."""
        rows = (
            f"ISO14443,{number:08X},own_fleet,bus-{number},2026-01-01T00:00:00Z,,active"
            for number in range(count)
        )
        return "\n".join([IDENTITY_ROWS.partition("\n")[0], *rows, ""])

    async def replica(self) -> Replica:
        """What a worker that starts now would know."""
        topics = (SITES, CHARGERS, IDENTITIES, FEEDS)
        return await read_replica(self._broker.bootstrap, topics, Metrics("worker"))


@pytest.fixture
async def site(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    await apply_topics(broker.bootstrap)
    return Site(broker, tmp_path, f"load-{zlib.crc32(request.node.name.encode())}")


async def test_a_load_is_what_a_worker_then_knows(site: Site) -> None:
    loaded = await site.load()
    assert (loaded.chargers, loaded.identities) == (Change(3, 0, 0), Change(2, 0, 0))
    assert loaded.site_changed
    replica = await site.replica()
    assert replica.sites[site.site_id].revision == loaded.revisions.site
    governing = replica.governing(site.charger(1))
    assert governing is not None
    assert (governing.schedule_id, governing.scope) == ("always", "group")
    (record,) = replica.identities(PSEUDONYM, site.site_id)
    assert record.reference == "bus-17"
    assert replica.identities(PSEUDONYM, SiteId("elsewhere")) == ()
    receipt = replica.feeds[f"folder/{site.name}"]
    assert (receipt.rows_count, receipt.added_count, receipt.ages) == (2, 2, False)
    assert receipt.revision == loaded.revisions.identities
    assert replica.identity_revision(site.site_id) == f"folder@{receipt.revision}"


async def test_loading_again_publishes_nothing(site: Site, broker: Broker) -> None:
    first = await site.load()
    before = await counts(broker)
    again = await site.load()
    assert not again.changed
    assert again.revision == first.revision
    assert await counts(broker) == before


async def test_the_receipt_says_how_many_bad_rows_were_left_out(site: Site) -> None:
    site.site += "identities: {bad_rows: skip}\n"
    sound = site.identity_rows(8)
    site.identities = sound + "gone wrong\n"
    assert (await site.load()).left_out_count == 1
    key = f"folder/{site.name}"
    receipt = (await site.replica()).feeds[key]
    assert (receipt.rows_count, receipt.skipped_count) == (8, 1)
    site.identities = sound
    assert not (await site.load()).changed
    assert (await site.replica()).feeds[key].skipped_count == 0


async def test_of_many_rows_the_one_that_changed_is_published(site: Site, broker: Broker) -> None:
    site.identities = site.identity_rows(20_000)
    loaded = await site.load()
    assert loaded.identities == Change(20_000, 0, 0)
    before = await counts(broker)
    lines = site.identities.splitlines(keepends=True)
    lines[7_001] = lines[7_001].replace("active", "revoked")
    # In another order, which means nothing.
    site.identities = "".join([lines[0], *reversed(lines[1:])])
    again = await site.load()
    assert again.identities == Change(0, 1, 0)
    after = await counts(broker)
    one_more = {IDENTITIES.name, FEEDS.name, AUDIT.name}
    assert {name: after[name] - before[name] for name in after} == {
        name: int(name in one_more) for name in after
    }


async def test_a_dry_run_says_what_a_load_would_do(site: Site, broker: Broker) -> None:
    before = await counts(broker)
    tried = await site.load(dry_run=True)
    assert (tried.dry_run, tried.chargers, tried.identities) == (True, Change(3, 0, 0), (2, 0, 0))
    assert await counts(broker) == before
    loaded = await site.load()
    assert loaded.revision == tried.revision


async def test_everything_is_there_before_the_site_that_names_it(
    site: Site, broker: Broker
) -> None:
    """Chargers and identities, then their receipt, then the site, then the audit record."""
    await site.load()
    steps = ((CHARGERS, IDENTITIES), (FEEDS,), (SITES,), (AUDIT,))
    times = [
        [
            message.timestamp
            for topic in step
            for message in await messages_of(broker, topic)
            if site.name in message.key.decode()
        ]
        for step in steps
    ]
    assert [len(each) for each in times] == [5, 1, 1, 1]
    for earlier, later in pairwise(times):
        assert max(earlier) <= min(later)


async def test_rows_live_where_kafka_looks_for_them_and_say_where_they_are_from(
    site: Site, broker: Broker
) -> None:
    site.identities = site.identity_rows(100)
    await site.load()
    own = [
        message
        for message in await messages_of(broker, IDENTITIES)
        if message.key.decode().startswith(f"folder/{site.name}|")
    ]
    assert len(own) == 100
    ids = set()
    for message in own:
        assert message.partition == partition_of(message.key.decode(), IDENTITIES.partitions)
        headers = {name: value.decode() for name, value in message.headers}
        assert headers["ce_type"] == "depotgate.depot.identities.v1"
        assert headers["ce_source"] == f"load/{site.name}"
        ids.add(headers["ce_id"])
    assert len(ids) == 100


async def test_a_load_completes_one_that_was_broken_off_before_its_receipt(
    site: Site, broker: Broker
) -> None:
    await site.load()
    key = f"folder/{site.name}"
    producer = Producer(broker.bootstrap, "tests")
    await producer.start()
    await (await producer.send(FEEDS, key, None, event_id="gone", at=datetime.now(UTC)))
    await producer.stop()
    assert key not in (await site.replica()).feeds
    again = await site.load()
    assert not again.changed
    assert (await site.replica()).feeds[key].revision == again.revisions.identities


async def test_a_site_as_large_as_a_record_may_be_is_taken(site: Site) -> None:
    exceptions = [
        f"      - {{name: {'x' * 100}, date: {date(2027, 1, 1) + timedelta(days=day)}, "
        "mode: managed}\n"
        for day in range(1_000)
    ]
    schedules = "".join(
        f"  - id: s{number}\n    default: freevend\n    exceptions:\n{''.join(exceptions[:count])}"
        for number, count in enumerate((1_000, 1_000, 1_000, 1_000, 1_000, 865))
    )
    site.site = site.site.replace("schedules:\n", f"schedules:\n{schedules}")
    assert (await site.load()).site_changed
    size = len((await site.replica()).sites[site.site_id].encode())
    assert COMPILED_BYTES_MAX - 4_096 < size < COMPILED_BYTES_MAX


async def counts(broker: Broker) -> dict[str, int]:
    """How many records each topic has."""
    return {topic.name: len(await messages_of(broker, topic)) for topic in _TOPICS}


async def messages_of(broker: Broker, topic: Topic) -> list[ConsumerRecord]:
    """Every message that a topic has now."""
    consumer = await start_consumer(broker.bootstrap)
    try:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord] = []
        while not await position_reached(consumer, ends):
            for messages in (await consumer.getmany(timeout_ms=200)).values():
                found += messages
        return found
    finally:
        await consumer.stop()


_TOPICS = (SITES, CHARGERS, IDENTITIES, FEEDS, AUDIT)


async def test_only_what_differs_is_published(site: Site) -> None:
    await site.load()
    site.chargers = site.chargers.replace("microocpp", "easee")
    site.identities = site.identities.replace(",,active", ",,suspended")
    loaded = await site.load()
    assert (loaded.chargers, loaded.identities) == (Change(0, 1, 0), Change(0, 1, 0))
    assert not loaded.site_changed
    replica = await site.replica()
    assert replica.chargers[site.charger(1)].profile == "easee"
    (record,) = replica.identities(PSEUDONYM, site.site_id)
    assert record.state is IdentityState.SUSPENDED


async def test_what_is_gone_from_the_folder_is_deleted(site: Site) -> None:
    """Rule 21: a full load replaces its own source's records at its own site, and no others."""
    await site.load()
    site.chargers = "".join(site.chargers.splitlines(keepends=True)[:-1])
    site.identities = "".join(
        line for line in site.identities.splitlines(keepends=True) if CARD not in line
    )
    loaded = await site.load()
    assert (loaded.chargers.removed, loaded.identities.removed) == (1, 1)
    replica = await site.replica()
    assert site.charger(3) not in replica.chargers
    assert replica.identities(PSEUDONYM, site.site_id) == ()
    assert site.charger(1) in replica.chargers


async def test_a_state_keeps_the_time_of_the_first_load_that_had_it(site: Site) -> None:
    await site.load()
    (first,) = (await site.replica()).identities(PSEUDONYM, site.site_id)
    assert first.state_since is not None
    site.identities = site.identities.replace(",,active", ",2030-01-01T00:00:00Z,active")
    await site.load()
    (renewed,) = (await site.replica()).identities(PSEUDONYM, site.site_id)
    assert renewed.valid_to is not None
    assert renewed.state_since == first.state_since


async def test_a_charger_id_is_unique_over_all_sites(
    site: Site, broker: Broker, tmp_path: Path
) -> None:
    await site.load()
    other = Site(broker, tmp_path, f"{site.name}-2")
    other.chargers = site.chargers
    with pytest.raises(DepotRefusedError, match=rf"chargers.csv:2: .*belongs to site {site.name}"):
        await other.load()
    assert other.site_id not in (await site.replica()).sites


async def test_a_refused_folder_changes_nothing(site: Site) -> None:
    """All or nothing: the good rows of a bad folder are not loaded either."""
    first = await site.load()
    site.chargers = site.chargers.replace("microocpp", "easee")
    site.identities = site.identities.replace("own_fleet", "nobodys")
    with pytest.raises(DepotRefusedError, match=r"identities.csv:2"):
        await site.load()
    replica = await site.replica()
    assert replica.chargers[site.charger(1)].profile == "microocpp"
    assert replica.sites[site.site_id].revision == first.revisions.site


async def test_each_change_is_in_the_audit_topic(site: Site, broker: Broker) -> None:
    first = await site.load()
    site.identities = site.identities.replace(",,active", ",,suspended")
    second = await site.load()
    await site.load()
    records = [each for each in await read_all(broker.bootstrap, AUDIT) if _about(each, site)]
    assert [(each.before, each.after) for each in records if isinstance(each, AuditRecord)] == [
        (None, str(first.revisions)),
        (str(first.revisions), str(second.revisions)),
    ]


def _about(record: object, site: Site) -> bool:
    return isinstance(record, AuditRecord) and record.subject == site.site_id


async def test_no_identifier_and_no_password_is_published(site: Site, broker: Broker) -> None:
    """Rule 26."""
    await site.load()
    for topic in _TOPICS:
        for value in await read_values(broker.bootstrap, topic):
            assert CARD.encode() not in value
            assert b"correct-horse" not in value


async def test_without_kafka_a_load_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailableError, match=r"no Kafka answers at 127\.0\.0\.1:1"):
        await load_depot("127.0.0.1:1", write(tmp_path), KEYS, actor="test")
