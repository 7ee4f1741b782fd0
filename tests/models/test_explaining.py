"""What an explanation says, from a decision and its outcome alone (rules 24, 25, 26)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.answers import told_for
from models.attempt import (
    Attempt,
    Basis,
    Decision,
    Edge,
    Facts,
    FeedFacts,
    Outcome,
    TokenKind,
    Told,
)
from models.decision import decide
from models.explaining import explain
from models.explanation import DataSeen, Explanation
from models.reasons import Answer, Flag, Reason
from models.schedule import Mode
from models.site import IdentityClass, IdentityState, Posture, Stage
from tests.models.samples import (
    ATTEMPT,
    FACTS,
    MATCH,
    OUTCOME,
    PSEUDONYM,
    SCHEDULE_FACTS,
    TOLD,
    VERDICT,
)

EVENING = datetime(2026, 7, 14, 18, 5, tzinfo=UTC)
"""20:05 in Berlin, a Tuesday."""

NIGHT = SCHEDULE_FACTS.model_copy(
    update={
        "starts_at": datetime(2026, 7, 14, 16, tzinfo=UTC),
        "ends_at": datetime(2026, 7, 15, 4, tzinfo=UTC),
        "edges_ahead": (
            Edge(at=datetime(2026, 7, 15, 4, tzinfo=UTC), mode=Mode.FREEVEND),
            Edge(at=datetime(2026, 7, 15, 16, tzinfo=UTC), mode=Mode.MANAGED),
        ),
        "conflict": False,
        "layer": "window",
        "name": "weeknight",
        "override_id": None,
    }
)
LIVE: Attempt = ATTEMPT.model_copy(
    update={
        "event_at": EVENING,
        "received_at": EVENING,
        "charger_at": None,
        "replayed": False,
        "clock_offset_s": None,
        "time_doubt": None,
        "uncertainty_s": 1.0,
    }
)
ENDED = MATCH.model_copy(
    update={
        "reference": "courier/77",
        "identity_class": IdentityClass.AGREEMENT,
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "valid_to": datetime(2026, 7, 1, tzinfo=UTC),
    }
)
KNOWN: Facts = FACTS.model_copy(
    update={
        "schedule": NIGHT,
        "matches": (ENDED,),
        "problem": None,
        "feeds": (),
        "feed_policy": None,
    }
)


def decided(**facts: object) -> Decision:
    return decide(LIVE, KNOWN.model_copy(update=facts))


def outcome_of(decision: Decision | None, **fields: object) -> Outcome:
    verdict = decision.verdict if decision else None
    return OUTCOME.model_copy(
        update={
            "attempt": LIVE,
            "verdict": verdict,
            "reason": verdict.reason if verdict else Reason.DECISION_TIMED_OUT,
            "schedule": decision.facts.schedule if decision else None,
            "posture": None if decision else Posture.CLOSED,
            "answered_at": EVENING + timedelta(milliseconds=12),
            "deadline_at": EVENING + timedelta(seconds=3),
            "told": TOLD if decision else TOLD.model_copy(update={"basis": Basis.POSTURE}),
            **fields,
        }
    )


def test_a_refusal_says_the_answer_why_until_when_and_what_to_do() -> None:
    decision = decided()
    said = explain(decision, outcome_of(decision))
    assert (said.answer, said.headline) == (Answer.DENY, "Refused")
    assert said.sentence == (
        "“courier/77” ended Wed 2026-07-01 02:00, and ND-001 is reserved until Wed 06:00."
    )
    assert said.happened.local == "Tue 2026-07-14 20:05"
    assert said.different is not None
    assert (said.different.at.clock, said.different.then) == ("Wed 06:00", "allowed")
    assert said.different.cause == "freevend begins"
    assert said.advice == ("Renew the agreement (or the card): a new row with the same reference.",)
    assert [held.code for held in said.reasons] == [Reason.AGREEMENT_EXPIRED]
    assert said.told is not None
    assert (said.told.status, said.told.took_ms, said.told.because) == (
        "Expired",
        12,
        "by decision",
    )


def test_the_timeline_shows_the_interval_before_the_one_that_held_and_those_after_it() -> None:
    said = explain(decided(), None)
    shown = [
        (each.starts and each.starts.clock, each.ends and each.ends.clock, each.mode, each.now)
        for each in said.timeline
    ]
    assert shown == [
        (None, "18:00", Mode.FREEVEND, False),
        ("18:00", "Wed 06:00", Mode.MANAGED, True),
        ("Wed 06:00", "Wed 18:00", Mode.FREEVEND, False),
        ("Wed 18:00", None, Mode.MANAGED, False),
    ]
    assert said.timeline[1].because == "window “weeknight” of schedule “nights” (site's)"


def test_a_match_is_shown_by_its_reference_and_never_by_a_pseudonym() -> None:
    """Rule 26: pseudonyms are for joining, display forms for people."""
    decision = decided(
        matches=(
            ENDED,
            MATCH.model_copy(update={"valid_to": None, "state": IdentityState.SUSPENDED}),
        )
    )
    said = explain(decision, outcome_of(decision))
    assert [(each.reference, each.standing) for each in said.matches] == [
        ("courier/77", "ended"),
        ("bus-17", "admits nobody"),
    ]
    assert said.token == LIVE.token.display
    assert PSEUDONYM.partition(":")[2] not in said.model_dump_json()


def test_a_sentence_names_the_records_that_count_and_no_other() -> None:
    """Rule 20: what is outside its validity is ignored beside what is inside it."""
    card = {"identity_class": IdentityClass.OWN_FLEET, "valid_to": None}
    new = ENDED.model_copy(update={**card, "reference": "bus-2"})
    old = ENDED.model_copy(update={**card, "reference": "bus-1", "valid_to": ENDED.valid_to})
    said = explain(decided(matches=(old, new)), None)
    assert said.sentence == "“bus-2” belongs to the own fleet and is active."
    spare = new.model_copy(update={"reference": "bus-3"})
    said = explain(decided(matches=(old, new, spare)), None)
    assert said.sentence == "“bus-2”, “bus-3” belong to the own fleet and are active."
    barred = spare.model_copy(update={"state": "lost"})
    said = explain(decided(matches=(old, new, barred)), None)
    assert said.sentence == ("2 records match this card and they disagree: “bus-2”, “bus-3”.")
    assert len(said.matches) == 3


def test_the_freevend_tag_is_accepted_on_the_wire_and_refused_all_the_same() -> None:
    """OCPP 2.0.1 C02.FR.02: support reads why the answer is not the verdict's."""
    token = LIVE.token.model_copy(update={"kind": TokenKind.FREEVEND_TAG, "candidates": ()})
    attempt = LIVE.model_copy(update={"token": token})
    decision = decide(attempt, KNOWN.model_copy(update={"matches": ()}))
    told = told_for(
        "2.0.1",
        Stage.ENFORCE,
        decision.verdict,
        posture=Posture.CLOSED,
        freevend=False,
        barred=False,
    )
    said = explain(decision, outcome_of(decision, told=told))
    assert said.headline == "Refused"
    assert said.told is not None
    assert said.told.status == "Accepted"
    assert said.told.because == (
        "by decision: OCPP asks to accept this tag, and its session is stopped"
    )


def test_a_time_in_the_hour_that_is_repeated_says_which_of_the_two_it_is() -> None:
    for hour, clock in ((0, "02:30 CEST"), (1, "02:30 CET"), (2, "03:30")):
        at = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        said = explain(decide(LIVE.model_copy(update={"event_at": at}), KNOWN), None)
        assert (said.happened.local, said.happened.clock) == (f"Sun 2026-10-25 {clock}", clock)


def test_a_missed_deadline_says_the_posture_and_that_the_decision_came_late() -> None:
    """Rule 24: a late decision changes no answer."""
    decision = decided()
    said = explain(decision, outcome_of(None))
    assert said.headline == "Turned away without a decision"
    assert said.sentence == ("No decision arrived within 3.0 s, so the site's posture answered.")
    assert said.reasons[0].code == Reason.DECISION_TIMED_OUT
    assert said.told is not None
    assert said.told.late
    assert said.told.because == "without a decision, posture closed"
    assert any("A decision came after the deadline: deny" in note for note in said.notes)
    assert "`depotgate doctor`" in said.advice[1]


def test_an_outcome_alone_is_explained_on_the_clocks_of_its_site() -> None:
    said = explain(None, outcome_of(None), timezone="Europe/Berlin")
    assert said.answer == "none"
    assert said.happened.local == "Tue 2026-07-14 20:05"
    assert said.timeline == ()
    assert "No decision is recorded: only the outcome is known." in said.notes


def test_a_refusal_in_shadow_says_that_the_driver_was_let_in() -> None:
    """Rule 27."""
    decision = decided(stage=Stage.SHADOW)
    told = Told(accepted=True, status="Accepted", text=None, basis=Basis.STAGE)
    said = explain(decision, outcome_of(decision, stage=Stage.SHADOW, told=told))
    assert said.headline == "Let in; it would have been refused in stage enforce"
    assert said.told is not None
    assert said.told.because == "stage shadow accepts every card"


def test_in_stage_off_there_is_nothing_to_explain_but_the_stage() -> None:
    told = Told(accepted=True, status="Accepted", text=None, basis=Basis.STAGE)
    outcome = outcome_of(None, stage=Stage.OFF, reason=None, posture=None, told=told)
    said = explain(None, outcome)
    assert said.headline == "Let in without a decision"
    assert said.sentence == "In stage off nothing is decided: every card is accepted."


def test_a_charger_that_was_gone_was_told_nothing() -> None:
    decision = decided()
    said = explain(decision, outcome_of(decision, told=None))
    assert said.told is not None
    assert said.told.status is None
    assert said.told.because == "the charger was gone before the answer"


def test_a_decision_without_an_outcome_says_so() -> None:
    assert any("No outcome is recorded" in note for note in explain(decided(), None).notes)


def test_an_imagined_attempt_says_what_would_be() -> None:
    said = explain(decided(), None, would_tell=TOLD)
    assert said.headline == "It would be refused"
    assert not said.recorded
    assert said.notes == ()
    assert said.told is not None
    assert said.told.answered is None


def test_what_is_imagined_of_the_past_says_that_it_rests_on_the_present() -> None:
    decision = decided(evaluated_at=EVENING + timedelta(days=1))
    note = "Answered from what is loaded now, which may differ from what was loaded then."
    assert explain(decision, None, would_tell=TOLD).notes == (note,)
    assert note not in explain(decision, None).notes


def test_what_could_not_be_evaluated_is_no_refusal() -> None:
    """Rule 24."""
    said = explain(
        decided(schedule=None, problem="charger ND-001 has no site or no schedule"), None
    )
    assert said.headline == "Not decided: the evaluation failed"
    assert "charger ND-001 has no site or no schedule" in said.sentence


def test_how_old_a_source_was_is_said_in_words() -> None:
    """Rule 22."""
    feed = FeedFacts(source="agreements", content_at=EVENING - timedelta(hours=3))
    said = explain(decided(feeds=(feed,)), None)
    assert DataSeen(what="source agreements", said="3 h old, stale") in said.data


FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""How people write that something has no end."""


@pytest.mark.parametrize("timezone", ["Australia/Melbourne", "America/New_York"])
@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"valid_to": FOR_EVER}, Reason.AGREEMENT_ACTIVE),
        ({"valid_to": FOR_EVER, "state": IdentityState.SUSPENDED}, Reason.SUSPENDED),
        ({"valid_from": FOR_EVER, "valid_to": None}, Reason.AGREEMENT_NOT_YET),
        ({"state": IdentityState.REVOKED, "state_since": FOR_EVER}, Reason.REVOKED),
    ],
)
def test_rule_18_a_record_for_ever_is_decided_and_explained_in_any_zone(
    timezone: str, always: bool, record: dict[str, object], reason: Reason
) -> None:
    """There are clocks on which that second is in the year 10000, and others for the year 0."""
    schedule = NIGHT.model_copy(update={"ends_at": None, "edges_ahead": ()}) if always else NIGHT
    feed = FeedFacts(source="agreements", content_at=datetime.min.replace(tzinfo=UTC))
    match = ENDED.model_copy(update={"source": "folder", "valid_to": FOR_EVER, **record})
    decision = decided(matches=(match,), schedule=schedule, timezone=timezone, feeds=(feed,))
    assert decision.verdict.reason is reason
    said = explain(decision, None)
    assert said.matches[0].reference == match.reference


def test_an_override_is_named_by_its_reason() -> None:
    """Rule 9."""
    fields = {"layer": "override", "name": "power cut", "override_id": "20260714T170000-x"}
    said = explain(decided(schedule=NIGHT.model_copy(update=fields)), None)
    assert said.timeline[1].because == "override “power cut” for this site"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_reads_as_a_sentence_whatever_is_missing(reason: Reason) -> None:
    verdict = VERDICT.model_copy(update={"reason": reason, "reasons": (reason,)})
    for facts in (KNOWN, KNOWN.model_copy(update={"matches": (), "schedule": None})):
        decision = Decision(
            decision_id=LIVE.request_id,
            attempt=LIVE,
            facts=facts,
            rules_version="1",
            verdict=verdict,
        )
        sentence = explain(decision, None).sentence
        assert "{" not in sentence
        assert "  " not in sentence
        assert sentence.endswith(".")


@pytest.mark.parametrize("flag", [*Flag, "A_FLAG_OF_A_NEWER_WORKER"])
def test_every_flag_is_said_in_words(flag: str) -> None:
    decision = decided()
    verdict = decision.verdict.model_copy(update={"flags": (flag,)})
    said = explain(decision.model_copy(update={"verdict": verdict}), None)
    assert [held.code for held in said.flags] == [flag]
    assert said.flags[0].meaning


def test_an_explanation_can_be_read_back_from_its_json() -> None:
    said = explain(decided(), outcome_of(decided()))
    assert Explanation.model_validate_json(said.model_dump_json()) == said
