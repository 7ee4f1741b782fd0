"""The identifiers of an identities file, raw: for a gateway that composes local lists.

The file has the form of identities.csv, or of a feed's JSON document. Nothing that is said here
repeats anything of a row: any of its fields may be the identifier (rule 26).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from connectors.feeds.csv_rows import read_rows
from connectors.feeds.identities_file import COLUMNS, IDENTITIES_MAX
from connectors.feeds.places import Problems, RowProblems
from connectors.feeds.text_file import NotAFileError, open_regular, read_lines
from models.errors import ConfigurationError
from models.identifier_forms import FORMS
from models.identifiers import AS_OCPP_SAYS, Candidate, SiteForms, canonical_form, free_type

FILE_BYTES_MAX = 256 * 2**20
"""As of feeds: a million rows are less."""

LINE_BYTES_MAX = 64 * 1024


class RawIdentities(NamedTuple):
    """What was read; it must not be printed.

    Attributes:
        faults_count: rows that were left out.
    """

    candidates: tuple[Candidate, ...]
    faults_count: int

    def __repr__(self) -> str:
        return f"RawIdentities({len(self.candidates)}, {self.faults_count})"


def read_raw(path: Path) -> RawIdentities:
    """Every identifier of the file that is of its type's form.

    Raises:
        ConfigurationError: it cannot be read, or is of neither form.
    """
    content = _content(path)
    is_json = content.lstrip()[:1] == b"{"
    bad_rows = RowProblems()
    rows = _items(path, content) if is_json else _lines(path, content, bad_rows)
    candidates: list[Candidate] = []
    faults_count = 0
    for written, identifier in rows:
        candidate = _candidate(written, identifier)
        if candidate is None:
            faults_count += 1
        else:
            candidates.append(candidate)
    if not candidates:
        _refuse(path, bad_rows)
    return RawIdentities(tuple(candidates), faults_count + len(bad_rows.lines))


def _content(path: Path) -> bytes:
    try:
        file, _ = open_regular(path)
        with file:
            content = file.read(FILE_BYTES_MAX + 1)
    except NotAFileError:
        raise ConfigurationError(f"{path}: expected a file of identities, got no file") from None
    except OSError as fault:
        raise ConfigurationError(
            f"cannot read the identities {path} ({fault.strerror}); name the file with --identities"
        ) from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigurationError(f"{path} is larger than {FILE_BYTES_MAX // 2**20} MB")
    return content


def _lines(path: Path, content: bytes, bad_rows: Problems) -> Iterator[tuple[Any, Any]]:
    problems = Problems()
    lines = read_lines(io.BytesIO(content), path.name, LINE_BYTES_MAX, bad_rows)
    for row in read_rows(
        path.name, lines, COLUMNS, problems, rows_max=IDENTITIES_MAX, row_problems=bad_rows
    ):
        yield row.fields["type"], row.fields["identifier"]
    _refuse(path, problems)


def _refuse(path: Path, problems: Problems) -> None:
    for first in problems.all()[:1]:
        raise ConfigurationError(f"{path}, line {first.line}: {first.message}")


def _items(path: Path, content: bytes) -> Iterator[tuple[Any, Any]]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ConfigurationError(f"{path}: expected JSON or CSV, got neither") from None
    items = document.get("identities") if isinstance(document, dict) else None
    if not isinstance(items, list) or len(items) > IDENTITIES_MAX:
        raise ConfigurationError(
            f'{path}: expected {{"identities": […]}} of at most {IDENTITIES_MAX:,} items'
        )
    for item in items:
        fields: Mapping[str, Any] = item if isinstance(item, dict) else {}
        yield fields.get("type"), fields.get("identifier")


def _candidate(written: Any, identifier: Any) -> Candidate | None:
    if not isinstance(written, str) or not isinstance(identifier, str):
        return None
    stated = written if written in FORMS else free_type(written)
    if stated is None:
        return None
    # Any type may be the site's own here, but for those that OCPP names: they have a form.
    forms = AS_OCPP_SAYS if stated in FORMS else SiteForms(free_types=(stated,))
    canonical = canonical_form(stated, identifier, forms)
    return None if canonical is None else Candidate(stated, canonical)
