"""The stage of each charger (rule 27): by site.yaml, or by flags where an installation has them.

Where flags rule, somebody resolves them beside the way of an attempt and writes what they say to
depot.stages.v1; every process acts by these rows and so by the same stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from models.ids import ChargerId, SiteId
from models.record import Open, Record, UtcDatetime
from models.site import ChargerRecord, SiteRecord, Stage

EVERY_CHARGER = "/every"
"""Key of the row that says that flags rule; no charger id has this character."""


class StageRecord(Record):
    """What a flag says of one charger, or, under EVERY_CHARGER, that flags rule at all.

    Attributes:
        charger_id: None under EVERY_CHARGER.
        stage: under EVERY_CHARGER that of a charger that has no row yet.
        since: when it was resolved to this stage; commands that follow from it are named by it.
        provider: the OpenFeature provider that was asked.
        cause: why it says so: OpenFeature's reason, or that the flag could not be read.
        returning_at: under EVERY_CHARGER: when site.yaml was to say the stages again. What is
            recorded of that is of this instant, also where it takes several tries; the row goes
            once all of it is recorded.
    """

    charger_id: ChargerId | None = None
    site_id: SiteId | None = None
    stage: Open[Stage]
    since: UtcDatetime
    provider: str
    cause: str = ""
    returning_at: UtcDatetime | None = None


class Staged(NamedTuple):
    """A charger's stage, and since when."""

    stage: Stage
    since: UtcDatetime


def staged(charger_id: ChargerId, site: SiteRecord, rows: Mapping[str, StageRecord]) -> Staged:
    """The stage of a charger of a site.

    Without flags it is the site's own. With them it is the row's; a charger without one is in
    `shadow`, and so is one whose row is of another site or names a stage that this version does
    not know.
    """
    flags = rows.get(EVERY_CHARGER)
    if flags is None:
        return Staged(site.stage_known(), site.loaded_at)
    row = rows.get(charger_id)
    if row is None or row.site_id != site.site_id:
        return Staged(Stage.SHADOW, flags.since)
    return Staged(row.stage if isinstance(row.stage, Stage) else Stage.SHADOW, row.since)


class Reading(NamedTuple):
    """What a flag says of one charger.

    Attributes:
        stage: None where it could not be read.
        cause: why, in the provider's words.
    """

    stage: Stage | None
    cause: str


class StageChange(NamedTuple):
    """A row that is to be written, and the stage that held until then."""

    row: StageRecord
    before: Stage

    @property
    def changes(self) -> bool:
        """Whether the charger's stage becomes another, or only gets its row."""
        return self.row.stage != self.before


def stage_change(
    charger: ChargerRecord,
    site: SiteRecord,
    reading: Reading,
    rows: Mapping[str, StageRecord],
    *,
    provider: str,
    now: UtcDatetime,
) -> StageChange | None:
    """What a reading changes; None when the charger's row stands.

    A flag that cannot be read keeps the last known stage; with none it is `shadow` (rule 27).
    """
    row = rows.get(charger.charger_id)
    own = row if row is not None and row.site_id == site.site_id else None
    known = own.stage if own is not None and isinstance(own.stage, Stage) else Stage.SHADOW
    stage = reading.stage or known
    if own is not None and own.stage == stage:
        return None
    made = StageRecord(
        charger_id=charger.charger_id,
        site_id=site.site_id,
        stage=stage,
        since=now,
        provider=provider,
        cause=reading.cause,
    )
    return StageChange(made, staged(charger.charger_id, site, rows).stage)


def as_found_before(change: StageChange, unwritten: Mapping[str, StageRecord]) -> StageChange:
    """A change that was found before and could not be written, as it was found then.

    It keeps its time, so that what is recorded of it has the same id whenever it is written.

    Args:
        unwritten: by charger.
    """
    before = unwritten.get(str(change.row.charger_id))
    if before is None:
        return change
    same = (before.stage, before.site_id) == (change.row.stage, change.row.site_id)
    return change._replace(row=before) if same else change
