"""Windows over the clock changes that people ask about, worked out by hand (rules 2 to 8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from models.schedule import Schedule
from models.timeline import Timeline
from models.zones import zone

EVERY_DAY = "mon tue wed thu fri sat sun"


class Case(NamedTuple):
    """A default of freevend, managed windows, and the managed stretches of a period in UTC.

    Attributes:
        windows: `days from to`, or with a mode of its own.
        managed: `from to`, merged.
    """

    name: str
    zone: str
    windows: tuple[str, ...]
    first: date
    last: date
    managed: tuple[str, ...]


# fmt: off
CASES = (
    Case("half an hour back", "Australia/Lord_Howe", ("sun 01:15 03:00",),
         date(2026, 4, 4), date(2026, 4, 6),
         ("2026-04-04T14:15 2026-04-04T16:30",)),
    Case("half an hour forward", "Australia/Lord_Howe", ("sun 02:10 02:40",),
         date(2026, 10, 3), date(2026, 10, 5),
         ("2026-10-03T15:30 2026-10-03T15:40",)),
    Case("back when Ramadan begins", "Africa/Casablanca", ("sat 22:00 06:00",),
         date(2026, 2, 14), date(2026, 2, 16),
         ("2026-02-14T21:00 2026-02-15T06:00",)),
    Case("forward when Ramadan ends", "Africa/Casablanca", ("sat 22:00 06:00",),
         date(2026, 3, 21), date(2026, 3, 23),
         ("2026-03-21T22:00 2026-03-22T05:00",)),
    Case("a Friday that was left out", "Pacific/Apia", (f"{EVERY_DAY} 22:00 06:00",),
         date(2011, 12, 29), date(2011, 12, 31),
         # Thursday's ends and Friday's begins at the transition: one night of eight hours.
         ("2011-12-29T10:00 2011-12-29T16:00", "2011-12-30T08:00 2011-12-30T16:00",
          "2011-12-31T08:00 2011-12-31T10:00")),
    Case("a whole day that was left out", "Pacific/Apia", ("fri 00:00 00:00",),
         date(2011, 12, 25), date(2012, 1, 4), ()),
    Case("no change in the spring in which the zone moved", "America/Scoresbysund",
         ("sat 22:00 02:00",), date(2024, 3, 30), date(2024, 4, 1),
         ("2024-03-30T23:00 2024-03-31T03:00",)),
    Case("back on the evening before", "America/Scoresbysund", ("sat 22:00 02:00",),
         date(2024, 10, 26), date(2024, 10, 28),
         ("2024-10-26T23:00 2024-10-27T04:00",)),
    Case("forward in the night to Saturday", "Asia/Gaza", ("fri 22:00 02:30",),
         date(2026, 3, 27), date(2026, 3, 29),
         ("2026-03-27T20:00 2026-03-28T00:00",)),
    Case("back in the night to Saturday", "Asia/Gaza", ("fri 22:00 02:30",),
         date(2026, 10, 23), date(2026, 10, 25),
         ("2026-10-23T19:00 2026-10-24T00:30",)),
    Case("midnight is left out, windows meet there", "Africa/Cairo",
         ("thu 20:00 00:00", "fri 00:30 06:00"), date(2026, 4, 23), date(2026, 4, 25),
         ("2026-04-23T18:00 2026-04-24T03:00",)),
    Case("the hour before midnight comes twice", "Africa/Cairo",
         ("thu 20:00 23:30", "fri 00:00 02:00"), date(2026, 10, 29), date(2026, 10, 31),
         # 23:30 is its first occurrence; then an hour and a half until midnight.
         ("2026-10-29T17:00 2026-10-29T20:30", "2026-10-29T22:00 2026-10-30T00:00")),
    Case("a day of 23 hours", "America/Santiago", ("sun 00:00 00:00",),
         date(2026, 9, 5), date(2026, 9, 8),
         ("2026-09-06T04:00 2026-09-07T03:00",)),
    Case("a day of 25 hours", "America/Santiago", ("sat 00:00 00:00",),
         date(2026, 4, 3), date(2026, 4, 6),
         ("2026-04-04T03:00 2026-04-05T04:00",)),
    Case("the last spring forward", "America/Vancouver", ("sat 22:00 06:00",),
         date(2026, 3, 7), date(2026, 3, 9),
         ("2026-03-08T06:00 2026-03-08T13:00",)),
    Case("the autumn in which clocks stay", "America/Vancouver", ("sat 22:00 06:00",),
         date(2026, 10, 31), date(2026, 11, 3),
         ("2026-11-01T05:00 2026-11-01T13:00",)),
    Case("over a leap day", "Europe/Berlin", ("mon tue wed 22:00 06:00",),
         date(2028, 2, 28), date(2028, 3, 2),
         ("2028-02-28T21:00 2028-02-29T05:00", "2028-02-29T21:00 2028-03-01T05:00",
          "2028-03-01T21:00 2028-03-02T05:00")),
    Case("over the last of February of other years", "Europe/Berlin", ("sun mon 22:00 06:00",),
         date(2027, 2, 28), date(2027, 3, 2),
         ("2027-02-28T21:00 2027-03-01T05:00", "2027-03-01T21:00 2027-03-02T05:00")),
    Case("over the end of a year", "Europe/Berlin", ("thu 22:00 06:00",),
         date(2026, 12, 30), date(2027, 1, 3),
         ("2026-12-31T21:00 2027-01-01T05:00",)),
    Case("midnight to midnight", "Europe/Berlin", ("wed 00:00 00:00",),
         date(2026, 7, 14), date(2026, 7, 17),
         ("2026-07-14T22:00 2026-07-15T22:00",)),
    Case("midnight to midnight on every day", "Europe/Berlin", (f"{EVERY_DAY} 00:00 00:00",),
         date(2026, 7, 14), date(2026, 7, 16),
         ("2026-07-13T22:00 2026-07-16T22:00",)),
    Case("windows that meet in a gap", "Europe/Berlin", ("sat 22:00 02:20", "sun 02:40 06:00"),
         date(2026, 3, 28), date(2026, 3, 29),
         ("2026-03-28T21:00 2026-03-29T04:00",)),
    Case("opposite windows that meet in a gap", "Europe/Berlin",
         ("sat 22:00 02:30", "sun 02:30 06:00 freevend"),
         date(2026, 3, 28), date(2026, 3, 29),
         ("2026-03-28T21:00 2026-03-29T01:00",)),
    Case("a window within a gap", "Europe/Berlin", ("sun 02:15 02:45", "sun 03:00 03:30"),
         date(2026, 3, 28), date(2026, 3, 29),
         ("2026-03-29T01:00 2026-03-29T01:30",)),
    Case("windows that meet in a repeated hour", "Europe/Berlin",
         ("sat 22:00 02:30", "sun 02:30 06:00"), date(2026, 10, 24), date(2026, 10, 25),
         ("2026-10-24T20:00 2026-10-25T05:00",)),
    Case("opposite windows that meet in a repeated hour", "Europe/Berlin",
         ("sat 22:00 02:30", "sun 02:30 06:00 freevend"),
         date(2026, 10, 24), date(2026, 10, 25),
         ("2026-10-24T20:00 2026-10-25T00:30",)),
    Case("a window within a repeated hour happens once", "Europe/Berlin", ("sun 02:15 02:45",),
         date(2026, 10, 24), date(2026, 10, 25),
         ("2026-10-25T00:15 2026-10-25T00:45",)),
    Case("a window that ends with a repeated hour has it twice", "Europe/Berlin",
         ("sun 02:00 03:00",), date(2026, 10, 24), date(2026, 10, 25),
         ("2026-10-25T00:00 2026-10-25T02:00",)),
)
# fmt: on


def _window(written: str) -> dict[str, Any]:
    words = written.split()
    mode = words.pop() if words[-1] == "freevend" else "managed"
    *days, start, end = words
    return {"days": days, "from": start, "to": end, "mode": mode}


def _timeline(case: Case, **more: Any) -> Timeline:
    written = {
        "id": "s",
        "default": "freevend",
        "windows": [_window(each) for each in case.windows],
        **more,
    }
    return Timeline(Schedule.model_validate(written, strict=False), zone(case.zone))


def _managed(timeline: Timeline, case: Case) -> tuple[str, ...]:
    """Managed stretches of the local dates from the first to the last, both whole."""
    where = zone(case.zone)
    ends_on = case.last + timedelta(days=1)
    first, last = (
        datetime(day.year, day.month, day.day, tzinfo=where).astimezone(UTC)
        for day in (case.first, ends_on)
    )
    begins = [first] if timeline.mode_at(first) == "managed" else []
    edges = timeline.edges(first, last)
    begins += [edge.at for edge in edges if edge.mode == "managed"]
    ends = [edge.at for edge in edges if edge.mode == "freevend"]
    if len(ends) < len(begins):
        ends.append(last)
    return tuple(
        f"{start:%Y-%m-%dT%H:%M} {end:%Y-%m-%dT%H:%M}"
        for start, end in zip(begins, ends, strict=True)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.zone}: {case.name}")
def test_windows_last_from_and_to_what_the_clock_shows(case: Case) -> None:
    assert _managed(_timeline(case), case) == case.managed


def test_an_exception_on_a_leap_day_is_on_that_day_only() -> None:
    """Rule 8."""
    case = Case("", "Europe/Berlin", (), date(2028, 2, 28), date(2028, 3, 2), ())
    found = _managed(
        _timeline(case, exceptions=[{"date": date(2028, 2, 29), "mode": "managed"}]), case
    )
    assert found == ("2028-02-28T23:00 2028-02-29T23:00",)


@pytest.mark.parametrize(
    ("zone_name", "on", "expected"),
    [
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00 2026-04-24T21:00"),
        ("America/Santiago", date(2026, 4, 4), "2026-04-04T03:00 2026-04-05T04:00"),
        ("Australia/Lord_Howe", date(2026, 4, 5), "2026-04-04T13:00 2026-04-05T13:30"),
    ],
)
def test_an_exception_on_the_date_of_a_clock_change_has_all_of_it(
    zone_name: str, on: date, expected: str
) -> None:
    """Rule 8: from local 00:00 to 24:00, 23, 25 or 24½ hours."""
    day = timedelta(days=1)
    case = Case("", zone_name, (), on - day, on + day, ())
    found = _managed(_timeline(case, exceptions=[{"date": on, "mode": "managed"}]), case)
    assert found == (expected,)


def test_a_holiday_that_was_left_out_never_happens() -> None:
    """Rules 4 and 8: Apia had no 30 December 2011."""
    case = Case("", "Pacific/Apia", (), date(2011, 12, 29), date(2011, 12, 31), ())
    left_out = {"date": date(2011, 12, 30), "mode": "managed"}
    assert _managed(_timeline(case, holidays=[left_out]), case) == ()
