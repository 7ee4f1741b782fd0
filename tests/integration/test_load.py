"""What a load leaves on the topics: what differs, all of it, and nothing for what is refused."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from connectors.feeds.publish import Change, Loaded, load_depot
from connectors.kafka.broker import Broker
from connectors.kafka.replica import Replica
from connectors.kafka.topics import apply_topics
from connectors.telemetry.metrics import Metrics
from models.errors import BrokerUnavailableError, DepotRefusedError
from models.identifiers import Candidate
from models.ids import ChargerId, SiteId
from models.site import AuditRecord, IdentityState
from models.topics import AUDIT, CHARGERS, FEEDS, IDENTITIES, SITES
from tests.connectors.feeds.folders import CARD, KEYS, SITE, write
from tests.connectors.feeds.folders import CHARGERS as CHARGER_ROWS
from tests.connectors.feeds.folders import IDENTITIES as IDENTITY_ROWS
from tests.integration.installations import read_all, read_values

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

NOTHING = Change(0, 0, 0)
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

    async def load(self) -> Loaded:
        write(self._folder, site=self.site, chargers=self.chargers, identities=self.identities)
        return await load_depot(self._broker.bootstrap, self._folder, KEYS, actor=self.name)

    async def replica(self) -> Replica:
        """What a worker that starts now would know."""
        replica = Replica(
            self._broker.bootstrap, (SITES, CHARGERS, IDENTITIES, FEEDS), Metrics("worker")
        )
        await replica.load()
        await replica.close()
        return replica


@pytest.fixture
async def site(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    await apply_topics(broker.bootstrap)
    return Site(broker, tmp_path, f"load-{zlib.crc32(request.node.name.encode())}")


async def test_a_load_is_what_a_worker_then_knows(site: Site) -> None:
    loaded = await site.load()
    assert (loaded.chargers, loaded.identities) == (Change(3, 0, 0), Change(2, 0, 0))
    assert loaded.site_changed
    replica = await site.replica()
    assert replica.sites[site.site_id].revision == loaded.revision
    governing = replica.governing(site.charger(1))
    assert governing is not None
    assert (governing.schedule_id, governing.scope) == ("always", "group")
    (record,) = replica.identities(PSEUDONYM, site.site_id)
    assert record.reference == "bus-17"
    assert replica.identities(PSEUDONYM, SiteId("elsewhere")) == ()
    receipt = replica.feeds[f"folder/{site.name}"]
    assert (receipt.rows_count, receipt.added_count, receipt.ages) == (2, 2, False)
    assert f"folder@{receipt.revision}" in replica.identity_revision(site.site_id)


async def test_loading_again_publishes_nothing(site: Site, broker: Broker) -> None:
    await site.load()
    before = {topic.name: len(await read_values(broker.bootstrap, topic)) for topic in _TOPICS}
    again = await site.load()
    assert not again.changed
    after = {topic.name: len(await read_values(broker.bootstrap, topic)) for topic in _TOPICS}
    assert after == before


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
    assert replica.sites[site.site_id].revision == first.revision


async def test_each_change_is_in_the_audit_topic(site: Site, broker: Broker) -> None:
    first = await site.load()
    site.site = site.site.replace("stage: enforce", "stage: shadow")
    second = await site.load()
    await site.load()
    records = [each for each in await read_all(broker.bootstrap, AUDIT) if _about(each, site)]
    assert [(each.before, each.after) for each in records if isinstance(each, AuditRecord)] == [
        (None, first.revision),
        (first.revision, second.revision),
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
