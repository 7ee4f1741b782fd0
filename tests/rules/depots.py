"""The depot of the cases: depot.yaml, with what a case says otherwise, as the rules look it up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.ocpp.table import PresentedToken
from connectors.ocpp.tokens import FREEVEND_TOKEN, reserved_for, token_of
from models.attempt import FeedFacts, Token
from models.governing import Governing, governing_schedule
from models.identifiers import Candidate, KeyEpoch, Pseudonymiser, SiteForms, normalise
from models.ids import ChargerId, Pseudonym, SiteId
from models.overridden import OverriddenTimeline
from models.overrides import (
    OverrideRecord,
    OverrideRequest,
    OverrideTable,
    Scope,
    Target,
    begun,
    ended,
)
from models.schedule import Mode, Schedule
from models.site import (
    AccessRule,
    CardByteOrder,
    ChargerRecord,
    ExpiredFeed,
    FeedPolicy,
    Group,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    SiteRecord,
    Stage,
)
from models.timeline import Timeline
from models.zones import zone
from tests.yaml_files import read_yaml

FOLDER = Path(__file__).parent
DEPOT: Mapping[str, Any] = read_yaml(FOLDER / "depot.yaml")
SITE = SiteId("depot")
FORMS = SiteForms(free_types=tuple(DEPOT["identifier_types"]))
PSEUDONYMS = Pseudonymiser((KeyEpoch("k1", b"x" * 32),), "default")


class Depot:
    """The depot as the rules look things up in it.

    Args:
        case: its `depot` replaces keys of depot.yaml; `feeds` are ages in seconds of the sources
            that age, at the time of the case; `expired` is the site's choice for those that have
            expired (rule 22); `overrides` are lines of rule 9.
    """

    def __init__(self, case: Mapping[str, Any]) -> None:
        own = case.get("depot", {})
        written = {**DEPOT, **own}
        self._feeds = tuple(
            FeedFacts(source=source, content_at=_utc(case["at"]) - timedelta(seconds=age_s))
            for source, age_s in case.get("feeds", {}).items()
        )
        self._chargers = written["chargers"]
        self.site = SiteRecord(
            site_id=SITE,
            name="Depot",
            timezone=written["timezone"],
            stage=Stage(written.get("stage", "enforce")),
            freevend_tag=written["freevend_tag"],
            card_byte_order=CardByteOrder(written.get("card_byte_order", "as_read")),
            identifier_types=tuple(written["identifier_types"]),
            schedules=tuple(
                Schedule.model_validate(row, strict=False) for row in written["schedules"]
            ),
            groups=tuple(Group(**row) for row in written["groups"]),
            schedule=written["schedule"],
            languages=tuple(written.get("languages", ("en",))),
            feed=FeedPolicy(expired=ExpiredFeed(case.get("expired", "own_fleet"))),
            access=tuple(AccessRule.model_validate(row, strict=False) for row in written["access"]),
            revision="r1",
            loaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        self._records = [*map(_record, own["identities"])] if "identities" in own else _KNOWN
        self._overrides = OverrideTable(_override(row) for row in case.get("overrides", ()))

    def governing(self, charger_id: ChargerId) -> Governing | None:
        if charger_id not in self._chargers:
            return None
        row = self._chargers[charger_id]
        charger = ChargerRecord(
            charger_id=charger_id, site_id=SITE, security_profile=1, revision="r1", **row
        )
        found = governing_schedule(charger, self.site)
        assert found is not None
        scope, schedule = found
        timeline = Timeline(schedule, zone(self.site.timezone))
        overridden = OverriddenTimeline(timeline, self._overrides.of(charger))
        return Governing(charger, self.site, schedule.id, scope, overridden)

    def identities(self, pseudonym: Pseudonym, site_id: SiteId) -> tuple[IdentityRecord, ...]:
        return tuple(record for record in self._records if record.pseudonym == pseudonym)

    def identity_revision(self, site_id: SiteId) -> str:
        return "folder@r1"

    def feed_facts(self, site_id: SiteId) -> tuple[FeedFacts, ...]:
        return self._feeds


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _override(row: Mapping[str, Any]) -> OverrideRecord:
    """One line of a case: `charger`, `group` or `site` says whom it is for, `by` who wrote it.

    One written earlier than it starts says `written`; one that a person ended says `ended`.
    """
    scope = next(scope for scope in Scope if scope in row)
    record = begun(
        OverrideRequest(
            target=Target(SITE, scope, row[scope]),
            mode=Mode(row.get("mode", "managed")),
            lock=row.get("lock", False),
            starts_at=_utc(row["from"]),
            ends_at=_utc(row["until"]) if "until" in row else None,
            actor=row["by"],
            reason=row["reason"],
        ),
        _utc(row.get("written", row["from"])),
    )
    if "ended" not in row:
        return record
    return ended(record, _utc(row["ended"]), row["by"], "no longer needed")


def _record(row: Mapping[str, Any]) -> IdentityRecord:
    candidate = Candidate(row["type"], normalise(row["type"], row["identifier"], FORMS))
    return IdentityRecord(
        source=row.get("source", "folder"),
        site_id=SITE,
        pseudonym=PSEUDONYMS.current(candidate),
        identifier_type=row["type"],
        display="",
        identity_class=IdentityClass(row["class"]),
        reference=row["reference"],
        valid_from=row["valid_from"],
        valid_to=row.get("valid_to"),
        state=IdentityState(row.get("state", "active")),
        state_since=row.get("state_since"),
    )


_KNOWN = [*map(_record, DEPOT["identities"])]


def presented(row: Mapping[str, Any], ocpp: str, site: SiteRecord) -> Token:
    """A case's token as it leaves the gateway."""
    if row.get("kind") == "freevend_tag":
        return FREEVEND_TOKEN
    stated = None if ocpp == "1.6" else row.get("type", "ISO14443")
    reserved = reserved_for(site, (), None)
    return token_of(PresentedToken(str(row["id"]), stated), reserved, PSEUDONYMS, site.forms)
