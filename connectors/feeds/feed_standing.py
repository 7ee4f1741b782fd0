"""What stands on the depot.* topics, as far as a feed needs it: small tables, read in a blink."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from aiokafka.structs import ConsumerRecord

from connectors.feeds.feed_document import SiteWords
from connectors.feeds.feeds_file import FeedSource
from connectors.feeds.freevend_tags import Presenting, all_tags, tags_of_chargers
from connectors.feeds.standing import read_to_end
from connectors.kafka.security import Kafka
from models.errors import ConfigurationError, UndecodableRecordError
from models.record import Record
from models.site import ChargerRecord, FeedReceipt, SiteRecord
from models.topics import CHARGERS, FEEDS, SITES

R = TypeVar("R", bound=Record)


class Known(NamedTuple):
    """What a load of one source starts from.

    Attributes:
        receipt: of its last load; None = the first.
    """

    receipt: FeedReceipt | None
    words: SiteWords


class FeedTables(NamedTuple):
    """Sites, chargers and receipts, by topic key."""

    sites: dict[str, SiteRecord]
    chargers: dict[str, ChargerRecord]
    receipts: dict[str, FeedReceipt]


async def read_tables(bootstrap: Kafka) -> FeedTables:
    """Read them to the end. A row that cannot be read is none.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address, or not any more.
    """
    tables = FeedTables({}, {}, {})
    takers: Mapping[str, Callable[[str, bytes | None], None]] = {
        SITES.name: lambda key, value: _put(tables.sites, SiteRecord, key, value),
        CHARGERS.name: lambda key, value: _put(tables.chargers, ChargerRecord, key, value),
        FEEDS.name: lambda key, value: _put(tables.receipts, FeedReceipt, key, value),
    }

    def take(message: ConsumerRecord) -> None:
        takers[message.topic]((message.key or b"").decode(errors="replace"), message.value)

    await read_to_end(bootstrap, (SITES, CHARGERS, FEEDS), take)
    return tables


async def read_known(bootstrap: Kafka, feed: FeedSource) -> Known:
    """What a load of this source starts from.

    Raises:
        ConfigurationError: its site is not loaded: decisions there would not know its limits.
        BrokerUnavailableError: nothing answers at the bootstrap address, or not any more.
    """
    tables = await read_tables(bootstrap)
    if feed.site is not None and feed.site not in tables.sites:
        raise ConfigurationError(
            f"feed {feed.key}: there is no site {feed.site!r}; load its depot folder first"
        )
    about = [site for site in tables.sites.values() if feed.site in {None, site.site_id}]
    types = sorted({each for site in about for each in site.identifier_types})
    of_chargers = tags_of_chargers(
        Presenting(charger.profile if charger.profile_named else None, charger.ocpp)
        for charger in tables.chargers.values()
    )
    reserved = all_tags((site.freevend_tag for site in tables.sites.values()), of_chargers)
    return Known(tables.receipts.get(feed.key), SiteWords(reserved, tuple(types)))


def _put(rows: dict[str, R], record: type[R], key: str, value: bytes | None) -> None:
    rows.pop(key, None)
    if value is None:
        return
    try:
        rows[key] = record.decode(value)
    except UndecodableRecordError:
        return
