"""Whether an attempt ended as the rules say, judged over the depot that was written.

The same functions as the worker's, over facts that came another way: from the depot itself and
not through files, topics and replicas. An attempt near an edge is judged at its own event time, as
rule 11 has it, so there is no grey time around an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

from depotgate.demo.cards import DemoCard
from depotgate.demo.depot import REVISION, DemoDepot
from models.answers import told_for
from models.attempt import Attempt, FeedFacts, Outcome, Told, Verdict
from models.decision import decide
from models.facts import gather
from models.governing import Governing
from models.ids import ChargerId, Pseudonym, SiteId
from models.site import IdentityRecord, Posture, Stage


def verdict_of(depot: DemoDepot, attempt: Attempt) -> Verdict:
    """What the rules say of an attempt in this depot, at its event time."""
    view = _View(depot, attempt, depot.card_of(attempt.token))
    return decide(attempt, gather(attempt, view, attempt.received_at)).verdict


def fault_of(depot: DemoDepot, outcome: Outcome) -> str | None:
    """What is wrong with an outcome, in words; None when the driver was told what is right."""
    attempt = outcome.attempt
    who = f"{attempt.charger_id}, {depot.label_of(attempt.token)}"
    expected = verdict_of(depot, attempt)
    if outcome.verdict is None:
        return f"{who}: expected {expected.reason}, and nothing was decided in time"
    if (outcome.verdict.answer, outcome.verdict.reason) != (expected.answer, expected.reason):
        return f"{who}: expected {expected.reason}, got {outcome.verdict.reason}"
    right = _told(outcome, expected)
    if outcome.told is not None and _heard(outcome.told) != _heard(right):
        return f"{who}: {expected.reason} was told as {_quoted(outcome.told)}, not {_quoted(right)}"
    return None


def _told(outcome: Outcome, verdict: Verdict) -> Told:
    return told_for(
        outcome.attempt.ocpp,
        Stage.ENFORCE,
        verdict,
        posture=Posture.CLOSED,
        freevend=False,
        barred=False,
    )


def _heard(told: Told) -> tuple[str, str | None]:
    return told.status, told.text


def _quoted(told: Told) -> str:
    return told.status if told.text is None else f"{told.status} “{told.text}”"


@dataclass(frozen=True)
class _View:
    """What facts are looked up in (models.facts.ConfigurationView), for one attempt.

    The demo has no pseudonym keys: whatever pseudonym a gateway gave the card stands for it.
    """

    depot: DemoDepot
    attempt: Attempt
    card: DemoCard | None

    def governing(self, charger_id: ChargerId) -> Governing | None:
        return self.depot.governing(charger_id)

    def identities(self, pseudonym: Pseudonym, site_id: SiteId) -> tuple[IdentityRecord, ...]:
        if self.card is None or pseudonym != self.attempt.token.pseudonym:
            return ()
        record = self.card.record(pseudonym, site_id)
        return () if record is None else (record,)

    def identity_revision(self, site_id: SiteId) -> str:
        return REVISION

    def feed_facts(self, site_id: SiteId) -> tuple[FeedFacts, ...]:
        return ()
