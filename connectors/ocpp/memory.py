"""What the gateway remembers between messages; bounded, per process, and never written anywhere."""

from __future__ import annotations

import math

from connectors.cases import Settled
from connectors.ocpp.clock_readings import ClockMemory
from connectors.recent import Recent
from models.attempt import Token
from models.ids import AttemptId, ChargerId, Pseudonym
from models.local_list import Held
from models.screens import UNKNOWN_SCREEN, Screen

AUTHORIZED_MAX = 50_000
AUTHORIZED_KEPT_S = 120.0
"""Within the connection time-out of chargers (usually 60 s, up to 120) an Authorize leads to a
start (rule 30)."""

TOLD_MAX = 20_000
TOLD_KEPT_S = 24 * 3600.0
"""Twice as many as a gateway has connectors, and about as long as a vehicle stays."""

TAGS_MAX = 20_000
SCREENS_MAX = 20_000
"""Twice as many as a gateway has chargers."""

LISTS_MAX = 200
"""Of the groups of chargers that one gateway serves; where there are more, some are held twice."""


class AttemptMemory:
    """Attempts that belong together, answers in a transaction, refused starts, tags read back.

    Attributes:
        clocks: how far each charger's clock is off.
    """

    def __init__(self) -> None:
        self.clocks = ClockMemory()
        self._authorized: Recent[tuple[ChargerId, Pseudonym], AttemptId] = Recent(
            AUTHORIZED_MAX, AUTHORIZED_KEPT_S
        )
        self._told: Recent[tuple[ChargerId, int | str, str], Settled] = Recent(
            TOLD_MAX, TOLD_KEPT_S
        )
        self._tags: Recent[ChargerId, str] = Recent(TAGS_MAX, math.inf)
        self._screens: Recent[ChargerId, Screen] = Recent(SCREENS_MAX, math.inf)
        self._lists: Recent[tuple[Held, ...], tuple[Held, ...]] = Recent(LISTS_MAX, math.inf)
        self._refused_at: Recent[tuple[ChargerId, int], int] = Recent(TOLD_MAX, TOLD_KEPT_S)
        self._refused_replays: Recent[tuple[ChargerId, str], bool] = Recent(TOLD_MAX, TOLD_KEPT_S)
        self._refused: Recent[tuple[ChargerId, int], int] = Recent(TOLD_MAX, TOLD_KEPT_S)

    def authorized(
        self, charger_id: ChargerId, token: Token, attempt_id: AttemptId, now_s: float
    ) -> None:
        """An Authorize began an attempt."""
        if token.lasting_pseudonym is not None:
            self._authorized.put((charger_id, token.lasting_pseudonym), attempt_id, now_s)

    def attempt_of(self, charger_id: ChargerId, token: Token, now_s: float) -> AttemptId | None:
        """The attempt that a start belongs to, None when it is one of its own."""
        if token.lasting_pseudonym is None:
            return None
        return self._authorized.get((charger_id, token.lasting_pseudonym), now_s)

    def tell(
        self,
        charger_id: ChargerId,
        transaction_id: int | str,
        token: Token,
        settled: Settled,
        now_s: float,
    ) -> None:
        """A token was answered within a transaction."""
        self._told.put((charger_id, transaction_id, _named(token)), settled, now_s)

    def told(
        self, charger_id: ChargerId, transaction_id: int | str, token: Token, now_s: float
    ) -> Settled | None:
        """What it was answered: within one transaction it is not decided again (rule 30)."""
        return self._told.get((charger_id, transaction_id, _named(token)), now_s)

    def refuse(
        self, charger_id: ChargerId, connector: int, transaction_id: int, now_s: float
    ) -> None:
        """A 1.6 session was refused its start and has a transaction id all the same."""
        self._refused.put((charger_id, connector), transaction_id, now_s)
        self._refused_at.put((charger_id, transaction_id), connector, now_s)

    def refused(self, charger_id: ChargerId, connector: int, now_s: float) -> int | None:
        """The transaction that was refused last at a connector, if nothing came after it."""
        return self._refused.get((charger_id, connector), now_s)

    def forget_refused(self, charger_id: ChargerId, connector: int, now_s: float) -> None:
        """Another session began at the connector, or the vehicle has gone."""
        self._refused.pop((charger_id, connector), now_s)

    def forget_refused_transaction(
        self, charger_id: ChargerId, transaction_id: int, now_s: float
    ) -> None:
        """It has ended: nothing of it is left to stop (rule 15)."""
        connector = self._refused_at.pop((charger_id, transaction_id), now_s)
        if connector is not None and self.refused(charger_id, connector, now_s) == transaction_id:
            self.forget_refused(charger_id, connector, now_s)

    def refuse_replayed(self, charger_id: ChargerId, transaction_id: str, now_s: float) -> None:
        """A 2.x session that was told of later must not go on, if it still runs."""
        self._refused_replays.put((charger_id, transaction_id), True, now_s)

    def refused_replay(self, charger_id: ChargerId, transaction_id: str, now_s: float) -> bool:
        """Whether that session is such a one."""
        return self._refused_replays.get((charger_id, transaction_id), now_s) is True

    def forget_replayed(self, charger_id: ChargerId, transaction_id: str, now_s: float) -> None:
        """It has ended."""
        self._refused_replays.pop((charger_id, transaction_id), now_s)

    def read_back(self, charger_id: ChargerId, tag: str, now_s: float) -> None:
        """A charger told which tag it presents in freevend (rule 17)."""
        self._tags.put(charger_id, tag, now_s)

    def shows(self, charger_id: ChargerId, screen: Screen, now_s: float) -> None:
        """A charger told what its display shows."""
        self._screens.put(charger_id, screen, now_s)

    def screen_of(self, charger_id: ChargerId, now_s: float) -> Screen:
        """What it told last, on this connection or one before it."""
        return self._screens.get(charger_id, now_s) or UNKNOWN_SCREEN

    def one_list(self, entries: tuple[Held, ...], now_s: float) -> tuple[Held, ...]:
        """The same list as one object: chargers of a group have the same, of 40 kB each."""
        known = self._lists.get(entries, now_s) or entries
        self._lists.put(known, known, now_s)
        return known

    def tag_of(self, charger_id: ChargerId, now_s: float) -> str | None:
        """The tag it told last."""
        return self._tags.get(charger_id, now_s)


def _named(token: Token) -> str:
    return token.lasting_pseudonym or token.kind
