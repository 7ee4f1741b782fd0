"""Outcomes to denials: flat records for analysts, idempotent by id."""

from __future__ import annotations

from connectors.kafka.producer import ConsumedMessage
from connectors.telemetry.metrics import Metrics
from models.attempt import Outcome
from models.denials import denial_of
from models.errors import UndecodableRecordError
from models.metrics import DENIALS_TOTAL
from models.topics import DENIALS, OUTCOMES
from streams.outbox import Outbox
from streams.recent import RecentIds


class DenialDesk:
    """Makes a denial from each outcome that is one; a repeated outcome gives none again."""

    def __init__(self, outbox: Outbox, metrics: Metrics) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._seen = RecentIds()

    async def record(self, message: ConsumedMessage, traceparent: str | None) -> None:
        """Read one outcome and send its denial, if it stands for one."""
        try:
            outcome = Outcome.decode(message.value)
        except UndecodableRecordError as fault:
            await self._outbox.dead_letter(OUTCOMES, message, fault)
            return
        denial = denial_of(outcome)
        if denial is None or not self._seen.add(denial.denial_id):
            return
        await self._outbox.send(
            DENIALS,
            denial.charger_id,
            denial,
            event_id=denial.denial_id,
            traceparent=traceparent,
        )
        self._metrics.count(
            DENIALS_TOTAL, denial.site_id, denial.reason, str(denial.would_deny).lower()
        )
