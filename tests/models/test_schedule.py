"""What a schedule may say, and how it is told what it may not (rules 1, 2, 6, 8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from models.occurrences import clock_effects, contradictions
from models.schedule import Schedule
from models.timeline import Timeline
from models.zones import zone

WINDOW: dict[str, Any] = {"days": ["mon"], "from": "08:00", "to": "18:00", "mode": "managed"}
MINUTE = timedelta(minutes=1)
EXCEPTION: dict[str, Any] = {"date": date(2026, 7, 15), "mode": "freevend"}


def _schedule(**written: Any) -> Schedule:
    return Schedule.model_validate({"id": "s", "default": "freevend", **written}, strict=False)


def _refusal(**written: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        _schedule(**written)
    return str(refused.value)


@pytest.mark.parametrize(
    "written",
    ["24:01", "8:00", "8:000", "008:0", "08:60", "08-00", "0800", "٠٨:٠٠", "", "08:00:00"],
)
def test_a_local_time_is_hours_and_minutes(written: str) -> None:
    said = _refusal(windows=[{**WINDOW, "from": written}])
    assert 'expected a local time from "00:00" to "23:59"' in said


def test_midnight_has_one_name() -> None:
    for key in ("from", "to"):
        assert 'expected midnight as "00:00"' in _refusal(windows=[{**WINDOW, key: "24:00"}])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"days": []}, "windows.0.days"),
        ({"days": ["monday"]}, "windows.0.days.0"),
        ({"mode": "closed"}, "windows.0.mode"),
        ({"until": "18:00"}, "windows.0.until"),
    ],
)
def test_a_window_that_says_something_else_is_refused_by_field(
    change: dict[str, Any], field: str
) -> None:
    assert f"{field}\n" in _refusal(windows=[{**WINDOW, **change}])


@pytest.mark.parametrize(("start", "end"), [("16:00", "15:00"), ("16:00", "16:00")])
def test_an_exception_ends_on_its_own_date(start: str, end: str) -> None:
    """Rule 8: it never runs into the next day, and 24 hours are written as midnight."""
    said = _refusal(exceptions=[{**EXCEPTION, "from": start, "to": end}])
    assert "write two exceptions (rule 8)" in said


@pytest.mark.parametrize("start", ["00:00", "16:00"])
def test_an_exception_until_midnight_is_written_as_midnight(start: str) -> None:
    """Rule 8: `to: "00:00"` means 24:00."""
    exception = _schedule(exceptions=[{**EXCEPTION, "from": start, "to": "00:00"}]).exceptions[0]
    assert (exception.start, exception.end) == (start, "00:00")


def test_a_schedule_that_ends_before_it_begins_is_refused() -> None:
    """Rule 1: otherwise its windows would silently never hold."""
    said = _refusal(valid_from=date(2026, 7, 2), valid_to=date(2026, 7, 1))
    assert "expected valid_to on or after 2026-07-02" in said


def test_one_day_is_long_enough() -> None:
    """Rule 1: both limits are inclusive."""
    assert _schedule(valid_from=date(2026, 7, 1), valid_to=date(2026, 7, 1)).valid_to is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Plainly, past midnight, past the end of the week, and a whole day against an hour of it.
        ({}, {"from": "17:59", "to": "20:00"}),
        ({"to": "02:00"}, {"days": ["tue"], "from": "01:00", "to": "03:00"}),
        ({"days": ["sun"], "from": "22:00", "to": "06:00"}, {"from": "05:00", "to": "07:00"}),
        ({"from": "00:00", "to": "00:00"}, {"from": "23:00", "to": "23:30"}),
    ],
)
def test_opposite_modes_that_overlap_are_named(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Rule 6: refused at save, with both windows named."""
    schedule = _schedule(
        windows=[
            {**WINDOW, "name": "reserved", **first},
            {**WINDOW, "name": "open", "mode": "freevend", **second},
        ]
    )
    (fault,) = contradictions(schedule)
    assert (fault.layer, fault.first, fault.second) == ("window", 0, 1)
    assert "'open' (freevend) overlaps 'reserved' (managed)" in fault.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"from": "18:00", "to": "20:00"}),
        ({"to": "02:00"}, {"days": ["tue"], "from": "02:00", "to": "03:00"}),
        ({"days": ["sun"], "from": "22:00", "to": "06:00"}, {"from": "06:00", "to": "07:00"}),
        ({"from": "00:00", "to": "00:00"}, {"days": ["tue"], "from": "00:00", "to": "01:00"}),
    ],
)
def test_opposite_modes_may_touch(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Rule 6, and rule 3: an end is outside, a start inside."""
    schedule = _schedule(windows=[{**WINDOW, **first}, {**WINDOW, "mode": "freevend", **second}])
    assert contradictions(schedule) == ()


def test_same_modes_may_overlap() -> None:
    """Rule 6: they merge."""
    assert contradictions(_schedule(windows=[WINDOW, {**WINDOW, "from": "10:00"}])) == ()


def test_exceptions_of_one_date_contradict_each_other_and_never_a_window() -> None:
    """Rules 6 and 8: an exception is there to say something else than the window."""
    managed = {**EXCEPTION, "mode": "managed", "from": "12:00", "to": "14:00"}
    other_day = {**managed, "date": date(2026, 7, 16)}
    found = contradictions(_schedule(windows=[WINDOW], exceptions=[EXCEPTION, managed, other_day]))
    assert [(each.layer, each.first, each.second) for each in found] == [("exception", 0, 1)]


@pytest.mark.parametrize(
    ("start", "end", "day", "effects"),
    [
        # Swallowed, shortened at its end, and at its start; a window of 24 h of wall time.
        ("02:15", "02:45", "sun", [(date(2026, 3, 29), 30, 0)]),
        ("01:30", "02:30", "sun", [(date(2026, 3, 29), 60, 30)]),
        ("02:30", "04:00", "sun", [(date(2026, 3, 29), 90, 60), (date(2026, 10, 25), 90, 150)]),
        (
            "00:00",
            "00:00",
            "sun",
            [(date(2026, 3, 29), 1440, 1380), (date(2026, 10, 25), 1440, 1500)],
        ),
        # Begun the day before, rule 5: 22:00 to 06:00 lasts nine hours in autumn.
        ("22:00", "06:00", "sat", [(date(2026, 3, 28), 480, 420), (date(2026, 10, 24), 480, 540)]),
        ("04:00", "06:00", "sun", []),
    ],
)
def test_what_a_clock_change_does_to_a_window_is_reported(
    start: str, end: str, day: str, effects: list[tuple[date, int, int]]
) -> None:
    """Rules 4 and 5: on those dates only; one that vanishes lasts nothing."""
    schedule = _schedule(windows=[{**WINDOW, "days": [day], "from": start, "to": end}])
    berlin = zone("Europe/Berlin")
    found = clock_effects(schedule, berlin, date(2026, 1, 1), date(2026, 12, 31))
    assert [
        (each.source.date, each.written // MINUTE, each.lasts // MINUTE) for each in found
    ] == effects


def test_a_window_may_have_dates_of_its_own() -> None:
    """Rules 1 and 8: limits, every second week, and dates on which none begins."""
    schedule = _schedule(
        windows=[
            {
                **WINDOW,
                "days": ["mon", "tue"],
                "valid_from": date(2026, 1, 6),  # a Tuesday
                "valid_to": date(2026, 2, 16),
                "every_weeks": 2,
                "except_dates": [date(2026, 2, 2)],
            }
        ]
    )
    days = [date(2026, 1, 1) + timedelta(days=each) for each in range(90)]
    assert [day for day in days if schedule.windows[0].begins_on(day)] == [
        date(2026, 1, 6),
        date(2026, 1, 19),
        date(2026, 1, 20),
        date(2026, 2, 3),
        date(2026, 2, 16),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"every_weeks": 2}, "expected valid_from with every_weeks: 2"),
        ({"every_weeks": 0}, "windows.0.every_weeks"),
        ({"every_weeks": 105, "valid_from": date(2026, 1, 1)}, "windows.0.every_weeks"),
        (
            {"valid_from": date(2026, 1, 2), "valid_to": date(2026, 1, 1)},
            "expected valid_to on or after 2026-01-02",
        ),
    ],
)
def test_dates_of_a_window_that_mean_nothing_are_refused(change: dict[str, Any], said: str) -> None:
    assert said in _refusal(windows=[{**WINDOW, **change}])


def test_windows_that_begin_again_together_after_years_only_are_refused() -> None:
    """So that no search for the next edge takes longer than a moment."""
    windows = [
        {**WINDOW, "every_weeks": weeks, "valid_from": date(2026, 1, 1)} for weeks in (13, 15)
    ]
    assert "within 104 weeks, got 195" in _refusal(windows=windows)


OPEN: dict[str, Any] = {**WINDOW, "mode": "freevend", "from": "17:00", "to": "02:00"}
ODD: dict[str, Any] = {"every_weeks": 2, "valid_from": date(2026, 1, 5)}
EVEN: dict[str, Any] = {"every_weeks": 2, "valid_from": date(2026, 1, 12)}
TUESDAY: dict[str, Any] = {"days": ["tue"], "from": "01:00"}


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        # Limits of their own: apart, meeting on one date, and the tail of the last night.
        ({"valid_to": date(2026, 6, 1)}, {"valid_from": date(2026, 6, 2)}, False),
        ({"valid_to": date(2026, 6, 1)}, {"valid_from": date(2026, 6, 1)}, True),
        (TUESDAY, {"valid_to": date(2026, 6, 1), **ODD}, True),
        ({**TUESDAY, "valid_from": date(2026, 6, 3)}, {"valid_to": date(2026, 6, 1)}, False),
        # Weeks in turn; three weeks and two meet in the end.
        (ODD, EVEN, False),
        (ODD, ODD, True),
        ({**ODD, "every_weeks": 3}, EVEN, True),
        ({**ODD, "every_weeks": 4}, {**EVEN, "every_weeks": 6}, False),
        # All dates on which both would begin are taken out, or all but one.
        (
            {"valid_from": date(2026, 6, 1), "valid_to": date(2026, 6, 8)},
            {"except_dates": [date(2026, 6, 1), date(2026, 6, 8)]},
            False,
        ),
        (
            {"valid_from": date(2026, 6, 1), "valid_to": date(2026, 6, 15)},
            {"except_dates": [date(2026, 6, 1), date(2026, 6, 8)]},
            True,
        ),
        ({}, {"except_dates": [date(2026, 6, 1), date(1970, 1, 5)]}, True),
    ],
)
def test_opposite_modes_contradict_only_where_both_begin(
    first: dict[str, Any], second: dict[str, Any], *, meet: bool
) -> None:
    """Rule 6, between windows that do not begin in every week; in either order."""
    one, other = {**WINDOW, **first}, {**OPEN, **second}
    for windows in ([one, other], [other, one]):
        assert bool(contradictions(_schedule(windows=windows))) is meet


def test_a_window_that_a_date_takes_out_is_gone_with_its_tail() -> None:
    """Rule 8: the whole occurrence; the tail of the night before stands."""
    night = {**WINDOW, "days": ["mon", "tue"], "from": "22:00", "to": "06:00"}
    schedule = _schedule(windows=[{**night, "except_dates": [date(2026, 7, 14)]}])
    timeline = Timeline(schedule, zone("Europe/Berlin"))
    monday = datetime(2026, 7, 13, 12, tzinfo=UTC)
    edges = timeline.edges(monday, monday + timedelta(days=6))
    assert [edge.at for edge in edges] == [
        datetime(2026, 7, 13, 20, tzinfo=UTC),
        datetime(2026, 7, 14, 4, tzinfo=UTC),
    ]


def test_an_edge_is_found_a_whole_cycle_away() -> None:
    """Windows of every 8th and 13th week: the only week without one may be far."""
    windows = [
        {**WINDOW, "every_weeks": 104, "valid_from": date(2026, 1, 5)},
        {**WINDOW, "every_weeks": 13, "valid_from": date(2026, 2, 2), "mode": "freevend"},
    ]
    timeline = Timeline(_schedule(windows=windows), zone("UTC"))
    change = timeline.next_change(datetime(2026, 1, 6, tzinfo=UTC))
    assert change is not None
    assert change.at == datetime(2028, 1, 3, 8, tzinfo=UTC)
