"""One delivery onto the depot.* topics: what differs, then the receipt (rules 21 and 22).

Nothing is published before all of it is checked, and the receipt that makes it the newest follows
its last record. A load that is broken off has published a part, and the next one completes it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from connectors.collector import collector_paused
from connectors.feeds.differences import Change, IdentityDifference
from connectors.feeds.feed_document import Delivery, SiteWords, read_delivery
from connectors.feeds.feed_fetch import Document, Unchanged, fetch
from connectors.feeds.feed_standing import Known, read_known
from connectors.feeds.feeds_file import FeedSource
from connectors.feeds.identities_file import Progress
from connectors.feeds.identity_publishing import publish_identities
from connectors.feeds.standing import read_to_end
from connectors.kafka.bulk import Bulk, bulk_producer
from connectors.kafka.security import Kafka
from connectors.kafka.topics import check_topics
from models.errors import ConfigurationError, FeedUnavailableError, Problem
from models.identifiers import Candidate, Pseudonymiser
from models.ids import timed_id
from models.site import AuditRecord, FeedReceipt, Quarantine, Validators
from models.topics import AUDIT, FEEDS, IDENTITIES

VANISHING_MAX_PERCENT = 20
"""Of a source's records: one that loses more at once is more likely broken than right (rule 22)."""

CLOCKS_APART_MAX = timedelta(minutes=5)
"""How far ahead of ours a source's clock may be: content of the future would never age."""


NOTHING = Change(0, 0, 0)


class Asked(NamedTuple):
    """How a load is asked for.

    Attributes:
        actor: who, for receipt and audit.
        as_of: content time that a person states, for what does not state it itself.
        accept: take a delivery like the quarantined one, if no more vanishes than was seen then.
    """

    actor: str
    as_of: datetime | None = None
    accept: bool = False


@dataclass(frozen=True, slots=True)
class FeedLoaded:
    """What one fetch of one source did.

    Attributes:
        receipt: as it stands now.
        change: of its records.
        unchanged: the source said that nothing is new.
        quarantined: too much would have vanished: nothing was replaced.
        skipped: what was wrong in rows that were left out.
    """

    receipt: FeedReceipt
    change: Change = NOTHING
    unchanged: bool = False
    quarantined: bool = False
    skipped: tuple[Problem, ...] = ()
    took_s: float = 0.0


async def load_feed(
    bootstrap: Kafka,
    feed: FeedSource,
    pseudonymiser: Pseudonymiser,
    asked: Asked,
    on_progress: Progress | None = None,
) -> FeedLoaded:
    """Fetch a source once and replace what it said before.

    Args:
        on_progress: told of rows, first read and then published; while they are read it is called
            from another thread.

    Raises:
        FeedUnavailableError: it did not deliver, or not what can be told the age of.
        DepotRefusedError: with every bad row; nothing was published.
        ConfigurationError: the site is not loaded, or there is nothing to accept.
        TopicMismatchError: the topics are not there, or not those of the topic table.
        BrokerUnavailableError: no Kafka answers, or it went away; the next load completes it.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await check_topics(bootstrap)
    known = await read_known(bootstrap, feed)
    load = _Load(bootstrap, feed, pseudonymiser, asked, known)
    got = await fetch(feed, load.validators_sent)
    if isinstance(got, Unchanged):
        loaded = await load.confirm(got)
    else:
        with collector_paused():
            loaded = await load.take(got, on_progress)
    return replace(loaded, took_s=round(loop.time() - began_s, 1))


class _Load:
    """One load of one source."""

    def __init__(
        self,
        bootstrap: Kafka,
        feed: FeedSource,
        pseudonymiser: Pseudonymiser,
        asked: Asked,
        known: Known,
    ) -> None:
        self._bootstrap = bootstrap
        self._feed = feed
        self._pseudonymiser = pseudonymiser
        self._asked = asked
        self._words = known.words
        self._before = known.receipt
        self._now = datetime.now(UTC)
        self._reading = _reading(feed, pseudonymiser, known.words)
        if asked.accept and (self._before is None or self._before.quarantined is None):
            raise ConfigurationError(f"feed {feed.key}: no load of it is quarantined")

    @property
    def validators_sent(self) -> Validators | None:
        """None where everything is wanted: to be read in another way, or to be accepted now."""
        validators = self._before.validators if self._before else None
        same = validators is not None and validators.reading == self._reading
        return validators if same and not self._asked.accept else None

    async def confirm(self, got: Unchanged) -> FeedLoaded:
        """Content that is loaded is as young as the answer that confirms it (rule 22)."""
        assert self._before is not None, "only what is loaded can be confirmed"
        self._now = datetime.now(UTC)
        if got.confirmed_at is None:
            raise self._refused("answered 304 without a Date: the age of its content is not known")
        content_at = max(self._before.content_at, self._not_ahead(got.confirmed_at))
        receipt = self._before.model_copy(
            update={"content_at": content_at, "loaded_at": self._now, "quarantined": None}
        )
        async with self._bulk() as bulk:
            await bulk.add(FEEDS, receipt.key, receipt.encode())
        return FeedLoaded(receipt, unchanged=True)

    async def take(self, got: Document, on_progress: Progress | None) -> FeedLoaded:
        """Read, compare, and publish or quarantine what was delivered."""
        # Not when it was asked for: a source may take longer than clocks may be apart.
        self._now = datetime.now(UTC)
        # In a thread: a million rows take a while, and a supervisor has other things to see to.
        delivery = await asyncio.to_thread(
            read_delivery,
            self._feed,
            got.content,
            self._words,
            self._pseudonymiser,
            on_progress,
        )
        content_at = self._content_at(delivery, got)
        differing = IdentityDifference(
            delivery.rows, self._feed.site_id, self._feed.name, delivery.goes
        )
        await read_to_end(self._bootstrap, (IDENTITIES,), taker(differing))
        quarantine = self._quarantine(delivery, differing, content_at)
        if quarantine is not None:
            return await self._set_apart(quarantine, delivery)
        receipt = self._receipt(got, delivery, differing, content_at)
        async with self._bulk() as bulk:
            await self._begin(bulk, differing)
            await publish_identities(bulk, differing, content_at, on_progress)
            await bulk.settle()
            await bulk.add(FEEDS, receipt.key, receipt.encode())
            await self._tell(bulk, receipt, differing)
        return FeedLoaded(receipt, differing.change, skipped=delivery.skipped)

    def _bulk(self) -> AbstractAsyncContextManager[Bulk]:
        key, actor = self._feed.key, self._asked.actor
        batch_id = timed_id(self._now, actor, "feed", key, self._now.microsecond)
        writes = (IDENTITIES, FEEDS, AUDIT)
        return bulk_producer(self._bootstrap, f"feed/{key}", batch_id, self._now, writes=writes)

    def _content_at(self, delivery: Delivery, got: Document) -> datetime:
        """The source's own statement, never the time of the load (rule 22).

        Raises:
            FeedUnavailableError: there is none, or it is of the future, or before what is loaded.
        """
        stated_at = delivery.as_of or self._asked.as_of or got.stated_at
        if stated_at is None:
            raise self._refused(
                "states neither as_of nor Last-Modified: the age of its content is not known"
            )
        # Of the document before, not of its last confirmation: a document may be made before the
        # moment at which its predecessor was confirmed, and published after it.
        newest = self._before.stated_at if self._before else None
        if newest is not None and stated_at < newest:
            raise self._refused(
                f"delivered content of {_said(stated_at)}, and what is loaded is of "
                f"{_said(newest)}: an old copy"
            )
        return self._not_ahead(stated_at)

    def _confirmed_at(self, got: Document, stated_at: datetime) -> datetime:
        """Content that had to be read again, as under a new key epoch, stays as young as the 304
        that confirmed it says: cards would be refused until the next one."""
        before = self._before
        if before is None or before.validators is None:
            return stated_at
        here, came = before.validators, (got.etag, got.last_modified)
        same = any(came) and came == (here.etag, here.last_modified)
        return max(stated_at, before.content_at) if same else stated_at

    def _not_ahead(self, at: datetime) -> datetime:
        if at > self._now + CLOCKS_APART_MAX:
            raise self._refused(
                f"states {_said(at)} as time of its content, and here it is {_said(self._now)}: "
                "one of the two clocks is wrong"
            )
        return min(at, self._now)

    def _refused(self, cause: str) -> FeedUnavailableError:
        return FeedUnavailableError(f"feed {self._feed.key}: {cause}")

    def _quarantine(
        self, delivery: Delivery, differing: IdentityDifference, content_at: datetime
    ) -> Quarantine | None:
        """Why this load is not taken; None where it is."""
        standing = self._standing_count(differing)
        vanishing = differing.vanishing_count
        if vanishing * 100 <= standing * VANISHING_MAX_PERCENT:
            return None
        seen = self._before.quarantined if self._before else None
        if self._asked.accept and seen is not None and vanishing <= seen.vanishing_count:
            return None
        return Quarantine(
            content_at=content_at,
            found_at=self._now,
            checksum=delivery.checksum,
            rows_count=len(delivery.rows),
            standing_count=standing,
            vanishing_count=vanishing,
        )

    def _standing_count(self, differing: IdentityDifference) -> int:
        """An incremental delivery does not speak of all that stands."""
        if self._feed.content == "full":
            return differing.standing_count
        return self._before.rows_count if self._before else 0

    async def _set_apart(self, quarantine: Quarantine, delivery: Delivery) -> FeedLoaded:
        """Keep the last good load, and say once that a later one is not taken."""
        before = self._before or self._first_receipt(quarantine.standing_count)
        seen = before.quarantined
        receipt = before.model_copy(update={"quarantined": quarantine})
        if seen is None or seen.checksum != quarantine.checksum:
            async with self._bulk() as bulk:
                await bulk.add(FEEDS, receipt.key, receipt.encode())
                audit = self._audit("feed quarantine", quarantine.checksum[:12])
                await bulk.add(AUDIT, self._asked.actor, audit.encode())
        return FeedLoaded(receipt, quarantined=True, skipped=delivery.skipped)

    def _first_receipt(self, rows_count: int) -> FeedReceipt:
        """Of records that are there before all of them are: nothing is known of their age."""
        return FeedReceipt(
            source=self._feed.name,
            site_id=self._feed.site_id,
            revision="",
            content_at=datetime.min.replace(tzinfo=UTC),
            loaded_at=self._now,
            rows_count=rows_count,
            added_count=0,
            removed_count=0,
            ages=True,
            actor=self._asked.actor,
        )

    def _receipt(
        self,
        got: Document,
        delivery: Delivery,
        differing: IdentityDifference,
        content_at: datetime,
    ) -> FeedReceipt:
        change, incremental = differing.change, self._feed.content == "incremental"
        validators = None
        if self._feed.url is not None:
            validators = Validators(
                reading=self._reading, etag=got.etag, last_modified=got.last_modified
            )
        rows_count = len(delivery.rows)
        if incremental:
            rows_count = self._standing_count(differing) + change.added - change.removed
        return FeedReceipt(
            source=self._feed.name,
            site_id=self._feed.site_id,
            revision=self._revision(delivery, differing),
            content_at=self._confirmed_at(got, content_at),
            stated_at=content_at,
            loaded_at=self._now,
            rows_count=rows_count,
            added_count=change.added,
            removed_count=change.removed,
            ages=True,
            actor=self._asked.actor,
            checksum=delivery.checksum,
            incremental=incremental,
            skipped_count=delivery.skipped_count,
            validators=validators,
        )

    def _revision(self, delivery: Delivery, differing: IdentityDifference) -> str:
        """Of all that stands then: what was there before is part of it where only changes came."""
        if self._feed.content == "full":
            return delivery.checksum[:12]
        before = self._before.revision if self._before else ""
        if not differing.change:
            return before
        said = "\x1f".join((before, delivery.checksum, *sorted(differing.gone)))
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    async def _begin(self, bulk: Bulk, differing: IdentityDifference) -> None:
        """Say of what stands that it is not whole, lest a load that is broken off is taken for one.

        Records without a receipt would never age; and when the source takes its document back, a
        304 would confirm what stands as the content before.
        """
        before = self._before
        if before is None:
            begun = self._first_receipt(0)
        elif before.validators is not None:
            unread = before.validators.model_copy(update={"reading": ""})
            begun = before.model_copy(update={"validators": unread})
        else:
            return
        if differing.change:
            await bulk.add(FEEDS, begun.key, begun.encode())
            await bulk.settle()

    async def _tell(self, bulk: Bulk, receipt: FeedReceipt, differing: IdentityDifference) -> None:
        """A record for the audit, but none for each quarter of an hour in which nothing changed."""
        before = self._before.revision if self._before else None
        if self._asked.accept or differing.change or before != receipt.revision:
            action = "feed accept" if self._asked.accept else "feed load"
            audit = self._audit(action, receipt.revision)
            await bulk.add(AUDIT, self._asked.actor, audit.encode())

    def _audit(self, action: str, after: str) -> AuditRecord:
        key, before = self._feed.key, self._before.revision if self._before else None
        return AuditRecord(
            audit_id=timed_id(self._now, self._asked.actor, action, key, str(before), after),
            actor=self._asked.actor,
            action=action,
            subject=key,
            at=self._now,
            before=before,
            after=after,
        )


def taker(differing: IdentityDifference) -> Callable[[ConsumerRecord], None]:
    """What hands records of the topic of identities to a comparison."""

    def take(message: ConsumerRecord) -> None:
        key = (message.key or b"").decode(errors="replace")
        differing.take(key, message.value, message.partition)

    return take


def _reading(feed: FeedSource, pseudonymiser: Pseudonymiser, words: SiteWords) -> str:
    """What decides which records a document gives, besides the document."""
    # Of anything: it names key and tenant, and tells neither.
    keyed = pseudonymiser.current(Candidate("Local", "reading"))
    where = feed.url or feed.file or ""
    parts = (feed.key, where, feed.format, feed.content, feed.bad_rows, keyed)
    said = "\x1f".join((*parts, *sorted(words.reserved_tags), "", *words.free_types))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
