"""A decision is a function of its record: ten thousand generated attempts, decided twice."""

from __future__ import annotations

import pytest

from models.attempt import Decision
from models.decision import FLAGS, decide
from models.explaining import explain
from models.facts import gather
from models.ladder import LADDER
from models.reasons import Reason
from models.replaying import redecide
from tests.properties.generated import NOW, generated_attempts

DEPOTS = 40
ATTEMPTS_EACH = 250

REASONS = {rung.reason for rung in LADDER} | {
    Reason.FREEVEND_OPEN,
    Reason.DECISION_ERROR,
    Reason.OWN_FLEET,
    Reason.AGREEMENT_ACTIVE,
}


@pytest.mark.sweep
def test_deciding_ten_thousand_stored_decisions_again_gives_the_same_bytes() -> None:
    """Rule 10: whatever the depot, the token and the circumstances, and each reason and flag."""
    reasons: set[str] = set()
    flags: set[str] = set()
    for depot, attempt in generated_attempts(DEPOTS, ATTEMPTS_EACH):
        first = decide(attempt, gather(attempt, depot, NOW))
        stored = first.encode()
        read = Decision.decode(stored)
        assert decide(read.attempt, read.facts).encode() == stored
        reasons.update(read.verdict.reasons)
        flags.update(read.verdict.flags)
    assert reasons == {str(reason) for reason in REASONS}, "the depots show every reason"
    assert flags >= {str(flag) for flag, _ in FLAGS}, "and every flag"


def test_a_decision_replayed_from_its_record_shows_no_difference() -> None:
    """Rule 10, as `depotgate replay` compares; and each of them can be explained."""
    for depot, attempt in generated_attempts(20, 25):
        stored = Decision.decode(decide(attempt, gather(attempt, depot, NOW)).encode())
        again = redecide(stored)
        assert again.same_rules
        assert again.differences == ()
        said = explain(stored, None)
        assert "{" not in said.sentence
        assert said.reasons
