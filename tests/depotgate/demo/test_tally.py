"""The books come out even when nothing was lost, and say what was when something was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depotgate.demo.session import NO_CARD, Attempted
from depotgate.demo.summary import figures
from depotgate.demo.tally import Tally, percentile
from models.attempt import AttemptKind
from models.charger import ModeFactKind
from models.denials import denial_of
from models.schedule import Mode
from tests.depotgate.demo.histories import (
    BUS_LANE_16,
    BUS_LANE_201,
    FIRST_EDGE_AT,
    STREET_SIDE,
    VISITOR_BAY,
    WRITTEN_AT,
    History,
)


@pytest.fixture
def tally(history: History) -> Tally:
    return Tally(history.depot)


def test_an_answered_attempt_with_its_outcome_is_not_lost(history: History, tally: Tally) -> None:
    for label in ("own fleet", "revoked", "unknown"):
        outcome = history.outcome(BUS_LANE_201, label)
        tally.hear(history.account(outcome))
        tally.hear(outcome)
    assert (tally.attempts_count, tally.outcomes_count, tally.lost_count) == (3, 3, 0)
    assert (tally.allowed_count, tally.denied_count) == (1, 2)
    assert tally.by_reason("deny") == {"REVOKED": 1, "UNKNOWN_ID": 1}


def test_which_side_is_heard_first_does_not_matter(history: History, tally: Tally) -> None:
    outcome = history.outcome(STREET_SIDE, NO_CARD, kind=AttemptKind.TRANSACTION_EVENT)
    tally.hear(outcome)
    tally.hear(history.account(outcome))
    assert tally.lost_count == 0


def test_an_answer_without_an_outcome_is_lost(history: History, tally: Tally) -> None:
    tally.hear(history.account(history.outcome(BUS_LANE_16, "expired")))
    (lost,) = tally.lost
    assert (lost.charger_id, lost.label, lost.status) == (BUS_LANE_16, "expired", "Expired")
    assert tally.lost_count == 1


def test_an_attempt_without_an_answer_is_lost(history: History, tally: Tally) -> None:
    tally.hear(Attempted(BUS_LANE_16, "expired", WRITTEN_AT, None, "UnansweredError"))
    assert tally.lost_count == 1
    assert tally.unanswered == {"UnansweredError": 1}


def test_a_driver_who_saw_something_else_than_the_outcome_says_is_lost(
    history: History, tally: Tally
) -> None:
    outcome = history.outcome(BUS_LANE_201, "revoked")
    account = history.account(outcome)
    assert account.result is not None
    tally.hear(replace(account, result=replace(account.result, status="Accepted")))
    tally.hear(outcome)
    assert tally.lost_count == 1


def test_a_denied_attempt_needs_its_denial_record(history: History, tally: Tally) -> None:
    outcome = history.outcome(BUS_LANE_201, "revoked")
    denial = denial_of(outcome)
    assert denial is not None
    tally.hear(outcome)
    assert tally.denials_missing_count == 1
    tally.hear(denial)
    assert (tally.denials_missing_count, tally.denials_count) == (0, 1)


def test_an_edge_that_every_charger_notices_is_one_edge(history: History, tally: Tally) -> None:
    for charger in ("DD-11", "DD-12", VISITOR_BAY):
        row = next(c for c in history.depot.chargers if c.charger_id == charger)
        for kind in (ModeFactKind.EDGE, ModeFactKind.SWITCHED):
            tally.hear(history.fact(kind, row.charger_id, Mode.MANAGED, FIRST_EDGE_AT))
    assert tally.edges == {FIRST_EDGE_AT}
    assert tally.switches == {"managed": 3}


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([3.0], 0.99, 3.0),
        ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0),
        ([4.0, 3.0, 2.0, 1.0], 0.99, 4.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 101)], 0.0, 1.0),
    ],
)
def test_a_percentile_is_the_nearest_rank(
    values: list[float], share: float, expected: float | None
) -> None:
    assert percentile(values, share) == expected


def test_the_summary_says_what_the_books_hold(history: History, tally: Tally) -> None:
    for number in range(10):
        outcome = history.outcome(BUS_LANE_201, "revoked" if number < 4 else "own fleet")
        tally.hear(history.account(outcome, latency_s=(number + 1) / 1000))
        tally.hear(outcome)
    said = list(figures(history.depot, tally))
    assert said == [
        "attempts: 10",
        "allowed: 6 (OWN_FLEET 6)",
        "denied: 4 (REVOKED 4)",
        "undecided: 0",
        "denial records: 0",
        "mode edges: 0",
        "switches: 0",
        "answers, socket to socket: p50 5.0 ms, p99 10 ms",
        "lost: 0",
    ]
