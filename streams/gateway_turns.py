"""Turns of the chargers of one worker, a queue for each gateway."""

from __future__ import annotations

import time
from collections.abc import Callable

from models.charger import ChargerState
from models.ids import ChargerId, GatewayInstance
from models.schedule import Mode
from models.turns import URGENCY, Turns

Turn = Callable[[ChargerState], bool]
"""Whether a charger may be commanded now; else it is looked at again when it may."""


class GatewayTurns:
    """Spreads commands so that each gateway gets at most its rate from all workers together.

    Every worker uses the part of the rate that its part of the partitions is: what one does not
    need the others do not get, and nobody has to be asked.
    """

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._of: dict[GatewayInstance, Turns[ChargerId]] = {}
        self._called: dict[ChargerId, int] = {}

    def come(
        self,
        row: ChargerState,
        share: float,
        urgency: int | None = None,
        *,
        turns_count: int = 1,
    ) -> bool:
        """Whether the charger may be commanded now; else `due` names it when it may.

        Args:
            urgency: None = that of its desired mode.
            share: of all partitions, what is assigned here.
            turns_count: what the command takes of the rate.
        """
        assert row.connection is not None, "a command needs a connection to go to"
        gateway = row.connection.gateway_instance
        turns = self._of.setdefault(gateway, Turns(self._per_s))
        turns.per_s = self._rate(share)
        if urgency is None:
            urgency = URGENCY[row.desired or Mode.MANAGED]
        now_s, taken_count = time.monotonic(), self._called.pop(row.charger_id, None)
        if taken_count is None:
            return turns.ask(row.charger_id, urgency, now_s, turns_count)
        # It may have been called for what costs less.
        turns.owe(max(0, turns_count - taken_count), now_s)
        return True

    def due(self, share: float) -> list[ChargerId]:
        """Chargers whose turn it is, to be looked at now; one that needs none any more lets it go.

        A charger that changed its gateway meanwhile may wait at both, and is looked at once.
        """
        found: dict[ChargerId, int] = {}
        for gateway, turns in list(self._of.items()):
            turns.per_s = self._rate(share)
            found |= turns.due(time.monotonic())
            if turns.rested(time.monotonic()):
                del self._of[gateway]
        self._called = found
        return list(found)

    def _rate(self, share: float) -> float:
        # None assigned, as between two assignments: what is asked then is asked again after it.
        return max(self._per_s * share, self._per_s / 16)
