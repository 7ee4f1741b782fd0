"""The connections of this process: the newest of each charger, and every one by its id."""

from __future__ import annotations

from collections import Counter
from typing import Generic, Protocol, TypeVar

from connectors.telemetry.metrics import Metrics
from models.ids import ChargerId, ConnectionId
from models.metrics import CONNECTED
from models.reasons import OcppVersion
from models.site import ChargerRecord

CLOSE_REPLACED = 1008
"""RFC 6455 section 7.4.1, policy violation: of two connections of a charger the newer one stays."""

CLOSE_REMOVED = 1008


class Held(Protocol):
    """What the registry needs of a connection."""

    @property
    def connection_id(self) -> ConnectionId: ...

    @property
    def charger(self) -> ChargerRecord: ...

    @property
    def ocpp(self) -> OcppVersion: ...

    def close(self, code: int, reason: str) -> None:
        """Begin to close; returns at once."""


C = TypeVar("C", bound=Held)


class Registry(Generic[C]):
    """Authenticated connections. The newest of a charger wins (design, what always holds, 8)."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._newest: dict[ChargerId, C] = {}
        self._all: dict[ConnectionId, C] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return len(self._all)

    def of(self, charger_id: ChargerId) -> C | None:
        """The charger's newest connection."""
        return self._newest.get(charger_id)

    def by_id(self, connection_id: ConnectionId) -> C | None:
        """A connection that is still open here."""
        return self._all.get(connection_id)

    def every(self) -> tuple[C, ...]:
        """All that are open."""
        return tuple(self._all.values())

    def enter(self, connection: C) -> None:
        """Take a new connection; an older one of the same charger is told to close."""
        charger = connection.charger
        older = self._newest.get(charger.charger_id)
        self._newest[charger.charger_id] = connection
        self._all[connection.connection_id] = connection
        self._count(connection, 1)
        if older is not None:
            older.close(CLOSE_REPLACED, "replaced by a newer connection")

    def leave(self, connection: C) -> None:
        """Forget a connection that has ended."""
        if self._all.pop(connection.connection_id, None) is None:
            return
        self._count(connection, -1)
        charger_id = connection.charger.charger_id
        if self._newest.get(charger_id) is connection:
            del self._newest[charger_id]

    def charger_changed(self, charger_id: ChargerId, now: ChargerRecord | None) -> None:
        """Close the connection of a charger that was removed, moved or given other credentials."""
        connection = self._newest.get(charger_id)
        if connection is None:
            return
        if now is None:
            connection.close(CLOSE_REMOVED, "this charging station was removed")
        elif not _same_terms(connection.charger, now):
            connection.close(CLOSE_REMOVED, "the terms of this connection were changed")

    def _count(self, connection: C, by: int) -> None:
        labels = (str(connection.charger.site_id), str(connection.ocpp))
        self._counts[labels] += by
        self._metrics.set(CONNECTED, self._counts[labels], *labels)


def _same_terms(before: ChargerRecord, now: ChargerRecord) -> bool:
    """Whether what was looked at when it was let in is the same, and the site its events name."""
    same = _terms(before) == _terms(now)
    # Under another key epoch the same password has another verifier.
    return same and (now.verifier == before.verifier or before.verifier in now.earlier_verifiers)


def _terms(charger: ChargerRecord) -> tuple[object, ...]:
    return (charger.security_profile, charger.ocpp, charger.site_id)
