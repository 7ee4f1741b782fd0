"""Keys live where every other Kafka producer would put them."""

from __future__ import annotations

import random

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.partition import partition_of, partitions_of_keys

PUBLISHED = (
    # Kafka's own test vectors for murmur2 (UtilsTest.testMurmur2), as signed 32-bit hashes.
    ("21", -973932308),
    ("foobar", -790332482),
    ("a-little-bit-long-string", -985981536),
    ("a-little-bit-longer-string", -1486304829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
)


@pytest.mark.parametrize(("key", "hashed"), PUBLISHED)
def test_a_key_lives_where_kafka_itself_puts_it(key: str, hashed: int) -> None:
    assert partition_of(key, 16) == (hashed & 0x7FFFFFFF) % 16
    assert partition_of(key, 8) == (hashed & 0x7FFFFFFF) % 8


@pytest.mark.parametrize("count", [1, 8, 16])
def test_aiokafka_agrees(count: int) -> None:
    partitions = list(range(count))
    letters = random.Random(1)
    for number in range(500):
        key = f"CP-{number:04d}-{'ü' * (number % 3)}{letters.random()}"
        assert partition_of(key, count) == DefaultPartitioner()(
            key.encode(), partitions, partitions
        )


@given(st.lists(st.binary(max_size=90), max_size=40), st.integers(1, 64))
def test_many_keys_at_once_live_where_each_does_alone(keys: list[bytes], count: int) -> None:
    partitions = list(range(count))
    alone = [DefaultPartitioner()(key, partitions, partitions) for key in keys]
    assert partitions_of_keys(keys, count) == alone
