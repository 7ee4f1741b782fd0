"""Turns: a rate, and the most important first."""

from __future__ import annotations

import math

from models.schedule import Mode
from models.turns import BURST_S, URGENCY, Turns

RATE = 50.0
FULL = int(RATE * BURST_S)


def busy() -> Turns[str]:
    """All of the burst is used at second 0."""
    turns: Turns[str] = Turns(RATE)
    assert all(turns.ask(f"first-{number}", 0, 0.0) for number in range(FULL))
    return turns


def test_ten_thousand_come_at_the_rate_and_each_once() -> None:
    turns = busy()
    items = [f"CP-{number}" for number in range(10_000)]
    assert not any(turns.ask(item, 1, 0.0) for item in items)
    came: list[str] = []
    tick_s = 0.25
    ticks_count = 0
    while len(turns):
        ticks_count += 1
        now = turns.due(ticks_count * tick_s)
        assert len(now) <= RATE * tick_s + 1
        came += now
    assert came == items
    assert abs(ticks_count * tick_s - len(items) / RATE) < 1.0


def test_those_on_their_way_to_managed_go_first() -> None:
    turns = busy()
    for number in range(4):
        mode = Mode.FREEVEND if number % 2 else Mode.MANAGED
        assert not turns.ask(f"{mode}-{number}", URGENCY[mode], 0.0)
    assert list(turns.due(1.0)) == ["managed-0", "managed-2", "freevend-1", "freevend-3"]


def test_one_that_asks_again_keeps_its_place_and_moves_forward_only() -> None:
    turns = busy()
    for item, urgency in (("a", 1), ("b", 1), ("a", 1), ("c", 1), ("c", 0), ("a", 2), ("c", 1)):
        assert not turns.ask(item, urgency, 0.0)
    assert len(turns) == 3
    assert list(turns.due(10.0)) == ["c", "a", "b"]
    assert list(turns.due(20.0)) == []


def test_nobody_overtakes_those_who_wait() -> None:
    turns = busy()
    assert not turns.ask("waiting", 1, 0.0)
    assert not turns.ask("newcomer", 1, 5.0)
    assert list(turns.due(5.0)) == ["waiting", "newcomer"]


def test_what_costs_more_is_waited_for_by_those_after_it() -> None:
    turns: Turns[str] = Turns(RATE)
    came = 0
    while turns.ask(f"large-{came}", 2, 0.0, 3):
        came += 1
    assert came == math.ceil(FULL / 3)
    # Whatever is more urgent goes first all the same.
    assert not turns.ask("large", 2, 0.0)
    assert not turns.ask("large", 2, 0.0, 3)
    assert not turns.ask("urgent", 0, 0.0)
    assert turns.due(0.1) == {"urgent": 1, f"large-{came}": 3}
    turns.owe(1, 0.1)
    assert turns.due(0.13) == {}
    assert turns.due(0.25) == {"large": 3}


def test_the_next_turn_is_announced() -> None:
    turns = busy()
    assert turns.wait_s(0.0) is None
    turns.ask("waiting", 1, 0.0)
    wait_s = turns.wait_s(0.0)
    assert wait_s is not None
    assert abs(wait_s - 1 / RATE) < 1e-9
    assert list(turns.due(wait_s)) == ["waiting"]


def test_a_rate_below_one_in_a_second_gives_whole_turns() -> None:
    turns: Turns[str] = Turns(0.5)
    assert turns.ask("first", 0, 0.0)
    assert not turns.ask("second", 0, 0.0)
    assert list(turns.due(1.9)) == []
    assert list(turns.due(2.0)) == ["second"]
