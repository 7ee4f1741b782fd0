"""Outcomes to denials: flat records for analysts, idempotent by id."""

from __future__ import annotations

from connectors.kafka.producer import ConsumedMessage
from connectors.telemetry.metrics import Metrics
from models.attempt import Outcome
from models.denials import denial_of
from models.metrics import DENIALS_TOTAL
from models.topics import DENIALS
from streams.outbox import Outbox
from streams.recent import RecentIds


class DenialDesk:
    """Makes a denial from each outcome that is one; a repeated outcome gives none again."""

    def __init__(self, outbox: Outbox, metrics: Metrics) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._seen = RecentIds()

    async def record(self, message: ConsumedMessage, traceparent: str | None) -> Outcome:
        """Read one outcome and send its denial, if it stands for one; the outcome.

        Raises:
            UndecodableRecordError: the message is no outcome.
        """
        outcome = Outcome.decode(message.value)
        denial = denial_of(outcome)
        if denial is None or not self._seen.add(denial.denial_id):
            return outcome
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
        return outcome
