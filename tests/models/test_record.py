"""Records as they travel: written strictly, read tolerantly by older readers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from models.attempt import Decision, Denial
from models.errors import UndecodableRecordError
from models.ids import Pseudonym, SiteId
from models.record import CAUSE_FIELDS_MAX, Open, Record
from models.schedule import Mode, Weekday
from models.site import AuditRecord, IdentityRecord, SiteRecord, Stage
from models.topics import PRIMARY_TOPICS
from tests.models.samples import NOON, SAMPLES

RECORD_TYPES = sorted(
    {topic.record for topic in PRIMARY_TOPICS if topic.record}, key=lambda record: record.__name__
)

CLOSED: set[object] = {Mode, Weekday, Literal[0, 1, 2, 3]}
"""Words that no newer writer may add to: a charger is open or reserved, a week has seven days, and
a security profile that a gateway does not know must not let anybody in."""

NEWER = "a_word_of_a_newer_writer"


class Word(NamedTuple):
    """A field that holds one word of a vocabulary."""

    record: type[Record]
    path: tuple[str | int, ...]
    vocabulary: object


def _words(record: type[Record], model: type[BaseModel], path: tuple[str, ...]) -> Iterator[Word]:
    for name, field in model.model_fields.items():
        place = (*path, field.alias or name)
        yield from _words_of(record, field.annotation, place)


def _words_of(record: type[Record], annotation: Any, path: tuple[Any, ...]) -> Iterator[Word]:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _words_of(record, parts[0], path)
    elif origin in {Union, UnionType}:
        for part in parts:
            yield from _words_of(record, part, path)
    elif origin is tuple:
        yield from _words_of(record, parts[0], (*path, 0))
    elif _is_vocabulary(annotation):
        yield Word(record, path, annotation)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _words(record, annotation, path)


def _is_vocabulary(annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return True
    return isinstance(annotation, type) and issubclass(annotation, Enum)


WORDS = [word for record in RECORD_TYPES for word in _words(record, record, ())]


def _named(word: Word) -> str:
    return f"{word.record.__name__}.{'.'.join(map(str, word.path))}"


def _body(record: type[Record]) -> Any:
    return json.loads(SAMPLES[record].encode())


def _with(body: Any, path: tuple[str | int, ...], value: object) -> bytes:
    *parents, last = path
    inner = body
    for part in parents:
        inner = inner[part]
    inner[last] = value
    return json.dumps(body).encode()


def _at(body: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        body = body[part]
    return body


def _with_an_added_field_everywhere(value: Any) -> Any:
    if isinstance(value, dict):
        grown = {key: _with_an_added_field_everywhere(inner) for key, inner in value.items()}
        return {**grown, "added_by_a_newer_writer": 1}
    if isinstance(value, list):
        return [_with_an_added_field_everywhere(inner) for inner in value]
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value


def test_every_record_of_every_topic_has_a_whole_sample() -> None:
    """Otherwise the tests below would pass over a field that nobody filled."""
    assert set(SAMPLES) == set(RECORD_TYPES)
    for record in RECORD_TYPES:
        assert None not in list(_leaves(_body(record))), record


@pytest.mark.parametrize("record", RECORD_TYPES)
def test_what_is_written_is_what_is_read(record: type[Record]) -> None:
    sample = SAMPLES[record]
    assert record.decode(sample.encode()) == sample
    assert record.decode(sample.encode()).encode() == sample.encode()


@pytest.mark.parametrize("record", RECORD_TYPES)
def test_an_added_field_is_ignored_at_every_depth(record: type[Record]) -> None:
    body = _body(record)
    data = body.pop("data", None)  # the one open dictionary: what is added there is data
    grown = _with_an_added_field_everywhere(body)
    if data is not None:
        grown["data"] = data
    assert record.decode(json.dumps(grown).encode()) == SAMPLES[record]


@pytest.mark.parametrize("record", RECORD_TYPES)
def test_an_added_field_is_never_written(record: type[Record]) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        record.model_validate({**dict(SAMPLES[record]), "added": 1})


@pytest.mark.parametrize(
    "word", [word for word in WORDS if word.vocabulary not in CLOSED], ids=_named
)
def test_an_unknown_word_is_kept_as_its_text(word: Word) -> None:
    """A newer writer never dead-letters an older reader."""
    read = word.record.decode(_with(_body(word.record), word.path, NEWER))
    assert _at(json.loads(read.encode()), word.path) == NEWER


@pytest.mark.parametrize("word", [word for word in WORDS if word.vocabulary in CLOSED], ids=_named)
def test_a_word_outside_a_closed_vocabulary_is_refused(word: Word) -> None:
    with pytest.raises(UndecodableRecordError):
        word.record.decode(_with(_body(word.record), word.path, NEWER))


def test_the_vocabularies_are_found() -> None:
    """The walk above sees nested, optional and repeated words."""
    found = {_named(word) for word in WORDS}
    assert {
        "Decision.verdict.reasons.0",
        "Outcome.posture",
        "ChargerState.connection.ocpp",
        "SiteRecord.schedules.0.windows.0.days.0",
        "ChargerRecord.security_profile",
    } <= found


def test_a_time_without_an_offset_is_refused() -> None:
    """Naive times mean nothing to a depot in another zone."""
    raw = SAMPLES[AuditRecord].encode().replace(b'"2026-07-14T12:00:00Z"', b'"2026-07-14T12:00:00"')
    with pytest.raises(UndecodableRecordError, match="at: timezone_aware"):
        AuditRecord.decode(raw)
    with pytest.raises(ValidationError):
        AuditRecord.model_validate({**dict(SAMPLES[AuditRecord]), "at": NOON.replace(tzinfo=None)})


def test_any_offset_becomes_utc() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=11)))
    record = AuditRecord.model_validate({**dict(SAMPLES[AuditRecord]), "at": east})
    assert record.at.tzinfo is UTC
    assert record == SAMPLES[AuditRecord]


@pytest.mark.parametrize(
    "written",
    ["2026-07-14T12:00:00Z", "2026-07-14T23:00:00+11:00", "2026-07-14 12:00:00.000z", "1784030400"],
)
def test_an_instant_is_read_however_it_is_written(written: str) -> None:
    """Twice, as the second time it is looked up by its text."""
    raw = _with(_body(AuditRecord), ("at",), written)
    for _ in range(2):
        record = AuditRecord.decode(raw)
        assert isinstance(record, AuditRecord)
        assert record.at == NOON
        assert record.at.tzinfo is UTC
        assert record.encode() == SAMPLES[AuditRecord].encode()


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("soon", "datetime_parsing"),
        ("2026-07-14", "datetime_parsing"),
        ("2026-07-32T12:00:00Z", "datetime_parsing"),
        ("2026-W29-2T12:00:00Z", "datetime_parsing"),
        (1784030400, "string_type"),
    ],
)
def test_what_is_no_instant_is_named_each_time(written: str | int, kind: str) -> None:
    raw = _with(_body(AuditRecord), ("at",), written)
    for _ in range(2):
        with pytest.raises(UndecodableRecordError, match=f"at: {kind}"):
            AuditRecord.decode(raw)


@pytest.mark.parametrize("stage", [*Stage, NEWER])
def test_a_word_is_written_as_pydantic_writes_it(stage: Stage | str) -> None:
    assert TypeAdapter(Open[Stage]).dump_json(stage) == TypeAdapter(Stage | str).dump_json(stage)


@pytest.mark.parametrize("mode", Mode)
def test_a_mode_is_written_as_text(mode: Mode) -> None:
    assert TypeAdapter(Mode).dump_json(mode) == json.dumps(mode.value).encode()


def test_an_instant_before_the_calendar_begins_is_undecodable() -> None:
    """Midnight of the year 1 in the east is in no year at all in UTC."""
    body = _body(IdentityRecord)
    with pytest.raises(UndecodableRecordError, match="valid_from: value_error"):
        IdentityRecord.decode(_with(body, ("valid_from",), "0001-01-01T00:00:00+11:00"))


def test_an_uncertainty_is_a_number_of_seconds_up_to_a_day() -> None:
    """Rule 11: the rules count with it."""
    for uncertainty_s in (-1, 1e300, None):
        raw = _with(_body(Decision), ("attempt", "uncertainty_s"), uncertainty_s)
        with pytest.raises(UndecodableRecordError, match=r"attempt\.uncertainty_s"):
            Decision.decode(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000, b"{}"], ids=repr
)
def test_bytes_that_are_no_record_are_undecodable(raw: bytes) -> None:
    for record in RECORD_TYPES:
        with pytest.raises(UndecodableRecordError, match=f"expected a {record.__name__}"):
            record.decode(raw)


def test_a_tombstone_is_no_record() -> None:
    with pytest.raises(UndecodableRecordError, match="got a tombstone"):
        AuditRecord.decode(None)


def test_a_cause_names_fields_and_never_values() -> None:
    """Rule 26: what a dead letter says may be read by anybody."""
    card = "04A1B2C3D4E5F6"
    body = {field: {card: card} for field in Denial.model_fields}
    with pytest.raises(UndecodableRecordError) as caught:
        Denial.decode(json.dumps(body).encode())
    cause = str(caught.value)
    assert card not in cause
    assert "denial_id: string_type" in cause
    assert f"and {len(body) - CAUSE_FIELDS_MAX} more" in cause
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_record_cannot_be_changed() -> None:
    record = SAMPLES[IdentityRecord]
    with pytest.raises(ValidationError, match="frozen"):
        record.pseudonym = Pseudonym("k1:ff")  # type: ignore[attr-defined]


def test_renewals_of_one_reference_stand_side_by_side() -> None:
    """Rule 20: the old record and the new one are two rows of the topic."""
    record = SAMPLES[IdentityRecord]
    assert isinstance(record, IdentityRecord)
    renewed = record.model_copy(update={"valid_from": datetime(2027, 1, 1, tzinfo=UTC)})
    elsewhere = record.model_copy(update={"site_id": None})
    assert len({record.key, renewed.key, elsewhere.key}) == 3


def test_a_value_made_without_validation_has_the_bytes_of_a_validated_one() -> None:
    """What the rules make of validated values: the same value, the same bytes, the same copies."""
    for record in SAMPLES.values():
        made = type(record).model_construct(**dict(record))
        assert made == record
        assert made.encode() == record.encode()
        assert made.model_copy(update={}) == record
        with pytest.raises(ValidationError):
            made.site_id = "another"  # type: ignore[attr-defined]


def test_where_fields_are_left_out_they_have_their_defaults() -> None:
    site = SiteRecord.model_construct(
        site_id=SiteId("north"),
        name="North",
        timezone="UTC",
        schedules=(),
        revision="1",
        loaded_at=NOON,
    )
    assert (site.stage, site.access) == (Stage.SHADOW, ())
