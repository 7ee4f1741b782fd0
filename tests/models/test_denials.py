"""Which outcomes are denials, and what a denial says (rules 24, 27)."""

from __future__ import annotations

from typing import Any

import pytest

from models.attempt import Denial, Outcome
from models.denials import denial_of
from models.reasons import Answer, Reason
from models.site import Posture, Stage
from tests.models.samples import ATTEMPT, NOON, OUTCOME, REQUEST, TOKEN, VERDICT


def _outcome(**changed: Any) -> Outcome:
    return OUTCOME.model_copy(update={"posture": None, **changed})


def _verdict(**changed: Any) -> dict[str, Any]:
    return {"verdict": VERDICT.model_copy(update=changed)}


def _denial(**changed: Any) -> Denial:
    denial = denial_of(_outcome(**changed))
    assert denial is not None
    return denial


def test_a_refusal_in_enforce_is_a_denial() -> None:
    """Joinable by charger and time, and with the attempt's own id: twice is harmless."""
    denial = _denial()
    assert denial.denial_id == REQUEST
    assert (denial.charger_id, denial.at) == (ATTEMPT.charger_id, NOON)
    assert (denial.stage, denial.would_deny) == ("enforce", False)
    assert (denial.reason, denial.reasons) == ("AGREEMENT_EXPIRED", ("AGREEMENT_EXPIRED",))
    assert (denial.schedule_id, denial.window) == ("nights", "weeknight")
    assert (denial.told_status, denial.told_text) == ("Expired", "Card has ended.")
    assert Denial.decode(denial.encode()) == denial


def test_a_refusal_in_shadow_would_have_been_one() -> None:
    """Rule 27: the driver was told Accepted."""
    assert _denial(stage=Stage.SHADOW).would_deny is True


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": None, "reason": Reason.DECISION_TIMED_OUT, "posture": Posture.CLOSED},
        {"verdict": None, "reason": None, "stage": Stage.OFF},
        _verdict(answer=Answer.ERROR, reason=Reason.DECISION_ERROR),
        _verdict(answer=Answer.ALLOW, reason=Reason.OWN_FLEET),
        _verdict(answer="ask_the_office"),
        {"posture": Posture.CLOSED},
    ],
    ids=["timed out", "off", "error", "allowed", "unknown answer", "posture applied"],
)
def test_nothing_else_is_a_denial(changed: dict[str, Any]) -> None:
    """Rule 24: neither a failure to evaluate nor a missed deadline, whatever was told then."""
    assert denial_of(_outcome(**changed)) is None


def test_a_denial_nobody_heard_is_still_one() -> None:
    """The socket was gone before the answer: decided, not told."""
    denial = _denial(told=None)
    assert (denial.told_status, denial.told_text) == (None, None)


def test_an_identity_that_could_not_be_judged_is_no_misuse() -> None:
    """Rule 22."""
    assert _denial().misuse is True
    assert _denial(**_verdict(reason=Reason.IDENTITY_UNCERTAIN)).misuse is False


def test_a_denial_names_a_pseudonym_and_a_display_form_only() -> None:
    """Rule 26."""
    denial = _denial()
    assert (denial.token, denial.pseudonym) == (TOKEN.display, TOKEN.pseudonym)


def test_a_token_that_could_not_be_read_has_no_pseudonym() -> None:
    unreadable = ATTEMPT.token.model_copy(update={"candidates": ()})
    denial = _denial(attempt=ATTEMPT.model_copy(update={"token": unreadable}), schedule=None)
    assert (denial.pseudonym, denial.schedule_id, denial.window) == (None, None, None)
