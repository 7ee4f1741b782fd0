"""An edge of the timetable lies well inside of every run, whenever it was started."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from depotgate.demo.depot import ZONE, DemoDepot
from depotgate.demo.timetable import TURNS_COUNT, span_around_an_edge, turns
from models.schedule import Mode
from models.timeline import Timeline
from models.zones import zone
from tests.depotgate.demo.histories import FIRST_EDGE_AT, WRITTEN_AT

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("second", range(60))
def test_a_minute_counted_from_any_second_has_an_edge_well_inside(
    depot: DemoDepot, second: int
) -> None:
    connected_at = FIRST_EDGE_AT + timedelta(minutes=4, seconds=second, milliseconds=317)
    span = span_around_an_edge(connected_at, 60, depot.edges_after(connected_at))
    assert span is not None
    assert 12 <= (span.edge_at - span.begins_at).total_seconds() <= 48
    assert span.ends_at - span.begins_at == MINUTE
    assert 0 <= (span.begins_at - connected_at).total_seconds() <= 24
    assert depot.turns_at(span.edge_at).keys() == {"visitor-bays", "van-bays"}


@pytest.mark.parametrize("seconds", [20, 45, 90, 600])
@pytest.mark.parametrize("second", [0, 1, 29, 31, 59])
def test_runs_of_other_lengths_have_one_too(depot: DemoDepot, seconds: int, second: int) -> None:
    connected_at = FIRST_EDGE_AT + timedelta(seconds=second)
    span = span_around_an_edge(connected_at, seconds, depot.edges_after(connected_at))
    assert span is not None
    margin = timedelta(seconds=min(12, seconds / 5))
    assert span.begins_at + margin <= span.edge_at <= span.ends_at - margin
    assert span.begins_at - connected_at <= MINUTE


def test_without_an_edge_ahead_there_is_no_span() -> None:
    assert span_around_an_edge(WRITTEN_AT, 60, []) is None


def test_groups_take_turns_in_opposite_directions_at_each_edge(depot: DemoDepot) -> None:
    first, second = depot.edges_after(WRITTEN_AT)[:2]
    assert first == FIRST_EDGE_AT
    assert depot.turns_at(first) == {"visitor-bays": Mode.MANAGED, "van-bays": Mode.FREEVEND}
    assert depot.turns_at(second) == {"visitor-bays": Mode.FREEVEND, "van-bays": Mode.MANAGED}


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 24, 3, 10, 17, tzinfo=UTC),
        # Midnight in Brisbane is 14:00 UTC.
        datetime(2026, 11, 24, 13, 30, 0, tzinfo=UTC),
        datetime(2026, 11, 24, 13, 58, 59, tzinfo=UTC),
        datetime(2026, 12, 31, 13, 59, 59, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("mode", list(Mode))
def test_a_turn_begins_each_minute_for_two_hours_also_over_midnight(
    now: datetime, mode: Mode
) -> None:
    line = Timeline(turns(now, zone(ZONE), mode), zone(ZONE))
    edges = line.edges_after(now, limit=2 * TURNS_COUNT + 1)
    assert len(edges) == 2 * TURNS_COUNT
    assert timedelta(0) < edges[0].at - now <= MINUTE
    assert edges[0].mode is mode
    assert all(later.at - earlier.at == MINUTE for earlier, later in pairwise(edges))
