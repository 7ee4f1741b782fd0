"""From an attempt and a view of the configuration to the facts a decision is made from."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Protocol

from models.attempt import (
    Attempt,
    Edge,
    Entitlement,
    Facts,
    FeedFacts,
    Match,
    PseudonymousCandidate,
    ScheduleFacts,
)
from models.entitlement import access_of, entitlement_of
from models.feed_age import BARS
from models.governing import Governing
from models.ids import ChargerId, Pseudonym, SiteId
from models.site import IdentityRecord, Stage
from models.timeline import Outlook
from models.zones import tzdata_version

EDGES_AHEAD = 2
"""Stored with each decision: the next edge, and the one after it, at which the mode is back."""

MATCHES_MAX = 16
"""Records of one token that a decision keeps: more would make the record large, and no card
belongs to that many parties. Beyond it the attempt is not decided but reported."""

SCHEDULE_FACTS_MAX = 1024
"""Remembered: what holds now for every schedule of a few hundred sites, in each scope. They are
most of what gathering costs, and the same for every attempt until the next window."""


class ConfigurationView(Protocol):
    """What facts are looked up in: the replica, or a table in a test."""

    def governing(self, charger_id: ChargerId) -> Governing | None:
        """Charger, site and schedule; None when one of them is unknown."""

    def identities(self, pseudonym: Pseudonym, site_id: SiteId) -> tuple[IdentityRecord, ...]:
        """The records of a pseudonym that are known at a site."""

    def identity_revision(self, site_id: SiteId) -> str:
        """Revisions of the sources that speak about a site."""

    def feed_facts(self, site_id: SiteId) -> tuple[FeedFacts, ...]:
        """The sources that speak about a site and age (rule 22)."""


def gather(attempt: Attempt, view: ConfigurationView, evaluated_at: datetime) -> Facts:
    """Everything the rules need to know of an attempt (rules 7, 10, 17–21).

    Args:
        evaluated_at: now, UTC; kept in the facts, never judged by.
    """
    governing = view.governing(attempt.charger_id)
    if governing is None:
        return _ungoverned(attempt, evaluated_at)
    records = records_of(attempt, view)
    too_many = len(records) > MATCHES_MAX
    if too_many:
        # Those that bar are kept before all others: an open posture admits none that was found, and
        # freevend names them.
        records.sort(key=lambda record: record.state not in BARS)
    feeds = view.feed_facts(attempt.site_id)
    schedule = schedule_facts(governing, attempt.event_at)
    return Facts.model_construct(
        evaluated_at=evaluated_at,
        stage=governing.stage,
        timezone=governing.site.timezone,
        schedule=schedule,
        matches=_matches(records[:MATCHES_MAX], governing, schedule, attempt.event_at),
        site_revision=governing.site.revision,
        identity_revision=view.identity_revision(attempt.site_id),
        tzdata_version=tzdata_version(),
        problem=f"more than {MATCHES_MAX} records match one token" if too_many else None,
        feeds=feeds,
        feed_policy=governing.site.feed if feeds else None,
        languages=governing.site.languages,
    )


def _ungoverned(attempt: Attempt, evaluated_at: datetime) -> Facts:
    """The facts of a charger that no configuration governs: an evaluation failure (rule 24)."""
    return Facts(
        evaluated_at=evaluated_at,
        stage=Stage.SHADOW,
        timezone="UTC",
        schedule=None,
        matches=(),
        site_revision="",
        identity_revision="",
        tzdata_version=tzdata_version(),
        problem=f"charger {attempt.charger_id} has no site or no schedule",
    )


def schedule_facts(governing: Governing, at: datetime) -> ScheduleFacts:
    """The interval that holds at an instant, what won, and the edges that follow (rules 3, 7)."""
    outlook = governing.timeline.outlook(at, limit=EDGES_AHEAD)
    return _schedule_facts(governing.schedule_id, governing.scope, outlook)


@lru_cache(maxsize=SCHEDULE_FACTS_MAX)
def _schedule_facts(schedule_id: str, scope: str, outlook: Outlook) -> ScheduleFacts:
    interval = outlook.interval
    return ScheduleFacts(
        schedule_id=schedule_id,
        scope=interval.source.scope or scope,
        mode=interval.mode,
        layer=interval.source.layer,
        name=interval.source.name,
        date=interval.source.date.isoformat() if interval.source.date else None,
        starts_at=interval.start,
        ends_at=interval.end,
        edges_ahead=tuple(Edge(at=edge.at, mode=edge.mode) for edge in outlook.edges),
        conflict=interval.conflict,
        override_id=interval.source.override_id,
    )


def records_of(attempt: Attempt, view: ConfigurationView) -> list[IdentityRecord]:
    """Every record that any candidate's pseudonym meets, in the candidates' order (rule 17)."""
    site_id = attempt.site_id
    found: list[IdentityRecord] = []
    for candidate in attempt.token.candidates:
        if len(candidate.pseudonyms) == 1:
            found += view.identities(candidate.pseudonyms[0], site_id)
        else:
            found += _records(candidate, view, site_id)
    return found


def _match(record: IdentityRecord, entitlement: Entitlement | None) -> Match:
    # Its fields are the record's own, and were validated with it.
    return Match.model_construct(
        source=record.source,
        reference=record.reference,
        identity_class=record.identity_class,
        identifier_type=record.identifier_type,
        pseudonym=record.pseudonym,
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        state=record.state,
        state_since=record.state_since,
        entitlement=entitlement,
    )


def _records(
    candidate: PseudonymousCandidate, view: ConfigurationView, site_id: SiteId
) -> list[IdentityRecord]:
    """The records of one reading under every key epoch.

    While a load brings a source under a new epoch, a row stands twice: as it was, and as it is.
    Only the one under the newest epoch counts: the older is the same row, and may say what was.
    """
    found: list[IdentityRecord] = []
    for pseudonym in candidate.pseudonyms:
        rows = view.identities(pseudonym, site_id)
        if found:
            newer = {_row(record) for record in found}
            rows = tuple([record for record in rows if _row(record) not in newer])
        found += rows
    return found


def _row(record: IdentityRecord) -> tuple[str, SiteId | None, str, datetime]:
    return record.source, record.site_id, record.reference, record.valid_from


def _matches(
    records: list[IdentityRecord], governing: Governing, schedule: ScheduleFacts, at: datetime
) -> tuple[Match, ...]:
    """The records with what the site's access rules say of them at this charger (rule 28)."""
    site = governing.site
    if not site.access:
        return tuple([_match(record, None) for record in records])
    access = access_of(site.access, governing.charger.group, site.timezone)
    edges = schedule.edges_ahead
    last_edge_at = edges[-1].at if edges else None
    return tuple(
        [
            _match(record, entitlement_of(access, record, governing.timeline, at, last_edge_at))
            for record in records
        ]
    )
