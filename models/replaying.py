"""Deciding past attempts again: from their own records, or as a draft would have decided them.

Pure. A record is decided again by the rules that decided it first, so within one rules version any
difference is a finding (rule 10). What a draft would have answered is made from the attempt as it
was presented and from what else was known then.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from models.attempt import (
    Attempt,
    Decision,
    FeedFacts,
)
from models.decision import RULES_VERSION, decide, judge
from models.facts import ConfigurationView, gather
from models.governing import Governing
from models.ids import ChargerId, OverrideId, Pseudonym, SiteId
from models.layers import LayerName
from models.overridden import OverriddenTimeline
from models.overrides import LASTS_MAX, OverrideRecord, Scope
from models.reasons import Answer, Reason
from models.record import Open, Record, UtcDatetime
from models.schedule import Mode
from models.site import ChargerRecord, IdentityClass, IdentityRecord, IdentityState
from models.timeline import Timeline

HANDS_ON = frozenset({LayerName.LOCK, LayerName.OVERRIDE})
"""Layers that are people's decisions of the day: no depot folder has them."""


class FieldDifference(NamedTuple):
    """A field of a verdict that comes out another way."""

    field: str
    stored: str
    now: str


class Redecided(NamedTuple):
    """One stored decision, decided again.

    Attributes:
        same_rules: it was made by the rules of this version; else differences are no finding.
    """

    same_rules: bool
    differences: tuple[FieldDifference, ...]


def redecide(stored: Decision) -> Redecided:
    """Decide an attempt again from its own record.

    Only what the record says is compared: a field that it is too old to have says nothing.
    """
    now = decide(stored.attempt, stored.facts).verdict
    same_rules = stored.rules_version == RULES_VERSION
    if now == stored.verdict:
        return Redecided(same_rules, ())
    differences = tuple(
        FieldDifference(name, _said(before), _said(after))
        for name in type(now).model_fields
        if name in stored.verdict.model_fields_set
        and (before := getattr(stored.verdict, name)) != (after := getattr(now, name))
    )
    return Redecided(same_rules, differences)


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return value.isoformat() if isinstance(value, datetime) else str(value)


class PastMatch(Record):
    """A match of a stored decision, without what follows from a site's access rules."""

    source: str
    reference: str
    identity_class: Open[IdentityClass]
    identifier_type: str
    pseudonym: Pseudonym
    valid_from: UtcDatetime
    valid_to: UtcDatetime | None
    state: Open[IdentityState]
    state_since: UtcDatetime | None


class PastSchedule(Record):
    """Which interval held, without the edges that follow."""

    mode: Mode
    layer: str
    name: str
    starts_at: UtcDatetime | None
    ends_at: UtcDatetime | None
    override_id: str | None = None


class PastFacts(Record):
    """What a what-if needs of a stored decision's facts: the rest is the draft's."""

    evaluated_at: UtcDatetime
    schedule: PastSchedule | None
    matches: tuple[PastMatch, ...]
    problem: str | None = None
    feeds: tuple[FeedFacts, ...] = ()


class PastVerdict(Record):
    """What a what-if compares with."""

    answer: Open[Answer]
    reason: Open[Reason]


class PastAttempt(Record):
    """The part of a stored decision that a what-if reads: half of its bytes."""

    attempt: Attempt
    facts: PastFacts
    verdict: PastVerdict


class WhatIf(NamedTuple):
    """What a draft would have answered.

    Attributes:
        kept_override: an override or a lock governed then; it would have governed the draft too.
    """

    answer: str
    reason: str
    kept_override: bool


class _DraftThen:
    """A draft, and what was known beside it when the attempt was made.

    Identities of other sources, the age of feeds, overrides and locks are not in a depot folder:
    they stay what the stored decision says they were.
    """

    def __init__(self, draft: ConfigurationView, source: str, past: PastAttempt) -> None:
        self._draft = draft
        self._feeds = past.facts.feeds
        self._held = past.facts.schedule if _by_hand(past) else None
        self._happened_at = past.attempt.event_at
        self._others = tuple(each for each in past.facts.matches if each.source != source)
        self._readings: dict[Pseudonym, tuple[Pseudonym, ...]] = {
            pseudonym: candidate.pseudonyms
            for candidate in past.attempt.token.candidates
            for pseudonym in candidate.pseudonyms
        }

    def governing(self, charger_id: ChargerId) -> Governing | None:
        """As the draft has it, under the override or lock that was in force."""
        governing = self._draft.governing(charger_id)
        if governing is None or self._held is None or not isinstance(governing.timeline, Timeline):
            return governing
        held = _override_of(self._held, governing.charger, self._happened_at)
        return governing._replace(timeline=OverriddenTimeline(governing.timeline, (held,)))

    def identities(self, pseudonym: Pseudonym, site_id: SiteId) -> tuple[IdentityRecord, ...]:
        """The draft's records, and those of other sources that matched then."""
        found = self._draft.identities(pseudonym, site_id)
        if not self._others:
            return found
        # It may have stood under another epoch than the one that is asked for first.
        known = self._readings.get(pseudonym, (pseudonym,))
        others = [_record_of(each) for each in self._others if each.pseudonym in known]
        return (*found, *others)

    def identity_revision(self, site_id: SiteId) -> str:
        """As the draft has it."""
        return self._draft.identity_revision(site_id)

    def feed_facts(self, site_id: SiteId) -> tuple[FeedFacts, ...]:
        """As they were."""
        return self._feeds


def _record_of(match: PastMatch) -> IdentityRecord:
    """A match as the record that it was made of; only what facts are made from is filled."""
    return IdentityRecord(
        source=match.source,
        site_id=None,
        pseudonym=match.pseudonym,
        identifier_type=match.identifier_type,
        display="",
        identity_class=match.identity_class,
        reference=match.reference,
        valid_from=match.valid_from,
        valid_to=match.valid_to,
        state=match.state,
        state_since=match.state_since,
    )


def what_if(past: PastAttempt, draft: ConfigurationView, source: str) -> WhatIf:
    """What a draft would have answered to an attempt of a charger that it has.

    Args:
        past: with a token that the draft can match (see `models.epochs.unmatchable`).
        source: whose records the draft replaces: those of depot folders.
    """
    by_hand = _by_hand(past)
    of_others = any(match.source != source for match in past.facts.matches)
    view = _DraftThen(draft, source, past) if by_hand or of_others or past.facts.feeds else draft
    facts = gather(past.attempt, view, past.facts.evaluated_at)
    if past.facts.problem is not None and past.facts.matches:
        # More records matched than were kept: the rest cannot be laid before the draft either.
        facts = facts.model_copy(update={"problem": past.facts.problem})
    finding = judge(past.attempt, facts)
    return WhatIf(finding.answer.value, finding.reasons[0].value, by_hand)


def _by_hand(past: PastAttempt) -> bool:
    return past.facts.schedule is not None and past.facts.schedule.layer in HANDS_ON


def _override_of(
    held: PastSchedule, charger: ChargerRecord, happened_at: datetime
) -> OverrideRecord:
    """The override that governed, as far as the decision knows it: for as long as its mode held."""
    return OverrideRecord(
        override_id=OverrideId(held.override_id or ""),
        site_id=charger.site_id,
        scope=Scope.CHARGER,
        target=charger.charger_id,
        mode=held.mode,
        lock=held.layer == LayerName.LOCK,
        starts_at=held.starts_at or happened_at - LASTS_MAX,
        ends_at=held.ends_at,
        actor="",
        reason=held.name,
        created_at=happened_at,
    )
