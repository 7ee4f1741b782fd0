"""What a charger of OCPP 2.1 says of the types of tokens that it can present.

AuthCtrlr.SupportedIdTokenType is a list of names with commas between them. A type that is named
nowhere is not recorded, for a charger could state a number as a type (docs/identifiers.md).
"""

from __future__ import annotations

from models.identifier_forms import FORMS, TYPE_MAX_CHARS
from models.identifiers import FREE_TYPES_MAX

NAMED = (*FORMS, "NoAuthorization")
"""OCPP 2.1 appendix, IdTokenEnumStringType."""

OTHER = "other"
"""Stands for every type that neither OCPP nor the site names."""

TYPES_MAX = len(NAMED) + FREE_TYPES_MAX + 1
"""Each named one, each of the site's, and OTHER."""


def told_types(value: str, free_types: tuple[str, ...]) -> tuple[str, ...]:
    """The types in a value of the variable, each once and as OCPP spells it.

    Args:
        free_types: those that the site names, in capitals.
    """
    spelled = {name.casefold(): name for name in (*NAMED, *free_types)}
    stated = (name.strip().casefold() for name in value.split(","))
    return tuple(dict.fromkeys(spelled.get(name, OTHER) for name in stated if name))


def joined(types: tuple[str, ...]) -> str:
    """As one field of an event."""
    return ",".join(types)


def split(field: object) -> tuple[str, ...] | None:
    """The types that an event tells; None where it tells none."""
    if not isinstance(field, str) or not field:
        return None
    names = [name for name in field.split(",") if 0 < len(name) <= TYPE_MAX_CHARS]
    return tuple(names[:TYPES_MAX])
