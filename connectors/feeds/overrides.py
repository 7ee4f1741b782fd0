"""Overrides onto their topic: what stands, one that begins or is ended, and those that outlived it.

The audit record goes first: a charger that opens or closes without anybody's name to it must not
be. Should Kafka go away between the two, the audit topic has an attempt that came to nothing.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from aiokafka.errors import KafkaError

from connectors.kafka.bulk import bulk_producer
from connectors.kafka.replica import Replica, read_replica
from connectors.kafka.security import Kafka
from connectors.kafka.topics import check_topics
from connectors.telemetry.metrics import Metrics
from models.errors import BrokerUnavailableError
from models.ids import timed_id
from models.overrides import OverrideRecord, outlived
from models.site import AuditRecord
from models.topics import AUDIT, CHARGERS, OVERRIDES, SITES

READ_WITHIN_S = 30.0
"""Of sites, chargers and overrides, which take a second: a person waits, and a broker that is
killed and started again is back after 13 s (measured)."""


async def read_overrides(bootstrap: Kafka) -> Replica:
    """Sites, chargers and overrides as they stand now; nothing is followed.

    Raises:
        TopicMismatchError: the topics are not there, or not those of the topic table.
        BrokerUnavailableError: no Kafka answers, or it went away.
    """
    await check_topics(bootstrap)
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            return await read_replica(bootstrap, (SITES, CHARGERS, OVERRIDES), Metrics("worker"))
    except (KafkaError, TimeoutError) as fault:
        raise BrokerUnavailableError(
            f"Kafka at {bootstrap} does not answer any more ({type(fault).__name__}); "
            "try again when it is back"
        ) from fault


async def publish_override(
    bootstrap: Kafka,
    standing: Replica,
    before: OverrideRecord | None,
    after: OverrideRecord,
    now: datetime,
) -> None:
    """Publish one override and who changed it; Kafka has all of it when this returns.

    Two people who do it at the same time do not hinder each other: each writes a key of their own,
    and of two ends of one override the later one stands.

    Args:
        standing: what stood; those that have outlived themselves are taken away with this.
        before: the record that is ended; None for a new one.

    Raises:
        BrokerUnavailableError: Kafka has not taken it.
    """
    audit = _audit(before, after, now)
    source = f"override/{audit.actor}"
    writes = (AUDIT, OVERRIDES)
    async with bulk_producer(bootstrap, source, audit.audit_id, now, writes=writes) as bulk:
        await bulk.add(AUDIT, audit.actor, audit.encode())
        await bulk.settle()
        await bulk.add(OVERRIDES, after.override_id, after.encode())
        for record in outlived(standing.overrides.values(), now):
            await bulk.add(OVERRIDES, record.override_id, None)


def _audit(before: OverrideRecord | None, after: OverrideRecord, now: datetime) -> AuditRecord:
    actor = after.actor if before is None else after.ended_by or after.actor
    action = "override add" if before is None else "override end"
    return AuditRecord(
        audit_id=timed_id(now, actor, action, after.override_id, now.isoformat()),
        actor=actor,
        action=action,
        subject=after.override_id,
        at=now,
        before=before.encode().decode() if before else None,
        after=after.encode().decode(),
    )
