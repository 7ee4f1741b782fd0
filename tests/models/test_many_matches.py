"""A token of more records than a decision keeps: not decided, and no bar among them is lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.answers import barred, told_for
from models.attempt import Facts
from models.decision import decide
from models.facts import MATCHES_MAX, gather
from models.reasons import Answer, Reason
from models.site import IdentityState, Posture, Stage
from tests.models.samples import ATTEMPT
from tests.rules.depots import Depot, presented

CARD = "04A1B2C3"
NIGHT, DAY = (datetime(2026, 7, 14, hour, tzinfo=UTC) for hour in (20, 10))


def _facts(state: str, at: datetime) -> Facts:
    """Of as many records as are kept, and a last one in that state."""
    row = {
        "type": "ISO14443",
        "identifier": CARD,
        "class": "own_fleet",
        "valid_from": datetime(2025, 1, 1, tzinfo=UTC),
    }
    rows = [{**row, "reference": f"bus-{number}"} for number in range(MATCHES_MAX)]
    depot = Depot(
        {"at": at, "depot": {"identities": [*rows, {**row, "reference": "bus-x", "state": state}]}}
    )
    attempt = ATTEMPT.model_copy(
        update={
            "charger_id": "NIGHT",
            "event_at": at,
            "token": presented({"id": CARD}, "2.0.1", depot.site),
        }
    )
    return gather(attempt, depot, at)


@pytest.mark.parametrize("state", [IdentityState.REVOKED, IdentityState.SUSPENDED])
def test_an_open_posture_admits_no_bar_whichever_record_it_is(state: IdentityState) -> None:
    """Rule 24's posture: `fail: open` never admits a revoked or suspended match that was found."""
    facts = _facts(state, NIGHT)
    verdict = decide(ATTEMPT.model_copy(update={"event_at": NIGHT}), facts).verdict
    assert verdict.answer is Answer.ERROR
    told = told_for(
        "2.0.1",
        Stage.ENFORCE,
        verdict,
        posture=Posture.OPEN,
        freevend=False,
        barred=barred(facts),
    )
    assert not told.accepted
    assert len(facts.matches) == MATCHES_MAX


def test_in_freevend_the_bar_is_listed() -> None:
    """Rule 25: REVOKED where matched, and the answer stays Accepted."""
    facts = _facts(IdentityState.REVOKED, DAY)
    verdict = decide(ATTEMPT.model_copy(update={"event_at": DAY}), facts).verdict
    assert (verdict.answer, verdict.reasons) == (
        Answer.ALLOW,
        (Reason.FREEVEND_OPEN, Reason.REVOKED),
    )
