"""The JSON schemas that the `ocpp` package ships, compiled, and what a failure is called.

A failure is described by the path of the field and the rule that it breaks, both taken from the
schema: never by the value, and never by a name that the peer chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import jsonschema_rs
import orjson

from connectors.ocpp.frames import DESCRIPTION_CHARS_MAX, ErrorCodes


class Violation(NamedTuple):
    """The first rule of a schema that a payload breaks.

    Attributes:
        keyword: of JSON Schema, for instance `required`.
        description: where and what, for the errorDescription of a CALLERROR.
    """

    keyword: str
    description: str


class Schema:
    """One schema of one version, compiled when it is first needed and once per process."""

    __slots__ = ("_validator", "folder", "name")

    def __init__(self, folder: str, name: str) -> None:
        self.folder = folder
        self.name = name
        self._validator: jsonschema_rs.Validator | None = None

    def violation(self, payload: object) -> Violation | None:
        """The first rule that `payload` breaks, None when it keeps them all."""
        validator = self._validator or self._compile()
        if validator.is_valid(payload):
            return None
        return _described(next(validator.iter_errors(payload)))

    def document(self) -> dict[str, Any]:
        """The schema itself."""
        path = files("ocpp") / self.folder / "schemas" / f"{self.name}.json"
        # Some of the published files begin with a byte order mark.
        document: dict[str, Any] = orjson.loads(path.read_text(encoding="utf-8-sig"))
        return document

    def _compile(self) -> jsonschema_rs.Validator:
        # Formats stay annotations, as in the `ocpp` package: chargers in the field leave the zone
        # out of a date-time, and a StatusNotification is worth more than its Z.
        self._validator = jsonschema_rs.validator_for(
            self.document(), validate_formats=False, offline=True
        )
        return self._validator


def actions_of(folder: str) -> frozenset[str]:
    """Every action of an OCPP 2.x version: those that it has the schema of a request for."""
    names = [path.name for path in (files("ocpp") / folder / "schemas").iterdir()]
    ending = "Request.json"
    return frozenset(name.removesuffix(ending) for name in names if name.endswith(ending))


_PROPERTY = "PropertyConstraintViolation"
_TYPE = "TypeConstraintViolation"

_CODES: Mapping[str, str] = {
    "type": _TYPE,
    "enum": _PROPERTY,
    "maxLength": _PROPERTY,
    "minLength": _PROPERTY,
    "maximum": _PROPERTY,
    "minimum": _PROPERTY,
    "multipleOf": _PROPERTY,
}
"""The keywords whose code every version spells alike."""

_OCCURRENCE = frozenset({"required", "minItems", "maxItems"})


def error_code(violation: Violation, codes: ErrorCodes) -> str:
    """The CALLERROR code of a violation, as this version spells it."""
    if violation.keyword in _OCCURRENCE:
        return codes.occurrence
    return _CODES.get(violation.keyword, codes.formation)


_RULES: Mapping[str, str] = {
    "required": "{kind.property} is required",
    "type": "must be of type {kind.types[0]}",
    "enum": "not one of the values that the schema lists",
    "maxLength": "at most {kind.limit} characters",
    "minItems": "at least {kind.limit} items",
    "maxItems": "at most {kind.limit} items",
    "additionalProperties": "has a field that the schema does not know",
}
"""What a keyword asks for, from the schema's own words."""

_ANY_RULE = "breaks the schema's {kind.name}"


def _described(error: jsonschema_rs.ValidationError) -> Violation:
    keyword = error.kind.name
    where = _path(error.instance_path)
    rule = _RULES.get(keyword, _ANY_RULE).format(kind=error.kind)
    return Violation(keyword, f"{where}: {rule}"[:DESCRIPTION_CHARS_MAX])


def _path(instance_path: list[str | int]) -> str:
    # Only fields that the schema knows have rules, so every name here is the schema's own.
    return ".".join(str(step) for step in instance_path) or "payload"
