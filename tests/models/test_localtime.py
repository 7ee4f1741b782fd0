"""From a wall-clock time to its instant (rule 4): named zones, and every clock change there is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from models.localtime import instant
from models.schedule import Mode, Schedule, Weekday, Window
from models.timeline import Timeline
from models.zones import zone
from tests.properties.clock_changes import ClockChange, changes, distinct_histories

_QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("zone_name", "local", "expected"),
    [
        # Half an hour forward at 02:00.
        ("Australia/Lord_Howe", "2026-10-04T02:10", "2026-10-03T15:30Z"),
        # An hour forward when Ramadan ends, at 02:00.
        ("Africa/Casablanca", "2026-03-22T02:30", "2026-03-22T02:00Z"),
        # The whole of 30 December 2011 was left out, west to east of the date line.
        ("Pacific/Apia", "2011-12-30T00:00", "2011-12-30T10:00Z"),
        ("Pacific/Apia", "2011-12-30T23:59", "2011-12-30T10:00Z"),
        # Clocks go forward on the evening before: 23:00 does not exist.
        ("America/Scoresbysund", "2026-03-28T23:30", "2026-03-29T01:00Z"),
        ("Asia/Gaza", "2026-03-28T02:45", "2026-03-28T00:00Z"),
        # Midnight itself does not exist: the day begins at 01:00.
        ("Africa/Cairo", "2026-04-24T00:00", "2026-04-23T22:00Z"),
        ("America/Santiago", "2026-09-06T00:00", "2026-09-06T04:00Z"),
    ],
)
def test_a_local_time_that_does_not_exist_snaps_to_the_transition(
    zone_name: str, local: str, expected: str
) -> None:
    assert _instant(zone_name, local) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("zone_name", "local", "expected"),
    [
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45Z"),
        ("Africa/Casablanca", "2026-02-15T02:30", "2026-02-15T01:30Z"),
        ("Pacific/Apia", "2011-04-02T03:30", "2011-04-02T13:30Z"),
        ("America/Scoresbysund", "2024-10-26T23:30", "2024-10-27T00:30Z"),
        ("Asia/Gaza", "2026-10-24T01:30", "2026-10-23T22:30Z"),
        # The evening's last hour is repeated; midnight comes once, after it.
        ("Africa/Cairo", "2026-10-29T23:00", "2026-10-29T20:00Z"),
        ("Africa/Cairo", "2026-10-30T00:00", "2026-10-29T22:00Z"),
        ("America/Santiago", "2026-04-04T23:59", "2026-04-05T02:59Z"),
        ("America/Santiago", "2026-04-05T00:00", "2026-04-05T04:00Z"),
    ],
)
def test_a_repeated_local_time_is_its_first_occurrence(
    zone_name: str, local: str, expected: str
) -> None:
    assert _instant(zone_name, local) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("zone_name", ["Africa/Cairo", "America/Santiago", "Pacific/Apia"])
def test_an_ordinary_local_time_is_what_the_clock_shows(zone_name: str) -> None:
    at = _instant(zone_name, "2026-06-15T18:00")
    assert at.tzinfo is UTC
    assert at.astimezone(zone(zone_name)).replace(tzinfo=None) == datetime(2026, 6, 15, 18)  # noqa: DTZ001 - a wall clock has no zone


def test_around_every_clock_change_the_grid_is_as_the_offsets_say() -> None:
    """Rule 4 in every zone history of 2000 to 2037, on a grid of 15 minutes."""
    wrong = [
        (name, local)
        for name in distinct_histories()
        for change in changes(name)
        for local, at in _instants(name, change)
        if at != _expected(change, local)
    ]
    assert wrong == []


def test_local_times_become_instants_in_their_order() -> None:
    """Snapping gives no window of negative length (rule 4)."""
    backwards = [
        (name, later)
        for name in distinct_histories()
        for change in changes(name)
        for (_, earlier_at), (later, later_at) in pairwise(_instants(name, change))
        if earlier_at > later_at
    ]
    assert backwards == []


def test_the_pinned_database_has_the_changes_that_were_measured() -> None:
    """If this fails, tzdata was raised: look which edges moved (rule 10)."""
    gaps = [
        change
        for name in distinct_histories()
        for change in changes(name)
        if change.offset_after > change.offset_before
    ]
    assert len(distinct_histories()) > 150
    assert len(gaps) > 2900


def test_a_window_within_the_skipped_day_never_happens() -> None:
    """Rule 4: reduced to nothing, it vanishes; Apia had no Friday that week."""
    fridays = Schedule(
        id="fridays",
        default=Mode.FREEVEND,
        windows=(Window(days=(Weekday.FRI,), start="09:00", end="17:00", mode=Mode.MANAGED),),
    )
    timeline = Timeline(fridays, zone("Pacific/Apia"))
    week = (datetime(2011, 12, 25, tzinfo=UTC), datetime(2012, 1, 5, tzinfo=UTC))
    assert timeline.edges(*week) == ()


def _instant(zone_name: str, local: str) -> datetime:
    wanted = datetime.fromisoformat(local)
    return instant(wanted.date(), wanted.time(), zone(zone_name))


@cache
def _instants(name: str, change: ClockChange) -> tuple[tuple[datetime, datetime], ...]:
    """Local times around a change, and the instants that they mean."""
    where = zone(name)
    return tuple((local, instant(local.date(), local.time(), where)) for local in _grid(change))


def _grid(change: ClockChange) -> Iterator[datetime]:
    """Local times from an hour before a change to an hour after, on both of its clocks."""
    clocks = sorted(_local(change.at, offset) for offset in change[1:])
    at, last = clocks[0] - timedelta(hours=1), clocks[1] + timedelta(hours=1)
    while at <= last:
        yield at
        at += _QUARTER


def _expected(change: ClockChange, local: datetime) -> datetime:
    """By the two offsets alone: before the change by the first, after it by the second."""
    by_first = (local - change.offset_before).replace(tzinfo=UTC)
    if by_first < change.at:
        return by_first
    return max(change.at, (local - change.offset_after).replace(tzinfo=UTC))


def _local(at: datetime, offset: timedelta) -> datetime:
    return at.replace(tzinfo=None) + offset
