"""What a schedule may say, and how it is told what it may not (rules 1, 2, 6, 8)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from models.occurrences import contradictions, vanished
from models.schedule import Schedule
from models.zones import zone

WINDOW: dict[str, Any] = {"days": ["mon"], "from": "08:00", "to": "18:00", "mode": "managed"}
EXCEPTION: dict[str, Any] = {"date": date(2026, 7, 15), "mode": "freevend"}


def _schedule(**written: Any) -> Schedule:
    return Schedule.model_validate({"id": "s", "default": "freevend", **written}, strict=False)


def _refusal(**written: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        _schedule(**written)
    return str(refused.value)


@pytest.mark.parametrize(
    "written",
    ["24:00", "8:00", "8:000", "008:0", "08:60", "08-00", "0800", "٠٨:٠٠", "", "08:00:00"],
)
def test_a_local_time_is_hours_and_minutes(written: str) -> None:
    said = _refusal(windows=[{**WINDOW, "from": written}])
    assert 'expected a local time from "00:00" to "23:59"' in said


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


def test_a_window_that_the_clock_change_swallows_is_reported() -> None:
    """Rule 4: it vanishes on that date, and whoever saves it hears of it."""
    schedule = _schedule(windows=[{**WINDOW, "days": ["sun"], "from": "02:15", "to": "02:45"}])
    berlin = zone("Europe/Berlin")
    lost = vanished(schedule, berlin, date(2026, 1, 1), date(2026, 12, 31))
    assert [source.date for source in lost] == [date(2026, 3, 29)]
