"""Chargers that are odd about cards and sessions, in every version: findings 1, 5 and 7.

Each class stands before a version's charger: `class StartsUnasked16(StartsUnasked, Charger16)`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, ClassVar

from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger21 import Charger21
from depotgate.demo.charger201 import Charger201
from depotgate.demo.link import Answer
from depotgate.demo.session import ACCEPTED, AttemptResult, Card, Plug, Session, Stop


class StartsUnasked(Charger):
    """Finding 1: starts with any card and asks no Authorize, as out of a list of its own."""

    @property
    def _asks_first(self) -> bool:
        return False


class StartsUnasked16(StartsUnasked, Charger16):
    """Over OCPP 1.6."""


class StartsUnasked201(StartsUnasked, Charger201):
    """Over OCPP 2.0.1."""


class StartsUnasked21(StartsUnasked, Charger21):
    """Over OCPP 2.1."""


class Caches(Charger):
    """Finding 5: remembers every accepted card, and does not ask for one that it remembers.

    Attributes:
        cached: tokens, and until when each is good; None = until the cache is cleared.
        heeds_expiry: False = a card without end, whatever the answer said.
    """

    heeds_expiry: ClassVar[bool] = False

    def __init__(self, charger_id: str, endpoint: str, **options: Any) -> None:
        super().__init__(charger_id, endpoint, **options)
        self.cached: dict[str, datetime | None] = {}
        self._good_until: datetime | None = None

    def clear_cache(self) -> None:
        """Forget all cards."""
        self.cached.clear()

    async def authorize(self, card: Card) -> AttemptResult:
        """From memory where it can."""
        if self._remembers(card):
            return AttemptResult("authorization cache", ACCEPTED, None, 0.0)
        return await super().authorize(card)

    def _remembers(self, card: Card) -> bool:
        if card.token not in self.cached:
            return False
        until = self.cached[card.token]
        return until is None or not self.heeds_expiry or datetime.now(UTC) < until

    def _verdict(self, action: str, answer: Answer) -> AttemptResult:
        payload = answer.payload
        info = getattr(payload, "id_tag_info", None) or getattr(payload, "id_token_info", None)
        told = info or {}
        written = told.get("expiry_date") or told.get("cache_expiry_date_time")
        self._good_until = datetime.fromisoformat(written) if written else None
        return super()._verdict(action, answer)  # type: ignore[safe-super]

    async def _present(self, card: Card | None, asking: Awaitable[AttemptResult]) -> AttemptResult:
        result = await super()._present(card, asking)
        if card is not None and result.accepted:
            self.cached[card.token] = self._good_until
        return result


class Caches16(Caches, Charger16):
    """Over OCPP 1.6."""


class Caches201(Caches, Charger201):
    """Over OCPP 2.0.1."""


class Caches21(Caches, Charger21):
    """Over OCPP 2.1."""


class HeedsExpiry16(Caches16):
    """Its cache keeps to the expiryDate of an answer."""

    heeds_expiry = True


class HeedsExpiry21(Caches21):
    """Its cache keeps to the cacheExpiryDateTime of an answer."""

    heeds_expiry = True


class StopsWithoutId16(Charger16):
    """Finding 7: names a transaction 0 when it ends."""

    called: ClassVar[int] = 0

    async def _send_stop(
        self, plug: Plug, session: Session, why: Stop, card: Card | None, at: datetime
    ) -> None:
        session.transaction_id = self.called
        await super()._send_stop(plug, session, why, card, at)


class StopsAsMinusOne16(StopsWithoutId16):
    """Finding 7: names a transaction -1 when it ends."""

    called = -1


ENDS_COUNT = 3
"""How often one that repeats itself says that a session ended."""


class EndsThrice(Charger):
    """Finding 7: says three times that a session ended; in 2.x twice with one seqNo."""

    async def _send_stop(
        self, plug: Plug, session: Session, why: Stop, card: Card | None, at: datetime
    ) -> None:
        seq_no = session.seq_no
        for count in range(ENDS_COUNT):
            session.seq_no = seq_no + count // 2
            await super()._send_stop(plug, session, why, card, at)  # type: ignore[safe-super]


class EndsThrice16(EndsThrice, Charger16):
    """Over OCPP 1.6."""


class EndsThrice201(EndsThrice, Charger201):
    """Over OCPP 2.0.1."""


class EndsThrice21(EndsThrice, Charger21):
    """Over OCPP 2.1."""
