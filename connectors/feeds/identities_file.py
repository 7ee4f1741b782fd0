"""identities.csv: cards and contracts, as pseudonyms from the first moment (rules 17, 18, 26).

No message here repeats anything that a row holds: in a row whose columns are shifted, any of them
may be the identifier. A row is named by its line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from connectors.feeds.csv_rows import Columns, CsvRow, read_rows
from connectors.feeds.freevend_tags import ReservedTags
from connectors.feeds.identity_terms import read_terms
from connectors.feeds.places import Problems, near, one_of
from connectors.feeds.text_file import Line
from models.identifier_forms import FORMS, check_digit_fits, spelled_in
from models.identifiers import (
    Candidate,
    Pseudonymiser,
    SiteForms,
    canonical_form,
    display_form,
    free_type,
)
from models.ids import Pseudonym, SiteId
from models.site import (
    FOLDER_SOURCE,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    identity_key,
)

FILE = "identities.csv"

SOURCE = FOLDER_SOURCE

COLUMNS = Columns(
    ("type", "identifier", "class", "reference", "valid_from", "valid_to", "state"),
    ("state_since",),
)

IDENTITIES_MAX = 1_000_000
"""As many as a worker's start is measured with."""

REFERENCE_CHARS_MAX = 200
"""A vehicle, a contract: it is part of a topic key and of every decision that it matches."""

HIDDEN_CHARS_MIN = 8
"""An identifier this long does not stand in a reference by chance; `17` in `bus-17` does."""

SHORTEST_SPELLING_CHARS = 10
"""No identifier of more characters is spelled with fewer: a MAC address in Base32."""

WRONG_CHECK_DIGIT = (
    "identifier: its check digit is not the one of ISO 15118: look whether it is mistyped; it is "
    "loaded, and met with any check digit or none"
)

PROGRESS_EVERY_ROWS = 5_000

Progress = Callable[[int, int], None]
"""Takes how many rows are done, and how many there are."""


class IdentityRow(NamedTuple):
    """One checked row; a plain tuple, because there may be a million of them.

    Attributes:
        line: 1-based, in identities.csv.
        state_since: None where the file does not say.
        earlier: of the same identifier under the other key epochs, the retired among them.
    """

    line: int
    pseudonym: Pseudonym
    identifier_type: str
    display: str
    identity_class: IdentityClass
    reference: str
    valid_from: datetime
    valid_to: datetime | None
    state: IdentityState
    state_since: datetime | None
    earlier: tuple[Pseudonym, ...] = ()

    def record(
        self, site_id: SiteId | None, state_since: datetime, source: str = SOURCE
    ) -> IdentityRecord:
        """What is published of it."""
        return IdentityRecord(**self._published(site_id, state_since, source))

    def encode(self, site_id: SiteId | None, state_since: datetime, source: str = SOURCE) -> bytes:
        """The bytes of its record, in a quarter of the time: the row is checked already."""
        published = self._published(site_id, state_since, source)
        return orjson.dumps(published, option=orjson.OPT_UTC_Z)

    def _published(
        self, site_id: SiteId | None, state_since: datetime, source: str
    ) -> dict[str, Any]:
        # In the order of the record's fields: the bytes are then the same.
        return {
            "source": source,
            "site_id": site_id,
            "pseudonym": self.pseudonym,
            "identifier_type": self.identifier_type,
            "display": self.display,
            "identity_class": self.identity_class,
            "reference": self.reference,
            "valid_from": self.valid_from,
            "valid_to": self.valid_to,
            "state": self.state,
            "state_since": state_since,
        }

    def stands(self, record: IdentityRecord) -> bool:
        """Whether a record with this row's key says the same."""
        return (
            self.identity_class == record.identity_class
            and self.state == record.state
            and self.valid_to == record.valid_to
            and self.display == record.display
            and self.identifier_type == record.identifier_type
            and record.state_since is not None
            and self.state_since in (None, record.state_since)
        )


IdentityRows = dict[str, IdentityRow]
"""By topic key: each is there once."""


def read_identities(
    lines: Iterable[Line],
    lines_count: int,
    site_id: SiteId,
    reserved_tags: ReservedTags,
    pseudonymiser: Pseudonymiser,
    *,
    free_types: tuple[str, ...] | None = (),
    problems: Problems,
    row_problems: Problems,
    on_progress: Progress | None = None,
) -> IdentityRows:
    """Every identity that is as it should be; what is wrong is noted.

    Args:
        site_id: a folder's records are known at its site only.
        lines_count: for the progress.
        reserved_tags: freevend tags: nobody's identity (rule 17).
        free_types: those that the site names, in capitals; None where site.yaml is refused, and
            then nothing is said of any type that it may name.
        row_problems: where it is noted that a row is wrong.
    """
    reader = IdentityReader(reserved_tags, pseudonymiser, free_types)
    collector = IdentityCollector(reader, site_id, SOURCE, row_problems, FILE)
    rows = read_rows(
        FILE, lines, COLUMNS, problems, rows_max=IDENTITIES_MAX, row_problems=row_problems
    )
    return collector.collect(rows, max(0, lines_count - 1), on_progress)


class IdentityCollector(NamedTuple):
    """Checks rows and keeps each identity once, by topic key.

    Attributes:
        problems: where what is wrong is noted, as of `file`.
        place: how people find a row by its number.
    """

    reader: IdentityReader
    site_id: SiteId | None
    source: str
    problems: Problems
    file: str
    place: str = "on line"

    def collect(
        self, rows: Iterable[CsvRow], rows_count: int, on_progress: Progress | None
    ) -> IdentityRows:
        """Every identity that is as it should be.

        Args:
            rows_count: for the progress.
        """
        found: IdentityRows = {}
        for done, row in enumerate(rows):
            if on_progress is not None and done % PROGRESS_EVERY_ROWS == 0:
                on_progress(done, max(done, rows_count))
            self._take(row, found)
        if on_progress is not None:
            on_progress(len(found), len(found))
        return found

    def _take(self, row: CsvRow, found: IdentityRows) -> None:
        faults: list[str] = []
        identity = self.reader.read(row, faults)
        if identity is not None and self.reader.check_digit_differs(row):
            self.problems.notice(self.file, row.line, WRONG_CHECK_DIGIT)
        for fault in faults:
            self.problems.add(self.file, row.line, fault)
        if identity is None:
            return
        key = key_of(identity, self.site_id, self.source)
        first = found.setdefault(key, identity)
        if first is not identity:
            if first.state is IdentityState.ACTIVE and identity.state is not IdentityState.ACTIVE:
                # Where one of them is left out, it is not the one that bars the card (rule 19).
                found[key] = identity
            same = "the same identifier, reference and valid_from as"
            said = f"{same} {self.place} {first.line}; keep one"
            self.problems.add(self.file, row.line, said)


def key_of(row: IdentityRow, site_id: SiteId | None, source: str = SOURCE) -> str:
    """Topic key of a row (see `identity_key`)."""
    return identity_key(source, site_id, row.pseudonym, row.reference, row.valid_from)


def content_revision(rows: IdentityRows) -> str:
    """What names the content of the rows in decisions (rule 10)."""
    return content_checksum(rows)[:12]


def content_checksum(rows: IdentityRows) -> str:
    """A hash of what the rows say. Their order means nothing: each one's hash is added."""
    total = 0
    for key, row in rows.items():
        said = (
            f"{key}\x1f{row.identifier_type}\x1f{row.display}\x1f{row.identity_class}\x1f"
            f"{row.valid_to}\x1f{row.state}\x1f{row.state_since}"
        )
        total += int.from_bytes(hashlib.blake2b(said.encode(), digest_size=16).digest())
    return hashlib.sha256(str(total).encode()).hexdigest()


class IdentityReader:
    """Reads one row after another."""

    def __init__(
        self,
        reserved_tags: ReservedTags,
        pseudonymiser: Pseudonymiser,
        free_types: tuple[str, ...] | None,
    ) -> None:
        self._reserved = reserved_tags
        self._free_types_known = free_types is not None
        self._forms = SiteForms(free_types=free_types or ())
        self._pseudonymiser = pseudonymiser

    def read(self, row: CsvRow, faults: list[str]) -> IdentityRow | None:
        """The row's identity; None when something is wrong, which is then among `faults`."""
        fields = row.fields
        candidate = self.candidate(fields["type"], fields["identifier"], faults)
        reference = _reference(fields["reference"], candidate, faults)
        terms, wrong = read_terms(
            fields["class"],
            fields["state"],
            fields["valid_from"],
            fields["valid_to"],
            fields.get("state_since", ""),
        )
        faults += wrong
        if faults or candidate is None or terms is None:
            return None
        return IdentityRow(
            row.line,
            self._pseudonymiser.current(candidate),
            candidate.identifier_type,
            display_form(candidate),
            terms.identity_class,
            reference,
            terms.valid_from,
            terms.valid_to,
            terms.state,
            terms.state_since,
            self._pseudonymiser.earlier(candidate),
        )

    def check_digit_differs(self, row: CsvRow) -> bool:
        """Whether a contract's check digit is wrong: most likely it is mistyped."""
        fields = row.fields
        return fields["type"] == "eMAID" and check_digit_fits(fields["identifier"]) is False

    def candidate(self, written: str, identifier: str, faults: list[str]) -> Candidate | None:
        """The canonical identifier; None when something is wrong with it."""
        stated_type = written if written in FORMS else written.upper()
        canonical = canonical_form(stated_type, identifier, self._forms)
        if canonical is None:
            if stated_type in FORMS or stated_type in self._forms.free_types:
                faults.append(f"identifier: expected the form of {stated_type}, got another")
            elif self._free_types_known or free_type(written) is None:
                faults.append(self._other_type(written))
            return None
        reserved = self._reserved
        why = reserved.get(identifier.casefold()) or reserved.get(canonical.casefold())
        if why is not None:
            faults.append(
                f"identifier: it is a reserved freevend tag (rule 17), which is nobody's: {why}"
            )
            return None
        return Candidate(stated_type, canonical)

    def _other_type(self, written: str) -> str:
        known = [*FORMS, *self._forms.free_types]
        got = "another word" if written else "nothing"
        return (
            f"type: expected {one_of(known)}, or one that site.yaml names among its "
            f"identifier_types, got {got}{near(written, known)}"
        )


def _reference(reference: str, candidate: Candidate | None, faults: list[str]) -> str:
    if not 0 < len(reference) <= REFERENCE_CHARS_MAX or not reference.isprintable():
        faults.append(f"reference: expected 1 to {REFERENCE_CHARS_MAX} printable characters")
    elif candidate and _shows(reference, candidate):
        # A reference is in every decision and on every screen (rule 26).
        faults.append("reference: expected a vehicle or a contract, got the identifier itself")
    return reference


def _shows(reference: str, candidate: Candidate) -> bool:
    identifier_type, canonical = candidate
    if reference.upper() == canonical:
        return True
    if len(reference) >= len(canonical) >= HIDDEN_CHARS_MIN and spelled_in(
        identifier_type, canonical, reference
    ):
        return True
    if len(reference) < min(len(canonical), SHORTEST_SPELLING_CHARS):
        return False
    return canonical_form(identifier_type, reference) == canonical
