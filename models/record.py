"""What every record on a topic has in common.

Written by frozen models that refuse unknown fields; read with unknown fields ignored and unknown
enum values kept as text, so that a newer writer never dead-letters an older reader.
"""

from __future__ import annotations

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
        # As pydantic's own does it, without its search for defaults and aliases.
        made = cls.__new__(cls)
        _set_attribute(made, "__dict__", values)
        _set_attribute(made, "__pydantic_fields_set__", every)
        _set_attribute(made, "__pydantic_extra__", None)
        _set_attribute(made, "__pydantic_private__", None)
        return made


_set_attribute = object.__setattr__


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
