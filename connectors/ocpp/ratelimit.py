"""Token buckets for those who knock with the wrong key, in a table of bounded size."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")

KEYS_MAX = 10_000
"""About 2 MB; whoever has more addresses than that is somebody for a firewall."""


class Buckets(Generic[K]):
    """One token bucket for each key that took lately; the one used longest ago is forgotten.

    Args:
        burst: tokens of a full bucket.
        every_s: a token comes back this often.
    """

    def __init__(self, burst: int, every_s: float, keys_max: int = KEYS_MAX) -> None:
        self._burst = burst
        self._every_s = every_s
        self._keys_max = keys_max
        self._levels: OrderedDict[K, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait_s(self, key: K, now_s: float) -> float:
        """Seconds until the next token; 0 when there is one."""
        return max(0.0, (1.0 - self._level(key, now_s)) * self._every_s)

    def take(self, key: K, now_s: float) -> None:
        """Take one token, or what is left of one."""
        level = max(0.0, self._level(key, now_s) - 1.0)
        self._levels[key] = (level, now_s)
        self._levels.move_to_end(key)
        if len(self._levels) > self._keys_max:
            self._levels.popitem(last=False)

    def _level(self, key: K, now_s: float) -> float:
        level, at_s = self._levels.get(key, (float(self._burst), now_s))
        return min(float(self._burst), level + (now_s - at_s) / self._every_s)
