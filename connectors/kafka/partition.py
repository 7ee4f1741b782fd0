"""Which partition a key belongs to: Kafka's own hash, so that any other producer agrees."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from models.topics import CHARGER_PARTITIONS

_REMEMBERED_KEYS = 65_536
"""Ten thousand chargers and their sites fit many times."""

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_32_BITS = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


@lru_cache(maxsize=_REMEMBERED_KEYS)
def partition_of(key: str, count: int = CHARGER_PARTITIONS) -> int:
    """The partition of `key` among `count`, as Kafka's default partitioner has it."""
    return (_murmur2(key.encode()) & _POSITIVE) % count


def partitions_of_keys(keys: Sequence[bytes], count: int) -> list[int]:
    """The partition of each key among `count`; of a thousand in a tenth of the time that it takes
    to ask for one after the other. None is remembered."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        places[len(key)].append(place)
    found = [0] * len(keys)
    for length, alike in places.items():
        hashes = _murmur2_of_many([keys[place] for place in alike], length)
        for place, hashed in zip(alike, hashes, strict=True):
            found[place] = (hashed & _POSITIVE) % count
    return found


def _murmur2(data: bytes) -> int:
    """MurmurHash2 as org.apache.kafka.common.utils.Utils.murmur2 has it.

    aiokafka's own takes the bytes of a word one by one, which is twice as slow.
    """
    length = len(data)
    found = _SEED ^ length
    for word in struct.unpack_from(f"<{length // 4}I", data):
        mixed = word * _MULTIPLIER & _32_BITS
        mixed = (mixed ^ mixed >> 24) * _MULTIPLIER & _32_BITS
        found = (found * _MULTIPLIER & _32_BITS) ^ mixed
    rest = data[length // 4 * 4 :]
    if rest:
        found = (found ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _32_BITS
    found = (found ^ found >> 13) * _MULTIPLIER & _32_BITS
    return found ^ found >> 15


def _murmur2_of_many(keys: Sequence[bytes], length: int) -> tuple[int, ...]:
    """As `_murmur2`, of keys of one length.

    An integer is a vector here: 64 bits for each key, so that a product of 32 by 32 bits stays
    within its own. What a shift brings in from the next one is masked away.
    """
    count, words = len(keys), (length + 3) // 4
    every = int.from_bytes(struct.pack("<Q", 1) * count, "little")
    mask = every * _32_BITS
    columns = _words_of_many(keys, words)
    found = every * (_SEED ^ length)
    for word in columns[: length // 4]:
        mixed = word * _MULTIPLIER & mask
        mixed = (mixed ^ mixed >> 24 & mask) * _MULTIPLIER & mask
        found = found * _MULTIPLIER & mask ^ mixed
    for rest in columns[length // 4 :]:
        found = (found ^ rest) * _MULTIPLIER & mask
    found = (found ^ found >> 13 & mask) * _MULTIPLIER & mask
    found ^= found >> 15 & mask
    return struct.unpack(f"<{count}Q", found.to_bytes(8 * count, "little"))


def _words_of_many(keys: Sequence[bytes], words: int) -> list[int]:
    """The first words of all keys, their second ones, and so on, each as one vector."""
    joined = b"".join([key.ljust(4 * words, b"\0") for key in keys])
    wide = bytearray(2 * len(joined))
    memoryview(wide).cast("I")[::2] = memoryview(joined).cast("I")
    columns = memoryview(wide).cast("Q")
    return [int.from_bytes(columns[word::words].tobytes(), "little") for word in range(words)]
