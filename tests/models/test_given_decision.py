"""What a gateway reads of a decision is what the decision says."""

from __future__ import annotations

from models.attempt import Decision
from models.given_decision import GivenDecision
from tests.models.samples import SAMPLES


def test_the_part_that_answers_is_read_from_the_decisions_own_bytes() -> None:
    decision = Decision.decode(SAMPLES[Decision].encode())
    assert decision.facts.matches, "the sample says something of a match"
    given = GivenDecision.decode(decision.encode())
    assert given.decision_id == decision.decision_id
    assert given.verdict == decision.verdict
    assert given.facts.schedule == decision.facts.schedule
    assert [match.state for match in given.facts.matches] == [
        match.state for match in decision.facts.matches
    ]
