"""identities.csv: cards and contracts, kept as pseudonyms from the first moment (rules 17, 18, 26).

No message here holds an identifier: a row is named by its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from connectors.feeds.csv_rows import CsvRow, read_rows
from connectors.feeds.places import Problems, near
from models.errors import IdentifierError
from models.identifiers import READINGS, Candidate, Pseudonymiser, display_form, normalise
from models.ids import Pseudonym
from models.site import IdentityClass, IdentityState

FILE = "identities.csv"
COLUMNS = ("type", "identifier", "class", "reference", "valid_from", "valid_to", "state")
OPTIONAL = ("state_since",)

IDENTITIES_MAX = 2_000_000
"""Twice the largest installation that a worker's start is measured with."""

REFERENCE_CHARS_MAX = 200
"""A vehicle, a contract: it is part of a topic key and of every decision that it matches."""

PROGRESS_EVERY_ROWS = 5_000

Progress = Callable[[int, int], None]
"""Takes how many rows are done, and how many there are."""

_TIMES_REMEMBERED = 10_000
"""A fleet's cards begin and end on few dates."""


class IdentityRow(NamedTuple):
    """One checked row; a plain tuple, because there may be a million of them."""

    pseudonym: Pseudonym
    identifier_type: str
    display: str
    identity_class: IdentityClass
    reference: str
    valid_from: datetime
    valid_to: datetime | None
    state: IdentityState
    state_since: datetime | None


class _BadRowError(Exception):
    """What is wrong with a row."""


def read_identities(
    text: str,
    reserved_tags: frozenset[str],
    pseudonymiser: Pseudonymiser,
    problems: Problems,
    on_progress: Progress | None = None,
) -> tuple[IdentityRow, ...]:
    """Every identity that is as it should be; what is wrong is noted.

    Args:
        reserved_tags: freevend tags, casefolded: nobody's identity (rule 17).
    """
    return tuple(_read(text, reserved_tags, pseudonymiser, problems, on_progress))


def _read(
    text: str,
    reserved_tags: frozenset[str],
    pseudonymiser: Pseudonymiser,
    problems: Problems,
    on_progress: Progress | None,
) -> Iterator[IdentityRow]:
    total = text.count("\n")
    lines: dict[tuple[Pseudonym, str, datetime], int] = {}
    rows = read_rows(FILE, text, COLUMNS, problems, rows_max=IDENTITIES_MAX, optional=OPTIONAL)
    for count, row in enumerate(rows):
        if on_progress is not None and count % PROGRESS_EVERY_ROWS == 0:
            on_progress(count, total)
        try:
            identity = _identity(row, reserved_tags, pseudonymiser)
        except _BadRowError as fault:
            problems.add(FILE, row.line, str(fault))
            continue
        key = (identity.pseudonym, identity.reference, identity.valid_from)
        first = lines.setdefault(key, row.line)
        if first != row.line:
            problems.add(
                FILE, row.line, f"the same identifier, reference and valid_from as line {first}"
            )
            continue
        yield identity


def _identity(
    row: CsvRow, reserved_tags: frozenset[str], pseudonymiser: Pseudonymiser
) -> IdentityRow:
    fields = row.fields
    candidate = _candidate(fields["type"], fields["identifier"], reserved_tags)
    valid_from, valid_to = _time(fields, "valid_from"), _time(fields, "valid_to")
    if valid_from is None:
        raise _BadRowError("valid_from is missing: a record without it never allows (rule 18)")
    if valid_to is not None and valid_to <= valid_from:
        raise _BadRowError("valid_to: expected a time after valid_from")
    reference = fields["reference"]
    if not 0 < len(reference) <= REFERENCE_CHARS_MAX or not reference.isprintable():
        raise _BadRowError(f"reference: expected 1 to {REFERENCE_CHARS_MAX} printable characters")
    return IdentityRow(
        pseudonym=pseudonymiser.current(candidate),
        identifier_type=candidate.identifier_type,
        display=display_form(candidate),
        identity_class=_class(fields["class"]),
        reference=reference,
        valid_from=valid_from,
        valid_to=valid_to,
        state=_state(fields["state"]),
        state_since=_time(fields, "state_since"),
    )


def _candidate(identifier_type: str, identifier: str, reserved_tags: frozenset[str]) -> Candidate:
    if identifier_type not in READINGS:
        hint = near(identifier_type, READINGS)
        raise _BadRowError(
            f"type: expected one of {', '.join(READINGS)}, got {identifier_type[:40]!r}{hint}"
        )
    if identifier.casefold() in reserved_tags:
        raise _BadRowError("identifier: it is a reserved freevend tag (rule 17), and nobody's own")
    try:
        return Candidate(identifier_type, normalise(identifier_type, identifier))
    except IdentifierError as fault:
        raise _BadRowError(f"identifier: {fault}") from None


def _class(written: str) -> IdentityClass:
    try:
        return IdentityClass(written)
    except ValueError:
        known = [*IdentityClass]
        raise _BadRowError(
            f"class: expected {' or '.join(known)}, got {written[:40]!r}{near(written, known)}"
        ) from None


def _state(written: str) -> IdentityState:
    try:
        return IdentityState(written)
    except ValueError:
        known = [*IdentityState]
        raise _BadRowError(
            f"state: expected {', '.join(known)}, got {written[:40]!r}{near(written, known)}"
        ) from None


def _time(fields: dict[str, str], column: str) -> datetime | None:
    written = fields.get(column)
    if not written:
        return None
    try:
        return _instant(written)
    except ValueError:
        raise _BadRowError(
            f"{column}: expected a time with its offset, as 2026-03-01T00:00:00+11:00, "
            f"got {written[:40]!r}"
        ) from None


@lru_cache(maxsize=_TIMES_REMEMBERED)
def _instant(written: str) -> datetime:
    """UTC, to the second. Raises ValueError on a time without an offset, or on no time."""
    at = datetime.fromisoformat(written)
    if at.tzinfo is None:
        raise ValueError(written)
    try:
        return at.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError(written) from None
