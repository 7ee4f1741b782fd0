"""Overrides as `depotgate override add` makes them, without a process for each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.feeds.overrides import publish_override, read_overrides
from depotgate.overriding import Whom, target_of
from models.overrides import OverrideRecord, OverrideRequest, begun
from models.schedule import Mode


async def override(kafka: str, charger_id: str, mode: Mode) -> OverrideRecord:
    """Another mode for one charger, for an hour from now on."""
    standing = await read_overrides(kafka)
    now = datetime.now(UTC)
    request = OverrideRequest(
        target=target_of(Whom(site=None, group=None, charger=charger_id), standing),
        mode=mode,
        lock=False,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        actor="Ada",
        reason="edge",
    )
    record = begun(request, now)
    await publish_override(kafka, standing, None, record, now)
    return record
