"""A good history meets every expectation; each bad one fails with words that say what is wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from depotgate.demo.depot import DemoDepot
from depotgate.demo.events import Event
from depotgate.demo.expectations import SEEN_AT_LEAST_ONCE, Expectations
from depotgate.demo.judging import fault_of, verdict_of
from depotgate.demo.session import NO_CARD, Attempted
from depotgate.demo.tally import Tally
from models.attempt import AttemptKind, Basis, Outcome, Told
from models.charger import ChargerState, ModeFact, ModeFactKind
from models.denials import denial_of
from models.ids import ChargerId
from models.reasons import Answer, Reason
from models.schedule import Mode
from tests.depotgate.demo.histories import (
    BUS_LANE_16,
    BUS_LANE_201,
    FIRST_EDGE_AT,
    FIXED,
    STREET_SIDE,
    VISITOR_BAY,
    WRITTEN_AT,
    History,
)

SECOND = timedelta(seconds=1)
ENDED_AT = FIRST_EDGE_AT + 30 * SECOND

LABELS = ("own fleet", "agreement", "expired", "not yet", "suspended", "revoked", "unknown")


class Court:
    """Hears a history and says what is wrong with it."""

    def __init__(self, depot: DemoDepot, events: list[Event]) -> None:
        self.tally, self.expectations = Tally(depot), Expectations(depot)
        self.expectations.begun_at = WRITTEN_AT
        for event in events:
            self.tally.hear(event)
            self.expectations.hear(event)

    def faults(self, now: datetime = ENDED_AT) -> tuple[str, ...]:
        broken = self.expectations.broken(self.tally, now)
        return (*broken, *self.expectations.unseen(self.tally, FIRST_EDGE_AT))


def good(history: History) -> list[Event]:
    """A run over the first edge in which everything happens that has to."""
    events: list[Event] = []
    for label in LABELS:
        events += attempt(history, history.outcome(BUS_LANE_201, label))
    events += attempt(
        history, history.outcome(STREET_SIDE, NO_CARD, kind=AttemptKind.TRANSACTION_EVENT)
    )
    for charger in history.depot.chargers:
        events += switched(history, charger.charger_id, WRITTEN_AT)
    for charger in history.depot.chargers:
        if charger.group in ("visitor-bays", "van-bays"):
            events += passed_the_edge(history, charger.charger_id)
    return events


def attempt(history: History, outcome: Outcome) -> list[Event]:
    denial = denial_of(outcome)
    return [history.account(outcome), outcome, *([denial] if denial else [])]


def switched(history: History, charger_id: ChargerId, at: datetime) -> list[Event]:
    row = history.depot.governing(charger_id).charger
    mode = history.depot.timeline(charger_id).mode_at(at)
    if not history.depot.switchable(row):
        return [history.state(charger_id, at, observed=Mode.MANAGED)]
    fact = history.fact(ModeFactKind.SWITCHED, charger_id, mode, at + SECOND)
    return [fact, history.state(charger_id, at)]


def passed_the_edge(history: History, charger_id: ChargerId) -> list[Event]:
    mode = history.depot.timeline(charger_id).mode_at(FIRST_EDGE_AT)
    edge = history.fact(ModeFactKind.EDGE, charger_id, mode, FIRST_EDGE_AT + SECOND / 4)
    return [edge, *switched(history, charger_id, FIRST_EDGE_AT)]


def test_a_good_history_meets_every_expectation(depot: DemoDepot, history: History) -> None:
    court = Court(depot, good(history))
    assert court.faults() == ()
    assert court.expectations.settled()


@pytest.mark.parametrize("reason", SEEN_AT_LEAST_ONCE)
def test_a_reason_that_never_came_up_is_missed(
    depot: DemoDepot, history: History, reason: Reason
) -> None:
    events = [e for e in good(history) if not (isinstance(e, Outcome) and e.reason is reason)]
    assert f"no attempt ended with {reason}" in Court(depot, events).faults()


def test_an_edge_that_nobody_noticed_is_missed(depot: DemoDepot, history: History) -> None:
    events = [
        e for e in good(history) if not (isinstance(e, ModeFact) and e.kind == ModeFactKind.EDGE)
    ]
    faults = Court(depot, events).faults()
    assert "the mode edge at 13:11 was not seen" in faults
    assert f"{VISITOR_BAY}: the edge to managed at 13:11 was not noticed" in faults


def test_an_edge_noticed_late_is_missed(depot: DemoDepot, history: History) -> None:
    events = [
        e.model_copy(update={"at": e.at + 6 * SECOND})
        if isinstance(e, ModeFact) and e.kind == ModeFactKind.EDGE and e.charger_id == VISITOR_BAY
        else e
        for e in good(history)
    ]
    assert Court(depot, events).faults() == (
        f"{VISITOR_BAY}: the edge to managed at 13:11 was not noticed",
    )


def test_an_edge_that_is_not_due_yet_is_not_missed(depot: DemoDepot, history: History) -> None:
    events = good(history)
    just_before_the_second_edge_is_due = FIRST_EDGE_AT + 64 * SECOND
    assert Court(depot, events).faults(just_before_the_second_edge_is_due) == ()
    afterwards = Court(depot, events).faults(FIRST_EDGE_AT + 66 * SECOND)
    assert f"{VISITOR_BAY}: the edge to freevend at 13:12 was not noticed" in afterwards


def test_an_edge_without_a_switch_is_missed(depot: DemoDepot, history: History) -> None:
    events = [
        e
        for e in good(history)
        if not (isinstance(e, ModeFact) and e.charger_id == VISITOR_BAY and e.at > FIRST_EDGE_AT
                and e.kind == ModeFactKind.SWITCHED)
    ]  # fmt: skip
    assert Court(depot, events).faults() == (
        f"{VISITOR_BAY}: the edge to managed at 13:11 was not followed by a switch",
    )


def test_a_charger_seen_in_another_mode_at_the_end_is_named(
    depot: DemoDepot, history: History
) -> None:
    events = [*good(history), history.state(VISITOR_BAY, ENDED_AT, observed=Mode.FREEVEND)]
    court = Court(depot, events)
    assert court.faults() == (f"{VISITOR_BAY} is to be managed, and is seen as freevend",)
    assert not court.expectations.settled()


def test_a_charger_that_cannot_be_switched_may_be_in_any_mode(
    depot: DemoDepot, history: History
) -> None:
    events = [*good(history), history.state(FIXED, ENDED_AT, observed=Mode.MANAGED)]
    assert Court(depot, events).faults() == ()


def test_a_charger_that_never_connected_or_was_never_switched_is_named(
    depot: DemoDepot, history: History
) -> None:
    events: list[Event] = []
    for event in good(history):
        if isinstance(event, ModeFact | ChargerState) and event.charger_id == BUS_LANE_16:
            continue
        events.append(event)
    assert Court(depot, events).faults() == (
        f"{BUS_LANE_16} is not connected",
        f"{BUS_LANE_16} was never switched",
    )


def test_lost_attempts_and_missing_denials_are_named(depot: DemoDepot, history: History) -> None:
    silent = Attempted(BUS_LANE_16, "revoked", WRITTEN_AT, None, "UnansweredError")
    without_outcome = history.account(history.outcome(BUS_LANE_16, "expired"))
    undenied = history.outcome(BUS_LANE_16, "revoked")
    account = history.account(undenied)
    events = [*good(history), silent, without_outcome, undenied, account]
    assert Court(depot, events).faults() == (
        "attempts without an answer: 1 (UnansweredError)",
        f"an answer has no outcome: {BUS_LANE_16} Authorize, expired, Expired",
        "denied attempts without a denial record: 1",
    )


def test_an_attempt_is_judged_at_its_event_time_also_around_an_edge(
    depot: DemoDepot, history: History
) -> None:
    """Rule 11: half-open (rule 3), the instant of the edge belongs to the mode that begins."""
    just_before = history.outcome(VISITOR_BAY, "unknown", FIRST_EDGE_AT - SECOND / 1000)
    at_the_edge = history.outcome(VISITOR_BAY, "unknown", FIRST_EDGE_AT)
    assert (just_before.reason, at_the_edge.reason) == (Reason.FREEVEND_OPEN, Reason.UNKNOWN_ID)
    assert fault_of(depot, just_before) is None
    assert fault_of(depot, at_the_edge) is None


@pytest.mark.parametrize(
    ("label", "managed"),
    [
        ("own fleet", Reason.OWN_FLEET),
        ("agreement", Reason.AGREEMENT_ACTIVE),
        ("expired", Reason.AGREEMENT_EXPIRED),
        ("not yet", Reason.AGREEMENT_NOT_YET),
        ("suspended", Reason.SUSPENDED),
        ("revoked", Reason.REVOKED),
        ("unknown", Reason.UNKNOWN_ID),
        (NO_CARD, Reason.FREEVEND_TAG_IN_MANAGED),
    ],
)
def test_each_card_gets_what_the_rules_say_in_the_mode_of_its_charger(
    depot: DemoDepot, history: History, label: str, managed: Reason
) -> None:
    for charger_id, reason in ((BUS_LANE_16, managed), (STREET_SIDE, Reason.FREEVEND_OPEN)):
        outcome = history.outcome(charger_id, label)
        assert verdict_of(depot, outcome.attempt).reason is reason


def test_an_answer_against_the_rules_is_named(depot: DemoDepot, history: History) -> None:
    right = history.outcome(BUS_LANE_201, "revoked")
    allowed = history.outcome(BUS_LANE_201, "own fleet")
    wrong = right.model_copy(update={"verdict": allowed.verdict, "reason": allowed.reason})
    assert fault_of(depot, wrong) == f"{BUS_LANE_201}, revoked: expected REVOKED, got OWN_FLEET"
    faults = Court(depot, [*good(history), wrong, history.account(wrong)]).faults()
    assert faults == (f"{BUS_LANE_201}, revoked: expected REVOKED, got OWN_FLEET (×1)",)


def test_a_right_decision_told_wrongly_is_named(depot: DemoDepot, history: History) -> None:
    right = history.outcome(BUS_LANE_201, "suspended")
    told = Told(accepted=True, status="Accepted", text=None, basis=Basis.DECISION)
    assert fault_of(depot, right.model_copy(update={"told": told})) == (
        f"{BUS_LANE_201}, suspended: SUSPENDED was told as Accepted, "
        "not Blocked “Card paused; contact your manager.”"
    )


def test_an_attempt_that_nobody_decided_in_time_is_named(
    depot: DemoDepot, history: History
) -> None:
    outcome = history.outcome(BUS_LANE_201, "own fleet").model_copy(
        update={"verdict": None, "reason": Reason.DECISION_TIMED_OUT}
    )
    fault = fault_of(depot, outcome)
    assert (
        fault == f"{BUS_LANE_201}, own fleet: expected OWN_FLEET, and nothing was decided in time"
    )
    tally = Tally(depot)
    tally.hear(outcome)
    assert tally.by_reason("none") == {"DECISION_TIMED_OUT": 1}
    assert tally.by_reason(Answer.DENY) == {}
