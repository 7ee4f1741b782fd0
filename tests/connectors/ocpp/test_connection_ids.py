"""Connection ids are UUIDv7: whoever compares two of them knows which connection is newer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest

from connectors.ocpp.connection_ids import new_connection_id

FULL_MS_NS = 1_767_225_600_123_000_000
"""1 January 2026, 123 ms past the second."""


def at(nanoseconds: int, monkeypatch: pytest.MonkeyPatch) -> UUID:
    monkeypatch.setattr("time.time_ns", lambda: nanoseconds)
    return UUID(new_connection_id())


def test_version_and_variant_are_those_of_uuidv7() -> None:
    made = [UUID(new_connection_id()) for _ in range(100)]
    assert {each.version for each in made} == {7}
    assert {each.variant for each in made} == {RFC_4122}


def test_the_first_48_bits_are_milliseconds() -> None:
    before = datetime.now(UTC)
    made = UUID(new_connection_id())
    at_ms = datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
    assert before - timedelta(milliseconds=1) <= at_ms <= datetime.now(UTC)


def test_ids_taken_after_each_other_are_ordered_as_texts() -> None:
    # Two in the same quarter of a microsecond are not ordered; making one takes longer than that.
    made = [new_connection_id() for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_order_holds_within_a_millisecond_and_over_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instants = [FULL_MS_NS + late for late in (0, 250, 999_750, 1_000_000, 1_000_250)]
    made = [at(instant, monkeypatch) for instant in instants]
    assert made == sorted(made)
    fractions = [each.int >> 64 & 0xFFF for each in made]
    assert fractions == [0, 1, 4094, 0, 1]


def test_two_processes_that_take_one_at_the_same_instant_get_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert at(FULL_MS_NS, monkeypatch) != at(FULL_MS_NS, monkeypatch)
