"""What is gathered for a decision."""

from __future__ import annotations

from models.answers import barred
from models.facts import MATCHES_MAX, gather
from models.identifiers import Pseudonymiser
from models.schedule import Mode
from models.site import IdentityState
from tests.models.test_replaying import CARD, NEW, Draft, record, under


def test_of_more_records_than_a_decision_keeps_the_barred_ones_are_kept() -> None:
    """It is an error then (rule 24), and an open posture admits none that was found revoked."""
    attempt = under(NEW).attempt
    pseudonym = Pseudonymiser((NEW,), "default").current(CARD)
    many = [record(pseudonym)] * MATCHES_MAX
    for last in IdentityState:
        depot = Draft(Mode.MANAGED, *many, record(pseudonym, last))
        facts = gather(attempt, depot, attempt.received_at)
        assert facts.problem == f"more than {MATCHES_MAX} records match one token"
        assert len(facts.matches) == MATCHES_MAX
        assert barred(facts) is (last is not IdentityState.ACTIVE)
