"""A source that delivers no more, taken off the depot.* topics with all that it said (rule 21)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from connectors.feeds.differences import IdentityDifference
from connectors.feeds.feed_load import taker
from connectors.feeds.feed_standing import read_tables
from connectors.feeds.identity_publishing import publish_identities
from connectors.feeds.standing import read_to_end
from connectors.kafka.bulk import bulk_producer
from connectors.kafka.security import Kafka
from connectors.kafka.topics import check_topics
from models.errors import NotFoundError
from models.ids import SiteId, timed_id
from models.site import AuditRecord, FeedReceipt, feed_key
from models.topics import AUDIT, FEEDS, IDENTITIES


class FeedRemoved(NamedTuple):
    """What was there of a source.

    Attributes:
        key: of its receipt.
        removed_count: records of it that stood.
    """

    key: str
    removed_count: int


async def remove_feed(
    bootstrap: Kafka, source: str, site_id: SiteId | None, actor: str
) -> FeedRemoved:
    """Delete every record of a source, and then its receipt: it ages no more, and nothing rests on
    its silence. One that is broken off is gone on with by doing it again.

    Raises:
        NotFoundError: nothing of such a source stands.
        TopicMismatchError: the topics are not there, or not those of the topic table.
        BrokerUnavailableError: no Kafka answers, or it went away.
    """
    await check_topics(bootstrap)
    key, now = feed_key(source, site_id), datetime.now(UTC)
    receipts = (await read_tables(bootstrap)).receipts
    standing = IdentityDifference({}, site_id, source)
    await read_to_end(bootstrap, (IDENTITIES,), taker(standing))
    receipt = receipts.get(key)
    if receipt is None and not standing.gone:
        raise NotFoundError(f"nothing of {key} stands; there are: {_those_of(receipts)}")
    audit = AuditRecord(
        audit_id=timed_id(now, actor, "feed remove", key, str(now.microsecond)),
        actor=actor,
        action="feed remove",
        subject=key,
        at=now,
        before=receipt.revision if receipt else None,
    )
    writes = (IDENTITIES, FEEDS, AUDIT)
    async with bulk_producer(bootstrap, f"feed/{key}", audit.audit_id, now, writes=writes) as bulk:
        await publish_identities(bulk, standing, now)
        await bulk.settle()
        await bulk.add(FEEDS, key, None)
        await bulk.add(AUDIT, actor, audit.encode())
    return FeedRemoved(key, len(standing.gone))


def _those_of(receipts: dict[str, FeedReceipt]) -> str:
    return ", ".join(sorted(key for key, each in receipts.items() if each.ages)) or "none"
