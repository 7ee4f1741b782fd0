"""Keys live where every other Kafka client looks for them."""

from __future__ import annotations

from aiokafka.partitioner import murmur2
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.kafka.partition import partition_of, partition_of_bytes


@given(st.binary(max_size=300), st.integers(1, 64))
@example(b"", 8)
def test_a_key_s_partition_is_the_one_of_kafka_s_own_partitioner(key: bytes, count: int) -> None:
    assert partition_of_bytes(key, count) == (murmur2(key) & 0x7FFFFFFF) % count


def test_a_key_has_the_same_partition_each_time_it_is_asked_for() -> None:
    assert partition_of("folder/depot|k1:00|bus-17", 8) == partition_of_bytes(
        b"folder/depot|k1:00|bus-17", 8
    )
