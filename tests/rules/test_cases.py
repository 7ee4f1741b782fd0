"""The golden cases: readable by a depot manager, one YAML file a theme, each naming its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.attempt import (
    Attempt,
    AttemptKind,
    Decision,
    FeedFacts,
    PseudonymousCandidate,
    Token,
    TokenKind,
)
from models.decision import LADDER, decide
from models.facts import gather
from models.governing import Governing, governing_schedule
from models.identifiers import Candidate, KeyEpoch, Pseudonymiser, candidates, normalise
from models.ids import AttemptId, ChargerId, Pseudonym, RequestId, SiteId
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
from models.reasons import PRECEDENCE, Reason, wire_status
from models.schedule import Mode, Schedule
from models.site import (
    AccessRule,
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

FOLDER = Path(__file__).parent
DEPOT: dict[str, Any] = yaml.safe_load((FOLDER / "depot.yaml").read_text())
SITE = SiteId("depot")
PSEUDONYMS = Pseudonymiser((KeyEpoch("k1", b"x" * 32),), "default")
LIVE_UNCERTAINTY_S = 1.0
REPLAY_UNCERTAINTY_S = 60.0

CASES: list[dict[str, Any]] = [
    case
    for path in sorted((FOLDER / "cases").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]

BUILT_RULES = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 17, 18, 19, 20, 21, 22, 23, 24, 25, 28}
"""Rules that show in a decision; the others have tests of their own."""


class Depot:
    """The depot of depot.yaml as the rules look things up in it.

    Args:
        feeds: age in seconds of each source that ages.
        expired: the site's choice for those that have expired (rule 22).
        overrides: of a case (rule 9).
    """

    def __init__(
        self,
        at: datetime,
        feeds: Mapping[str, float],
        expired: ExpiredFeed,
        overrides: Sequence[dict[str, Any]],
    ) -> None:
        self._feeds = tuple(
            FeedFacts(source=source, content_at=at - timedelta(seconds=age_s))
            for source, age_s in feeds.items()
        )
        self.site = SiteRecord(
            site_id=SITE,
            name="Depot",
            timezone=DEPOT["timezone"],
            stage=Stage.ENFORCE,
            freevend_tag=DEPOT["freevend_tag"],
            schedules=tuple(
                Schedule.model_validate(row, strict=False) for row in DEPOT["schedules"]
            ),
            groups=tuple(Group(**row) for row in DEPOT["groups"]),
            schedule=DEPOT["schedule"],
            feed=FeedPolicy(expired=expired),
            access=tuple(AccessRule.model_validate(row, strict=False) for row in DEPOT["access"]),
            revision="r1",
            loaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        self._records = [_record(row) for row in DEPOT["identities"]]
        self._overrides = OverrideTable(_override(row) for row in overrides)

    def governing(self, charger_id: ChargerId) -> Governing | None:
        if charger_id not in DEPOT["chargers"]:
            return None
        row = DEPOT["chargers"][charger_id]
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


def _override(row: dict[str, Any]) -> OverrideRecord:
    """One line of a case: `charger`, `group` or `site` says whom it is for, `by` who wrote it.

    One written earlier than it starts says `written`; one that a person ended says `ended`.
    """
    scope = next(scope for scope in Scope if scope in row)
    record = begun(
        OverrideRequest(
            target=Target(SITE, scope, row[scope]),
            mode=Mode(row.get("mode", "managed")),
            lock=row.get("lock", False),
            starts_at=row["from"].astimezone(UTC),
            ends_at=row["until"].astimezone(UTC) if "until" in row else None,
            actor=row["by"],
            reason=row["reason"],
        ),
        row.get("written", row["from"]).astimezone(UTC),
    )
    if "ended" not in row:
        return record
    return ended(record, row["ended"].astimezone(UTC), row["by"], "no longer needed")


def _record(row: dict[str, Any]) -> IdentityRecord:
    candidate = Candidate(row["type"], normalise(row["type"], row["identifier"]))
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


def _token(row: dict[str, Any], ocpp: str) -> Token:
    if row.get("kind") == "freevend_tag":
        return Token(kind=TokenKind.FREEVEND_TAG, display="freevend tag")
    stated = None if ocpp == "1.6" else row.get("type", "ISO14443")
    read = candidates(str(row["id"]), stated)
    if not read:
        return Token(kind=TokenKind.UNREADABLE, display="unreadable")
    found = tuple(
        PseudonymousCandidate(identifier_type=one.identifier_type, pseudonyms=PSEUDONYMS.all(one))
        for one in read
    )
    return Token(kind=TokenKind.IDENTIFIED, display="", candidates=found)


def _decided(case: dict[str, Any]) -> Decision:
    ocpp = case.get("ocpp", "2.0.1")
    replayed = case.get("replayed", False)
    at = case["at"].astimezone(UTC)
    attempt = Attempt(
        request_id=RequestId("r"),
        attempt_id=AttemptId("r"),
        charger_id=ChargerId(case["charger"]),
        site_id=SITE,
        ocpp=ocpp,
        kind=AttemptKind.AUTHORIZE,
        token=_token(case["token"], ocpp),
        event_at=at,
        received_at=at,
        replayed=replayed,
        uncertainty_s=REPLAY_UNCERTAINTY_S if replayed else LIVE_UNCERTAINTY_S,
    )
    expired = ExpiredFeed(case.get("expired", "own_fleet"))
    depot = Depot(at, case.get("feeds", {}), expired, case.get("overrides", ()))
    return decide(attempt, gather(attempt, depot, at))


_OF_SCHEDULE = {"window": "name", "layer": "layer", "scope": "scope", "starts": "starts_at"}
"""Expectations about the schedule that governed, and the field that answers each."""


def _seen(decision: Decision, what: str) -> Any:
    """One expectation's counterpart in the decision."""
    if what in _OF_SCHEDULE:
        schedule = decision.facts.schedule
        return getattr(schedule, _OF_SCHEDULE[what]) if schedule else None
    match what:
        case "next_change":
            return decision.verdict.next_change_at
        case "status":
            reason = decision.verdict.reason
            return {"1.6": wire_status(reason, "1.6"), "2.0.1": wire_status(reason, "2.0.1")}
        case "reasons" | "flags":
            return list(getattr(decision.verdict, what))
        case _:
            return getattr(decision.verdict, what)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(case: dict[str, Any]) -> None:
    decision = _decided(case)
    assert {what: _seen(decision, what) for what in case["expect"]} == case["expect"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_deciding_again_from_the_record_gives_the_same_bytes(case: dict[str, Any]) -> None:
    stored = Decision.decode(_decided(case).encode())
    assert decide(stored.attempt, stored.facts).encode() == _decided(case).encode()


def test_every_built_rule_and_every_built_reason_has_a_case() -> None:
    named = {rule for case in CASES for rule in case["rules"]}
    assert named >= BUILT_RULES
    reasons = {reason for case in CASES for reason in _decided(case).verdict.reasons}
    built = {rung.reason for rung in LADDER}
    built |= {
        Reason.FREEVEND_OPEN,
        Reason.DECISION_ERROR,
        Reason.OWN_FLEET,
        Reason.AGREEMENT_ACTIVE,
    }
    assert reasons == built


def test_the_ladder_is_in_the_order_of_the_reason_table() -> None:
    places = [PRECEDENCE[rung.reason] for rung in LADDER]
    assert places == sorted(places)


def test_depot_dates_are_read_as_dates() -> None:
    exceptions = Depot(datetime.now(UTC), {}, ExpiredFeed.OPEN, ()).site.schedules[0].exceptions
    assert exceptions[0].on == date(2026, 7, 15)
