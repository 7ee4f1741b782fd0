"""A load while Kafka dies: completed, or given up as a whole and completed by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from connectors.feeds.differences import Change
from connectors.feeds.publish import load_depot
from connectors.kafka import bulk
from connectors.kafka.broker_jars import JarsBroker
from connectors.kafka.replica import Replica, read_replica
from connectors.kafka.topics import apply_topics
from connectors.telemetry.metrics import Metrics
from models.errors import BrokerUnavailableError
from models.ids import SiteId
from models.topics import CHARGERS, FEEDS, IDENTITIES, SITES
from tests.connectors.feeds.folders import IDENTITIES as IDENTITY_ROWS
from tests.connectors.feeds.folders import KEYS, write
from tests.integration.marks import OWN_KAFKA
from tests.integration.own_broker import start_own_jars

pytestmark = [*OWN_KAFKA]

ROWS = 10_000
BATCH_BYTES = bulk.BATCH_BYTES // 8
"""Some 5.5 MB, in batches of an eighth of their size: half of them are more than a load has on its
way at once, so that Kafka dies in the middle, and has taken a part."""

SITE_ID = SiteId("depot")


def identities(count: int, state: str) -> str:
    rows = (
        f"ISO14443,{0x04000000 + number:08X},own_fleet,bus-{number},2026-01-01T00:00:00Z,,{state}"
        for number in range(count)
    )
    return "\n".join([IDENTITY_ROWS.partition("\n")[0], *rows, ""])


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[JarsBroker]:
    """A broker of this test's own, to be killed."""
    broker = await start_own_jars(tmp_path)
    yield broker
    broker.kill()


@pytest.fixture(autouse=True)
def smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BATCH_BYTES", BATCH_BYTES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "depot"
    folder.mkdir()
    return write(folder, identities=identities(ROWS, "active"))


async def replica_on(broker: JarsBroker) -> Replica:
    """What a worker that starts now would know."""
    topics = (SITES, CHARGERS, IDENTITIES, FEEDS)
    return await read_replica(broker.bootstrap, topics, Metrics("worker"))


def once_half_is_published(then: Callable[[], None]) -> Callable[[int, int], None]:
    """A progress that does something once, in the middle of publishing; reading comes before."""
    begun: list[int] = []

    def progress(done: int, total: int) -> None:
        if done == 0:
            begun.append(total)
        if len(begun) == 2 and done >= total // 2:
            begun.append(total)
            then()

    return progress


async def test_a_load_outlives_a_broker_that_is_killed_and_comes_back(
    own: JarsBroker, folder: Path
) -> None:
    await apply_topics(own.bootstrap)
    restarting: list[asyncio.Task[None]] = []

    def kill_and_start() -> None:
        own.kill()
        restarting.append(asyncio.create_task(own.start_again()))

    progress = once_half_is_published(kill_and_start)
    loaded = await load_depot(own.bootstrap, folder, KEYS, actor="test", on_progress=progress)
    assert restarting, "it was killed in the middle"
    await restarting[0]
    assert loaded.identities == Change(ROWS, 0, 0)
    replica = await replica_on(own)
    assert replica.feeds["folder/depot"].rows_count == ROWS
    assert replica.sites[SITE_ID].revision == loaded.revisions.site


async def test_a_load_that_is_given_up_sends_nothing_later_and_the_next_one_completes_it(
    own: JarsBroker, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "ACKNOWLEDGED_WITHIN_S", 3.0)
    await apply_topics(own.bootstrap)
    progress = once_half_is_published(own.kill)
    with pytest.raises(BrokerUnavailableError, match="do it again when it is back"):
        await load_depot(own.bootstrap, folder, KEYS, actor="test", on_progress=progress)
    await own.start_again()
    half = await replica_on(own)
    assert SITE_ID not in half.sites
    assert "folder/depot" not in half.feeds
    write(folder, identities=identities(ROWS, "suspended"))
    loaded = await load_depot(own.bootstrap, folder, KEYS, actor="test")
    assert loaded.identities.added + loaded.identities.changed == ROWS
    assert loaded.identities.changed, "a part had been published"
    again = await load_depot(own.bootstrap, folder, KEYS, actor="test")
    assert not again.changed, "no row of the load that was given up came after it"
    assert (await replica_on(own)).sites[SITE_ID].revision == loaded.revisions.site
