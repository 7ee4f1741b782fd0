"""The forms of identifiers: per type, from a text to its canonical form, or None.

OCPP 2.0.1 IdTokenEnumType, and what OCPP 2.1 adds to it (appendix, IdTokenEnumStringType). Case
never matters in any of them; separators do not matter where a row says so.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

IDENTIFIER_MAX_CHARS = 255
"""OCPP 2.1 IdTokenType.idToken; 2.0.1 allows 36 and 1.6 20, to which their schemas hold them."""

TYPE_MAX_CHARS = 20
"""OCPP 2.1 IdTokenType.type."""

Form = Callable[[str], str | None]
"""Takes printable text without outer blanks; None where the type does not permit its form."""

_SEPARATORS = re.compile(r"[\s:.\-*]")
"""Blanks, and what card tools, MAC addresses, ISO 15118 (-) and DIN SPEC 91286 (*) write."""
_AUTOCHARGE = re.compile(r"^VID:", re.IGNORECASE)
"""Autocharge presents the vehicle's address behind this (alpitronic)."""
_EMAID = re.compile(r"([A-Z]{2}[A-Z0-9]{3}(?:[A-Z0-9]{9}|[A-Z0-9]{6}))([A-Z0-9]?)")
"""Country 2, provider 3, instance 9 (ISO 15118) or 6 (DIN SPEC 91286), optional check digit."""
_HEX = re.compile(r"[0-9A-F]+")
_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
"""ISO 3779: without I, O and Q. Its check digit is used in North America only."""
_BASE32 = re.compile(r"([A-Z2-7]{10})(?:={6})?")
"""RFC 4648 of the six bytes of an address: ten characters, and padding that may be left out."""

_WRITTEN_KEPT = 2
"""Texts: each is read as six types in a row, with what Autocharge writes before it and without."""

_ISO14443_UID_DIGITS = frozenset({8, 14, 20})
"""ISO/IEC 14443-3: a UID has 4, 7 or 10 bytes."""
_ISO15693_UID_DIGITS = 16
_MAC_DIGITS = 12
_PADDED_MAC = re.compile(r"0000([0-9A-F]{12})")
"""DIN SPEC 70121 allows an EVCCID eight bytes: the address stands in the lower six."""
_EMAID_DIGITS_WITHOUT_CHECK = 14
"""ISO 15118; the shorter form of DIN SPEC 91286 has another check digit, which is not verified."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_Matrix = tuple[tuple[int, int], tuple[int, int]]
_CHECK_2: _Matrix = ((0, 1), (1, 1))
_CHECK_3: _Matrix = ((0, 1), (1, 2))
"""Of ISO 15118-1 annex H: powers of one modulo 2 and of the other modulo 3 weigh the places."""


def _bare(text: str) -> str:
    """In capitals and without separators."""
    # Most have none, and to look for them takes longer than all else.
    return text.upper() if text.isalnum() else _without_separators(text)


@lru_cache(maxsize=_WRITTEN_KEPT)
def _without_separators(text: str) -> str:
    return _SEPARATORS.sub("", text).upper()


def _hexadecimal(text: str) -> str | None:
    digits = _bare(text).removeprefix("0X")
    return digits if _HEX.fullmatch(digits) else None


def _iso14443(text: str) -> str | None:
    digits = _hexadecimal(text)
    return digits if digits and len(digits) in _ISO14443_UID_DIGITS else None


def _iso15693(text: str) -> str | None:
    digits = _hexadecimal(text)
    return digits if digits and len(digits) == _ISO15693_UID_DIGITS else None


def _mac_address(text: str) -> str | None:
    """Six bytes: in hexadecimal, also behind `VID:` or padded to eight, or in Base32 (Alfen)."""
    written = _AUTOCHARGE.sub("", text)
    digits = _hexadecimal(written)
    if digits is None:
        return _from_base32(written)
    padded = _PADDED_MAC.fullmatch(digits)
    if padded:
        return padded.group(1)
    return digits if len(digits) == _MAC_DIGITS else _from_base32(written)


def _from_base32(written: str) -> str | None:
    found = _BASE32.fullmatch(written.upper())
    if found is None:
        return None
    try:
        address = base64.b32decode(found.group(1) + "======")
    except binascii.Error:
        return None
    # The last character carries three bits of the address and two that are 0: any other text of
    # ten characters is no address.
    again = base64.b32encode(address).decode("ascii").rstrip("=")
    return address.hex().upper() if again == found.group(1) else None


def _evccid(text: str) -> str | None:
    """The address of the vehicle's controller (ISO 15118-2), or a longer one of whole bytes."""
    address = _mac_address(text)
    if address is not None:
        return address
    digits = _hexadecimal(_AUTOCHARGE.sub("", text))
    if digits is None or len(digits) % 2 or len(digits) < _MAC_DIGITS:
        return None
    return digits


def _emaid(text: str) -> str | None:
    """ISO 15118-1 annex H: the check digit is optional, so it is no part of the canonical form.

    A wrong one changes nothing here (see `check_digit_fits`): providers are seen to write any, and
    a contract that a file and a vehicle spell alike would not meet itself.
    """
    found = _EMAID.fullmatch(_bare(text))
    return found.group(1) if found else None


def _vin(text: str) -> str | None:
    written = _bare(text)
    return written if _VIN.fullmatch(written) else None


def any_text(text: str) -> str | None:
    """OCPP: an idTag is a CiString20, an idToken an identifierString; case never matters."""
    return text.upper() or None


FORMS: Mapping[str, Form] = {
    # In the order in which candidates of a token without a type are listed (rule 17).
    "ISO14443": _iso14443,
    "ISO15693": _iso15693,
    "MacAddress": _mac_address,
    "EVCCID": _evccid,
    "eMAID": _emaid,
    "VIN": _vin,
    "KeyCode": any_text,
    "Local": any_text,
    "Central": any_text,
    "DirectPayment": any_text,
    "NEMA": any_text,
}
"""Every type that OCPP names, without NoAuthorization, which is the freevend tag (rule 17)."""

CARD_TYPES = frozenset({"ISO14443", "ISO15693"})
"""Types whose readers are seen to give the bytes in either order."""


def byte_reversed(canonical: str) -> str:
    """A card's number as a reader gives it that begins at the other end."""
    return bytes.fromhex(canonical)[::-1].hex().upper()


def spelled_in(identifier_type: str, canonical: str, text: str) -> bool:
    """Whether a text has an identifier somewhere in it, also with separators that do not matter."""
    if canonical in text.upper():
        return True
    return FORMS.get(identifier_type, any_text) is not any_text and canonical in _bare(text)


def check_digit_fits(text: str) -> bool | None:
    """Whether the check digit of an eMAID is the one of ISO 15118; None where it has none."""
    found = _EMAID.fullmatch(_bare(text))
    if found is None or not found.group(2) or len(found.group(1)) != _EMAID_DIGITS_WITHOUT_CHECK:
        return None
    return check_digit(found.group(1)) == found.group(2)


def check_digit(contract: str) -> str:
    """The check digit of an eMAID's other 14 characters (ISO 15118-1 annex H).

    Each character is one of 36, so a pair modulo 2 and a pair modulo 3. With the check digit as
    the fifteenth both sums of pair times power of the matrix are zero.
    """
    pairs = [_ALPHABET.index(character) for character in contract]
    twos = _sum([divmod(number // 9, 2) for number in pairs], _CHECK_2, 2)
    threes = _sum([divmod(number % 9, 3) for number in pairs], _CHECK_3, 3)
    # The fifteenth power of the first matrix is 1, that of the second its inverse.
    one, other = _times((-threes[0], -threes[1]), _CHECK_3, 3)
    return _ALPHABET[(2 * twos[0] + twos[1]) * 9 + 3 * one + other]


def _sum(pairs: list[tuple[int, int]], matrix: _Matrix, modulus: int) -> tuple[int, int]:
    """First pair times the matrix, second times its square, and so on."""
    total = (0, 0)
    for pair in reversed(pairs):
        total = _times((total[0] + pair[0], total[1] + pair[1]), matrix, modulus)
    return total


def _times(pair: tuple[int, int], matrix: _Matrix, modulus: int) -> tuple[int, int]:
    (a, b), (c, d) = matrix
    return (pair[0] * a + pair[1] * c) % modulus, (pair[0] * b + pair[1] * d) % modulus
