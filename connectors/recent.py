"""A memory with two bounds: how many entries, and how long each is kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The newest entries; the oldest is forgotten first. Times are seconds of one monotonic clock.

    Args:
        limit: entries kept at most.
        keep_s: an entry older than this is as good as forgotten.
    """

    def __init__(self, limit: int, keep_s: float) -> None:
        self._limit = limit
        self._keep_s = keep_s
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        """Whether it is held, be it over its time: a hint that costs nothing."""
        return key in self._entries

    def put(self, key: K, value: V, now_s: float) -> None:
        """Remember; an older value of the same key is replaced."""
        self._entries.pop(key, None)
        self._entries[key] = (now_s, value)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def get(self, key: K, now_s: float) -> V | None:
        """What was remembered, None when it is forgotten or over its time."""
        entry = self._entries.get(key)
        if entry is None or now_s - entry[0] > self._keep_s:
            return None
        return entry[1]

    def pop(self, key: K, now_s: float) -> V | None:
        """As `get`, and forget it."""
        value = self.get(key, now_s)
        self._entries.pop(key, None)
        return value
