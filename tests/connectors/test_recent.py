"""A memory with two bounds: how many entries, and how long each is kept."""

from __future__ import annotations

from connectors.recent import Recent


def test_an_entry_is_kept_for_its_time_and_no_longer() -> None:
    recent: Recent[str, int] = Recent(10, keep_s=5.0)
    recent.put("a", 1, now_s=100.0)
    assert recent.get("a", 105.0) == 1
    assert recent.get("a", 105.1) is None


def test_the_oldest_is_forgotten_first() -> None:
    recent: Recent[str, int] = Recent(2, keep_s=60.0)
    for number, key in enumerate("abc"):
        recent.put(key, number, now_s=0.0)
    assert len(recent) == 2
    assert [recent.get(key, 0.0) for key in "abc"] == [None, 1, 2]


def test_putting_again_makes_it_the_newest_and_starts_its_time_anew() -> None:
    recent: Recent[str, int] = Recent(2, keep_s=5.0)
    recent.put("a", 1, now_s=0.0)
    recent.put("b", 2, now_s=1.0)
    recent.put("a", 3, now_s=4.0)
    recent.put("c", 4, now_s=4.0)
    assert "b" not in recent
    assert recent.get("a", 9.0) == 3


def test_reading_extends_nothing() -> None:
    recent: Recent[str, int] = Recent(2, keep_s=5.0)
    recent.put("a", 1, now_s=0.0)
    assert recent.get("a", 4.0) == 1
    assert recent.get("a", 6.0) is None


def test_pop_gives_it_once() -> None:
    recent: Recent[str, int] = Recent(2, keep_s=5.0)
    recent.put("a", 1, now_s=0.0)
    assert recent.pop("a", 1.0) == 1
    assert recent.pop("a", 1.0) is None
    assert "a" not in recent


def test_pop_of_what_is_over_its_time_gives_nothing_and_forgets_it() -> None:
    recent: Recent[str, int] = Recent(2, keep_s=5.0)
    recent.put("a", 1, now_s=0.0)
    assert recent.pop("a", 6.0) is None
    assert len(recent) == 0


def test_a_value_of_none_is_held_all_the_same() -> None:
    recent: Recent[str, int | None] = Recent(2, keep_s=5.0)
    recent.put("a", None, now_s=0.0)
    assert "a" in recent
    assert recent.get("a", 0.0) is None
