"""The memory of ids that repeats are dropped by."""

from __future__ import annotations

from streams.recent import RecentIds


def test_a_repeat_is_known() -> None:
    recent = RecentIds()
    assert recent.add("a")
    assert not recent.add("a")
    assert recent.add("b")


def test_the_oldest_is_forgotten_first_and_the_memory_is_bounded() -> None:
    recent = RecentIds(limit=3)
    for identifier in ("a", "b", "c", "d"):
        assert recent.add(identifier)
    assert not recent.add("b")
    assert recent.add("a")
    assert recent.add("b")
