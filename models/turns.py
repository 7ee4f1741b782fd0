"""Turns: who is commanded next when more chargers are to be switched than may be at once.

An edge comes for all chargers of a site in the same second. Each command is several messages to the
charger and several records to Kafka, and drivers present their cards meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heappop, heappush
from typing import Generic, NamedTuple, TypeVar

from models.schedule import Mode

SWITCHES_PER_S = 50.0
"""Commands that one gateway begins in a second: up to eight messages each, so 400 a second, about a
fifth of what two cores carry beside everything else. 200 chargers take 4 s, 10,000 take 200 s."""

BURST_S = 1.0
"""What was not used of the last second may be used at once: a small depot waits for nothing."""

URGENCY = {Mode.MANAGED: 0, Mode.FREEVEND: 1}
"""Towards managed first: an open charger lets anybody in, a closed one still lets its fleet in."""

T = TypeVar("T", bound=Hashable)


class _Asked(NamedTuple):
    urgency: int
    turns_count: int


class Turns(Generic[T]):
    """Items that wait for their turn, the most urgent first and equal ones as they came.

    Args:
        per_s: turns in a second; may be changed at any time.
    """

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        self._level: float | None = None
        self._at_s = 0.0
        self._count = 0
        self._heap: list[tuple[int, int, T]] = []
        self._waiting: dict[T, _Asked] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, item: T, urgency: int, now_s: float, turns_count: int = 1) -> bool:
        """Whether it is the item's turn now; else it waits, once, as urgently as it ever asked.

        Args:
            urgency: 0 is the most urgent.
            now_s: of a monotonic clock.
            turns_count: what it takes; those who come next wait for more than one.
        """
        if not self._waiting and self._refill(now_s) >= 1.0:
            self._spend(turns_count)
            return True
        known = self._waiting.get(item)
        # What is least urgent of a charger must not make what is more urgent wait with it.
        if known is None or urgency < known.urgency:
            # An entry of the heap that is not the item's newest is passed over.
            self._waiting[item] = _Asked(urgency, turns_count)
            self._count += 1
            heappush(self._heap, (urgency, self._count, item))
        elif turns_count > known.turns_count:
            self._waiting[item] = known._replace(turns_count=turns_count)
        return False

    def owe(self, turns_count: int, now_s: float) -> None:
        """Whoever came takes so many turns more: those who come next wait for that."""
        self._level = self._refill(now_s) - turns_count

    def due(self, now_s: float) -> dict[T, int]:
        """Those whose turn it is now, in order, and what each took; they wait no more."""
        found: dict[T, int] = {}
        self._refill(now_s)
        while self._heap and self._level is not None and self._level >= 1.0:
            urgency, _, item = heappop(self._heap)
            asked = self._waiting.get(item)
            if asked is not None and asked.urgency == urgency:
                del self._waiting[item]
                self._spend(asked.turns_count)
                found[item] = asked.turns_count
        return found

    def rested(self, now_s: float) -> bool:
        """Nobody waits, and the whole burst may be used: it is as good as a new one."""
        return not self._waiting and self._refill(now_s) >= max(1.0, self.per_s * BURST_S)

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until the next turn; None when nobody waits."""
        if not self._waiting:
            return None
        return max(0.0, (1.0 - self._refill(now_s)) / self.per_s)

    def _refill(self, now_s: float) -> float:
        # At a rate below one in a second a whole turn must fit into the bucket all the same.
        full = max(1.0, self.per_s * BURST_S)
        if self._level is None:
            self._level = full
        else:
            self._level = min(full, self._level + max(0.0, now_s - self._at_s) * self.per_s)
        self._at_s = now_s
        return self._level

    def _spend(self, turns_count: int) -> None:
        assert self._level is not None, "refilled before"
        self._level -= turns_count
