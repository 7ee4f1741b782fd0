"""Names of things, as types, and the ids made from natural keys."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import NewType
from uuid import NAMESPACE_URL, UUID, uuid5

ChargerId = NewType("ChargerId", str)
SiteId = NewType("SiteId", str)
ConnectionId = NewType("ConnectionId", str)
"""UUIDv7 of one WebSocket connection; ordered by time, so the newer one is the greater."""
GatewayInstance = NewType("GatewayInstance", str)
RequestId = NewType("RequestId", str)
"""Also the decision's id and the outcome's id: one attempt, one id."""
AttemptId = NewType("AttemptId", str)
CommandId = NewType("CommandId", str)
OverrideId = NewType("OverrideId", str)
Pseudonym = NewType("Pseudonym", str)
"""`kid:hex`, HMAC-SHA256 over tenant, type and canonical identifier (rule 26)."""
Slot = NewType("Slot", int)
"""The partition of access.decisions and charger.commands on which a gateway listens."""

_SEPARATOR = "\x1f"
"""ASCII unit separator: cannot occur in an OCPP identifier string, so keys never run together."""

_TIMED_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{16}")

_SESSION_NAMESPACE = uuid5(NAMESPACE_URL, "depotgate:session")


def _digest(natural_key: tuple[str | int, ...]) -> bytes:
    return hashlib.sha256(_SEPARATOR.join(map(str, natural_key)).encode()).digest()


def timed_id(at: datetime, *natural_key: str | int) -> str:
    """An id that doing the same thing twice gives twice: `YYYYMMDDTHHMMSS-` and 16 hex digits.

    Args:
        at: UTC-aware event time; its seconds make ids sortable and tell a reader where to look.
        natural_key: what makes the event itself, for instance charger, connection, message id.
    """
    # Cut out of the ISO form: strftime takes twice as long, and each message has such an id.
    iso = at.astimezone(UTC).isoformat()
    second = f"{iso[:4]}{iso[5:7]}{iso[8:13]}{iso[14:16]}{iso[17:19]}"
    return f"{second}-{_digest(natural_key).hex()[:16]}"


def time_of_id(identifier: str) -> datetime:
    """The event time in a `timed_id`, to the second, UTC. Raises ValueError on any other text."""
    if not _TIMED_ID.fullmatch(identifier):
        raise ValueError("expected an id of a date, a time and 16 hex digits")
    return datetime.strptime(identifier[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def wire_transaction_id(*natural_key: str | int) -> int:
    """OCPP 1.6 transactionId: 31 bits of a hash over the natural key, never 0.

    A repeated StartTransaction gets the same id from any gateway, also after a restart.
    """
    return int.from_bytes(_digest(natural_key)[:4]) % (2**31 - 1) + 1


def session_id(*natural_key: str | int) -> UUID:
    """A session's own id over the same natural key: ids on the wire belong to their charger."""
    return uuid5(_SESSION_NAMESPACE, _SEPARATOR.join(str(part) for part in natural_key))
