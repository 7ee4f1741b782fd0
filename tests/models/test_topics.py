"""The topic table: whole, and safe to apply."""

from __future__ import annotations

import pytest

from models.topics import (
    CHARGER_PARTITIONS,
    DEPOT_PARTITIONS,
    PRIMARY_TOPICS,
    TOPICS,
    Kind,
    Topic,
    topic_config,
)

ALL = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def test_each_topic_has_a_name_and_each_record_one_topic() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    records = [topic.record for topic in PRIMARY_TOPICS]
    assert len(set(records)) == len(records)
    assert None not in records


def test_what_has_dead_letters_has_a_topic_for_them() -> None:
    """Configuration has none: a bad record keeps the last good row."""
    names = {topic.name for topic in TOPICS}
    for topic in PRIMARY_TOPICS:
        assert (topic.dead_letter_name in names) is topic.dead_letters
        if topic.kind is Kind.CONFIGURATION:
            assert not topic.dead_letters


@ALL
def test_partitions_are_the_two_numbers_that_are_fixed_for_life(topic: Topic) -> None:
    depot = topic.name.startswith("depot.")
    assert topic.partitions == (DEPOT_PARTITIONS if depot else CHARGER_PARTITIONS)


@ALL
def test_retention_follows_the_kind(topic: Topic) -> None:
    """Audit stays over a year; what only moves work does not; configuration never goes."""
    match topic.kind:
        case Kind.CONFIGURATION:
            assert topic.compacted
        case Kind.AUDIT:
            assert topic.retention_days == 400
        case Kind.INTEGRATION:
            assert topic.retention_days is not None
            assert topic.retention_days <= 30
        case Kind.PRODUCT_FACT:
            assert topic.compacted or topic.retention_days in {30, 400}


@ALL
def test_a_topic_is_either_compacted_or_deleted_by_age(topic: Topic) -> None:
    config = topic_config(topic)
    assert all(isinstance(value, str) for value in config.values()), "Kafka takes text"
    if topic.compacted:
        assert config["cleanup.policy"] == "compact"
        assert "retention.ms" not in config
    else:
        assert config["cleanup.policy"] == "delete"
        assert int(config["retention.ms"]) == (topic.retention_days or 0) * 24 * 60 * 60 * 1000


@ALL
def test_a_name_is_one_that_kafka_takes(topic: Topic) -> None:
    base = topic.name.removesuffix(".dlq")
    assert base.endswith(".v1")
    assert len(topic.name) <= 249
    assert set(topic.name) <= set("abcdefghijklmnopqrstuvwxyz.0123456789")
