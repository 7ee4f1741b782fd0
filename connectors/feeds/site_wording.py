"""Sentences for what does not have the form of a site.yaml: expected, got, and a near word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from connectors.feeds.places import near

SHOWN_CHARS_MAX = 60
"""Of a value that is wrong: enough to find it by."""

HIDDEN = frozenset({"freevend_tag"})
"""Never shown: whoever knows it can present it."""

ALSO_SAID: Mapping[str, str] = {"open": "freevend", "reserved": "managed"}
"""What people say who mean a mode: 'reserved' looks like the wrong one."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

# By pydantic's error type; {expected} is pydantic's own list of values.
_SENTENCES: Mapping[str, str] = {
    "missing": "expected {key!r} here, and it is missing",
    "string_type": "{key}: expected text, got {got}{quotes}",
    "int_type": "{key}: expected a whole number, got {got}",
    "greater_than": "{key}: expected a number greater than 0, got {got}",
    "greater_than_equal": "{key}: expected at least {ge}, got {got}",
    "less_than_equal": "{key}: expected at most {le}, got {got}",
    "date_type": "{key}: expected a date such as 2026-12-18, got {got}",
    "date_parsing": "{key}: expected a date such as 2026-12-18, got {got}",
    "date_from_datetime_parsing": "{key}: expected a date such as 2026-12-18, got {got}",
    "enum": "{key}: expected {expected}, got {got}{near}",
    "literal_error": "{key}: expected {expected}, got {got}{near}",
    "tuple_type": "{key}: expected a list, got {got}",
    "model_type": "{key}: expected keys and values, got {got}",
    "too_long": "{key}: expected a list of at most {max_length}, got {actual_length}",
    "too_short": "{key}: expected a list of at least one, got an empty one",
    "string_too_short": "{key}: expected text, got nothing",
    "string_pattern_mismatch": "{key}: expected 1 to 64 letters, digits and . _ -, got {got}",
}


def sentence_of(error: ErrorDetails, model: type[BaseModel], also_known: Iterable[str]) -> str:
    """One validation error of `model` as a sentence for the person who wrote the file.

    Args:
        also_known: keys that the model does not have and that a person may mean.
    """
    path = tuple(error["loc"])
    named = [part for part in path if isinstance(part, str)]
    key = named[-1] if named else "site.yaml"
    if error["type"] == "extra_forbidden":
        known = [*_keys(_model_at(model, path[:-1])), *also_known]
        # A key that is known elsewhere is none here.
        return f"there is no key {key!r} here{near(key, (each for each in known if each != key))}"
    context: dict[str, Any] = error.get("ctx", {})
    if error["type"] == "value_error":
        return _value_error(key, str(context["error"]), error["input"])
    written = error["input"]
    if error["type"].startswith("date") and isinstance(written, str) and _DATE.fullmatch(written):
        return f"{key}: expected a date that the calendar has, got {shown(written)}"
    words = {
        "key": key,
        "got": "something else" if key in HIDDEN else shown(written),
        "said": error["msg"],
        "near": _near_word(str(written), re.findall("'([^']*)'", str(context.get("expected")))),
        "quotes": "; put it in quotes" if isinstance(written, int | float) else "",
    }
    return _SENTENCES.get(error["type"], "{key}: {said}, got {got}").format(**context | words)


def _near_word(written: str, words: Sequence[str]) -> str:
    meant = ALSO_SAID.get(written.casefold())
    return f"; did you mean {meant!r}?" if meant in words else near(written, words)


def _value_error(key: str, message: str, value: object) -> str:
    """What a validator of ours says; one that looks at a whole item says what it got itself."""
    if isinstance(value, dict):
        return message
    got = "" if key in HIDDEN else f", got {shown(value)}"
    return f"{key}: {message}{got}"


def shown(value: object) -> str:
    """A value for a message: short, and lists and keys only named as such."""
    match value:
        case None:
            return "nothing"
        case list():
            return "a list"
        case dict():
            return "keys and values"
        case bool():
            return "true" if value else "false"
        case _:
            text = repr(value)
            return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"


def _model_at(model: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel]:
    """The model that a path of keys leads to."""
    for part in path:
        if isinstance(part, str):
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            inner = [fields[part].annotation, *get_args(fields[part].annotation)]
            model = next(
                each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)
            )
    return model


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
