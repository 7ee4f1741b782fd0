"""Ids from natural keys: doing the same thing twice gives the same id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ids import session_id, time_of_id, timed_id, wire_transaction_id

AT = datetime(2026, 7, 14, 22, 0, 1, 999_999, tzinfo=UTC)

part = st.one_of(
    st.integers(), st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=40)
)
keys = st.lists(part, min_size=1, max_size=5).map(tuple)
instants = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis wants the bounds without a zone
    timezones=st.just(UTC),
)


def test_a_timed_id_says_when_and_is_the_same_twice() -> None:
    """These digits are in people's logs: they never change for the same key."""
    assert timed_id(AT, "ND-001", "connection", "17") == "20260714T220001-8fe2bb0dd594b06c"


@given(instants, keys)
def test_the_time_in_an_id_is_the_event_time_to_the_second(
    at: datetime, key: tuple[str | int, ...]
) -> None:
    assert time_of_id(timed_id(at, *key)) == at.replace(microsecond=0)


def test_the_zone_in_which_a_time_is_told_does_not_matter() -> None:
    east = AT.astimezone(timezone(timedelta(hours=11)))
    assert timed_id(east, "ND-001") == timed_id(AT, "ND-001")


@pytest.mark.parametrize(
    "text",
    ["", "20260714T220001", "20260714T220001-", "20261314T220001-8fe2bb0dd594b06c", "a" * 32],
)
def test_any_other_text_has_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected an id|does not match format"):
        time_of_id(text)


@given(keys, keys)
def test_different_keys_have_different_ids(
    one: tuple[str | int, ...], other: tuple[str | int, ...]
) -> None:
    """The parts never run together: `a` and `bc` is not `ab` and `c`."""
    same = [str(each) for each in one] == [str(each) for each in other]
    assert (timed_id(AT, *one) == timed_id(AT, *other)) is same
    assert (session_id(*one) == session_id(*other)) is same


@given(keys)
def test_a_wire_transaction_id_is_a_positive_signed_32_bit_number(
    key: tuple[str | int, ...],
) -> None:
    """OCPP 1.6 transactionId is an integer; 0 and -1 mean "none" to some chargers (finding 7)."""
    assert 1 <= wire_transaction_id(*key) <= 2**31 - 1
    assert wire_transaction_id(*key) == wire_transaction_id(*key)
