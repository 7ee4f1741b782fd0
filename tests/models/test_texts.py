"""What drivers and support read: the sentences of the reason table, filled (rule 25)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.attempt import Facts, Match
from models.reasons import Reason
from models.site import IdentityClass, IdentityState
from models.texts import driver_texts, support_text
from tests.models.samples import ATTEMPT, FACTS, MATCH, NOON, PSEUDONYM, REQUEST, SCHEDULE_FACTS

DAY = timedelta(days=1)


def _match(**changed: Any) -> Match:
    return MATCH.model_copy(update=changed)


def _driver(
    reason: Reason, *matches: Match, change_at: datetime | None = None, timezone: str = "UTC"
) -> str:
    facts = FACTS.model_copy(update={"timezone": timezone})
    (said,) = driver_texts(reason, ATTEMPT, facts, matches, change_at)
    return said.text


def _support(reason: Reason, *matches: Match, facts: Facts = FACTS) -> str:
    return support_text(reason, ATTEMPT, facts, matches)


def test_a_time_is_told_on_the_clocks_of_the_site() -> None:
    opens = NOON + timedelta(hours=4)
    for timezone, shown in (("Europe/Berlin", "18:00"), ("Australia/Melbourne", "02:00")):
        said = _driver(Reason.UNKNOWN_ID, change_at=opens, timezone=timezone)
        assert said == f"Card not recognised. Open at {shown}."


@pytest.mark.parametrize(
    ("ahead", "shown"),
    [
        (timedelta(hours=23, minutes=59), "11:59"),
        (DAY, "Wed 12:00"),
        (timedelta(days=6, hours=23), "Tue 11:00"),
        (7 * DAY, "Tue 21 Jul 12:00"),
        (200 * DAY, "Sat 30 Jan 12:00"),
    ],
)
def test_a_day_is_named_from_24_hours_on_and_a_date_from_a_week_on(
    ahead: timedelta, shown: str
) -> None:
    said = _driver(Reason.UNKNOWN_ID, change_at=NOON + ahead)
    assert said == f"Card not recognised. Open at {shown}."


def test_a_sentence_whose_time_does_not_exist_is_dropped() -> None:
    assert _driver(Reason.UNKNOWN_ID) == "Card not recognised."
    assert _driver(Reason.NOT_ENTITLED_NOW) == ""
    assert _support(Reason.REVOKED, _match(state=IdentityState.REVOKED, state_since=None)) == ""


@pytest.mark.parametrize(
    ("owner", "holder"),
    [(IdentityClass.OWN_FLEET, "Card"), (IdentityClass.AGREEMENT, "Agreement")],
)
def test_the_agreement_rows_also_serve_the_fleets_own_cards(
    owner: IdentityClass, holder: str
) -> None:
    over = _match(identity_class=owner, valid_to=NOON)
    to_begin = _match(identity_class=owner, valid_from=NOON + DAY)
    assert _driver(Reason.AGREEMENT_EXPIRED, over) == f"{holder} has ended."
    assert _driver(Reason.AGREEMENT_NOT_YET, to_begin) == f"{holder} not started."


def test_what_has_ended_is_said_of_whose_end_it_is() -> None:
    """Beside an agreement that is over, a card of the fleet that is to begin has not ended."""
    over = _match(identity_class=IdentityClass.AGREEMENT, valid_to=NOON - DAY)
    to_begin = _match(identity_class=IdentityClass.OWN_FLEET, valid_from=NOON + DAY, valid_to=None)
    assert _driver(Reason.AGREEMENT_EXPIRED, to_begin, over) == "Agreement has ended."
    assert _driver(Reason.AGREEMENT_NOT_YET, to_begin, over) == "Card not started."


def test_support_reads_since_when_a_card_is_revoked_and_not_since_when_another_is_paused() -> None:
    revoked = _match(state=IdentityState.REVOKED, state_since=NOON - 3 * DAY)
    paused = _match(state=IdentityState.SUSPENDED, state_since=NOON - DAY)
    assert _support(Reason.REVOKED, paused, revoked) == "Revoked 2026-07-11 14:00."
    assert _support(Reason.SUSPENDED, paused, revoked) == "Suspended 2026-07-13 14:00."


def test_what_has_ended_ended_in_the_past() -> None:
    """Beside a record that is over, one that begins later has an end too, and it is not meant."""
    over = _match(valid_from=NOON - 9 * DAY, valid_to=NOON - 2 * DAY)
    later = _match(valid_from=NOON + 2 * DAY, valid_to=NOON + 9 * DAY)
    assert _support(Reason.AGREEMENT_EXPIRED, over, later) == "Ended 2026-07-12 14:00."
    assert _support(Reason.AGREEMENT_NOT_YET, over, later) == "Starts 2026-07-16 14:00."


def test_of_several_times_the_one_that_tells_most_is_said() -> None:
    """Since when at the latest, until when at the latest, and from when at the earliest."""
    times = (NOON - 4 * DAY, NOON - 2 * DAY, NOON - 3 * DAY)
    revoked = [_match(state=IdentityState.REVOKED, state_since=at) for at in times]
    assert _support(Reason.REVOKED, *revoked) == "Revoked 2026-07-12 14:00."
    over = [_match(valid_from=NOON - 9 * DAY, valid_to=at) for at in times]
    assert _support(Reason.AGREEMENT_EXPIRED, *over) == "Ended 2026-07-12 14:00."
    to_begin = [_match(valid_from=NOON + ahead * DAY, valid_to=None) for ahead in (4, 2, 3)]
    assert _support(Reason.AGREEMENT_NOT_YET, *to_begin) == "Starts 2026-07-16 14:00."


def test_an_end_at_this_very_instant_has_passed() -> None:
    """Rule 18: validity is half-open."""
    assert _support(Reason.AGREEMENT_EXPIRED, _match(valid_to=NOON)) == "Ended 2026-07-14 14:00."


def test_freevend_is_told_until_its_end_and_without_one_not_at_all() -> None:
    ending = FACTS.model_copy(update={"schedule": SCHEDULE_FACTS})
    endless = FACTS.model_copy(
        update={"schedule": SCHEDULE_FACTS.model_copy(update={"ends_at": None})}
    )
    said = _support(Reason.FREEVEND_OPEN, facts=ending)
    assert said == "Freevend until 2026-07-14 15:00."
    assert _support(Reason.FREEVEND_OPEN, facts=endless) == ""


def test_support_finds_a_failed_evaluation_by_its_id() -> None:
    assert _support(Reason.DECISION_ERROR) == f"Evaluation failed: {REQUEST}."


def test_support_reads_a_pseudonym_and_how_many_records_disagree() -> None:
    """Rule 26: never the identifier."""
    assert _support(Reason.OWN_FLEET, MATCH) == f"Matched {PSEUDONYM}."
    assert _support(Reason.IDENTITY_CONFLICT, MATCH, MATCH) == "2 records disagree."


def test_a_time_in_the_hour_that_is_repeated_is_told_as_the_clock_shows_it() -> None:
    second_pass = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    (said,) = driver_texts(
        Reason.UNKNOWN_ID,
        ATTEMPT.model_copy(update={"event_at": second_pass - timedelta(hours=2)}),
        FACTS,
        (),
        second_pass,
    )
    assert said.text == "Card not recognised. Open at 02:30."


def test_support_reads_which_of_two_times_it_was_in_the_hour_that_is_repeated() -> None:
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    said = [
        _support(Reason.REVOKED, _match(state=IdentityState.REVOKED, state_since=since))
        for since in (first, second, second + timedelta(minutes=30))
    ]
    assert said == [
        "Revoked 2026-10-25 02:30 CEST.",
        "Revoked 2026-10-25 02:30 CET.",
        "Revoked 2026-10-25 03:00.",
    ]
