"""A copy of the configuration topics in every process: loaded whole, then followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from connectors.collector import collector_paused
from connectors.kafka.consumer import (
    partitions_of,
    position_reached,
    read_from_beginning,
    start_consumer,
    stop_consumer,
)
from connectors.kafka.identity_table import IdentityTable, hold_to_key, pseudonym_of_key
from connectors.kafka.security import Kafka
from connectors.telemetry.failing import Failing
from connectors.telemetry.feed_ages import show_feed_ages
from connectors.telemetry.metrics import Metrics
from models.attempt import FeedFacts
from models.charger import ChargerState
from models.errors import ConfigurationError, NotPermittedError, UndecodableRecordError
from models.governing import Governing, governing_schedule
from models.ids import ChargerId, OverrideId, Pseudonym, SiteId
from models.makes import Boot
from models.metrics import REPLICA_AGE, REPLICA_BAD, REPLICA_ROWS
from models.overridden import AnyTimeline, OverriddenTimeline
from models.overrides import OverrideRecord, OverrideTable
from models.profile_choice import boot_of
from models.site import ChargerRecord, FeedReceipt, IdentityRecord, SiteRecord
from models.stages import EVERY_CHARGER, StageRecord, staged
from models.timeline import Timeline
from models.topics import CHARGERS, FEEDS, IDENTITIES, OVERRIDES, SITES, STAGES, STATE, Topic
from models.zones import zone

log = structlog.get_logger()

POLL_S = 1.0
"""How long one fetch of the follower waits for news; also how often the replica's age is known."""

BATCH_RECORDS = 20_000
"""Handed over by one fetch: large enough for the bulk load, about 10 MB at most."""

RETRY_AFTER_S = 1.0
"""Between fetches that fail while Kafka is away."""

Changed = Callable[[Topic, str], None]

_GOVERNING_TOPICS = frozenset({SITES, CHARGERS, OVERRIDES, STAGES})

_ScheduleKey = tuple[SiteId, str]
_Overridden = tuple[_ScheduleKey, tuple[OverrideId, ...]]
"""A schedule, and the overrides over it."""

K = TypeVar("K")
V = TypeVar("V")


class Replica:
    """Everything that is configured, as the compacted topics have it.

    Args:
        topics: the depot.* topics this process needs; a gateway does without identities. Of
            charger.state.v1 nothing is kept but what chargers said of themselves.
        only: identities of these pseudonyms alone: for one card a million need not be kept.
    """

    def __init__(
        self,
        bootstrap: Kafka,
        topics: tuple[Topic, ...],
        metrics: Metrics,
        only: frozenset[Pseudonym] | None = None,
    ) -> None:
        self.sites: dict[SiteId, SiteRecord] = {}
        self.chargers: dict[ChargerId, ChargerRecord] = {}
        self.feeds: dict[str, FeedReceipt] = {}
        self.overrides: dict[OverrideId, OverrideRecord] = {}
        self.stages: dict[str, StageRecord] = {}
        self.boots: dict[ChargerId, Boot] = {}
        self._identities = IdentityTable()
        self._feed_facts: dict[SiteId, tuple[FeedFacts, ...]] = {}
        self._identity_revisions: dict[SiteId, str] = {}
        self._only = only
        self._governing: dict[ChargerId, Governing | None] = {}
        self._timelines: dict[_ScheduleKey, Timeline] = {}
        self._overridden: dict[_Overridden, OverriddenTimeline] = {}
        self._override_table = OverrideTable(())
        self._bootstrap = bootstrap
        self._topics = {topic.name: topic for topic in topics}
        self._metrics = metrics
        self._subscribers: list[Changed] = []
        self._consumer: AIOKafkaConsumer | None = None
        self._at_end_s = time.monotonic()
        self._heard_at = 0

    @property
    def age_s(self) -> float:
        """Seconds since the replica was last known to be at the end of its topics."""
        return time.monotonic() - self._at_end_s

    def subscribe(self, changed: Changed) -> None:
        """Have `changed` called with topic and key for each row that changes after the load."""
        self._subscribers.append(changed)

    def identities(self, pseudonym: Pseudonym, site_id: SiteId) -> tuple[IdentityRecord, ...]:
        """The records of a pseudonym that are known at a site."""
        records = self._identities.of(pseudonym)
        # Most pseudonyms that are asked for are readings of a tag that nobody has.
        for record in records:
            if record.site_id is not None and record.site_id != site_id:
                return tuple([each for each in records if each.site_id in {None, site_id}])
        return records

    def own_fleet(self) -> Iterator[Pseudonym | None]:
        """Whose each record of the own fleet is; None for each other record."""
        return self._identities.own_fleet()

    def identity_revision(self, site_id: SiteId) -> str:
        """Revisions of every source that speaks about a site, as decisions store them (rule 10)."""
        try:
            return self._identity_revisions[site_id]
        except KeyError:
            receipts = self.receipts_about(site_id)
            named = sorted(f"{receipt.source}@{receipt.revision}" for receipt in receipts)
            found = self._identity_revisions[site_id] = ",".join(named)
            return found

    def receipts_about(self, site_id: SiteId) -> list[FeedReceipt]:
        """The last load of each source that speaks about a site."""
        return [each for each in self.feeds.values() if each.site_id in (None, site_id)]

    def feed_facts(self, site_id: SiteId) -> tuple[FeedFacts, ...]:
        """The sources that speak about a site and age, in the order of their names (rule 22)."""
        try:
            return self._feed_facts[site_id]
        except KeyError:
            ageing = [each for each in self.receipts_about(site_id) if each.ages]
            ageing.sort(key=lambda receipt: (receipt.source, receipt.site_id or ""))
            found = self._feed_facts[site_id] = tuple(
                [FeedFacts(source=each.source, content_at=each.content_at) for each in ageing]
            )
            return found

    def governing(self, charger_id: ChargerId) -> Governing | None:
        """All that governs a charger; None when the charger, its site or schedule is unknown."""
        try:
            return self._governing[charger_id]
        except KeyError:
            governing = self._governing[charger_id] = self._find_governing(charger_id)
            return governing

    def _find_governing(self, charger_id: ChargerId) -> Governing | None:
        charger = self.chargers.get(charger_id)
        site = self.sites.get(charger.site_id) if charger else None
        found = governing_schedule(charger, site) if charger and site else None
        if charger is None or site is None or found is None:
            return None
        scope, schedule = found
        key = (site.site_id, schedule.id)
        if key not in self._timelines:
            self._timelines[key] = Timeline(schedule, zone(site.timezone))
        timeline = self._under_overrides(key, charger)
        stage = staged(charger_id, site, self.stages)
        return Governing(charger, site, schedule.id, scope, timeline, stage)

    def _under_overrides(self, key: _ScheduleKey, charger: ChargerRecord) -> AnyTimeline:
        """A schedule's timeline under the overrides of a charger; chargers alike share one."""
        overrides = self._override_table.of(charger)
        if not overrides:
            return self._timelines[key]
        known = (key, tuple(override.override_id for override in overrides))
        if known not in self._overridden:
            self._overridden[known] = OverriddenTimeline(self._timelines[key], overrides)
        return self._overridden[known]

    async def load(self) -> None:
        """Read the topics to the end offsets captured at start.

        Raises:
            BrokerUnavailableError: nothing answers at the bootstrap address.
        """
        consumer = await start_consumer(self._bootstrap)
        self._consumer = consumer
        ends = await read_from_beginning(consumer, partitions_of(*self._topics.values()))
        with collector_paused():
            while not await position_reached(consumer, ends):
                await self._take(consumer, timeout_s=0.2)
        self._at_end()

    async def close(self) -> None:
        """Let go of the topics, after `load` without `follow`."""
        if self._consumer is not None:
            await stop_consumer(self._consumer)

    async def follow(self) -> None:
        """Keep up with the topics until cancelled; a Kafka that is away only makes it older."""
        assert self._consumer is not None, "follow after load"
        fetch = Failing("replica.fetch")
        try:
            while True:
                try:
                    changed = await self._take(self._consumer, timeout_s=POLL_S)
                    if await self._lag(self._consumer) == 0 and self._heard(self._consumer):
                        self._at_end()
                except (KafkaError, NotPermittedError) as fault:
                    # What it knows stays in force, also if a permission is taken away meanwhile.
                    fetch.failed(fault)
                    changed = []
                    await asyncio.sleep(RETRY_AFTER_S)
                else:
                    fetch.worked()
                self._metrics.set(REPLICA_AGE, self.age_s)
                if FEEDS.name in self._topics:
                    now = datetime.now(UTC)
                    show_feed_ages(self._metrics, self.sites.values(), self.feeds.values(), now)
                for topic, key in changed:
                    for subscriber in self._subscribers:
                        subscriber(topic, key)
        finally:
            await self.close()

    async def _take(
        self, consumer: AIOKafkaConsumer, *, timeout_s: float
    ) -> list[tuple[Topic, str]]:
        batches = await consumer.getmany(
            timeout_ms=int(timeout_s * 1000), max_records=BATCH_RECORDS
        )
        changed = [
            (topic, message.key.decode(errors="replace"))
            for partition, messages in batches.items()
            for topic in (self._topics[partition.topic],)
            for message in messages
            if self._apply(topic, message)
        ]
        self._forget_derived({topic for topic, _key in changed})
        if changed:
            self._count_rows()
        return changed

    def _heard(self, consumer: AIOKafkaConsumer) -> bool:
        """Whether Kafka has spoken of every partition since it was last asked.

        A broker that is away raises nothing here: what it said last of the ends just stays.
        """
        heard_at = min(
            (consumer.last_poll_timestamp(each) or 0 for each in consumer.assignment()), default=0
        )
        spoken, self._heard_at = heard_at != self._heard_at, heard_at
        return spoken

    async def _lag(self, consumer: AIOKafkaConsumer) -> int:
        """Records known to the broker and not yet applied. A highwater mark is None at first."""
        lag = 0
        for partition in consumer.assignment():
            known_end = consumer.highwater(partition) or 0
            lag += max(0, known_end - await consumer.position(partition))
        return lag

    def _apply(self, topic: Topic, message: ConsumerRecord) -> bool:
        """Apply one row. A bad row keeps the last good one, is counted and said."""
        try:
            self._put(topic, (message.key or b"").decode(), message.value)
        except (UndecodableRecordError, ConfigurationError, UnicodeDecodeError) as fault:
            self._metrics.count(REPLICA_BAD, topic.name)
            log.error(
                "replica.bad_row",
                topic=topic.name,
                partition=message.partition,
                offset=message.offset,
                cause=str(fault),
            )
            return False
        return True

    def _put(self, topic: Topic, key: str, value: bytes | None) -> None:
        match topic.name:
            case IDENTITIES.name:  # first: a million of them for some thousand others
                if self._only is None or pseudonym_of_key(key) in self._only:
                    self._identities.put(key, value)
            case SITES.name:
                site = _decoded(value, _checked_site)
                hold_to_key(key, site.site_id if site else None)
                _set_row(self.sites, SiteId(key), site)
            case CHARGERS.name:
                charger = _decoded(value, ChargerRecord.decode)
                hold_to_key(key, charger.charger_id if charger else None)
                _set_row(self.chargers, ChargerId(key), charger)
            case FEEDS.name:
                _set_row(self.feeds, key, _decoded(value, FeedReceipt.decode))
                self._feed_facts.clear()
                self._identity_revisions.clear()
            case OVERRIDES.name:
                override = _decoded(value, OverrideRecord.decode)
                hold_to_key(key, override.override_id if override else None)
                _set_row(self.overrides, OverrideId(key), override)
            case STAGES.name:
                stage = _decoded(value, StageRecord.decode)
                hold_to_key(key, (stage.charger_id or EVERY_CHARGER) if stage else None)
                _set_row(self.stages, key, stage)
            case STATE.name:
                row = _decoded(value, ChargerState.decode)
                hold_to_key(key, row.charger_id if row else None)
                _set_row(self.boots, ChargerId(key), boot_of(row) if row else None)

    def _forget_derived(self, changed: Collection[Topic]) -> None:
        """Forget what follows from rows that changed; it is made again when it is asked for."""
        if not _GOVERNING_TOPICS.isdisjoint(changed):
            self._governing.clear()
            self._overridden.clear()
        if OVERRIDES in changed:
            self._override_table = OverrideTable(self.overrides.values())
        if SITES in changed:
            # Recompiling the few schedules of a depot costs less than tracing whose they are.
            self._timelines.clear()

    def _at_end(self) -> None:
        self._at_end_s = time.monotonic()
        self._count_rows()

    def _count_rows(self) -> None:
        sizes = {
            SITES.name: len(self.sites),
            CHARGERS.name: len(self.chargers),
            FEEDS.name: len(self.feeds),
            OVERRIDES.name: len(self.overrides),
            STAGES.name: len(self.stages),
            STATE.name: len(self.boots),
            IDENTITIES.name: len(self._identities),
        }
        for name in self._topics:
            self._metrics.set(REPLICA_ROWS, sizes[name], name)


async def read_replica(
    bootstrap: Kafka,
    topics: tuple[Topic, ...],
    metrics: Metrics,
    only: frozenset[Pseudonym] | None = None,
) -> Replica:
    """What the topics say now; nothing is followed.

    Args:
        only: identities of these alone.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address.
    """
    replica = Replica(bootstrap, topics, metrics, only)
    try:
        await replica.load()
    finally:
        await replica.close()
    return replica


def _checked_site(raw: bytes) -> SiteRecord:
    """A site whose zone this tz database knows: anything else would fail at each decision."""
    site = SiteRecord.decode(raw)
    zone(site.timezone)
    return site


def _decoded(value: bytes | None, decode: Callable[[bytes], V]) -> V | None:
    """A row, or None for a tombstone."""
    return None if value is None else decode(value)


def _set_row(rows: dict[K, V], key: K, row: V | None) -> None:
    if row is None:
        rows.pop(key, None)
    else:
        rows[key] = row
