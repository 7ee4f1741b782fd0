"""Which partition a key belongs to: Kafka's own hash, so that any other producer agrees."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2

from models.topics import CHARGER_PARTITIONS

_REMEMBERED_KEYS = 65_536
"""The hash is pure Python (about 5 µs); ten thousand chargers and their sites fit many times."""


@lru_cache(maxsize=_REMEMBERED_KEYS)
def partition_of(key: str, count: int = CHARGER_PARTITIONS) -> int:
    """The partition of `key` among `count`, as Kafka's default partitioner has it."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % count)
