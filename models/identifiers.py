"""Identifiers: from what a charger sends to canonical candidates, display form and pseudonym.

The same functions serve both sides of the join (gateway and loader), so a card in a file and the
same card on the wire always meet (rules 17, 26). Raw and canonical forms stay in memory.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from models.errors import IdentifierError, PseudonymKeyError
from models.identifier_forms import (
    CARD_TYPES,
    FORMS,
    IDENTIFIER_MAX_CHARS,
    TYPE_MAX_CHARS,
    any_text,
    byte_reversed,
)
from models.ids import Pseudonym

PSEUDONYM_HEX_DIGITS = 32
"""128 bits, the least that rule 26 allows; more only makes every record longer."""

KEY_BYTES_MIN = 32
"""HMAC-SHA256 keys shorter than the digest weaken it (RFC 2104, section 3)."""

ACTIVE_EPOCHS_MAX = 8
"""Every token is looked up under each: eight are four years of a rotation every half a year."""

FREE_TYPES_MAX = 8
"""Types of its own that a site names: each is one more candidate of every token."""

CANDIDATES_MAX = len(FORMS) + FREE_TYPES_MAX + 1
"""Of one token: one of each type, and a card's number in the other order."""


class Candidate(NamedTuple):
    """One reading of an identifier: OCPP idToken type and canonical form."""

    identifier_type: str
    canonical: str


class SiteForms(NamedTuple):
    """What a site says of identifiers beyond what OCPP says.

    Attributes:
        free_types: types of OCPP 2.1 that only this site knows, in capitals.
        either_byte_order: a card's number may come in either order (rule 17).
    """

    free_types: tuple[str, ...] = ()
    either_byte_order: bool = False


AS_OCPP_SAYS = SiteForms()


def free_type(name: str) -> str | None:
    """A type that OCPP does not name, in capitals; None when it is no such name.

    Case never matters: a name that differs from one of OCPP's by its case only is none.
    """
    named = 0 < len(name) <= TYPE_MAX_CHARS and name.isascii() and name.isalnum()
    taken = name.casefold() in _TAKEN
    return name.upper() if named and not taken else None


_TAKEN = frozenset(name.casefold() for name in (*FORMS, "NoAuthorization"))


def printable(raw: str) -> str | None:
    """The identifier without outer blanks, or None when it is empty or malformed (rule 17)."""
    text = raw.strip()
    if not text or len(text) > IDENTIFIER_MAX_CHARS or not text.isascii() or not text.isprintable():
        return None
    return text


def normalise(identifier_type: str, raw: str, forms: SiteForms = AS_OCPP_SAYS) -> str:
    """The canonical form of `raw` as an identifier of the given type. Idempotent.

    Args:
        identifier_type: one that OCPP names, or of the site's free types, in capitals.

    Raises:
        IdentifierError: the type is unknown, or the form is not one that the type permits.
    """
    canonical = canonical_form(identifier_type, raw, forms)
    if canonical is not None:
        return canonical
    known = (*FORMS, *forms.free_types)
    if identifier_type not in known:
        raise IdentifierError(f"expected a type of {', '.join(known)}")
    raise IdentifierError(f"the identifier does not have the form of a {identifier_type}")


def canonical_form(identifier_type: str, raw: str, forms: SiteForms = AS_OCPP_SAYS) -> str | None:
    """As `normalise`, and None for what it refuses: many rows are asked for what they are not."""
    form = any_text if identifier_type in forms.free_types else FORMS.get(identifier_type)
    text = printable(raw)
    return None if form is None or text is None else form(text)


def candidates(
    raw: str, stated_type: str | None, forms: SiteForms = AS_OCPP_SAYS
) -> tuple[Candidate, ...]:
    """Every reading that the form permits, the stated type first; empty when unreadable (rule 17).

    A card's number in the other byte order comes after the number as it was read, and only where
    the site says that its readers differ: each of two cards may be the other one reversed.

    Args:
        raw: idTag or idToken as it came.
        stated_type: idToken.type of OCPP 2.x, None for a 1.6 tag.
    """
    text = printable(raw)
    if text is None:
        return ()
    first = stated_type if stated_type in FORMS else (stated_type or "").upper()
    found = list(_readings(text, forms))
    if found and found[0].identifier_type != first:
        found.sort(key=lambda reading: reading.identifier_type != first)
    return tuple(found)


def _readings(text: str, forms: SiteForms) -> Iterator[Candidate]:
    for identifier_type, form in FORMS.items():
        canonical = form(text)
        if canonical is None:
            continue
        read = Candidate(identifier_type, canonical)
        yield read
        other = other_order(read) if forms.either_byte_order else None
        if other is not None:
            yield other
    for identifier_type in forms.free_types:
        yield Candidate(identifier_type, text.upper())


def other_order(card: Candidate) -> Candidate | None:
    """A card as a reader gives it that begins at the other end; None for what reads the same from
    both ends, and for what is no card."""
    if card.identifier_type not in CARD_TYPES:
        return None
    other = byte_reversed(card.canonical)
    return None if other == card.canonical else Candidate(card.identifier_type, other)


def display_form(candidate: Candidate) -> str:
    """What operators see: type and last 3 characters, which are hexadecimal digits of an EVCCID;
    eMAID country/provider and last 2 (rule 26)."""
    identifier_type, canonical = candidate
    if identifier_type == "eMAID":
        return f"eMAID {canonical[:2]}/{canonical[2:5]}…{canonical[-2:]}"
    # A short identifier (a key code) has no tail to show: three characters would be most of it.
    tail = canonical[-3:] if len(canonical) > 2 * 3 else ""
    return f"{identifier_type} …{tail}"


class KeyEpoch(NamedTuple):
    """One epoch of the pseudonym key: its short name and its secret.

    Attributes:
        made_at: UTC; None in files of versions that did not write it.
        retired_at: since when nothing new is looked up under it; what was decided before still is.
    """

    kid: str
    key: bytes
    made_at: datetime | None = None
    retired_at: datetime | None = None

    def __repr__(self) -> str:
        return f"KeyEpoch(kid={self.kid!r})"


class Pseudonymiser:
    """Pseudonyms of one installation (rule 26). Pure: the same input gives the same pseudonym.

    Args:
        epochs: newest first; those that are not retired match, only the newest is written.
        tenant: the installation's name, so that two installations never share a pseudonym.

    Raises:
        PseudonymKeyError: no epoch, the newest one retired, too many in use, a key of fewer than
            32 bytes, two epochs of one name, or a tenant that could be read as tenant and type.
    """

    def __init__(self, epochs: tuple[KeyEpoch, ...], tenant: str) -> None:
        if not epochs:
            raise PseudonymKeyError("the pseudonym key file names no epoch; expected at least one")
        if epochs[0].retired_at is not None:
            raise PseudonymKeyError("the newest epoch of the pseudonym key file is retired")
        active = tuple(epoch for epoch in epochs if epoch.retired_at is None)
        if len(active) > ACTIVE_EPOCHS_MAX:
            raise PseudonymKeyError(
                f"the pseudonym key file has {len(active)} epochs in use; expected at most "
                f"{ACTIVE_EPOCHS_MAX}: retire the oldest with `depotgate keys retire`"
            )
        if any(len(epoch.key) < KEY_BYTES_MIN for epoch in epochs):
            raise PseudonymKeyError(f"a pseudonym key has fewer than {KEY_BYTES_MIN} bytes")
        if len({epoch.kid for epoch in epochs}) < len(epochs):
            raise PseudonymKeyError("two epochs of the pseudonym key file have the same kid")
        # `a|Local` and type `Local` would otherwise sign what `a` signs for `Local|…`.
        if not tenant or "|" in tenant or not tenant.isprintable():
            raise PseudonymKeyError(f"expected a printable tenant without |, got {tenant!r}")
        self._epochs = epochs
        self._active = active
        self._tenant = tenant
        # A key is taken in once: that is a third of the work of so short a message.
        self._keyed = {epoch.kid: hmac.new(epoch.key, digestmod=hashlib.sha256) for epoch in epochs}

    @property
    def kids(self) -> tuple[str, ...]:
        """Names of the epochs in use, newest first."""
        return tuple(epoch.kid for epoch in self._active)

    def current(self, candidate: Candidate) -> Pseudonym:
        """The pseudonym under the newest epoch: the one that is stored."""
        return self._pseudonym(self._epochs[0], candidate)

    def all(self, candidate: Candidate) -> tuple[Pseudonym, ...]:
        """The pseudonyms under every epoch in use, newest first: those that are looked up."""
        return tuple([self._pseudonym(epoch, candidate) for epoch in self._active])

    def earlier(self, candidate: Candidate) -> tuple[Pseudonym, ...]:
        """What `current` was, or would have been, under the other epochs, the retired among them.

        Records and decisions of those times are found by it; no new attempt is.
        """
        return tuple([self._pseudonym(epoch, candidate) for epoch in self._epochs[1:]])

    def _pseudonym(self, epoch: KeyEpoch, candidate: Candidate) -> Pseudonym:
        message = f"{self._tenant}|{candidate.identifier_type}|{candidate.canonical}".encode()
        digest = self._keyed[epoch.kid].copy()
        digest.update(message)
        return Pseudonym(f"{epoch.kid}:{digest.hexdigest()[:PSEUDONYM_HEX_DIGITS]}")

    def credential_verifier(self, charger_id: str, password: str) -> str:
        """`hash:hmac-sha256:KID:HEX` of a charger's password under the newest epoch.

        The same key file serves, with a message that no identifier can have: it has two bars more.
        """
        return self._verifier(self._epochs[0], charger_id, password)

    def earlier_verifiers(self, charger_id: str, password: str) -> tuple[str, ...]:
        """The same password's verifiers under the older epochs in use."""
        return tuple(self._verifier(epoch, charger_id, password) for epoch in self._active[1:])

    def verify_credential(self, charger_id: str, password: str, verifier: str) -> bool:
        """Whether the password is the one the verifier was made from, in constant time."""
        stated = verifier.encode()  # compare_digest takes no text beyond ASCII
        return any(
            hmac.compare_digest(self._verifier(epoch, charger_id, password).encode(), stated)
            for epoch in self._active
        )

    def _verifier(self, epoch: KeyEpoch, charger_id: str, password: str) -> str:
        message = f"credential|{len(charger_id)}|{charger_id}|{password}".encode()
        digest = hmac.digest(b"credential" + epoch.key, message, hashlib.sha256)
        return f"hash:hmac-sha256:{epoch.kid}:{digest.hex()}"
