"""A report on one connection: asked for, and waited for as its parts come."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from datetime import UTC, datetime

from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.frames import Json
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.session import CallFailed
from connectors.ocpp.switching import call_step
from models.reports import Report, report_call

REPORT_WITHIN_S = 30.0
"""Some hundred parts, each answered before the next one comes; nobody waits for it but a probe."""

NEXT_PART_WITHIN_S = 10.0
"""Firmware collects its variables before the first part; what is silent for longer sends none."""

_REQUEST_IDS = 2**31
"""What every firmware takes for an integer."""


class AwaitedReport:
    """The report that a connection waits for."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._news = asyncio.Event()
        self._over = False

    def take(self, payload: Json) -> None:
        """Take a NotifyReport of the charger, whichever report it is of."""
        after = self.report.with_part(payload)
        if after is not self.report:
            self.report = after
            self._news.set()

    def end(self) -> None:
        """Nothing more will come: the connection is over."""
        self._over = True
        self._news.set()

    async def whole(self) -> Report | None:
        """The report once it is whole; None where it came late, or with gaps."""
        try:
            async with asyncio.timeout(REPORT_WITHIN_S):
                while self.report.sound and not self.report.whole and not self._over:
                    self._news.clear()
                    async with asyncio.timeout(NEXT_PART_WITHIN_S):
                        await self._news.wait()
        except TimeoutError:
            return None
        return self.report if self.report.whole else None


async def reported(connection: ChargerConnection, names: Iterable[str]) -> Report | None:
    """What the charger reports of these variables; None where it reports nothing of use.

    Commands do not wait for it: only its call takes a turn.
    """
    if connection.report_parts is not None:
        # Of a probe that was asked for meanwhile: firmware makes one report at a time.
        return None
    # Parts that are left of a report before a reconnect have another number.
    request_id = int(datetime.now(UTC).timestamp()) % _REQUEST_IDS
    awaited = AwaitedReport(Report.of(request_id, names))
    connection.report_parts = awaited
    try:
        async with connection.command_turn:
            if not connection.enforcing or connection.silent:
                return None
            answer = await call_step(connection, report_call(request_id))
        if isinstance(answer, CallFailed):
            # It answered what it was asked by name just before: it is deaf to this call alone, and
            # is still to be asked for its mode.
            connection.silent_until_s = -math.inf
            return None
        if answer.payload.get("status") != "Accepted":
            return None
        return await awaited.whole()
    except ChargerBusyError:
        return None
    finally:
        connection.report_parts = None
