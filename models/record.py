"""What every record on a topic has in common.

Written by frozen models that refuse unknown fields; read with unknown fields ignored and unknown
enum values kept as text, so that a newer writer never dead-letters an older reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from models.errors import UndecodableRecordError


def _as_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:  # pydantic turns a ValueError into a named field, and nothing else
        raise ValueError("expected an instant between the years 1 and 9999 in UTC") from None


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_as_utc)]
"""An instant. Naive times are refused; any offset becomes UTC."""

NEVER = datetime.max.replace(tzinfo=UTC)
"""Later than every instant."""

E = TypeVar("E")
Open = Annotated[E | str, Field(union_mode="left_to_right")]
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
        given = self.__pydantic_fields_set__ | changed.keys()
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
