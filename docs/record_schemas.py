"""JSON Schemas of the records, as they are on the wire, and whether a change of them is additive.

A topic's name ends in its version. Within one version records only grow: a reader of yesterday
reads what is written today, and a reader of today what was written 400 days ago. What is no
addition is a new topic.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from models.record import Record
from models.topics import PRIMARY_TOPICS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_ANNOTATIONS = {"title", "description", "default", "examples", "$defs", "$schema", "properties"}
"""Keywords that restrict nothing; properties are compared one by one."""


def schemas() -> dict[str, str]:
    """The text of each topic's schema, by topic name."""
    return {
        topic.name: schema_text(topic.record)
        for topic in PRIMARY_TOPICS
        if topic.record is not None
    }


def schema_text(record: type[Record]) -> str:
    """The schema of a record as it is written, and as it is committed."""
    return json.dumps(_schema(record, "serialization"), indent=2, ensure_ascii=False) + "\n"


def broken_promises(committed: Schema, record: type[Record]) -> tuple[str, ...]:
    """What of the committed schema the record no longer keeps; empty when it only grew."""
    written = _inlined(_schema(record, "serialization"))
    readable = _inlined(_schema(record, "validation"))
    return tuple(_broken(_inlined(committed), written, readable, record.__name__))


def _schema(record: type[Record], mode: Literal["serialization", "validation"]) -> Schema:
    schema = {"$schema": DIALECT, **record.model_json_schema(by_alias=True, mode=mode)}
    return _open_to_growth(schema)


def _open_to_growth(schema: Schema) -> Schema:
    """Without its refusals of other fields: they bind writers here, and readers ignore the rest."""
    parts = [schema, *schema.get("$defs", {}).values()]
    for part in parts:
        if part.get("additionalProperties") is False:
            del part["additionalProperties"]
    return schema


def _inlined(schema: Schema) -> Schema:
    """The schema with every reference in its place; records never contain themselves."""
    definitions = schema.get("$defs", {})

    def inline(part: Any) -> Any:
        if isinstance(part, list):
            return [inline(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return inline(definitions[part["$ref"].rsplit("/", 1)[1]])
        return {key: inline(value) for key, value in part.items() if key != "$defs"}

    inlined: Schema = inline(schema)
    return inlined


def _broken(committed: Schema, written: Schema, readable: Schema, place: str) -> Iterator[str]:
    """Compare one part of the schemas, in all its alternatives.

    Args:
        written: what is written now; an older reader must be able to read it.
        readable: what is read now; an older record must be readable with it.
    """
    old, new, read = (_alternatives(schema) for schema in (committed, written, readable))
    for kind, was in old.items():
        if kind not in new or kind not in read:
            yield f"{place}: {kind} is gone"
        else:
            yield from _broken_alternative(was, new[kind], read[kind], f"{place}", old.keys())
    for kind in new.keys() - old.keys():
        yield f"{place}: {kind} is new, and older readers know no such value"


def _broken_alternative(
    was: Schema, written: Schema, readable: Schema, place: str, kinds: Any
) -> Iterator[str]:
    if "items" in was:
        yield from _broken(was["items"], written["items"], readable["items"], f"{place}[]")
    for name, field in was.get("properties", {}).items():
        if name not in written["properties"]:
            yield f"{place}.{name}: the field is gone"
            continue
        inner = written["properties"][name], readable["properties"][name]
        yield from _broken(field, *inner, f"{place}.{name}")
    for name in written.get("properties", {}).keys() - was.get("properties", {}).keys():
        if name in readable.get("required", ()):
            yield f"{place}.{name}: a new field is required, and older records do not have it"
    # A vocabulary beside free text is an open one: it may grow.
    open_words = "string" in kinds and "enum" in was
    if not open_words and _limits(was) != _limits(written):
        yield f"{place}: expected {_limits(was)}, got {_limits(written)}"


def _alternatives(schema: Schema) -> dict[str, Schema]:
    """The kinds of value that a schema takes, by a name for each."""
    choices = schema.get("anyOf", [schema])
    return {_kind(choice): choice for choice in choices}


def _kind(schema: Schema) -> str:
    if "enum" in schema or "const" in schema:
        return "one of a vocabulary"
    name = schema.get("type", "anything")
    return f"{name} ({schema['format']})" if "format" in schema else str(name)


def _limits(schema: Schema) -> Schema:
    """Everything that restricts a value here; lists and objects are compared part by part."""
    deeper = {"items", "prefixItems", "required", "anyOf"}
    return {key: value for key, value in schema.items() if key not in _ANNOTATIONS | deeper}
