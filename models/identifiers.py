"""Identifiers: from what a charger sends to canonical candidates, display form and pseudonym.

The same functions serve both sides of the join (gateway and loader), so a card in a file and the
same card on the wire always meet (rules 17, 26). Raw and canonical forms stay in memory.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from models.errors import IdentifierError, PseudonymKeyError
from models.ids import Pseudonym

IDENTIFIER_MAX_CHARS = 36
"""OCPP 2.0.1 IdTokenType.idToken; 1.6 allows 20, 2.1 will allow 255."""

PSEUDONYM_HEX_DIGITS = 32
"""128 bits, the least that rule 26 allows; more only makes every record longer."""

KEY_BYTES_MIN = 32
"""HMAC-SHA256 keys shorter than the digest weaken it (RFC 2104, section 3)."""

_SEPARATORS = re.compile(r"[\s:.\-*]")
"""Blanks, and what card tools, MAC addresses, ISO 15118 (-) and DIN SPEC 91286 (*) write."""
_EMAID = re.compile(r"([A-Z]{2}[A-Z0-9]{3}(?:[A-Z0-9]{9}|[A-Z0-9]{6}))[A-Z0-9]?")
"""Country 2, provider 3, instance 9 (ISO 15118) or 6 (DIN SPEC 91286), optional check digit."""
_HEX = re.compile(r"[0-9A-F]+")
_ISO14443_UID_DIGITS = frozenset({8, 14, 20})
"""ISO/IEC 14443-3: a UID has 4, 7 or 10 bytes."""
_ISO15693_UID_DIGITS = 16
_MAC_DIGITS = 12


class Candidate(NamedTuple):
    """One reading of an identifier: OCPP idToken type and canonical form."""

    identifier_type: str
    canonical: str


def _hexadecimal(text: str) -> str | None:
    digits = _SEPARATORS.sub("", text).upper().removeprefix("0X")
    return digits if _HEX.fullmatch(digits) else None


def _iso14443(text: str) -> str | None:
    digits = _hexadecimal(text)
    return digits if digits and len(digits) in _ISO14443_UID_DIGITS else None


def _iso15693(text: str) -> str | None:
    digits = _hexadecimal(text)
    return digits if digits and len(digits) == _ISO15693_UID_DIGITS else None


def _mac_address(text: str) -> str | None:
    # Autocharge sends the vehicle's MAC as `VID:` and the address.
    digits = _hexadecimal(re.sub(r"^VID:", "", text, flags=re.IGNORECASE))
    return digits if digits and len(digits) == _MAC_DIGITS else None


def _emaid(text: str) -> str | None:
    """ISO 15118-1 annex H: the check digit is optional, so it is no part of the canonical form."""
    found = _EMAID.fullmatch(_SEPARATORS.sub("", text).upper())
    return found.group(1) if found else None


def _case_insensitive(text: str) -> str | None:
    """OCPP: an idTag is a CiString20, an idToken an identifierString; case never matters."""
    return text.upper() or None


READINGS: dict[str, Callable[[str], str | None]] = {
    # In the order in which candidates of a token without a type are listed (rule 17).
    "ISO14443": _iso14443,
    "ISO15693": _iso15693,
    "MacAddress": _mac_address,
    "eMAID": _emaid,
    "KeyCode": _case_insensitive,
    "Local": _case_insensitive,
    "Central": _case_insensitive,
}
"""OCPP 2.0.1 IdTokenEnumType, without NoAuthorization, and how each is read."""


def printable(raw: str) -> str | None:
    """The identifier without outer blanks, or None when it is empty or malformed (rule 17)."""
    text = raw.strip()
    if not text or len(text) > IDENTIFIER_MAX_CHARS or not text.isascii() or not text.isprintable():
        return None
    return text


def normalise(identifier_type: str, raw: str) -> str:
    """The canonical form of `raw` as an identifier of the given type. Idempotent.

    Raises:
        IdentifierError: the type is unknown, or the form is not one that the type permits.
    """
    reading = READINGS.get(identifier_type)
    if reading is None:
        raise IdentifierError(f"expected a type of {', '.join(READINGS)}")
    text = printable(raw)
    canonical = reading(text) if text is not None else None
    if canonical is None:
        raise IdentifierError(f"the identifier does not have the form of a {identifier_type}")
    return canonical


def candidates(raw: str, stated_type: str | None) -> tuple[Candidate, ...]:
    """Every reading that the form permits, the stated type first; empty when unreadable (rule 17).

    Args:
        raw: idTag or idToken as it came.
        stated_type: idToken.type of OCPP 2.x, None for a 1.6 tag.
    """
    text = printable(raw)
    if text is None:
        return ()
    return tuple(sorted(_readings(text), key=lambda found: found.identifier_type != stated_type))


def _readings(text: str) -> Iterator[Candidate]:
    for identifier_type, reading in READINGS.items():
        canonical = reading(text)
        if canonical is not None:
            yield Candidate(identifier_type, canonical)


def display_form(candidate: Candidate) -> str:
    """What operators see: type and last 3 characters; eMAID country/provider and last 2 (26)."""
    identifier_type, canonical = candidate
    if identifier_type == "eMAID":
        return f"eMAID {canonical[:2]}/{canonical[2:5]}…{canonical[-2:]}"
    # A short identifier (a key code) has no tail to show: three characters would be most of it.
    tail = canonical[-3:] if len(canonical) > 2 * 3 else ""
    return f"{identifier_type} …{tail}"


class KeyEpoch(NamedTuple):
    """One epoch of the pseudonym key: its short name and its secret."""

    kid: str
    key: bytes


class Pseudonymiser:
    """Pseudonyms of one installation (rule 26). Pure: the same input gives the same pseudonym.

    Args:
        epochs: newest first; all of them match, only the newest is written.
        tenant: the installation's name, so that two installations never share a pseudonym.

    Raises:
        PseudonymKeyError: no epoch, a key of fewer than 32 bytes, two epochs of one name, or a
            tenant that could be read as tenant and type.
    """

    def __init__(self, epochs: tuple[KeyEpoch, ...], tenant: str) -> None:
        if not epochs:
            raise PseudonymKeyError("the pseudonym key file names no epoch; expected at least one")
        if any(len(epoch.key) < KEY_BYTES_MIN for epoch in epochs):
            raise PseudonymKeyError(f"a pseudonym key has fewer than {KEY_BYTES_MIN} bytes")
        if len({epoch.kid for epoch in epochs}) < len(epochs):
            raise PseudonymKeyError("two epochs of the pseudonym key file have the same kid")
        # `a|Local` and type `Local` would otherwise sign what `a` signs for `Local|…`.
        if not tenant or "|" in tenant or not tenant.isprintable():
            raise PseudonymKeyError(f"expected a printable tenant without |, got {tenant!r}")
        self._epochs = epochs
        self._tenant = tenant

    @property
    def kids(self) -> tuple[str, ...]:
        """Names of the epochs, newest first."""
        return tuple(epoch.kid for epoch in self._epochs)

    def current(self, candidate: Candidate) -> Pseudonym:
        """The pseudonym under the newest epoch: the one that is stored."""
        return self._pseudonym(self._epochs[0], candidate)

    def all(self, candidate: Candidate) -> tuple[Pseudonym, ...]:
        """The pseudonyms under every epoch, newest first: those that are looked up."""
        return tuple(self._pseudonym(epoch, candidate) for epoch in self._epochs)

    def _pseudonym(self, epoch: KeyEpoch, candidate: Candidate) -> Pseudonym:
        message = f"{self._tenant}|{candidate.identifier_type}|{candidate.canonical}".encode()
        digest = hmac.digest(epoch.key, message, hashlib.sha256)
        return Pseudonym(f"{epoch.kid}:{digest.hex()[:PSEUDONYM_HEX_DIGITS]}")

    def credential_verifier(self, charger_id: str, password: str) -> str:
        """`hash:hmac-sha256:KID:HEX` of a charger's password under the newest epoch.

        The same key file serves, with a message that no identifier can have: it has two bars more.
        """
        return self._verifier(self._epochs[0], charger_id, password)

    def verify_credential(self, charger_id: str, password: str, verifier: str) -> bool:
        """Whether the password is the one the verifier was made from, in constant time."""
        stated = verifier.encode()  # compare_digest takes no text beyond ASCII
        return any(
            hmac.compare_digest(self._verifier(epoch, charger_id, password).encode(), stated)
            for epoch in self._epochs
        )

    def _verifier(self, epoch: KeyEpoch, charger_id: str, password: str) -> str:
        message = f"credential|{len(charger_id)}|{charger_id}|{password}".encode()
        digest = hmac.digest(b"credential" + epoch.key, message, hashlib.sha256)
        return f"hash:hmac-sha256:{epoch.kid}:{digest.hex()}"
