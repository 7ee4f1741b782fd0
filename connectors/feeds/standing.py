"""What stands on the depot.* topics now, read to their end and compared as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from connectors.feeds.differences import IdentityDifference, Standing
from connectors.kafka.consumer import (
    partitions_of,
    position_reached,
    read_from_beginning,
    start_consumer,
    stop_consumer,
)
from connectors.kafka.security import Kafka
from models.errors import BrokerUnavailableError, UndecodableRecordError
from models.ids import ChargerId, SiteId
from models.site import FOLDER_SOURCE, ChargerRecord, FeedReceipt, SiteRecord, feed_key
from models.topics import CHARGERS, FEEDS, IDENTITIES, SITES, Topic

BATCH_RECORDS = 2_000
"""Compared without a pause: 20 ms in which the loop does nothing else."""

SILENCE_MAX_S = 30.0
"""Long enough for a broker that is killed and started again (13 s measured), and then some."""


async def read_standing(
    bootstrap: Kafka, site_id: SiteId, identities: IdentityDifference
) -> Standing:
    """Read the topics to the end offsets captured at start. A row that cannot be read is none.

    Args:
        identities: is given every identity that stands.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address, or not any more.
    """
    reader = _Reader(site_id, identities)
    await read_to_end(bootstrap, (SITES, CHARGERS, IDENTITIES, FEEDS), reader.take)
    return reader.standing()


async def read_to_end(
    bootstrap: Kafka, topics: tuple[Topic, ...], take: Callable[[ConsumerRecord], None]
) -> None:
    """Hand over everything that topics hold now.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address, or not any more.
    """
    consumer = await start_consumer(bootstrap)
    try:
        async with asyncio.timeout(SILENCE_MAX_S) as silence:
            await _read(consumer, topics, take, silence)
    except (KafkaError, TimeoutError) as fault:
        raise BrokerUnavailableError(
            f"Kafka at {bootstrap} does not answer any more ({type(fault).__name__}); "
            "load again when it is back"
        ) from fault
    finally:
        await stop_consumer(consumer)


async def _read(
    consumer: AIOKafkaConsumer,
    topics: tuple[Topic, ...],
    take: Callable[[ConsumerRecord], None],
    silence: asyncio.Timeout,
) -> None:
    loop = asyncio.get_running_loop()
    ends = await read_from_beginning(consumer, partitions_of(*topics))
    while not await position_reached(consumer, ends):
        batches = await consumer.getmany(timeout_ms=200, max_records=BATCH_RECORDS)
        for messages in batches.values():
            for message in messages:
                take(message)
        if batches:
            silence.reschedule(loop.time() + SILENCE_MAX_S)
        # A fetch that is there already is handed over without a pause.
        await asyncio.sleep(0)


class _Reader:
    def __init__(self, site_id: SiteId, identities: IdentityDifference) -> None:
        self._site_id = site_id
        self._identities = identities
        self._site: SiteRecord | None = None
        self._receipt: FeedReceipt | None = None
        self._chargers: dict[ChargerId, ChargerRecord] = {}
        self._takers: dict[str, Callable[[str, ConsumerRecord], None]] = {
            SITES.name: self._take_site,
            CHARGERS.name: self._take_charger,
            IDENTITIES.name: self._take_identity,
            FEEDS.name: self._take_receipt,
        }

    def standing(self) -> Standing:
        return Standing(self._site, self._receipt, self._chargers)

    def take(self, message: ConsumerRecord) -> None:
        try:
            key = (message.key or b"").decode()
            self._takers[message.topic](key, message)
        except (UndecodableRecordError, UnicodeDecodeError):
            return

    def _take_site(self, key: str, message: ConsumerRecord) -> None:
        if key == self._site_id:
            self._site = None
            if message.value is not None:
                self._site = SiteRecord.decode(message.value)

    def _take_receipt(self, key: str, message: ConsumerRecord) -> None:
        if key == feed_key(FOLDER_SOURCE, self._site_id):
            self._receipt = None
            if message.value is not None:
                self._receipt = FeedReceipt.decode(message.value)

    def _take_charger(self, key: str, message: ConsumerRecord) -> None:
        self._chargers.pop(ChargerId(key), None)
        if message.value is not None:
            self._chargers[ChargerId(key)] = ChargerRecord.decode(message.value)

    def _take_identity(self, key: str, message: ConsumerRecord) -> None:
        self._identities.take(key, message.value, message.partition)
