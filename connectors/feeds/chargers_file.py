"""chargers.csv: who may connect, and what governs each (rule 7)."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

from connectors.feeds.csv_rows import CsvRow, read_rows
from connectors.feeds.places import Problems, near
from connectors.feeds.site_file import WrittenSite
from models.identifiers import Pseudonymiser
from models.ids import ChargerId, SiteId
from models.profiles import PROFILES
from models.reasons import OcppVersion
from models.site import ChargerRecord

FILE = "chargers.csv"
COLUMNS = ("charger_id", "group", "ocpp", "security_profile", "credential", "profile", "schedule")

CHARGERS_MAX = 20_000
"""Twice what the largest edge is measured with."""

CHARGER_ID = re.compile(r"[A-Za-z0-9*+=:_|@. -]{1,48}")
"""OCPP 2.0.1 part 4, section 3.1.1: an identifierString of 48 characters; 1.6 is shorter."""

PASSWORD_CHARS = range(16, 41)
"""OCPP 2.0.1 BasicAuthPassword, and the 1.6 security whitepaper's AuthorizationKey: 16 to 40."""

CREDENTIAL_BYTES_MAX = 4_096

OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO

_OCPP = ("", "1.6", "2.0.1")
_VERIFIER = re.compile(r"hash:hmac-sha256:([A-Za-z0-9]+):[0-9a-f]{64}")


class _BadCredentialError(Exception):
    """Why a credential cannot be used; never holds it."""


class ChargerRow(NamedTuple):
    """A charger and the line it is in."""

    line: int
    record: ChargerRecord


def read_chargers(
    text: str,
    folder: Path,
    site: WrittenSite | None,
    pseudonymiser: Pseudonymiser,
    problems: Problems,
) -> tuple[ChargerRow, ...]:
    """Every charger that is as it should be; what is wrong is noted.

    Args:
        site: None when site.yaml is refused: then references into it are not looked at.
    """
    reader = _Reader(folder, site, pseudonymiser, problems)
    rows = read_rows(FILE, text, COLUMNS, problems, rows_max=CHARGERS_MAX)
    return tuple(reader.read(rows))


class _Reader:
    def __init__(
        self,
        folder: Path,
        site: WrittenSite | None,
        pseudonymiser: Pseudonymiser,
        problems: Problems,
    ) -> None:
        self._folder = folder
        self._site = site
        self._pseudonymiser = pseudonymiser
        self._problems = problems
        self._seen: dict[str, int] = {}

    def read(self, rows: Iterator[CsvRow]) -> Iterator[ChargerRow]:
        for row in rows:
            found = [*self._faults(row)]
            verifier = None
            try:
                verifier = self._verifier(row)
            except _BadCredentialError as fault:
                found.append(f"credential: {fault}")
            for message in found:
                self._problems.add(FILE, row.line, message)
            if not found and self._site is not None:
                yield ChargerRow(row.line, self._record(row, self._site, verifier))

    def _record(self, row: CsvRow, site: WrittenSite, verifier: str | None) -> ChargerRecord:
        fields = row.fields
        content = "\x1f".join([*(fields[name] for name in COLUMNS), verifier or "", site.site])
        return ChargerRecord(
            charger_id=ChargerId(fields["charger_id"]),
            site_id=SiteId(site.site),
            group=fields["group"] or None,
            ocpp=cast("OcppVersion", fields["ocpp"]) or None,
            security_profile=0 if fields["security_profile"] == "0" else 1,
            verifier=verifier,
            profile=fields["profile"] or "standard",
            schedule=fields["schedule"] or None,
            revision=hashlib.sha256(content.encode()).hexdigest()[:12],
        )

    def _faults(self, row: CsvRow) -> Iterator[str]:
        fields = row.fields
        charger_id = fields["charger_id"]
        if not CHARGER_ID.fullmatch(charger_id):
            yield (
                "charger_id: expected 1 to 48 of letters, digits and *+=:_|@.- , "
                f"got {charger_id[:60]!r}"
            )
        elif charger_id in self._seen:
            yield f"{charger_id} is in line {self._seen[charger_id]} already"
        else:
            self._seen[charger_id] = row.line
        yield from _version_faults(fields["ocpp"])
        yield from _security_faults(fields["security_profile"])
        profile = fields["profile"] or "standard"
        if profile not in PROFILES:
            yield f"there is no profile {profile!r}{near(profile, PROFILES)}"
        yield from self._reference_faults(fields)

    def _reference_faults(self, fields: dict[str, str]) -> Iterator[str]:
        if self._site is None:
            return
        groups = {group.id: group.schedule for group in self._site.groups}
        schedules = [schedule.id for schedule in self._site.schedules]
        group, schedule = fields["group"], fields["schedule"]
        if group and group not in groups:
            yield f"there is no group {group!r} in site.yaml{near(group, groups)}"
        if schedule and schedule not in schedules:
            yield f"there is no schedule {schedule!r} in site.yaml{near(schedule, schedules)}"
        if not (schedule or groups.get(group) or self._site.schedule):
            yield "no schedule governs it: not its own, its group's or the site's (rule 7)"

    def _verifier(self, row: CsvRow) -> str | None:
        """What the gateway verifies its password with; None on security profile 0."""
        written, profile = row.fields["credential"], row.fields["security_profile"]
        if profile == "0":
            if written:
                raise _BadCredentialError("expected none on security profile 0")
            return None
        if profile != "1":
            return None  # said already
        kind = written.partition(":")[0]
        if kind == "file":
            password = self._password(written.removeprefix("file:"))
            return self._pseudonymiser.credential_verifier(row.fields["charger_id"], password)
        if kind == "hash":
            return self._hash(written)
        raise _BadCredentialError("expected file:PATH or hash:hmac-sha256:KID:HEX")

    def _hash(self, written: str) -> str:
        if written.startswith("hash:argon2id"):
            raise _BadCredentialError("hash:argon2id is not built yet; use file:PATH")
        found = _VERIFIER.fullmatch(written)
        if found is None:
            raise _BadCredentialError("expected hash:hmac-sha256:KID:HEX with 64 hex digits")
        if found.group(1) not in self._pseudonymiser.kids:
            raise _BadCredentialError("its KID is no epoch of the pseudonym key file")
        return written

    def _password(self, name: str) -> str:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            raise _BadCredentialError("expected a file inside the depot folder")
        try:
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode):
                raise _BadCredentialError(f"{name} is no file")
            if mode & OTHERS_MAY:
                raise _BadCredentialError(
                    f"others may read {name} (mode {stat.S_IMODE(mode):04o}); chmod 600 it"
                )
            with path.open("rb") as file:
                content = file.read(CREDENTIAL_BYTES_MAX)
        except OSError as fault:
            raise _BadCredentialError(f"cannot read {name} ({fault.strerror})") from None
        return _checked_password(name, content)


def _checked_password(name: str, content: bytes) -> str:
    try:
        password = content.decode("ascii").rstrip("\r\n")
    except UnicodeDecodeError:
        password = ""
    if len(password) not in PASSWORD_CHARS or not password.isprintable():
        raise _BadCredentialError(
            f"{name}: expected one line of {PASSWORD_CHARS.start} to {PASSWORD_CHARS.stop - 1} "
            "printable ASCII characters"
        )
    return password


def _version_faults(ocpp: str) -> Iterator[str]:
    if ocpp == "2.1":
        yield "ocpp: OCPP 2.1 is not built yet; expected 1.6, 2.0.1 or nothing (any of them)"
    elif ocpp not in _OCPP:
        yield f"ocpp: expected 1.6, 2.0.1 or nothing (any of them), got {ocpp!r}"


def _security_faults(security_profile: str) -> Iterator[str]:
    if security_profile in {"2", "3"}:
        yield (
            f"security_profile {security_profile} (TLS) is not built yet; "
            "expected 1 (HTTP Basic) or 0 (none)"
        )
    elif security_profile not in {"0", "1"}:
        yield f"security_profile: expected 1 or 0, got {security_profile!r}"
