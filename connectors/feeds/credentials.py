"""From the credential column of chargers.csv to a verifier; passwords stay in their files.

No message here holds a password, or the name of a file that is not there: it may be one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from connectors.feeds.text_file import NotAFileError, open_regular, path_within
from connectors.private_files import open_to_others
from connectors.slow_hash import PREFIX as SLOW
from connectors.slow_hash import slow_hash_fault
from models.identifiers import Pseudonymiser

PASSWORD_CHARS = range(16, 41)
"""OCPP 2.0.1 BasicAuthPassword, and AuthorizationKey of the OCPP 1.6 security whitepaper."""

CREDENTIAL_BYTES_MAX = 256
"""A password and its line end have 42."""

KNOWN_FORMS = ("file:", "hash:")
EXPECTED = "expected file:PATH, hash:hmac-sha256:KID:HEX or hash:argon2id:HASH"
_VERIFIER = re.compile(r"hash:hmac-sha256:([A-Za-z0-9]+):[0-9a-f]{64}")


WITHOUT_PASSWORD = {
    "0": " (no authentication)",
    "3": ": its client certificate says who it is",
}


class Verifiers(NamedTuple):
    """What a charger's password is verified with.

    Attributes:
        newest: None where it has none.
        earlier: of the same password under older key epochs.
    """

    newest: str | None = None
    earlier: tuple[str, ...] = ()


class BadCredentialError(Exception):
    """Why a credential cannot be used."""


def verifiers_of(
    written: str, charger_id: str, security_profile: str, folder: Path, pseudonymiser: Pseudonymiser
) -> Verifiers:
    """What the gateway verifies a charger's password with.

    Args:
        written: `file:PATH`, relative to the folder, `hash:hmac-sha256:KID:HEX` or
            `hash:argon2id:$argon2id$…`.

    Raises:
        BadCredentialError: saying what was expected.
    """
    without = WITHOUT_PASSWORD.get(security_profile)
    if without is not None and written:
        raise BadCredentialError(f"expected none with security_profile {security_profile}{without}")
    if without is not None:
        return Verifiers()
    if written.startswith("file:"):
        password = _password(written.removeprefix("file:"), folder)
        return Verifiers(
            pseudonymiser.credential_verifier(charger_id, password),
            pseudonymiser.earlier_verifiers(charger_id, password),
        )
    if written.startswith("hash:"):
        return Verifiers(_hash(written, pseudonymiser))
    got = "another form" if written else "nothing"
    raise BadCredentialError(f"{EXPECTED} with security_profile {security_profile}, got {got}")


def credential_path(written: str, folder: Path) -> Path | None:
    """Where a `file:PATH` leads to, symbolic links resolved; None outside of the folder."""
    return path_within(folder, written.removeprefix("file:"))


def _hash(written: str, pseudonymiser: Pseudonymiser) -> str:
    if written.startswith(SLOW):
        fault = slow_hash_fault(written)
        if fault is not None:
            raise BadCredentialError(f"hash:argon2id: {fault}")
        return written
    found = _VERIFIER.fullmatch(written)
    if found is None:
        raise BadCredentialError(
            "expected hash:hmac-sha256:KID:HEX, with 64 hexadecimal digits in lower case"
        )
    if found.group(1) not in pseudonymiser.kids:
        raise BadCredentialError(
            "its KID is no epoch of the pseudonym key file; expected one of "
            f"{', '.join(pseudonymiser.kids)}"
        )
    return written


def _password(name: str, folder: Path) -> str:
    path = credential_path(name, folder)
    if path is None:
        raise BadCredentialError("expected a file inside the depot folder, got one outside")
    try:
        file, found = open_regular(path)
        with file:
            if (shown := open_to_others(found.st_mode)) is not None:
                raise BadCredentialError(
                    f"expected mode 0600 of {name}, got {shown}: others may read it; "
                    f"chmod 600 {name}"
                )
            return _one_line(name, file.read(CREDENTIAL_BYTES_MAX))
    except NotAFileError:
        raise BadCredentialError("expected a file, got a folder, a pipe or a device") from None
    except OSError as fault:
        raise BadCredentialError(
            f"expected a file with the password, and it cannot be read: {fault.strerror}"
        ) from None


def _one_line(name: str, content: bytes) -> str:
    text = content.decode("ascii", errors="replace").removesuffix("\n").removesuffix("\r")
    if "\n" in text or "\r" in text:
        raise BadCredentialError(f"expected one line in {name}, got more")
    if len(text) not in PASSWORD_CHARS or not (text.isascii() and text.isprintable()):
        raise BadCredentialError(
            f"{name} holds no password that can be used: OCPP allows {PASSWORD_CHARS[0]} to "
            f"{PASSWORD_CHARS[-1]} printable ASCII characters"
        )
    return text
