"""What holds of every clock of a charger (rule 11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from models.clocks import (
    CLOCKS_SET_SINCE,
    READINGS_LEAST,
    READINGS_MAX,
    UNCERTAINTY_MAX_S,
    UNMEASURED_S,
    ClockOffset,
    before,
    measured,
    replay_time,
)

NOW = datetime(2026, 7, 14, 20, tzinfo=UTC)
DAY_S = 86_400.0

offsets = st.floats(-DAY_S, DAY_S)
jitter = st.floats(-1.0, 0.0)
anything = st.floats(-1e9, 1e9)
clocks = st.none() | st.builds(
    ClockOffset,
    offset_s=st.floats(-1e9, 1e9),
    uncertainty_s=st.floats(2.0, UNMEASURED_S),
    readings_count=st.integers(READINGS_LEAST, READINGS_MAX),
)


@given(offsets, st.lists(jitter, min_size=READINGS_LEAST, max_size=40))
def test_rule_11_readings_that_agree_measure_the_clock_within_its_uncertainty(
    offset_s: float, jitters: list[float]
) -> None:
    clock = measured(tuple(offset_s + each for each in jitters))
    assert clock is not None
    assert abs(clock.offset_s - offset_s) <= clock.uncertainty_s
    assert clock.readings_count <= READINGS_MAX


@given(
    offsets, st.lists(jitter, min_size=8, max_size=8), st.lists(anything, max_size=7), st.randoms()
)
def test_rule_11_fewer_than_half_of_the_readings_may_be_anything(
    offset_s: float, jitters: list[float], wrong: list[float], order: object
) -> None:
    readings = [offset_s + each for each in jitters] + wrong
    order.shuffle(readings)  # type: ignore[attr-defined]
    clock = measured(tuple(readings))
    assert clock is not None
    assert abs(clock.offset_s - offset_s) <= 1.001


@given(st.lists(anything, max_size=READINGS_LEAST - 1))
def test_rule_11_too_few_readings_measure_nothing(readings: list[float]) -> None:
    assert measured(tuple(readings)) is None


@given(st.lists(st.integers(0, 1000), min_size=READINGS_LEAST, max_size=READINGS_MAX, unique=True))
def test_rule_11_readings_that_disagree_by_minutes_measure_nothing(steps: list[int]) -> None:
    """Status notifications that waited in the charger, each from another minute."""
    assert measured(tuple(-60.0 * each for each in steps)) is None


@given(st.none() | st.floats(-1e9, 1e9), clocks)
def test_rules_11_and_15_a_replay_is_never_judged_after_its_arrival(
    said_s: float | None, clock: ClockOffset | None
) -> None:
    charger_at = None if said_s is None else NOW + timedelta(seconds=said_s)
    time = replay_time(charger_at, NOW, clock)
    assert time.event_at <= NOW
    assert 0 <= time.uncertainty_s <= UNCERTAINTY_MAX_S
    if time.doubt is not None:
        assert (time.event_at, time.offset_s) == (NOW, None)
    elif clock is not None:
        assert time.offset_s == clock.offset_s


@given(st.floats(0, 80 * DAY_S), offsets)
def test_rule_11_a_replay_is_judged_when_it_happened_whatever_the_clock_said(
    age_s: float, offset_s: float
) -> None:
    happened_at = NOW - timedelta(seconds=age_s)
    clock = ClockOffset(offset_s=offset_s, uncertainty_s=2.0, readings_count=15)
    time = replay_time(happened_at + timedelta(seconds=offset_s), NOW, clock)
    assert time.doubt is None
    assert abs((time.event_at - happened_at).total_seconds()) < 0.001


@given(st.floats(-DAY_S, DAY_S), offsets)
def test_rule_11_what_is_before_a_connection_is_told_by_the_corrected_time(
    after_s: float, offset_s: float
) -> None:
    assume(abs(abs(after_s) - 2.0) > 0.001)
    clock = ClockOffset(offset_s=offset_s, uncertainty_s=2.0, readings_count=15)
    said = NOW + timedelta(seconds=after_s + offset_s)
    assert before(said, NOW, clock) is (after_s < -2.0)
    assert not before(CLOCKS_SET_SINCE - timedelta(seconds=1), NOW, clock)
