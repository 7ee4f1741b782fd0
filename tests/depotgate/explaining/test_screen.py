"""What the screen shows of an attempt that was answered without a decision."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from rich.console import Console

from depotgate.explaining.screen import show
from models.attempt import Basis, Edge, Told
from models.decision import decide
from models.explaining import explain
from models.reasons import Reason
from models.schedule import Mode
from models.site import Stage
from tests.models.samples import ATTEMPT, FACTS, OUTCOME, SCHEDULE_FACTS

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
    labels = ("timeline", "matched", "changes")
    assert [" ".join(line.split()) for line in lines if line.startswith(labels)] == [
        "timeline not recorded",
        "matched not recorded",
        "changes not recorded",
    ]


def test_a_decision_that_came_late_does_not_say_when_the_posture_changes() -> None:
    """Rule 24: it changes no answer, so the driver who was turned away need not wait for it."""
    edge = Edge(at=ATTEMPT.event_at + timedelta(hours=1), mode=Mode.FREEVEND)
    until = {"mode": Mode.MANAGED, "ends_at": edge.at, "edges_ahead": (edge,)}
    schedule = SCHEDULE_FACTS.model_copy(update=until)
    facts = FACTS.model_copy(update={"schedule": schedule, "matches": (), "problem": None})
    decision = decide(ATTEMPT, facts)
    assert decision.verdict.next_change_at == edge.at
    late = {"verdict": None, "reason": Reason.DECISION_TIMED_OUT, "attempt": ATTEMPT}
    explanation = explain(decision, OUTCOME.model_copy(update=late))
    assert explanation.different is None
    shown = io.StringIO()
    show(explanation, Console(file=shown, width=ROW_COLUMNS))
    assert "changes   with any attempt that is decided in time" in shown.getvalue()
