"""Past attempts decided again: what is a difference, and what a draft leaves as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson

from models.attempt import Decision, Edge, FeedFacts
from models.decision import RULES_VERSION, decide
from models.governing import Governing
from models.identifiers import Candidate, KeyEpoch, Pseudonymiser
from models.ids import ChargerId, Pseudonym, SiteId
from models.layers import LayerName
from models.reasons import Answer, Reason
from models.replaying import FieldDifference, PastAttempt, redecide, what_if
from models.schedule import Mode, Schedule
from models.site import (
    ChargerRecord,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    SiteRecord,
    Stage,
)
from models.timeline import Timeline
from models.zones import zone
from tests.models.samples import ATTEMPT, CHARGER, FACTS, MATCH, NOON, SCHEDULE_FACTS, SITE

CARD = Candidate("ISO14443", "04A1B2C3D4E5F6")
OLD, NEW = KeyEpoch("k1", b"x" * 32), KeyEpoch("k2", b"y" * 32)
LIVE = ATTEMPT.model_copy(update={"replayed": False, "uncertainty_s": 1.0})
MANAGED = SCHEDULE_FACTS.model_copy(
    update={
        "layer": "window",
        "override_id": None,
        "conflict": False,
        "edges_ahead": (Edge(at=NOON + timedelta(hours=1), mode=Mode.FREEVEND),),
    }
)
KNOWN = FACTS.model_copy(
    update={
        "schedule": MANAGED,
        "matches": (MATCH.model_copy(update={"valid_to": None, "entitlement": None}),),
        "problem": None,
        "feeds": (),
        "feed_policy": None,
    }
)


class Draft:
    """A draft in which every charger follows one mode for ever, and only these cards are known."""

    def __init__(self, mode: Mode, *records: IdentityRecord) -> None:
        schedule = Schedule(id="draft", default=mode)
        self._site = SiteRecord(
            site_id=SITE,
            name="Draft",
            timezone="Europe/Berlin",
            stage=Stage.ENFORCE,
            schedules=(schedule,),
            schedule="draft",
            revision="d1",
            loaded_at=NOON,
        )
        self._charger = ChargerRecord(
            charger_id=CHARGER, site_id=SITE, security_profile=0, revision="d1"
        )
        self._timeline = Timeline(schedule, zone("Europe/Berlin"))
        self._records = records

    def governing(self, _charger_id: ChargerId) -> Governing | None:
        return Governing(self._charger, self._site, "draft", "site", self._timeline)

    def identities(self, pseudonym: Pseudonym, _site_id: SiteId) -> tuple[IdentityRecord, ...]:
        return tuple(record for record in self._records if record.pseudonym == pseudonym)

    def identity_revision(self, _site_id: SiteId) -> str:
        return "folder@draft"

    def feed_facts(self, _site_id: SiteId) -> tuple[FeedFacts, ...]:
        return ()


def record(pseudonym: Pseudonym, state: IdentityState = IdentityState.ACTIVE) -> IdentityRecord:
    return IdentityRecord(
        source="folder",
        site_id=SITE,
        pseudonym=pseudonym,
        identifier_type="ISO14443",
        display="ISO14443 …5F6",
        identity_class=IdentityClass.OWN_FLEET,
        reference="bus-17",
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        state=state,
    )


def past(decision: Decision) -> PastAttempt:
    return PastAttempt.decode(decision.encode())


def under(*epochs: KeyEpoch) -> Decision:
    """A decision about a card that has pseudonyms under these epochs, newest first."""
    pseudonyms = Pseudonymiser(epochs, "default").all(CARD)
    candidate = LIVE.token.candidates[0].model_copy(update={"pseudonyms": pseudonyms})
    token = LIVE.token.model_copy(update={"candidates": (candidate,)})
    attempt = LIVE.model_copy(update={"token": token})
    return decide(attempt, KNOWN.model_copy(update={"matches": ()}))


def test_a_difference_is_named_by_its_field() -> None:
    """Rule 10."""
    decision = decide(LIVE, KNOWN)
    told = decision.verdict.model_copy(update={"reason": Reason.AGREEMENT_ACTIVE})
    again = redecide(decision.model_copy(update={"verdict": told}))
    assert again.same_rules
    assert again.differences == (FieldDifference("reason", "AGREEMENT_ACTIVE", "OWN_FLEET"),)


def test_another_rules_version_is_said() -> None:
    again = redecide(decide(LIVE, KNOWN).model_copy(update={"rules_version": "0"}))
    assert not again.same_rules
    assert RULES_VERSION != "0"


def test_a_field_that_a_record_is_too_old_to_have_is_no_difference() -> None:
    written = orjson.loads(decide(LIVE, KNOWN).encode())
    assert written["verdict"].pop("valid_until") is not None
    assert redecide(Decision.decode(orjson.dumps(written))).differences == ()


def test_a_draft_answers_by_its_own_schedule_and_cards() -> None:
    pseudonym = Pseudonymiser((OLD,), "default").current(CARD)
    for draft, reason in (
        (Draft(Mode.FREEVEND), Reason.FREEVEND_OPEN),
        (Draft(Mode.MANAGED), Reason.UNKNOWN_ID),
        (Draft(Mode.MANAGED, record(pseudonym)), Reason.OWN_FLEET),
        (Draft(Mode.MANAGED, record(pseudonym, IdentityState.REVOKED)), Reason.REVOKED),
    ):
        then = what_if(past(under(OLD)), draft, "folder")
        assert then.reason == reason


def test_records_of_the_folder_that_the_draft_replaces_do_not_count() -> None:
    """Rule 21: each source owns its records."""
    stored = past(decide(LIVE, KNOWN))
    then = what_if(stored, Draft(Mode.MANAGED), "folder")
    assert then.reason == Reason.UNKNOWN_ID


def test_records_of_other_sources_and_their_age_stay_what_they_were() -> None:
    """Rules 21, 22: a draft of a folder says nothing of a feed."""
    match = KNOWN.matches[0].model_copy(update={"source": "own-fleet"})
    fresh = FeedFacts(source="own-fleet", content_at=NOON)
    expired = FeedFacts(source="own-fleet", content_at=NOON - timedelta(days=3))
    for feed, reason in ((fresh, Reason.AGREEMENT_ACTIVE), (expired, Reason.IDENTITY_UNCERTAIN)):
        agreement = match.model_copy(update={"identity_class": IdentityClass.AGREEMENT})
        facts = KNOWN.model_copy(update={"matches": (agreement,), "feeds": (feed,)})
        stored = past(decide(LIVE, facts))
        then = what_if(stored, Draft(Mode.MANAGED), "folder")
        assert then.reason == reason


def test_an_override_that_was_in_force_governs_the_draft_too() -> None:
    """Rule 7: it wins over every schedule."""
    held = MANAGED.model_copy(update={"layer": LayerName.OVERRIDE, "override_id": "x"})
    stored = past(decide(LIVE, KNOWN.model_copy(update={"schedule": held})))
    then = what_if(stored, Draft(Mode.FREEVEND), "folder")
    assert then.kept_override
    assert then.reason == Reason.UNKNOWN_ID


def test_a_card_known_under_two_epochs_is_met_once() -> None:
    """Rule 26: keys rotate by epoch."""
    both = Pseudonymiser((NEW, OLD), "default").all(CARD)
    draft = Draft(Mode.MANAGED, *map(record, both))
    for stored in (under(OLD), under(NEW, OLD)):
        then = what_if(past(stored), draft, "folder")
        assert (then.answer, then.reason) == (Answer.ALLOW, Reason.OWN_FLEET)


def test_an_attempt_that_more_records_matched_than_were_kept_stays_undecided() -> None:
    """Rule 24: what is not known of it is no reason to say that a draft changes it; and in freevend
    nothing needs to be known."""
    other = KNOWN.matches[0].model_copy(update={"source": "own-fleet"})
    facts = KNOWN.model_copy(update={"matches": (other,), "problem": "more than 16 records match"})
    stored = past(decide(LIVE, facts))
    assert stored.verdict.answer == Answer.ERROR
    assert what_if(stored, Draft(Mode.MANAGED), "folder").answer == Answer.ERROR
    assert what_if(stored, Draft(Mode.FREEVEND), "folder").answer == Answer.ALLOW
