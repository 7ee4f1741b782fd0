"""A checked depot onto the depot.* topics: what differs, and the site last.

Chargers and identities go first, so that a site never names what is not there; the receipt of the
identities follows them, so that a revision never names rows that are not there. A load that is
broken off between two steps has published a part, and the next one completes it: what differs is
found by comparing content, never by remembering.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from connectors.collector import collector_paused
from connectors.feeds import chargers_file
from connectors.feeds.depot_folder import Depot, read_depot
from connectors.feeds.differences import (
    Change,
    ChargerDifference,
    IdentityDifference,
    Standing,
    charger_difference,
)
from connectors.feeds.identities_file import SOURCE, Progress
from connectors.feeds.identity_publishing import publish_identities
from connectors.feeds.standing import read_standing
from connectors.kafka.bulk import Bulk, bulk_producer
from connectors.kafka.security import Kafka
from connectors.kafka.topics import check_topics
from models.errors import DepotRefusedError, Problem
from models.identifiers import Pseudonymiser
from models.ids import SiteId, timed_id
from models.site import AuditRecord, ChargerRecord, FeedReceipt
from models.topics import AUDIT, CHARGERS, FEEDS, IDENTITIES, SITES

WRITES = (SITES, CHARGERS, IDENTITIES, FEEDS, AUDIT)


class Revisions(NamedTuple):
    """Of each part of a depot; decisions store those of site and identities (rule 10)."""

    site: str
    chargers: str
    identities: str

    def __str__(self) -> str:
        return f"site@{self.site} chargers@{self.chargers} {SOURCE}@{self.identities}"

    @property
    def depot(self) -> str:
        """One for all of it."""
        return _hash(str(self))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did.

    Attributes:
        revision: of the whole depot: equal content, equal revision.
        revisions: of its parts.
        site_changed: whether site.yaml says something else than what stood.
        chargers_count, identities_count: in the folder.
        left_out_count: bad rows of identities.csv, where the site leaves them out.
        notices: what a person should know and that kept nothing from being loaded.
        dry_run: nothing was published; the changes are those that a load would make.
    """

    site_id: SiteId
    revision: str
    revisions: Revisions
    site_changed: bool
    chargers: Change
    chargers_count: int
    identities: Change
    identities_count: int
    left_out_count: int
    notices: tuple[Problem, ...]
    took_s: float
    dry_run: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything differs from what stood before."""
        return self.site_changed or bool(self.chargers) or bool(self.identities)


async def load_depot(
    bootstrap: Kafka,
    folder: Path,
    pseudonymiser: Pseudonymiser,
    *,
    actor: str,
    on_progress: Progress | None = None,
    dry_run: bool = False,
) -> Loaded:
    """Check a depot folder and publish what differs from what stands; all of it is acknowledged.

    Args:
        actor: who loads it, for the audit topic.
        on_progress: told of rows of identities.csv, first read and then published; while they are
            read it is called from another thread.
        dry_run: compare, and publish nothing.

    Raises:
        DepotRefusedError: with every problem; nothing was published.
        TopicMismatchError, BrokerUnavailableError: as `publish_depot` has them.
    """
    began_s = time.perf_counter()
    depot = await checked_depot(folder, pseudonymiser, on_progress)
    loaded = await publish_depot(
        bootstrap, depot, actor=actor, on_progress=on_progress, dry_run=dry_run
    )
    return replace(loaded, took_s=round(time.perf_counter() - began_s, 1))


async def checked_depot(
    folder: Path, pseudonymiser: Pseudonymiser, on_progress: Progress | None = None
) -> Depot:
    """A depot folder as it is now, read in a thread: a million rows take a while.

    Raises:
        DepotRefusedError: with every problem.
    """
    with collector_paused():
        return await asyncio.to_thread(
            read_depot, folder, pseudonymiser, datetime.now(UTC), on_progress
        )


async def publish_depot(
    bootstrap: Kafka,
    depot: Depot,
    *,
    actor: str,
    on_progress: Progress | None = None,
    dry_run: bool = False,
) -> Loaded:
    """Publish what differs from what stands; all of it is acknowledged.

    Of 1,000,000 rows with one changed, one is published. Two loads of one site at the same time
    are not kept apart: the next load puts right what they mixed.

    Raises:
        DepotRefusedError: a charger belongs to another site; nothing was published.
        TopicMismatchError: the topics are not there, or not those of the topic table.
        BrokerUnavailableError: no Kafka answers, or it went away; loading again completes what was
            published by then.
    """
    began_s = time.perf_counter()
    now = depot.site.loaded_at
    await check_topics(bootstrap)
    site_id = depot.site.site_id
    identities = IdentityDifference(depot.identities, site_id)
    standing = await read_standing(bootstrap, site_id, identities)
    _refuse_chargers_of_others(depot, standing)
    load = _Load(depot, standing, identities, actor, now)
    if load.anything and not dry_run:
        batch_id = timed_id(now, actor, "load", site_id, load.after.depot)
        with collector_paused():
            source = f"load/{actor}"
            async with bulk_producer(bootstrap, source, batch_id, now, writes=WRITES) as bulk:
                await load.publish(bulk, on_progress)
    return load.result(round(time.perf_counter() - began_s, 1), dry_run=dry_run)


def _refuse_chargers_of_others(depot: Depot, standing: Standing) -> None:
    found = [
        Problem(
            chargers_file.FILE,
            row.line,
            f"{row.record.charger_id} belongs to site {other.site_id} already, and a charger id "
            "is unique over all sites; take it out there and load that folder first",
        )
        for row in depot.chargers
        if (other := standing.chargers.get(row.record.charger_id)) is not None
        and other.site_id != depot.site.site_id
    ]
    if found:
        raise DepotRefusedError(tuple(found))


class _Load:
    """What one load has to do, and the doing of it."""

    def __init__(
        self,
        depot: Depot,
        standing: Standing,
        identities: IdentityDifference,
        actor: str,
        now: datetime,
    ) -> None:
        records = tuple(row.record for row in depot.chargers)
        before = standing.chargers_of(depot.site.site_id)
        self._depot = depot
        self._actor = actor
        self._now = now
        self._identities = identities
        self.chargers: ChargerDifference = charger_difference(records, before)
        self.after = Revisions(depot.site.revision, _of_chargers(records), depot.identity_revision)
        self.before = Revisions(
            standing.site.revision if standing.site else "",
            _of_chargers(tuple(before.values())),
            standing.receipt.revision if standing.receipt else "",
        )
        self._new = standing.site is None
        self.site_changed = self.before.site != self.after.site
        left_out_before = standing.receipt.skipped_count if standing.receipt else 0
        self._receipt_differs = (self.before.identities, left_out_before) != (
            self.after.identities,
            depot.left_out_count,
        )

    @property
    def anything(self) -> bool:
        """Whether anything is to be published, and if only a receipt that is missing."""
        differs = self.before != self.after or self._receipt_differs
        return differs or bool(self.chargers.change or self._identities.change)

    def result(self, took_s: float, *, dry_run: bool) -> Loaded:
        """What is said of it."""
        return Loaded(
            site_id=self._depot.site.site_id,
            revision=self.after.depot,
            revisions=self.after,
            site_changed=self.site_changed,
            chargers=self.chargers.change,
            chargers_count=len(self._depot.chargers),
            identities=self._identities.change,
            identities_count=len(self._depot.identities),
            left_out_count=self._depot.left_out_count,
            notices=self._depot.notices,
            took_s=took_s,
            dry_run=dry_run,
        )

    async def publish(self, bulk: Bulk, on_progress: Progress | None) -> None:
        """Everything that differs, each step acknowledged before the next begins."""
        await self._publish_chargers(bulk)
        await publish_identities(bulk, self._identities, self._now, on_progress)
        await bulk.settle()
        site = self._depot.site
        if self._identities.change or self._receipt_differs:
            key = f"{SOURCE}/{site.site_id}"
            await bulk.add(FEEDS, key, self._receipt().encode())
            await bulk.settle()
        if self.site_changed:
            await bulk.add(SITES, site.site_id, site.encode())
            await bulk.settle()
        await bulk.add(AUDIT, self._actor, self._audit().encode())
        await bulk.settle()

    async def _publish_chargers(self, bulk: Bulk) -> None:
        for record in self.chargers.publish:
            await bulk.add(CHARGERS, record.charger_id, record.encode())
        for charger_id in self.chargers.gone:
            await bulk.add(CHARGERS, charger_id, None)

    def _receipt(self) -> FeedReceipt:
        change = self._identities.change
        return FeedReceipt(
            source=SOURCE,
            site_id=self._depot.site.site_id,
            revision=self.after.identities,
            content_at=self._now,
            loaded_at=self._now,
            rows_count=len(self._depot.identities),
            added_count=change.added,
            removed_count=change.removed,
            skipped_count=self._depot.left_out_count,
            actor=self._actor,
        )

    def _audit(self) -> AuditRecord:
        site_id = self._depot.site.site_id
        return AuditRecord(
            audit_id=timed_id(
                self._now, self._actor, "load", site_id, str(self.before), str(self.after)
            ),
            actor=self._actor,
            action="load",
            subject=site_id,
            at=self._now,
            before=None if self._new else str(self.before),
            after=str(self.after),
        )


def _of_chargers(records: tuple[ChargerRecord, ...]) -> str:
    return _hash(*sorted(f"{row.charger_id}@{row.revision}" for row in records))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]
