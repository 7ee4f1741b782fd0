"""Looking an identity up gives what its record says, in whatever way it was written."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.identity_table import IdentityTable
from models.errors import UndecodableRecordError
from models.ids import Pseudonym
from models.site import IdentityClass, IdentityRecord, IdentityState
from tests.models.samples import SAMPLES

RECORD = IdentityRecord.decode(SAMPLES[IdentityRecord].encode())

instants = st.datetimes(timezones=st.just(UTC))
records = st.builds(
    IdentityRecord,
    source=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="|"), max_size=5),
    site_id=st.none() | st.just("north"),
    pseudonym=st.just(RECORD.pseudonym),
    identifier_type=st.just("ISO14443"),
    display=st.text(max_size=5),
    identity_class=st.sampled_from(IdentityClass) | st.just("tenant"),
    reference=st.text(max_size=5),
    valid_from=instants,
    valid_to=st.none() | instants,
    state=st.sampled_from(IdentityState) | st.just("paused"),
    state_since=st.none() | instants,
)


def found(raw: bytes) -> IdentityRecord:
    """The record as the table gives it."""
    table = IdentityTable()
    table.put(IdentityRecord.decode(raw).key, raw)
    (record,) = table.of(Pseudonym(RECORD.pseudonym))
    return record


@given(records)
def test_it_is_the_record_and_gives_its_bytes(record: IdentityRecord) -> None:
    assert found(record.encode()) == record
    assert found(record.encode()).encode() == record.encode()


@pytest.mark.parametrize(
    "other",
    [
        {"added_by_a_newer_writer": 1},
        {"valid_from": "2026-07-14T14:00:00+02:00"},
        {"valid_from": "2026-07-14 12:00:00.5Z"},
        {"identity_class": "tenant", "state": "paused"},
    ],
)
def test_what_another_writer_wrote_is_read_as_every_reader_reads_it(other: dict[str, Any]) -> None:
    raw = orjson.dumps({**orjson.loads(RECORD.encode()), **other})
    assert found(raw) == IdentityRecord.decode(raw)
    assert found(raw).valid_from.tzinfo is UTC


WRITTEN_OTHERWISE = (
    "2026-02-30T12:00:00Z",
    "0000-01-01T00:00:00Z",
    "2026-07-14T24:00:00Z",
    "2026-07-14T12:00:60Z",
    "2026-W29-2T12:00:00Z",
    "20260714T120000Z",
    "2026-07-14T12:00:00.12Z",
    "2026-07-14T12:00:00.123456Z",
    "2026-07-14T12:00:00",
    "٢٠٢٦-07-14T12:00:00Z",
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="|"), max_size=5)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2**60),
    st.floats(allow_nan=False),
    texts,
    st.lists(texts, max_size=2),
    st.dictionaries(texts, texts, max_size=2),
    st.sampled_from((*WRITTEN_OTHERWISE, *IdentityClass, *IdentityState)),
)


@given(st.sampled_from([*IdentityRecord.model_fields, "added"]), values)
def test_a_row_is_taken_exactly_where_every_reader_takes_it(column: str, value: object) -> None:
    raw = orjson.dumps({**orjson.loads(RECORD.encode()), column: value})
    table = IdentityTable()
    try:
        record = IdentityRecord.decode(raw)
    except UndecodableRecordError:
        with pytest.raises(UndecodableRecordError):
            table.put(RECORD.key, raw)
    else:
        table.put(record.key, raw)
        assert table.of(record.pseudonym) == (record,)


@pytest.mark.parametrize("raw", [b"", b"[]", b"1", b'"text"', b"null", b"{", b"\xff", b"{}"])
def test_what_is_no_record_is_refused(raw: bytes) -> None:
    with pytest.raises(UndecodableRecordError):
        IdentityTable().put(RECORD.key, raw)


def test_what_an_older_writer_left_out_has_its_default() -> None:
    fields = orjson.loads(RECORD.encode())
    for left_out in ("site_id", "valid_to", "state", "state_since"):
        del fields[left_out]
    record = found(orjson.dumps(fields))
    assert (record.site_id, record.state, record.valid_to) == (None, IdentityState.ACTIVE, None)


def test_the_own_fleet_is_told_record_by_record_so_that_nobody_waits_for_the_others() -> None:
    table = IdentityTable()
    classes = (IdentityClass.AGREEMENT, IdentityClass.OWN_FLEET, IdentityClass.AGREEMENT)
    for number, each in enumerate(classes):
        fields = {"pseudonym": Pseudonym(f"k1:0{number}"), "identity_class": each}
        record = RECORD.model_copy(update=fields)
        table.put(record.key, record.encode())
    assert list(table.own_fleet()) == [None, "k1:01", None]


def test_two_pseudonyms_of_one_hash_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.kafka.identity_table.hash", lambda _: 1, raising=False)
    other = RECORD.model_copy(update={"pseudonym": Pseudonym("k1:00ff"), "reference": "OTHER"})
    table = IdentityTable()
    for record in (RECORD, other):
        table.put(record.key, record.encode())
    assert len(table) == 2
    assert table.of(RECORD.pseudonym) == (RECORD,)
    assert table.of(other.pseudonym) == (other,)
    table.put(RECORD.key, None)
    assert table.of(RECORD.pseudonym) == ()
    assert table.of(other.pseudonym) == (other,)
