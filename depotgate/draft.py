"""A depot folder as if it had been loaded: what facts are gathered from without Kafka."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from connectors.feeds.depot_folder import Depot, read_depot
from connectors.feeds.identities_file import SOURCE, IdentityRow, Progress
from models.attempt import FeedFacts
from models.governing import Governing, governing_schedule
from models.identifiers import KeyEpoch, Pseudonymiser
from models.ids import ChargerId, Pseudonym, SiteId
from models.site import ChargerRecord, IdentityRecord, SiteRecord
from models.timeline import Timeline
from models.zones import zone

RECORDS_MAX = 50_000
"""Remembered: more cards than come to one depot in a month, 100 MB at most."""

IdentityRows = dict[Pseudonym, tuple[IdentityRow, ...]]


class Draft:
    """What a replica would know had this folder, and nothing else, been loaded.

    Args:
        rows: its identities by pseudonym, under every epoch that attempts may have.
    """

    def __init__(self, depot: Depot, rows: IdentityRows) -> None:
        self.site: SiteRecord = depot.site
        self.chargers: dict[ChargerId, ChargerRecord] = {
            row.record.charger_id: row.record for row in depot.chargers
        }
        self._identity_revision = f"{SOURCE}@{depot.identity_revision}"
        self._rows = rows
        self._records: dict[Pseudonym, tuple[IdentityRecord, ...]] = {}
        self._timelines: dict[str, Timeline] = {}
        self._governing: dict[ChargerId, Governing | None] = {}

    @property
    def pseudonyms(self) -> frozenset[Pseudonym]:
        """Of every identity, under every epoch."""
        return frozenset(self._rows)

    def governing(self, charger_id: ChargerId) -> Governing | None:
        """Charger, site and schedule; None when the draft does not have the charger."""
        if charger_id not in self._governing:
            self._governing[charger_id] = self._find_governing(charger_id)
        return self._governing[charger_id]

    def _find_governing(self, charger_id: ChargerId) -> Governing | None:
        charger = self.chargers.get(charger_id)
        found = governing_schedule(charger, self.site) if charger else None
        if charger is None or found is None:
            return None
        scope, schedule = found
        if schedule.id not in self._timelines:
            self._timelines[schedule.id] = Timeline(schedule, zone(self.site.timezone))
        return Governing(charger, self.site, schedule.id, scope, self._timelines[schedule.id])

    def identities(self, pseudonym: Pseudonym, site_id: SiteId) -> tuple[IdentityRecord, ...]:
        """The draft's records of a pseudonym; they are known at its site only."""
        rows = self._rows.get(pseudonym)
        # Most pseudonyms that are asked for are readings of a tag that nobody has.
        if rows is None or site_id != self.site.site_id:
            return ()
        records = self._records.get(pseudonym)
        if records is None:
            if len(self._records) >= RECORDS_MAX:
                self._records.clear()
            records = tuple([_record(row, site_id) for row in rows])
            self._records[pseudonym] = records
        return records

    def identity_revision(self, _site_id: SiteId) -> str:
        """Of the draft's identities."""
        return self._identity_revision

    def feed_facts(self, _site_id: SiteId) -> tuple[FeedFacts, ...]:
        """None: records of a depot folder do not age (rule 22)."""
        return ()


def _record(row: IdentityRow, site_id: SiteId) -> IdentityRecord:
    since = row.state_since or datetime.min.replace(tzinfo=UTC)
    # Since when a state holds that the file does not say is known of a load only.
    return row.record(site_id, since).model_copy(update={"state_since": row.state_since})


def read_draft(
    folder: Path,
    epochs: tuple[KeyEpoch, ...],
    tenant: str,
    on_progress: Progress | None = None,
) -> Draft:
    """Read and check a draft, as `load` does.

    Its identities are known under each key epoch, the retired ones among them: a past attempt has
    the pseudonyms of the epochs that were in use then. One that has none of them meets nothing
    here (`models.epochs.unmatchable`).

    Raises:
        DepotRefusedError: with every problem.
    """
    depot = read_depot(folder, Pseudonymiser(epochs, tenant), datetime.now(UTC), on_progress)
    rows: IdentityRows = {}
    for row in depot.identities.values():
        for pseudonym in (row.pseudonym, *row.earlier):
            rows[pseudonym] = (*rows.get(pseudonym, ()), row)
    return Draft(depot, rows)
