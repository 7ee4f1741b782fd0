"""What is generated stands as it is generated, and records only grow."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from pydantic import Field

from docs.generate import FOLDER, pages, promises_broken, schema_files
from docs.record_schemas import broken_promises, schema_text
from docs.tables import BLOCKS
from models.record import Frozen, Open, Record
from models.schedule import Mode
from models.site import Stage
from models.topics import PRIMARY_TOPICS, Topic
from tests.models.samples import SAMPLES

RUN = "run `make docs`"


def _committed(topic: Topic) -> Any:
    return json.loads((FOLDER / "schemas" / f"{topic.name}.json").read_text())


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_page_has_the_tables_of_the_code(path: Any) -> None:
    assert path.read_text() == pages()[path], RUN


def test_every_table_is_on_a_page() -> None:
    text = "".join(pages().values())
    assert [name for name in BLOCKS if f"<!-- generated: {name} -->" not in text] == []


def test_the_schemas_are_those_of_the_records() -> None:
    wanted = schema_files()
    stale = [path.name for path, text in wanted.items() if path.read_text() != text]
    assert stale == [], RUN
    assert set((FOLDER / "schemas").iterdir()) == set(wanted)


@pytest.mark.parametrize("topic", PRIMARY_TOPICS, ids=lambda topic: topic.name)
def test_what_is_written_has_its_schema(topic: Topic) -> None:
    assert topic.record is not None
    written = json.loads(SAMPLES[topic.record].encode())
    validator = jsonschema_rs.validator_for(_committed(topic), validate_formats=True)
    assert [error.message for error in validator.iter_errors(written)] == []
    # A reader that validates must not refuse what a newer writer adds.
    assert validator.is_valid({**written, "added_by_a_newer_writer": 1})


def test_records_keep_what_their_schemas_promise() -> None:
    """Records only grow; what is no addition is a new topic."""
    assert promises_broken() == ()


class Inner(Frozen):
    """A part of the record below."""

    mode: Mode
    count: int = Field(ge=0)


class Before(Record):
    """A record as it was."""

    name: str
    stage: Open[Stage]
    inner: tuple[Inner, ...]
    note: str | None = None


class Grown(Before):
    """With a field that older records do not have."""

    added: int = 0


class Demanding(Before):
    """With a field that older records would need."""

    added: int


class Widened(Before):
    """With a value that older readers refuse."""

    name: str | None  # type: ignore[assignment]


class Retyped(Before):
    """With another type."""

    name: int  # type: ignore[assignment]


class OtherInner(Frozen):
    """A part that lost a field and tightened another."""

    count: int = Field(ge=1)


class Lost(Before):
    """With a part that lost a field."""

    inner: tuple[OtherInner, ...]  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("after", "broken"),
    [
        (Before, ()),
        (Grown, ()),
        (
            Demanding,
            ("Demanding.added: a new field is required, and older records do not have it",),
        ),
        (Widened, ("Widened.name: null is new, and older readers know no such value",)),
        (
            Retyped,
            (
                "Retyped.name: string is gone",
                "Retyped.name: integer is new, and older readers know no such value",
            ),
        ),
        (
            Lost,
            (
                "Lost.inner[].mode: the field is gone",
                "Lost.inner[].count: expected {'minimum': 0, 'type': 'integer'}, "
                "got {'minimum': 1, 'type': 'integer'}",
            ),
        ),
    ],
)
def test_a_change_that_is_no_addition_is_named(
    after: type[Record], broken: tuple[str, ...]
) -> None:
    committed = json.loads(schema_text(Before))
    assert broken_promises(committed, after) == broken
