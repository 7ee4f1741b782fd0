"""A checked depot onto the depot.* topics: what differs, all of it or nothing said to be loaded.

Chargers and identities go first and the site last, so that a site never names what is not there.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from connectors.feeds import chargers_file
from connectors.feeds.bulk import Bulk, bulk_sender
from connectors.feeds.depot_folder import Depot, read_depot
from connectors.feeds.identities_file import IdentityRow, Progress
from connectors.feeds.standing import Standing, StandingIdentity, content_hash, read_standing
from connectors.kafka.partition import partition_of
from models.errors import DepotRefusedError, Problem
from models.identifiers import Pseudonymiser
from models.ids import Pseudonym, SiteId, timed_id
from models.site import AuditRecord, FeedReceipt, IdentityRecord, identity_key
from models.topics import AUDIT, CHARGERS, DEPOT_PARTITIONS, FEEDS, IDENTITIES, SITES, Topic

SOURCE = "folder"
"""Rule 21: the depot folder is a source of its own."""

PROGRESS_EVERY_ROWS = 5_000


class Change(NamedTuple):
    """How many rows of a table were new, different and gone."""

    added: int
    changed: int
    removed: int

    def __bool__(self) -> bool:
        return any(self)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did.

    Attributes:
        revision: of the site; `site_changed` where it differs from what stood before.
        chargers_count, identities_count: in the folder.
    """

    site_id: SiteId
    revision: str
    site_changed: bool
    chargers: Change
    chargers_count: int
    identities: Change
    identities_count: int
    notices: tuple[Problem, ...]
    took_s: float

    @property
    def changed(self) -> bool:
        """Whether anything was published."""
        return self.site_changed or bool(self.chargers) or bool(self.identities)


async def load_depot(
    bootstrap: str,
    folder: Path,
    pseudonymiser: Pseudonymiser,
    *,
    actor: str,
    on_progress: Progress | None = None,
) -> Loaded:
    """Check a depot folder and publish what differs from what stands.

    Args:
        actor: who loads it, for the audit topic.

    Raises:
        DepotRefusedError: with every problem; nothing was published.
        BrokerUnavailableError: no Kafka answers, or it went away; what was published of it is
            completed by loading again.
    """
    began_s = time.perf_counter()
    now = datetime.now(UTC).replace(microsecond=0)
    # In a thread: a million rows take a while, and a supervisor has other things to see to.
    depot = await asyncio.to_thread(read_depot, folder, pseudonymiser, now, on_progress)
    standing = await read_standing(bootstrap, depot.site.site_id, SOURCE)
    _refuse_chargers_of_others(depot, standing)
    async with bulk_sender(bootstrap, f"load/{actor}") as bulk:
        load = _Load(bulk, depot, standing, actor, now)
        chargers = await load.chargers()
        identities = await load.identities(on_progress)
        site_changed = await load.site()
        if site_changed or chargers or identities:
            await load.audit()
    return Loaded(
        site_id=depot.site.site_id,
        revision=depot.site.revision,
        site_changed=site_changed,
        chargers=chargers,
        chargers_count=len(depot.chargers),
        identities=identities,
        identities_count=len(depot.identities),
        notices=depot.notices,
        took_s=round(time.perf_counter() - began_s, 1),
    )


def identity_partition(pseudonym: Pseudonym) -> int:
    """Where the rows of a pseudonym live: it is a hash already, and hashing a million long keys
    again in Python would take half a minute."""
    return int(pseudonym[-8:], 16) % DEPOT_PARTITIONS


def _refuse_chargers_of_others(depot: Depot, standing: Standing) -> None:
    found = [
        Problem(
            chargers_file.FILE,
            row.line,
            f"{row.record.charger_id} belongs to site {other.site_id} already; "
            "a charger id is unique over all sites",
        )
        for row in depot.chargers
        if (other := standing.chargers.get(row.record.charger_id)) is not None
        and other.site_id != depot.site.site_id
    ]
    if found:
        raise DepotRefusedError(tuple(found))


class _Load:
    """One load on its way to Kafka: each method publishes what differs in one table."""

    def __init__(
        self, bulk: Bulk, depot: Depot, standing: Standing, actor: str, now: datetime
    ) -> None:
        self._bulk = bulk
        self._depot = depot
        self._standing = standing
        self._actor = actor
        self._now = now
        self._site_id = depot.site.site_id
        self._identity_revision = ""

    async def _add(self, topic: Topic, key: str, value: bytes | None) -> None:
        place = partition_of(key, topic.partitions)
        await self._bulk.add(topic, key, value, place, self._now)

    async def chargers(self) -> Change:
        standing = self._standing.chargers.items()
        before = {key: row for key, row in standing if row.site_id == self._site_id}
        added = changed = 0
        for row in self._depot.chargers:
            old = before.pop(row.record.charger_id, None)
            if old == row.record:
                continue
            added, changed = added + (old is None), changed + (old is not None)
            await self._add(CHARGERS, row.record.charger_id, row.record.encode())
        for key in before:
            await self._add(CHARGERS, key, None)
        return Change(added, changed, len(before))

    async def identities(self, on_progress: Progress | None) -> Change:
        """The receipt follows the rows, so that a revision never names rows that are not there."""
        before = self._standing.identities
        revision = hashlib.sha256()
        added = changed = 0
        for count, (key, value, place, old) in enumerate(self._identity_rows(before)):
            if on_progress is not None and count % PROGRESS_EVERY_ROWS == 0:
                on_progress(count, len(self._depot.identities))
            revision.update(value)
            if old is not None and old.content == content_hash(value):
                continue
            added, changed = added + (old is None), changed + (old is not None)
            await self._bulk.add(IDENTITIES, key, value, place, self._now)
        for key, gone in before.items():
            await self._bulk.add(IDENTITIES, key, None, gone.partition, self._now)
        change = Change(added, changed, len(before))
        self._identity_revision = revision.hexdigest()[:12]
        if change or self._standing.receipt is None:
            await self._bulk.settle()
            await self._receipt(change)
        return change

    def _identity_rows(
        self, before: dict[str, StandingIdentity]
    ) -> Iterator[tuple[str, bytes, int, StandingIdentity | None]]:
        """Key, value, partition and what stood there; what is left in `before` is gone."""
        for row in self._depot.identities:
            key = _key(row, self._site_id)
            old = before.pop(key, None)
            record = IdentityRecord(
                source=SOURCE,
                site_id=self._site_id,
                **row._replace(state_since=_state_since(row, old, self._now))._asdict(),
            )
            yield key, record.encode(), identity_partition(row.pseudonym), old

    async def _receipt(self, change: Change) -> None:
        receipt = FeedReceipt(
            source=SOURCE,
            site_id=self._site_id,
            revision=self._identity_revision,
            content_at=self._now,
            loaded_at=self._now,
            rows_count=len(self._depot.identities),
            added_count=change.added + change.changed,
            removed_count=change.removed,
            actor=self._actor,
        )
        await self._add(FEEDS, f"{SOURCE}/{self._site_id}", receipt.encode())

    async def site(self) -> bool:
        """The site comes last; whether it changed."""
        site, before = self._depot.site, self._standing.site
        if before is not None and before.revision == site.revision:
            return False
        await self._bulk.settle()
        await self._add(SITES, site.site_id, site.encode())
        return True

    async def audit(self) -> None:
        site, before = self._depot.site, self._standing.site
        revisions = (site.revision, self._identity_revision)
        audit = AuditRecord(
            audit_id=timed_id(self._now, self._actor, "load", site.site_id, *revisions),
            actor=self._actor,
            action="load",
            subject=site.site_id,
            at=self._now,
            before=before.revision if before else None,
            after=site.revision,
        )
        await self._add(AUDIT, self._actor, audit.encode())


def _key(row: IdentityRow, site_id: SiteId) -> str:
    return identity_key(SOURCE, site_id, row.pseudonym, row.reference, row.valid_from)


def _state_since(row: IdentityRow, old: StandingIdentity | None, now: datetime) -> datetime:
    """As written, else the content time of the first load that had this state."""
    if row.state_since is not None:
        return row.state_since
    if old is not None and old.state == row.state and old.state_since is not None:
        return old.state_since
    return now
