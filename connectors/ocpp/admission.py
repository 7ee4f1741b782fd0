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
from models.identifiers import Pseudonymiser
from models.ids import ChargerId
from models.site import ChargerRecord

PATH_PREFIX = "/ocpp/"

REALM = "depotgate"

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
    SUBPROTOCOL = "subprotocol"
    TOO_MANY_HANDSHAKES = "too_many_handshakes"
    TOO_MANY_CONNECTIONS = "too_many_connections"


class Refused(NamedTuple):
    """An HTTP answer instead of a WebSocket."""

    cause: Refusal
    status: HTTPStatus
    text: str
    headers: Mapping[str, str]


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
        self._wrong: Buckets[tuple[str, ChargerId]] = Buckets(
            WRONG_CREDENTIALS_BURST, WRONG_CREDENTIALS_EVERY_S
        )
        self._unknown: Buckets[str] = Buckets(UNKNOWN_CHARGERS_BURST, UNKNOWN_CHARGERS_EVERY_S)

    def admit(
        self, path: str, authorization: Sequence[str], address: str, now_s: float
    ) -> ChargerRecord | Refused:
        """The charger that may come in, or what it is answered.

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
        key = (address, charger_id)
        # Before looking at the password: else a guess would count even when it may not be made.
        wait_s = self._wrong.wait_s(key, now_s)
        if wait_s > 0:
            return _rate_limited(wait_s)
        cause = self._fault(charger, authorization)
        if cause is None:
            return charger
        self._wrong.take(key, now_s)
        return _unauthorized(cause)

    def _unknown_id(self, cause: Refusal, address: str, now_s: float) -> Refused:
        wait_s = self._unknown.wait_s(address, now_s)
        if wait_s > 0:
            return _rate_limited(wait_s)
        self._unknown.take(address, now_s)
        return Refused(cause, HTTPStatus.NOT_FOUND, "No such charging station.\n", {})

    def _fault(self, charger: ChargerRecord, authorization: Sequence[str]) -> Refusal | None:
        if len(authorization) != 1:
            return Refusal.NO_CREDENTIALS
        try:
            user, password = parse_authorization_basic(authorization[0])
            # A byte that is not UTF-8 arrives as a surrogate, and no verifier was made from one.
            password.encode()
        except (InvalidHeader, UnicodeEncodeError):
            return Refusal.WRONG_CREDENTIALS
        if user != charger.charger_id:
            return Refusal.WRONG_USER
        verifier = charger.verifier
        if verifier is None:
            return Refusal.WRONG_CREDENTIALS
        verified = self._pseudonymiser.verify_credential(charger.charger_id, password, verifier)
        return None if verified else Refusal.WRONG_CREDENTIALS


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
