"""What stands on the depot.* topics now, as a load compares with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import position_reached, start_consumer
from models.errors import UndecodableRecordError
from models.ids import ChargerId, SiteId
from models.site import ChargerRecord, FeedReceipt, IdentityRecord, SiteRecord
from models.topics import CHARGERS, FEEDS, IDENTITIES, SITES

BATCH_RECORDS = 20_000


class StandingIdentity(NamedTuple):
    """As much of an identity record as a load needs to know; there may be a million."""

    content: bytes
    state: str
    state_since: datetime | None
    partition: int


@dataclass(slots=True)
class Standing:
    """What of a site and one of its sources stands.

    Attributes:
        chargers: of all sites: ids are unique over all of them.
        identities: of this site and source, by topic key.
    """

    site: SiteRecord | None = None
    receipt: FeedReceipt | None = None
    chargers: dict[ChargerId, ChargerRecord] = field(default_factory=dict)
    identities: dict[str, StandingIdentity] = field(default_factory=dict)


def content_hash(value: bytes) -> bytes:
    """Eight bytes that tell two records apart."""
    return hashlib.blake2b(value, digest_size=8).digest()


async def read_standing(bootstrap: str, site_id: SiteId, source: str) -> Standing:
    """Read the topics to their end. A row that cannot be read counts as none, and is replaced.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address.
    """
    reader = _Reader(site_id, source)
    consumer = await start_consumer(bootstrap)
    try:
        partitions = [
            TopicPartition(topic.name, number)
            for topic in (SITES, CHARGERS, IDENTITIES, FEEDS)
            for number in range(topic.partitions)
        ]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while not await position_reached(consumer, ends):
            batches = await consumer.getmany(timeout_ms=200, max_records=BATCH_RECORDS)
            for messages in batches.values():
                for message in messages:
                    reader.take(message)
    finally:
        await consumer.stop()
    return reader.standing


class _Reader:
    def __init__(self, site_id: SiteId, source: str) -> None:
        self.standing = Standing()
        self._site_id = site_id
        self._owner = f"{source}/{site_id}"
        self._takers: dict[str, Callable[[str, ConsumerRecord], None]] = {
            SITES.name: self._site,
            CHARGERS.name: self._charger,
            IDENTITIES.name: self._identity,
            FEEDS.name: self._receipt,
        }

    def take(self, message: ConsumerRecord) -> None:
        try:
            self._takers[message.topic]((message.key or b"").decode(), message)
        except (UndecodableRecordError, UnicodeDecodeError):
            return

    def _site(self, key: str, message: ConsumerRecord) -> None:
        if key == self._site_id:
            value = message.value
            self.standing.site = None if value is None else SiteRecord.decode(value)

    def _receipt(self, key: str, message: ConsumerRecord) -> None:
        if key == self._owner:
            value = message.value
            self.standing.receipt = None if value is None else FeedReceipt.decode(value)

    def _charger(self, key: str, message: ConsumerRecord) -> None:
        self.standing.chargers.pop(ChargerId(key), None)
        if message.value is not None:
            self.standing.chargers[ChargerId(key)] = ChargerRecord.decode(message.value)

    def _identity(self, key: str, message: ConsumerRecord) -> None:
        if not key.startswith(f"{self._owner}|"):
            return
        self.standing.identities.pop(key, None)
        if message.value is not None:
            record = IdentityRecord.decode(message.value)
            self.standing.identities[key] = StandingIdentity(
                content_hash(message.value), record.state, record.state_since, message.partition
            )
