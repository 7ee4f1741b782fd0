"""Who may connect: path, charger, credentials, and how often one may be wrong (design, 8).

No IO and no clock. Nothing here, no message and no count, holds a credential or a charger's id.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

from websockets.exceptions import InvalidHeader
from websockets.headers import build_www_authenticate_basic, parse_authorization_basic

from connectors.ocpp.ratelimit import Buckets
from connectors.ocpp.table import Version
from connectors.ocpp.versions import SUBPROTOCOLS
from connectors.slow_hash import PREFIX as SLOW
from connectors.slow_hash import SlowHashes, TooManyWaitingError
from models.identifiers import Pseudonymiser
from models.ids import ChargerId
from models.site import ChargerRecord

PATH_PREFIX = "/ocpp/"

REALM = "depotgate"

TLS_FROM, BY_CERTIFICATE = 2, 3
"""Security profiles: from 2 on the connection is encrypted, with 3 the certificate says who it is.
Nobody is let in below their own: whoever cuts the TLS off would read the password."""

CHARGER_ID_CHARS_MAX = 255
"""A percent-encoded id longer than this is none of ours: OCPP 2.0.1 allows 48 characters."""

WRONG_CREDENTIALS_BURST = 10
WRONG_CREDENTIALS_EVERY_S = 6.0
"""A charger with an old password dials a few times a minute; ten guesses a minute find nothing."""

UNKNOWN_CHARGERS_BURST = 30
UNKNOWN_CHARGERS_EVERY_S = 2.0
"""For a whole address: behind one there may be a site's worth of chargers not loaded yet."""


class Refusal(StrEnum):
    """Why a connection was refused; the labels of a metric."""

    PATH = "path"
    UNKNOWN_CHARGER = "unknown_charger"
    RATE_LIMITED = "rate_limited"
    NO_CREDENTIALS = "no_credentials"
    WRONG_USER = "wrong_user"
    WRONG_CREDENTIALS = "wrong_credentials"
    UNAUTHENTICATED = "unauthenticated_not_allowed"
    BELOW_PROFILE = "below_security_profile"
    CERTIFICATE = "certificate"
    TOO_MANY_PASSWORDS = "too_many_passwords"
    SUBPROTOCOL = "subprotocol"
    TOO_MANY_HANDSHAKES = "too_many_handshakes"
    TOO_MANY_CONNECTIONS = "too_many_connections"


class Refused(NamedTuple):
    """An HTTP answer instead of a WebSocket."""

    cause: Refusal
    status: HTTPStatus
    text: str
    headers: Mapping[str, str]


class Link(NamedTuple):
    """How the connection of a handshake is secured.

    Attributes:
        certificate_names: of the verified client certificate, casefolded; empty without one.
    """

    encrypted: bool
    certificate_names: frozenset[str]


PLAIN = Link(encrypted=False, certificate_names=frozenset())


class Unverified(NamedTuple):
    """A password that only a slow hash can tell right from wrong; see `Admission.verify`."""

    charger: ChargerRecord
    password: str
    verifier: str
    address: str

    def __repr__(self) -> str:
        return f"Unverified(charger_id={self.charger.charger_id!r})"


class Admission:
    """Authenticates opening handshakes.

    Args:
        chargers: as the replica has them; read at each call.
        allow_unauthenticated: whether rows of security profile 0 are let in at all.
    """

    def __init__(
        self,
        chargers: Mapping[ChargerId, ChargerRecord],
        pseudonymiser: Pseudonymiser,
        *,
        allow_unauthenticated: bool,
    ) -> None:
        self._chargers = chargers
        self._pseudonymiser = pseudonymiser
        self._allow_unauthenticated = allow_unauthenticated
        self._slow_hashes = SlowHashes()
        self._wrong: Buckets[tuple[str, ChargerId]] = Buckets(
            WRONG_CREDENTIALS_BURST, WRONG_CREDENTIALS_EVERY_S
        )
        self._unknown: Buckets[str] = Buckets(UNKNOWN_CHARGERS_BURST, UNKNOWN_CHARGERS_EVERY_S)

    def admit(
        self,
        path: str,
        authorization: Sequence[str],
        address: str,
        now_s: float,
        link: Link = PLAIN,
    ) -> ChargerRecord | Refused | Unverified:
        """The charger that may come in, what it is answered, or what is still to be verified.

        Args:
            path: request target, as it came.
            authorization: every Authorization header.
            address: of the peer, without its port.
        """
        charger_id = charger_id_of(path)
        if charger_id is None:
            return self._unknown_id(Refusal.PATH, address, now_s)
        charger = self._chargers.get(charger_id)
        if charger is None:
            return self._unknown_id(Refusal.UNKNOWN_CHARGER, address, now_s)
        if charger.security_profile == 0:
            return charger if self._allow_unauthenticated else _UNAUTHENTICATED
        if charger.security_profile >= TLS_FROM and not link.encrypted:
            return _BELOW_PROFILE
        if charger.security_profile == BY_CERTIFICATE:
            named = charger.charger_id.casefold() in link.certificate_names
            return charger if named else _CERTIFICATE
        return self._by_password(charger, authorization, address, now_s)

    def _by_password(
        self, charger: ChargerRecord, authorization: Sequence[str], address: str, now_s: float
    ) -> ChargerRecord | Refused | Unverified:
        key = (address, charger.charger_id)
        # Before looking at the password: else a guess would count even when it may not be made.
        wait_s = self._wrong.wait_s(key, now_s)
        if wait_s > 0:
            return _rate_limited(wait_s)
        found = self._verified(charger, authorization, address)
        if isinstance(found, Refusal):
            self._wrong.take(key, now_s)
            return _unauthorized(found)
        return found

    async def verify(self, unverified: Unverified, now_s: float) -> ChargerRecord | Refused:
        """Let in whom a slow hash lets in; see `admit`."""
        charger, password, verifier, address = unverified
        try:
            right = await self._slow_hashes.verify(charger.charger_id, password, verifier)
        except TooManyWaitingError:
            return _TOO_MANY_PASSWORDS
        if right:
            return charger
        self._wrong.take((address, charger.charger_id), now_s)
        return _unauthorized(Refusal.WRONG_CREDENTIALS)

    def _unknown_id(self, cause: Refusal, address: str, now_s: float) -> Refused:
        wait_s = self._unknown.wait_s(address, now_s)
        if wait_s > 0:
            return _rate_limited(wait_s)
        self._unknown.take(address, now_s)
        return Refused(cause, HTTPStatus.NOT_FOUND, "No such charging station.\n", {})

    def _verified(
        self, charger: ChargerRecord, authorization: Sequence[str], address: str
    ) -> ChargerRecord | Refusal | Unverified:
        password = _password_of(charger.charger_id, authorization)
        if isinstance(password, Refusal):
            return password
        charger_id, verifier = charger.charger_id, charger.verifier
        if verifier is None:
            return Refusal.WRONG_CREDENTIALS
        if not verifier.startswith(SLOW):
            right = self._pseudonymiser.verify_credential(charger_id, password, verifier)
        elif self._slow_hashes.remembers(charger_id, password, verifier):
            right = True
        else:
            return Unverified(charger, password, verifier, address)
        return charger if right else Refusal.WRONG_CREDENTIALS


def _password_of(charger_id: ChargerId, authorization: Sequence[str]) -> str | Refusal:
    """The password of HTTP Basic, whose user is the charger itself (OCPP-J, security profile 1)."""
    if len(authorization) != 1:
        return Refusal.NO_CREDENTIALS
    try:
        user, password = parse_authorization_basic(authorization[0])
        # A byte that is not UTF-8 arrives as a surrogate, and no verifier was made from one.
        password.encode()
    except (InvalidHeader, UnicodeEncodeError):
        return Refusal.WRONG_CREDENTIALS
    return password if user == charger_id else Refusal.WRONG_USER


def charger_id_of(path: str) -> ChargerId | None:
    """The charger id in a request target, None when the path is not ours."""
    target = path.partition("?")[0]
    if not target.startswith(PATH_PREFIX):
        return None
    encoded = target[len(PATH_PREFIX) :]
    if not encoded or "/" in encoded or len(encoded) > CHARGER_ID_CHARS_MAX:
        return None
    try:
        return ChargerId(unquote(encoded, errors="strict"))
    except UnicodeDecodeError:
        return None


def version_for(charger: ChargerRecord, offered: Sequence[str]) -> Version | None:
    """The version to speak: the newest that is offered and that the charger's row allows."""
    for subprotocol, version in SUBPROTOCOLS.items():
        if subprotocol in offered and charger.ocpp in {None, version.name}:
            return version
    return None


def _rate_limited(wait_s: float) -> Refused:
    headers = {"Retry-After": str(math.ceil(wait_s))}
    text = "Too many failed attempts.\n"
    return Refused(Refusal.RATE_LIMITED, HTTPStatus.TOO_MANY_REQUESTS, text, headers)


def _unauthorized(cause: Refusal) -> Refused:
    # One text for every cause: a guesser learns nothing from it.
    headers = {"WWW-Authenticate": build_www_authenticate_basic(REALM)}
    return Refused(cause, HTTPStatus.UNAUTHORIZED, "Credentials are required.\n", headers)


_UNAUTHENTICATED = _unauthorized(Refusal.UNAUTHENTICATED)
_CERTIFICATE = Refused(
    Refusal.CERTIFICATE,
    HTTPStatus.FORBIDDEN,
    "A client certificate that names this charging station is required.\n",
    {},
)
_BELOW_PROFILE = Refused(
    Refusal.BELOW_PROFILE,
    HTTPStatus.FORBIDDEN,
    "This charging station has to use TLS.\n",
    {},
)
_TOO_MANY_PASSWORDS = Refused(
    Refusal.TOO_MANY_PASSWORDS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Too many are being authenticated.\n",
    {"Retry-After": "10"},
)
