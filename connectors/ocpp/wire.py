"""From the `ocpp` package's dataclasses to wire JSON, and times both ways."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from ocpp.charge_point import remove_nones, snake_to_camel_case

_PLAIN = (str, int, float, bool)
"""The package's enums are strings too, and orjson writes them as such."""

WIRE_TIMES_MAX = 256
"""Remembered: answers that rest on the identity expire at the few next edges of a depot."""


def to_wire(message: object) -> dict[str, Any]:
    """A message dataclass as its camelCase payload, without the fields that are None.

    The same payload as the package's own conversion, which walks and rewrites every key anew and
    takes up to twenty times as long.
    """
    message_class: Any = type(message)
    return {
        key: _value(value)
        for name, key in _keys(message_class)
        if (value := getattr(message, name)) is not None
    }


@cache
def _keys(message_class: Any) -> tuple[tuple[str, str], ...]:
    """Field names and wire names; the package's own rules decide the spelling."""
    names = [field.name for field in fields(message_class)]
    return tuple((name, next(iter(snake_to_camel_case({name: None})))) for name in names)


def _value(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, list):
        return [_value(item) for item in value if item is not None]
    if isinstance(value, dict):
        return snake_to_camel_case(remove_nones(value))
    return to_wire(value)


@lru_cache(maxsize=WIRE_TIMES_MAX)
def wire_time(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, the most that OCPP 2.0.1 part 2 section 2.1.4 allows."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_time(text: object) -> datetime | None:
    """A charger's timestamp in UTC; None when it is absent or cannot be read.

    A time without a zone is taken as UTC: OCPP asks for UTC, and such chargers only forget the Z.
    """
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
