"""The timeline far from its edges: what the wall-clock walks of tests/properties do not reach."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from models.schedule import Mode, Schedule
from models.timeline import BLOCKS_MAX, OUTLOOKS_MAX, RUNS_MAX, Timeline
from models.zones import zone

SECOND = timedelta(seconds=1)
NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)
SUNDAY_NIGHT: dict[str, Any] = {"days": ["sun"], "from": "02:15", "to": "02:45", "mode": "managed"}
WORKDAYS: dict[str, Any] = {
    "days": ["mon", "tue", "wed", "thu", "fri"],
    "from": "18:00",
    "to": "06:00",
    "mode": "managed",
}


def _timeline(zone_name: str = "Europe/Berlin", **written: Any) -> Timeline:
    schedule = Schedule.model_validate({"id": "s", "default": "freevend", **written}, strict=False)
    return Timeline(schedule, zone(zone_name))


@pytest.mark.parametrize(
    "written",
    [
        {"valid_to": date(9999, 12, 31)},
        {"valid_from": date(1, 1, 1)},
        {"valid_from": date(1, 1, 1), "valid_to": date(9999, 12, 31)},
        {"exceptions": [{"date": date(9999, 12, 31), "mode": "managed"}]},
    ],
    ids=str,
)
def test_the_ends_of_the_calendar_mean_always(written: dict[str, Any]) -> None:
    """Rule 1: limits are dates of occurrences; nobody waits for the year 9999."""
    interval = _timeline(**written).at(NOW)
    assert (interval.start, interval.end, interval.mode) == (None, None, Mode.FREEVEND)


def test_an_always_valid_schedule_has_its_weekly_edges() -> None:
    timeline = _timeline(valid_from=date(1, 1, 1), valid_to=date(9999, 12, 31), windows=[WORKDAYS])
    assert timeline.at(NOW).end == datetime(2026, 7, 14, 16, tzinfo=UTC)
    assert timeline.at(NOW).start == datetime(2026, 7, 14, 4, tzinfo=UTC)


def test_an_exception_in_a_far_year_is_the_next_edge() -> None:
    """Rule 8, and rule 25: the next change is known however far away it is."""
    timeline = _timeline(exceptions=[{"date": date(2199, 1, 1), "mode": "managed"}])
    edges = timeline.edges_after(NOW, limit=3)
    assert [edge.at for edge in edges] == [
        datetime(2198, 12, 31, 23, tzinfo=UTC),
        datetime(2199, 1, 1, 23, tzinfo=UTC),
    ]


def test_an_exception_long_ago_is_the_edge_before() -> None:
    timeline = _timeline(exceptions=[{"date": date(1999, 1, 1), "mode": "managed"}])
    assert timeline.at(NOW).start == datetime(1999, 1, 1, 23, tzinfo=UTC)
    assert timeline.at(NOW).end is None


def test_the_edge_before_is_found_behind_a_schedule_that_ended_years_ago() -> None:
    """Rule 1: `valid_to` is the last start date; that night's tail still counts."""
    timeline = _timeline(windows=[WORKDAYS], valid_to=date(2010, 3, 5))
    assert timeline.at(NOW).start == datetime(2010, 3, 6, 5, tzinfo=UTC)
    assert timeline.next_change(NOW) is None


def test_the_first_window_of_a_schedule_that_begins_in_years_is_the_next_edge() -> None:
    timeline = _timeline(windows=[WORKDAYS], valid_from=date(2037, 1, 1))
    following = timeline.next_change(NOW)
    assert following is not None
    assert following.at == datetime(2037, 1, 1, 17, tzinfo=UTC)


def test_a_window_that_the_clock_change_swallows_is_not_the_next_edge() -> None:
    """Rule 4: 02:15–02:45 does not exist on 29 March 2026; the next one is a week later."""
    timeline = _timeline(windows=[SUNDAY_NIGHT])
    following = timeline.next_change(datetime(2026, 3, 22, 3, tzinfo=UTC))
    assert following is not None
    assert following.at == datetime(2026, 4, 5, 0, 15, tzinfo=UTC)


def test_what_is_remembered_is_bounded() -> None:
    """However far a replay goes, a timeline keeps so much, and still answers."""
    timeline = _timeline(windows=[WORKDAYS])
    for year in range(1970, 2038):
        for month in range(1, 13):
            timeline.outlook(datetime(year, month, 15, 12, tzinfo=UTC), limit=2)
    assert len(timeline._blocks) <= BLOCKS_MAX
    assert len(timeline._runs) <= RUNS_MAX
    assert len(timeline._outlooks) <= OUTLOOKS_MAX
    assert timeline.at(NOW).end == datetime(2026, 7, 14, 16, tzinfo=UTC)


def test_an_outlook_is_the_same_object_until_the_next_edge() -> None:
    timeline = _timeline(windows=[WORKDAYS])
    begins = timeline.at(NOW).end
    assert begins is not None
    assert timeline.outlook(NOW, limit=2) is timeline.outlook(begins - SECOND, limit=2)
    assert timeline.outlook(begins, limit=2) is not timeline.outlook(NOW, limit=2)
    assert timeline.outlook(begins, limit=2).interval == timeline.at(begins)
