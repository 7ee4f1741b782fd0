"""Overrides as `depotgate override` makes and ends them, without a process for each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.feeds.overrides import publish_override, read_overrides
from depotgate.overriding import Whom, target_of
from models.overrides import OverrideRecord, OverrideRequest, begun, ended
from models.schedule import Mode


async def override(kafka: str, charger_id: str, mode: Mode) -> OverrideRecord:
    """Another mode for one charger, for an hour from now on."""
    whom = Whom(site=None, group=None, charger=charger_id)
    return await _override(kafka, whom, mode, datetime.now(UTC) + timedelta(hours=1))


async def override_site(kafka: str, site: str, mode: Mode, until: datetime) -> OverrideRecord:
    """Another mode for all chargers of a site, from now on."""
    return await _override(kafka, Whom(site=site, group=None, charger=None), mode, until)


async def end_override(kafka: str, record: OverrideRecord) -> None:
    """What the timetable says, again."""
    standing = await read_overrides(kafka)
    now = datetime.now(UTC)
    await publish_override(kafka, standing, record, ended(record, now, "Ada", "over"), now)


async def _override(kafka: str, whom: Whom, mode: Mode, until: datetime) -> OverrideRecord:
    standing = await read_overrides(kafka)
    now = datetime.now(UTC)
    request = OverrideRequest(
        target=target_of(whom, standing),
        mode=mode,
        lock=False,
        starts_at=now,
        ends_at=until,
        actor="Ada",
        reason="edge",
    )
    record = begun(request, now)
    await publish_override(kafka, standing, None, record, now)
    return record
