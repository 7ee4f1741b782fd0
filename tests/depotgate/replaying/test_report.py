"""What a person reads of a replay."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from depotgate.replaying.period import Period
from depotgate.replaying.report import Replayed, print_tables
from depotgate.replaying.tally import Tally, Total
from models.decision import RULES_VERSION

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)


def said(tally: Tally) -> str:
    total = Total()
    total.add(tally)
    period = Period.of(NOON - timedelta(hours=1), NOON)
    shown = io.StringIO()
    print_tables(
        Replayed(period, total, 0.5, draft=None, epochs_known=True), Console(file=shown, width=80)
    )
    return shown.getvalue()


@pytest.mark.parametrize(
    ("others", "line"),
    [
        (0, "no difference\n"),
        (2, f"no difference in the 3 of rules version {RULES_VERSION}\n"),
        (5, None),
    ],
)
def test_no_difference_is_said_of_what_was_compared(others: int, line: str | None) -> None:
    """Decisions of another rules version come out as they do, and that proves nothing."""
    tally = Tally(decisions_count=5, attempts_count=5)
    if others:
        tally.other_rules = Counter({"1": others})
        tally.other_rules_differing = Counter({"1": 1})
    shown = said(tally)
    assert (line in shown) if line else ("no difference" not in shown)
    assert ("1 come out another way, which is no finding" in shown) is bool(others)
