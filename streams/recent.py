"""Ids seen lately, so that a repeat after a crash or a second try is dropped."""

from __future__ import annotations

from collections import OrderedDict

REMEMBERED_IDS = 100_000
"""An hour at 28 records a second on one partition's reader; repeats come within seconds."""


class RecentIds:
    """A bounded memory of ids, oldest forgotten first."""

    def __init__(self, limit: int = REMEMBERED_IDS) -> None:
        self._limit = limit
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, identifier: str) -> bool:
        """Remember an id; False when it was there already."""
        if identifier in self._ids:
            return False
        self._ids[identifier] = None
        if len(self._ids) > self._limit:
            self._ids.popitem(last=False)
        return True
