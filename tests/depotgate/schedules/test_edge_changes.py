"""What became of mode edges: each old and each new one is told of once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from depotgate.schedules.edge_changes import MOVED_MAX, Kind, edge_changes
from models.occurrences import Source
from models.schedule import Mode
from models.timeline import ModeEdge

START = datetime(2026, 7, 14, tzinfo=UTC)


def _edge(hours: int, mode: Mode) -> ModeEdge:
    return ModeEdge(START + timedelta(hours=hours), mode, Source("window", "w", None))


def _alternating(hours: set[int]) -> list[ModeEdge]:
    modes = tuple(Mode)
    return [_edge(hour, modes[place % 2]) for place, hour in enumerate(sorted(hours))]


EDGES = st.sets(st.integers(0, 200), max_size=12).map(_alternating)


@given(EDGES, EDGES)
def test_the_changes_turn_the_old_edges_into_the_new_ones(
    old: list[ModeEdge], new: list[ModeEdge]
) -> None:
    found = edge_changes(old, new)
    before = [(each.before, each.mode) for each in found if each.before]
    after = [(each.after, each.mode) for each in found if each.after]
    was, is_now = ({(each.at, each.mode) for each in side} for side in (old, new))
    assert len(before) == len(set(before))
    assert len(after) == len(set(after))
    assert (was - set(before)) | set(after) == is_now
    assert set(before) <= was - is_now
    assert set(after) <= is_now - was


@given(EDGES, EDGES)
def test_only_near_edges_have_moved(old: list[ModeEdge], new: list[ModeEdge]) -> None:
    for each in edge_changes(old, new):
        moved = each.before is not None and each.after is not None
        assert moved is (each.kind is Kind.MOVED)
        if each.before is not None and each.after is not None:
            assert timedelta() < abs(each.after - each.before) <= MOVED_MAX


def test_the_nearest_pairs_are_taken_first() -> None:
    old = [_edge(0, Mode.MANAGED), _edge(8, Mode.MANAGED)]
    new = [_edge(7, Mode.MANAGED)]
    found = edge_changes(old, new)
    assert [(each.kind, each.before) for each in found] == [
        (Kind.VANISHED, START),
        (Kind.MOVED, START + timedelta(hours=8)),
    ]


@given(EDGES)
def test_the_same_edges_are_no_change(edges: list[ModeEdge]) -> None:
    assert edge_changes(edges, list(edges)) == ()
