"""Access rules against a reading of their words at every half hour (rule 28)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from models.attempt import Entitlement, Match
from models.entitlement import AHEAD, access_of, admitted, entitlement_of, next_admission
from models.ids import Pseudonym
from models.schedule import WEEKDAYS, Mode, Schedule, WeeklyWindow, Window
from models.site import AccessRule, IdentityClass, IdentityState
from models.timeline import Timeline
from models.zones import zone

BERLIN = zone("Europe/Berlin")
STEP = timedelta(minutes=30)
# A quiet week, and both weeks in which clocks change.
BEGINNINGS = tuple(datetime(2026, *day, 22, tzinfo=UTC) for day in ((7, 13), (3, 26), (10, 22)))

GROUPS = ("bus-lane", "visitors")


def match_of(identity_class: IdentityClass, reference: str) -> Match:
    return Match(
        source="folder",
        reference=reference,
        identity_class=identity_class,
        identifier_type="ISO14443",
        pseudonym=Pseudonym("k:" + "0" * 32),
        valid_from=datetime(2020, 1, 1, tzinfo=UTC),
        valid_to=None,
        state=IdentityState.ACTIVE,
        state_since=None,
    )


times = st.sampled_from([f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "30")])
days = st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(lambda chosen: tuple(sorted(chosen)))
windows = st.builds(
    lambda days, start, end: WeeklyWindow(days=days, start=start, end=end), days, times, times
)
rules = st.builds(
    AccessRule,
    who=st.sampled_from(IdentityClass),
    reference=st.sampled_from([None, "courier/", "courier/north", "plumbers/"]),
    where=st.lists(st.sampled_from(GROUPS), max_size=2, unique=True).map(tuple),
    windows=st.lists(windows, max_size=2).map(tuple),
)
written = st.lists(rules, max_size=4).map(tuple)
managed_windows = st.builds(
    lambda days, start, end: Window(days=days, start=start, end=end, mode=Mode.MANAGED),
    days,
    times,
    times,
)
schedules = st.builds(
    Schedule,
    id=st.just("depot"),
    default=st.sampled_from(Mode),
    windows=st.lists(managed_windows, max_size=2).map(tuple),
)
references = st.sampled_from(["courier/1", "courier/north-2", "plumbers/3", "tenant/4"])


class Spot(NamedTuple):
    """A charger at an instant."""

    group: str | None
    line: Timeline
    at: datetime


spots = st.builds(
    lambda group, schedule, at: Spot(group, Timeline(schedule, BERLIN), at),
    st.sampled_from([None, *GROUPS]),
    schedules,
    st.sampled_from(BEGINNINGS),
)
matches = st.builds(match_of, st.sampled_from(IdentityClass), references)


def limited(match: Match, rules_: tuple[AccessRule, ...], spot: Spot) -> Match:
    """The match with what these rules say of it."""
    access = access_of(rules_, spot.group, "Europe/Berlin")
    found = entitlement_of(access, match, spot.line, spot.at, None)
    return match.model_copy(update={"entitlement": found})


def known_until(match: Match, spot: Spot) -> datetime:
    return match.entitlement.known_until if match.entitlement else spot.at + AHEAD


def reads(rules_: Sequence[AccessRule], match: Match, group: str | None, at: datetime) -> bool:
    """Rule 28, word by word, at one instant of managed time."""
    of_class = [rule for rule in rules_ if rule.who == match.identity_class]
    return not of_class or any(
        (rule.reference is None or match.reference.startswith(rule.reference))
        and (not rule.where or group in rule.where)
        and (not rule.windows or any(_inside(window, at) for window in rule.windows))
        for rule in of_class
    )


def _inside(window: WeeklyWindow, at: datetime) -> bool:
    """On the wall clock. A repeated half hour belongs to what its first occurrence ended (rule 4),
    so the instants that ask are none of a clock change's own."""
    local = at.astimezone(BERLIN)
    clock, today = f"{local:%H:%M}", WEEKDAYS[local.weekday()]
    yesterday = WEEKDAYS[local.weekday() - 1]
    if window.start < window.end:
        return today in window.days and window.start <= clock < window.end
    begun_today = today in window.days and clock >= window.start
    begun_yesterday = yesterday in window.days and clock < window.end
    return begun_today or begun_yesterday


def instants_from(at: datetime, last: datetime) -> list[datetime]:
    """Every half hour until `last`, but for the hours in which clocks are set."""
    count = int((last - at) / STEP)
    return [
        each
        for each in (at + STEP * number for number in range(count))
        if not (each.month in (3, 10) and each.day >= 25 and each.hour in (0, 1, 2))
    ]


@given(written, matches, spots)
def test_admitted_is_what_the_rules_say_at_each_instant_of_managed_time(
    rules_: tuple[AccessRule, ...], match: Match, spot: Spot
) -> None:
    found = limited(match, rules_, spot)
    for each in instants_from(spot.at, known_until(found, spot)):
        if spot.line.mode_at(each) is Mode.MANAGED:
            assert admitted(found, each) is reads(rules_, match, spot.group, each)


@given(written, matches, spots)
def test_the_next_admission_is_the_first_of_the_next_eight_days(
    rules_: tuple[AccessRule, ...], match: Match, spot: Spot
) -> None:
    limited_ = limited(match, rules_, spot)
    if limited_.entitlement is None or admitted(limited_, spot.at):
        return
    found = next_admission(limited_, spot.at)
    ahead = [
        each
        for each in instants_from(spot.at, spot.at + AHEAD)
        if spot.line.mode_at(each) is Mode.MANAGED and reads(rules_, match, spot.group, each)
    ]
    # Hours in which clocks are set are not asked for: something may be found in them alone.
    assert found is not None or not ahead
    assert found is None or not ahead or found.starts_at <= ahead[0]
    assert found is None or spot.at < found.starts_at < spot.at + AHEAD


@given(written, rules, matches, spots)
@example(
    (AccessRule(who=IdentityClass.AGREEMENT, reference="courier/"),),
    AccessRule(who=IdentityClass.AGREEMENT, reference="plumbers/"),
    match_of(IdentityClass.AGREEMENT, "courier/1"),
    Spot(None, Timeline(Schedule(id="depot", default=Mode.MANAGED), BERLIN), BEGINNINGS[0]),
)
def test_a_rule_more_takes_admission_from_nobody_of_a_class_that_has_one(
    rules_: tuple[AccessRule, ...], added: AccessRule, match: Match, spot: Spot
) -> None:
    """The first rule of a class closes it; every further one only adds."""
    if match.identity_class not in {rule.who for rule in rules_}:
        return
    before, after = limited(match, rules_, spot), limited(match, (*rules_, added), spot)
    last = min(known_until(before, spot), known_until(after, spot))
    for each in instants_from(spot.at, last):
        assert admitted(after, each) or not admitted(before, each)


@given(written, matches, spots)
def test_the_order_of_rules_means_nothing(
    rules_: tuple[AccessRule, ...], match: Match, spot: Spot
) -> None:
    one, other = limited(match, rules_, spot), limited(match, tuple(reversed(rules_)), spot)
    assert _stretches(one.entitlement) == _stretches(other.entitlement)


def _stretches(found: Entitlement | None) -> list[tuple[datetime, datetime]] | None:
    return None if found is None else [(a.starts_at, a.ends_at) for a in found.admissions]
