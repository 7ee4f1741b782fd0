"""What every record on a topic has in common.

Written by frozen models that refuse unknown fields; read with unknown fields ignored and unknown
enum values kept as text, so that a newer writer never dead-letters an older reader.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from models.errors import UndecodableRecordError

INSTANTS_REMEMBERED = 512
"""Most instants are read several times: those of a schedule with every attempt, those of an attempt
in records that follow soon. Three that are new come with each: of thousands, finding a place for
them took longer than reading them again."""


def _as_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:  # pydantic turns a ValueError into a named field, and nothing else
        raise ValueError("expected an instant between the years 1 and 9999 in UTC") from None


_AS_WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", re.ASCII)
"""As records have instants: the standard library reads these, in a fifth of pydantic's time."""

_instants: TypeAdapter[datetime] = TypeAdapter(
    Annotated[AwareDatetime, AfterValidator(_as_utc)], config=ConfigDict(strict=True)
)


@lru_cache(maxsize=INSTANTS_REMEMBERED)
def _read_instant(written: str) -> datetime:
    if _AS_WRITTEN.fullmatch(written):
        try:
            return datetime.fromisoformat(written)
        except ValueError:  # no such date: pydantic says which part of it is wrong
            pass
    try:
        return _instants.validate_strings(written)
    except ValidationError as fault:
        error = fault.errors(include_url=False)[0]
        kind: Any = error["type"]
        raise PydanticKnownError(kind, error.get("ctx")) from None


def _remembering(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Instants in JSON are looked up by their text: that takes a sixth of the time."""
    read = core_schema.no_info_after_validator_function(_read_instant, core_schema.str_schema())
    return core_schema.json_or_python_schema(
        # A chain is written as its last step is.
        json_schema=core_schema.chain_schema([read, core_schema.datetime_schema()]),
        python_schema=handler(source),
        metadata={"pydantic_js_updates": {"format": "date-time"}},
    )


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_as_utc), GetPydanticSchema(_remembering)]
"""An instant. Naive times are refused; any offset becomes UTC."""

NEVER = datetime.max.replace(tzinfo=UTC)
"""Later than every instant."""


def written_as_text(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """For a StrEnum, which is text already: to ask it for its value takes ten times as long."""
    schema: Any = handler(source)
    return {**schema, "serialization": core_schema.simple_ser_schema("str")}


E = TypeVar("E")
Open = Annotated[E | str, Field(union_mode="left_to_right"), GetPydanticSchema(written_as_text)]
"""An enum that a newer writer may have extended: an unknown value stays as its text."""

CAUSE_FIELDS_MAX = 5
"""A cause names this many bad fields: enough to act on, short enough for a Kafka header."""


class Frozen(BaseModel):
    """A value: immutable, strict, and without fields nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    # The mypy plugin gives each class its own signature of this method, so calls are type-checked.
    @classmethod
    def model_construct(  # type: ignore[override]
        cls, _fields_set: set[str] | None = None, **values: Any
    ) -> Self:
        """The value with these fields, unvalidated, where all of them are given.

        For what the rules make of values that were validated when they came in: an attempt costs
        four such objects, and looking at each field again would take half of its time. Bytes are
        in the order in which the fields are given: give them as they are declared.
        """
        every = _fields_of(cls)
        if len(values) != len(every):
            return super().model_construct(_fields_set, **values)
        return _unvalidated(cls, values, every)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The same value with some fields changed, unvalidated, as pydantic's own in a third of its
        time: a charger's row is changed a few times with each of its events."""
        if deep:
            return super().model_copy(update=update, deep=True)
        changed = update or {}
        given = self.__pydantic_fields_set__
        if not changed.keys() <= given:
            given = given | changed.keys()
        return _unvalidated(type(self), {**self.__dict__, **changed}, given)


M = TypeVar("M", bound=Frozen)

_new = object.__new__
_set_values = BaseModel.__dict__["__dict__"].__set__
_set_given = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


def _unvalidated(model: type[M], values: dict[str, Any], given: set[str]) -> M:
    """As pydantic's own does it, without its search for defaults and aliases, and past the frozen
    `__setattr__` in the shortest way: a decision is five of these."""
    made = _new(model)
    _set_values(made, values)
    _set_given(made, given)
    _set_extra(made, None)
    _set_private(made, None)
    return made


@cache
def _fields_of(model: type[BaseModel]) -> set[str]:
    """Shared by all values of a class: frozen, they never set a field, and copies copy it."""
    return set(model.model_fields)


class Record(Frozen):
    """A value that travels on a topic as JSON."""

    def encode(self) -> bytes:
        """The record's bytes: the same record gives the same bytes."""
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def decode(cls, raw: bytes | None) -> Self:
        """Read a record as an older reader must: unknown fields are ignored.

        Raises:
            UndecodableRecordError: naming the fields that do not fit, never their values.
        """
        if raw is None:
            raise UndecodableRecordError(f"expected a {cls.__name__}, got a tombstone")
        try:
            return cls.model_validate_json(raw, extra="ignore")
        except ValidationError as fault:
            raise UndecodableRecordError(_cause(cls.__name__, fault)) from None


def _cause(record: str, fault: ValidationError) -> str:
    errors = fault.errors(include_url=False, include_context=False, include_input=False)
    named = [
        f"{'.'.join(str(part) for part in error['loc']) or 'body'}: {error['type']}"
        for error in errors[:CAUSE_FIELDS_MAX]
    ]
    more = f" and {len(errors) - CAUSE_FIELDS_MAX} more" if len(errors) > CAUSE_FIELDS_MAX else ""
    return f"expected a {record}, got bytes that differ at {'; '.join(named)}{more}"
