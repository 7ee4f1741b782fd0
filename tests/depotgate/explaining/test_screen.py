"""What the screen shows of an attempt of which no decision is recorded."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from depotgate.explaining.screen import show
from models.attempt import Basis, Told
from models.explaining import explain
from models.reasons import Reason
from models.site import Stage
from tests.models.samples import OUTCOME

ROW_COLUMNS = 80


@pytest.mark.parametrize(
    ("stage", "reason"), [(Stage.OFF, None), (Stage.ENFORCE, Reason.DECISION_TIMED_OUT)]
)
def test_without_a_decision_nobody_is_told_that_no_record_matches(
    stage: Stage, reason: Reason | None
) -> None:
    """Rules 24, 27: nothing was looked up, or it is not known what was found."""
    told = Told(accepted=True, status="Accepted", text=None, basis=Basis.STAGE)
    said = {"stage": stage, "reason": reason, "verdict": None, "schedule": None, "told": told}
    explanation = explain(None, OUTCOME.model_copy(update=said))
    shown = io.StringIO()
    show(explanation, Console(file=shown, width=ROW_COLUMNS))
    lines = shown.getvalue().splitlines()
    assert [line.split() for line in lines if line.startswith(("timeline", "matched"))] == [
        ["timeline", "not", "recorded"],
        ["matched", "not", "recorded"],
    ]
