"""What live messages say of a charger's clock, and what the gateway remembers of it (rule 11)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.ocpp.wire import read_time
from connectors.recent import Recent
from models.clocks import READINGS_MAX, ClockOffset, before, measured, reading
from models.ids import ChargerId

CLOCKS_MAX = 20_000
"""Twice as many as a gateway has chargers."""

NEWS_S = 1.0
"""Timestamps of whole seconds jitter by as much; the worker needs no event for that."""

Payload = Mapping[str, Any]


def _timestamp(payload: Payload) -> object:
    return payload.get("timestamp")


def _live_event(payload: Payload) -> object:
    return None if payload.get("offline") is True else payload.get("timestamp")


def _generated(payload: Payload) -> object:
    return payload.get("generatedAt")


def _last_value(payload: Payload) -> object:
    """In 1.6 the values of a transaction are kept for later like its start; the others are not."""
    values = payload.get("meterValue")
    if payload.get("transactionId") is not None or not values:
        return None
    return values[-1].get("timestamp")


TIMESTAMPS: Mapping[str, Callable[[Payload], object]] = {
    "MeterValues": _last_value,
    "NotifyEvent": _generated,
    "StartTransaction": _timestamp,
    "StatusNotification": _timestamp,
    "TransactionEvent": _live_event,
}
"""Actions that state when they happen, and where. StopTransaction and SecurityEventNotification
are kept for later without saying so, and tell nothing of the clock."""


class ClockMemory:
    """The clocks of a gateway's chargers, kept over reconnects: it is then that replays come."""

    def __init__(self) -> None:
        self._readings: Recent[ChargerId, tuple[float, ...]] = Recent(CLOCKS_MAX, math.inf)
        self._measured: Recent[ChargerId, ClockOffset] = Recent(CLOCKS_MAX, math.inf)

    def note(  # noqa: PLR0917 - a message, its connection and its arrival by two clocks
        self,
        charger_id: ChargerId,
        action: str,
        payload: Payload,
        since: datetime,
        received_at: datetime,
        now_s: float,
    ) -> None:
        """Take a reading of a message, if it is one that tells.

        Args:
            since: of the connection: a 1.6 start before it is a replay.
        """
        timestamp_of = TIMESTAMPS.get(action)
        charger_at = read_time(timestamp_of(payload)) if timestamp_of else None
        if charger_at is None:
            return
        if action == "StartTransaction" and before(charger_at, since, self.of(charger_id, now_s)):
            return
        earlier = self._readings.get(charger_id, now_s) or ()
        readings = (*earlier, reading(charger_at, received_at))[-READINGS_MAX:]
        self._readings.put(charger_id, readings, now_s)
        clock = measured(readings)
        if clock is None:
            self._measured.pop(charger_id, now_s)
        else:
            self._measured.put(charger_id, clock, now_s)

    def of(self, charger_id: ChargerId, now_s: float) -> ClockOffset | None:
        """The charger's clock as it was measured; None when it was not."""
        return self._measured.get(charger_id, now_s)

    def news(
        self, charger_id: ChargerId, told: ClockOffset | None, now_s: float
    ) -> ClockOffset | None:
        """The clock where it is another than was told before; None where there is nothing new."""
        clock = self.of(charger_id, now_s)
        known = clock and told and abs(clock.offset_s - told.offset_s) < NEWS_S
        return None if known else clock
