"""chargers.csv: who may connect, and what governs each (rule 7).

No message here repeats anything that a row holds, but the name of a credential file that is there:
in a row whose columns are shifted, any of them may be a password.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, cast

from connectors.feeds.credentials import (
    EXPECTED,
    KNOWN_FORMS,
    BadCredentialError,
    Verifiers,
    verifiers_of,
)
from connectors.feeds.csv_rows import Columns, CsvRow, read_rows
from connectors.feeds.freevend_tags import Presenting, ReservedTags, tags_of_chargers
from connectors.feeds.places import Problems, near
from connectors.feeds.site_file import References
from connectors.feeds.text_file import Line
from models.identifiers import Pseudonymiser
from models.ids import ChargerId, SiteId
from models.profiles import PROFILES, STANDARD
from models.reasons import OcppVersion
from models.site import ChargerRecord, SecurityProfile

FILE = "chargers.csv"
COLUMNS = Columns(
    ("charger_id", "group", "ocpp", "security_profile", "credential", "profile", "schedule")
)

CHARGERS_MAX = 20_000
"""Of one site: twice as many as a gateway is meant to hold."""

CHARGER_ID = re.compile(r"[A-Za-z0-9*+=_|@. -]{1,48}")
"""OCPP 2.0.1 part 4, section 3.1.1: an identifierString of 48 characters. Without its colon, which
ends a user name in HTTP Basic (RFC 7617, section 2); with the blank that some 1.6 ids have."""

_OCPP = ("", "1.6", "2.0.1", "2.1")
_SECURITY_PROFILES = ("0", "1", "2", "3")


class ChargerRow(NamedTuple):
    """A charger and the line it is on."""

    line: int
    record: ChargerRecord


class ChargersFile(NamedTuple):
    """A chargers.csv that was read.

    Attributes:
        rows: those with nothing wrong.
        reserved: freevend tags of the profiles that any row names, or leaves to be found (rule 17).
    """

    rows: tuple[ChargerRow, ...] = ()
    reserved: ReservedTags = MappingProxyType({})


def read_chargers(
    lines: Iterable[Line],
    folder: Path,
    site_id: SiteId,
    references: References,
    pseudonymiser: Pseudonymiser,
    *,
    problems: Problems,
) -> ChargersFile:
    """Every charger that is as it should be; what is wrong is noted.

    Args:
        folder: where `file:` credentials are.
    """
    reader = _Reader(folder, references, pseudonymiser)
    rows: list[ChargerRow] = []
    presenting: set[Presenting] = set()
    for row in read_rows(FILE, lines, COLUMNS, problems, rows_max=CHARGERS_MAX):
        faults, verifiers = reader.check(row)
        for fault in faults:
            problems.add(FILE, row.line, fault)
        # Also of a row with faults: then its tag is named in the same go.
        presenting.add(Presenting(row.fields["profile"] or None, row.fields["ocpp"] or None))
        if not faults:
            rows.append(ChargerRow(row.line, _record(row.fields, site_id, verifiers)))
    return ChargersFile(tuple(rows), tags_of_chargers(presenting))


def _record(fields: dict[str, str], site_id: SiteId, verifiers: Verifiers) -> ChargerRecord:
    record = ChargerRecord(
        charger_id=ChargerId(fields["charger_id"]),
        site_id=site_id,
        group=fields["group"] or None,
        ocpp=cast("OcppVersion", fields["ocpp"]) or None,
        security_profile=cast("SecurityProfile", int(fields["security_profile"])),
        verifier=verifiers.newest,
        earlier_verifiers=verifiers.earlier,
        profile=fields["profile"] or STANDARD.name,
        profile_named=bool(fields["profile"]),
        schedule=fields["schedule"] or None,
        revision="",
    )
    return record.model_copy(update={"revision": revision_of(record)})


def revision_of(record: ChargerRecord) -> str:
    """Of what differs from the defaults.

    A field that a later version adds has as its default what a record without it means. So an
    upgrade changes the revision of those chargers only of which it has something to say.
    """
    said = record.model_dump_json(exclude_defaults=True)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def reference_faults(fields: Mapping[str, str], references: References) -> Iterator[str]:
    """What is wrong with the group and the schedule that a row names (rule 7)."""
    schedules, groups, site_schedule = references
    group, schedule = fields["group"], fields["schedule"]
    if groups is not None and group and group not in groups:
        yield f"group: expected one of site.yaml, got another{near(group, groups)}"
    if schedules is not None and schedule and schedule not in schedules:
        yield f"schedule: expected one of site.yaml, got another{near(schedule, schedules)}"
    known = groups is not None and schedules is not None
    if known and not (schedule or (groups or {}).get(group) or site_schedule):
        yield (
            "no schedule governs it: expected one of its own, of its group or of the site (rule 7)"
        )


class _Reader:
    def __init__(self, folder: Path, references: References, pseudonymiser: Pseudonymiser) -> None:
        self._folder = folder
        self._references = references
        self._pseudonymiser = pseudonymiser
        self._line_of: dict[str, int] = {}

    def check(self, row: CsvRow) -> tuple[list[str], Verifiers]:
        """Everything that is wrong with a row, and what its password is verified with."""
        fields = row.fields
        credential = fields["credential"]
        if credential and not credential.startswith(KNOWN_FORMS):
            # Its columns are shifted, or it is the password: the rest of the row says nothing.
            return [f"credential: {EXPECTED}, got another form"], Verifiers()
        faults = [
            *self._id_faults(fields["charger_id"], row.line),
            *_version_faults(fields["ocpp"]),
            *_security_faults(fields["security_profile"]),
            *_profile_faults(fields["profile"]),
            *reference_faults(fields, self._references),
        ]
        if fields["security_profile"] not in _SECURITY_PROFILES:
            return faults, Verifiers()
        try:
            verifiers = verifiers_of(
                credential,
                fields["charger_id"],
                fields["security_profile"],
                self._folder,
                self._pseudonymiser,
            )
        except BadCredentialError as fault:
            return [*faults, f"credential: {fault}"], Verifiers()
        return faults, verifiers

    def _id_faults(self, charger_id: str, line: int) -> Iterator[str]:
        if not CHARGER_ID.fullmatch(charger_id):
            yield "charger_id: expected 1 to 48 letters, digits, blanks and * + = _ | @ . -"
            return
        first = self._line_of.setdefault(charger_id, line)
        if first != line:
            yield f"charger_id: the same as on line {first}; expected each once"


def _version_faults(ocpp: str) -> Iterator[str]:
    if ocpp not in _OCPP:
        yield "ocpp: expected 1.6, 2.0.1, 2.1 or nothing (any version), got something else"


def _security_faults(security_profile: str) -> Iterator[str]:
    if security_profile not in _SECURITY_PROFILES:
        got = "something else" if security_profile else "nothing"
        yield (
            "security_profile: expected 1 (HTTP Basic), 2 (TLS and HTTP Basic), 3 (client "
            f"certificate) or 0 (no authentication), got {got}"
        )


def _profile_faults(profile: str) -> Iterator[str]:
    if profile and profile not in PROFILES:
        yield f"profile: expected one of docs/profiles.md, got another{near(profile, PROFILES)}"
