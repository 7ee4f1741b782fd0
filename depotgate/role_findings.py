"""What the user of these settings may do at Kafka, as `depotgate doctor` tells it."""

from __future__ import annotations

from connectors.kafka.permissions import Lacking, lacking_of
from connectors.kafka.security import Kafka, principal_of
from connectors.kafka.topics import admin_client
from depotgate.findings import Finding, Health
from models.roles import PERMITS, Permit


async def role_findings(kafka: Kafka) -> list[Finding]:
    """Which roles this user has; where none is complete, what the closest one lacks.

    Nothing is said where everything is permitted, as by a Kafka that asks nobody who they are, and
    where nothing is: that the topics are not shown says more.
    """
    async with admin_client(kafka) as admin:
        found = {
            permit: await lacking_of(admin._client, permit) for permit in PERMITS if permit.sees
        }
    complete = [permit.role for permit, lacking in found.items() if not lacking.names]
    if len(complete) == len(found):
        return []
    if complete:
        seen = f"{principal_of(kafka)} has the permissions of {', '.join(complete)}"
        return [Finding("permissions", Health.GOOD, seen)]
    permit, lacking = min(found.items(), key=lambda each: len(each[1].names))
    if _nothing(permit, lacking):
        return []
    return [Finding("permissions", Health.BAD, str(lacking.said(kafka, permit)))]


def _nothing(permit: Permit, lacking: Lacking) -> bool:
    return len(lacking.names) == len((*permit.reads, *permit.writes, *permit.joins))
