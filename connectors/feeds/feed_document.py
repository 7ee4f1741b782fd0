"""What a source delivered, read and checked: JSON or CSV, everything or changes (rules 17, 21, 22).

No message repeats anything that a row holds (see identities_file).
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from connectors.feeds.csv_rows import LINE_BYTES_MAX, CsvRow, read_rows
from connectors.feeds.feeds_file import FeedSource
from connectors.feeds.freevend_tags import ReservedTags
from connectors.feeds.identities_file import (
    COLUMNS,
    IDENTITIES_MAX,
    IdentityCollector,
    IdentityReader,
    IdentityRows,
    Progress,
    content_checksum,
)
from connectors.feeds.places import Problems, RowProblems, near
from connectors.feeds.text_file import count_lines, read_lines
from connectors.written_instants import INSTANT_EXPECTED, written_instant
from models.errors import Problem
from models.identifiers import Pseudonymiser
from models.ids import Pseudonym

_KEYS = ("as_of", "identities", "removed")
_REMOVAL_KEYS = ("type", "identifier", "reference")


class _Removal(NamedTuple):
    """What a source says is gone: an identifier, or only its records of one reference."""

    pseudonyms: tuple[Pseudonym, ...]
    reference: str | None


class _Removed:
    """Whether a topic key is among the removals."""

    def __init__(self, removals: list[_Removal]) -> None:
        self._references: dict[str, set[str | None]] = {}
        for removal in removals:
            for pseudonym in removal.pseudonyms:
                self._references.setdefault(pseudonym, set()).add(removal.reference)

    def __call__(self, key: str) -> bool:
        _owner, pseudonym, about = key.split("|", 2)
        references = self._references.get(pseudonym)
        if not references:
            return False
        return None in references or about.rpartition("|")[0] in references


def _everything_else(_key: str) -> bool:
    return True


class SiteWords(NamedTuple):
    """What the sites that a source speaks about say of identifiers (rule 17).

    Attributes:
        reserved_tags: freevend tags: nobody's identity.
        free_types: types of identifiers that only they know, in capitals.
    """

    reserved_tags: ReservedTags = MappingProxyType({})
    free_types: tuple[str, ...] = ()


class Delivery(NamedTuple):
    """A document in which nothing is wrong, or only rows that may be left out.

    Attributes:
        as_of: what it says of its own age; None where it says nothing.
        goes: whether what stands under a topic key, and did not come, is to go.
        skipped: what was wrong in rows that were left out, and what else should be looked at.
    """

    as_of: datetime | None
    rows: IdentityRows
    goes: Callable[[str], bool]
    checksum: str
    skipped: tuple[Problem, ...]
    skipped_count: int


def read_delivery(
    feed: FeedSource,
    content: bytearray,
    words: SiteWords,
    pseudonymiser: Pseudonymiser,
    on_progress: Progress | None = None,
) -> Delivery:
    """Check a document as a whole. It is emptied on the way: a million rows fill the memory.

    Raises:
        DepotRefusedError: it is not of the form, no row of it is sound, or one is not and the
            source's `bad_rows` is `stop`.
    """
    reader = _Reader(feed, words, pseudonymiser, on_progress)
    found = reader.json(content) if feed.format == "json" else reader.csv(content)
    reader.problems.refuse()
    if feed.bad_rows == "stop" or not found.rows:
        reader.row_problems.refuse()
    return found._replace(
        checksum=content_checksum(found.rows),
        skipped=(*reader.row_problems.all(), *reader.row_problems.notices()),
        skipped_count=len(reader.row_problems.lines),
    )


class _Reader:
    """Reads one document; what is wrong is in `problems`, or in `row_problems` where it is one row
    that may be left out."""

    def __init__(
        self,
        feed: FeedSource,
        words: SiteWords,
        pseudonymiser: Pseudonymiser,
        on_progress: Progress | None,
    ) -> None:
        self.problems, self.row_problems = Problems(), RowProblems()
        self._feed = feed
        self._identities = IdentityReader(words.reserved_tags, pseudonymiser, words.free_types)
        self._pseudonymiser = pseudonymiser
        self._on_progress = on_progress

    def csv(self, content: bytearray) -> Delivery:
        """Columns as in identities.csv; it cannot say how old it is."""
        key = self._feed.key
        file = io.BytesIO(content)
        content.clear()
        rows_count = max(0, count_lines(file) - 1)
        lines = read_lines(file, key, LINE_BYTES_MAX, self.row_problems)
        rows = read_rows(
            key,
            lines,
            COLUMNS,
            self.problems,
            rows_max=IDENTITIES_MAX,
            row_problems=self.row_problems,
        )
        found = self._collector("on line").collect(rows, rows_count, self._on_progress)
        return Delivery(None, found, _everything_else, "", (), 0)

    def json(self, content: bytearray) -> Delivery:
        """`{"as_of": …, "identities": […], "removed": […]}`."""
        document = self._object(content)
        content.clear()
        as_of = self._as_of(document)
        items = self._items(document.pop("identities", None), "identities")
        removed = self._items(document.pop("removed", []), "removed")
        full = self._feed.content == "full"
        if removed and full:
            self._wrong("removed: what a full document does not have is gone; leave it out")
        rows_count = len(items)
        collector = self._collector("in item")
        found = collector.collect(self._rows(items), rows_count, self._on_progress)
        goes = _everything_else if full else _Removed([*self._removals(removed)])
        return Delivery(as_of, found, goes, "", (), 0)

    def _wrong(self, message: str) -> None:
        self.problems.add(self._feed.key, 0, message)

    def _collector(self, place: str) -> IdentityCollector:
        feed = self._feed
        return IdentityCollector(
            self._identities, feed.site_id, feed.name, self.row_problems, feed.key, place
        )

    def _object(self, content: bytearray) -> dict[str, Any]:
        document: Any = None
        if content.startswith(codecs.BOM_UTF8):
            # RFC 8259, section 8.1: whoever reads may pass over it.
            del content[: len(codecs.BOM_UTF8)]
        try:
            document = orjson.loads(content)
        except orjson.JSONDecodeError as fault:
            self.problems.add(self._feed.key, fault.lineno, f"expected JSON, {_cause(fault)}")
            self.problems.refuse()
        if not isinstance(document, dict):
            self._wrong('expected {"as_of": …, "identities": […]}, got something else')
            self.problems.refuse()
        assert isinstance(document, dict), "refused above"
        for place, key in enumerate(document):
            if key not in _KEYS:
                self._wrong(f"key {place + 1} has no known name{near(key, _KEYS)}")
        return document

    def _as_of(self, document: dict[str, Any]) -> datetime | None:
        written = document.get("as_of")
        if written is None:
            return None
        at = written_instant(written)
        if at is None:
            self._wrong(f"as_of: expected {INSTANT_EXPECTED}")
        return at

    def _items(self, items: Any, key: str) -> list[Any]:
        if not isinstance(items, list):
            self._wrong(f"{key}: expected a list")
            return []
        if len(items) > IDENTITIES_MAX:
            self._wrong(f"{key}: expected at most {IDENTITIES_MAX:,}, got {len(items):,}")
            return []
        return items

    def _rows(self, items: list[Any]) -> Iterator[CsvRow]:
        """Every item as a row, its number in place of a line; the list is emptied."""
        items.reverse()
        number = 0
        while items:
            number += 1
            fields = _fields(items.pop(), COLUMNS.all)
            if isinstance(fields, str):
                self.row_problems.add(self._feed.key, number, fields)
            else:
                yield CsvRow(number, fields)

    def _removals(self, items: list[Any]) -> Iterator[_Removal]:
        """What is wrong here is never left out: whoever should be gone would stay."""
        for place, item in enumerate(items):
            fields = _fields(item, _REMOVAL_KEYS)
            faults: list[str] = []
            if isinstance(fields, str):
                faults.append(fields)
            else:
                written = (fields["type"], fields["identifier"])
                candidate = self._identities.candidate(*written, faults)
                if candidate is not None:
                    pseudonyms = self._pseudonymiser.all(candidate)
                    yield _Removal(pseudonyms, fields["reference"] or None)
            for fault in faults:
                self.problems.add(f"{self._feed.key} removed", place + 1, fault)


def _cause(fault: orjson.JSONDecodeError) -> str:
    """Where it stops being JSON; never what stands there."""
    return f"and it is none from byte {fault.pos:,} on"


_BLANK = dict.fromkeys(COLUMNS.all, "")


def _fields(item: Any, known: tuple[str, ...]) -> dict[str, str] | str:
    """The fields of an item as text, or what is wrong with it."""
    if not isinstance(item, dict):
        return "expected keys and values"
    fields = _BLANK.copy()
    for key, value in item.items():
        if key not in known:
            place = [*item].index(key) + 1
            return f"key {place} has no known name{near(key, known)}"
        if value is None:
            continue
        if value.__class__ is not str:
            return f"{key}: expected text or null"
        fields[key] = value.strip()
    return fields
