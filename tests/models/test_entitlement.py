"""What a decision keeps of a site's access rules, and how much (rule 28)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.attempt import Admission, Entitlement, Match
from models.entitlement import (
    ADMISSIONS_MAX,
    AHEAD,
    access_of,
    admitted,
    entitlement_of,
    next_admission,
)
from models.schedule import WEEKDAYS, Mode, Schedule, Weekday, WeeklyWindow
from models.site import AccessRule, IdentityClass
from models.timeline import Timeline
from models.zones import zone
from tests.models.samples import MATCH

TUESDAY = datetime(2026, 7, 14, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEXT_DAY = datetime(2026, 7, 15, 12, tzinfo=UTC)
ALWAYS = Timeline(Schedule(id="always", default=Mode.MANAGED), zone("UTC"))
COURIER = MATCH.model_copy(
    update={
        "identity_class": IdentityClass.AGREEMENT,
        "reference": "courier/7",
        "valid_to": None,
        "entitlement": None,
    }
)


def hourly(count: int) -> AccessRule:
    """A rule whose window holds in the first half of each of `count` hours, every day."""
    windows = tuple(
        WeeklyWindow(days=WEEKDAYS, start=f"{hour:02}:00", end=f"{hour:02}:30")
        for hour in range(count)
    )
    return AccessRule(who=IdentityClass.AGREEMENT, windows=windows)


def limited(
    *rules: AccessRule, at: datetime = TUESDAY, last_edge_at: datetime | None = None
) -> Match:
    found = entitlement_of(access_of(rules, None, "UTC"), COURIER, ALWAYS, at, last_edge_at)
    return COURIER.model_copy(update={"entitlement": found})


def test_a_decision_keeps_a_bounded_number_of_admissions_and_says_until_when_it_knows() -> None:
    known = limited(hourly(24)).entitlement
    assert known is not None
    assert len(known.admissions) == ADMISSIONS_MAX
    assert known.known_until == datetime(2026, 7, 14, 20, tzinfo=UTC)


def test_fewer_are_known_for_eight_days() -> None:
    known = limited(hourly(1)).entitlement
    assert known is not None
    assert known.known_until >= TUESDAY + AHEAD


@pytest.mark.parametrize("minute", range(0, 60, 4))
def test_of_an_hour_with_many_windows_each_is_known_and_the_one_that_follows(minute: int) -> None:
    windows = tuple(
        WeeklyWindow(days=WEEKDAYS, start=f"12:{each:02}", end=f"12:{each + 2:02}")
        for each in range(0, 60, 4)
    )
    rule = AccessRule(who=IdentityClass.AGREEMENT, windows=windows)
    begins = TUESDAY.replace(minute=minute)
    inside, after = limited(rule, at=begins), limited(rule, at=begins + timedelta(minutes=2))
    assert admitted(inside, begins)
    assert not admitted(after, begins + timedelta(minutes=2))
    following = next_admission(after, begins + timedelta(minutes=2))
    assert following is not None
    assert following.starts_at == (begins + timedelta(minutes=4) if minute < 56 else NEXT_DAY)


def test_past_the_last_edge_one_admission_is_enough() -> None:
    known = limited(hourly(24), last_edge_at=TUESDAY + 2 * HOUR).entitlement
    assert known is not None
    starts = [each.starts_at.hour for each in known.admissions]
    assert starts == [12, 13, 14, 15]


def test_all_attempts_of_one_hour_have_the_same_facts() -> None:
    """Whichever worker makes them, and in whatever order: what is kept does not depend on it."""
    rule = hourly(24)
    one = limited(rule, at=TUESDAY.replace(minute=0)).entitlement
    other = limited(rule, at=TUESDAY.replace(minute=59, second=59)).entitlement
    assert one == other


def test_an_admission_names_its_rule_and_its_window() -> None:
    window = WeeklyWindow(name="evening", days=(Weekday.TUE,), start="17:00", end="23:00")
    named = AccessRule(
        name="couriers", who=IdentityClass.AGREEMENT, reference="courier/", windows=(window,)
    )
    unnamed = named.model_copy(
        update={"name": "", "windows": (window.model_copy(update={"name": ""}),)}
    )
    found = [next_admission(limited(rule), TUESDAY) for rule in (named, unnamed)]
    assert [(each.rule, each.window) for each in found if each] == [
        ("couriers", "evening"),
        ("agreement courier/", "tue 17:00–23:00"),
    ]


def test_windows_that_touch_are_one_stretch() -> None:
    """Rule 6, of access rules too: the identity stays admitted."""
    first = WeeklyWindow(days=(Weekday.TUE,), start="12:00", end="14:00")
    second = WeeklyWindow(days=(Weekday.TUE,), start="14:00", end="16:00")
    rules = [AccessRule(who=IdentityClass.AGREEMENT, windows=(each,)) for each in (first, second)]
    known = limited(*rules).entitlement
    assert known is not None
    assert [each.ends_at.hour for each in known.admissions] == [16, 16]
    assert admitted(limited(*rules), TUESDAY.replace(hour=14, minute=0))


def test_an_agreement_that_has_ended_by_then_is_not_entitled_later() -> None:
    match = limited(hourly(24))
    ended = match.model_copy(update={"valid_to": TUESDAY.replace(hour=13, minute=0)})
    assert next_admission(match, TUESDAY.replace(minute=40)) is not None
    assert next_admission(ended, TUESDAY.replace(minute=40)) is None


def test_entitled_later_is_within_eight_days_and_no_longer() -> None:
    """Rule 28: what begins in eight days is too far ahead; a moment sooner it is not."""
    at = TUESDAY
    for begins, found in ((at + AHEAD, False), (at + AHEAD - timedelta(microseconds=1), True)):
        then = Admission(starts_at=begins, ends_at=begins + HOUR, rule="couriers", window="tue")
        known = Entitlement(admissions=(then,), known_until=at + 2 * AHEAD)
        match = COURIER.model_copy(update={"entitlement": known})
        assert (next_admission(match, at) is not None) is found
