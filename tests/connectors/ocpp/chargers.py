"""Chargers, sites and credentials as tests of the gateway's parts need them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from models.identifiers import KeyEpoch, Pseudonymiser
from models.ids import ChargerId, SiteId
from models.schedule import Mode, Schedule
from models.site import ChargerRecord, SiteRecord, Stage

PSEUDONYMISER = Pseudonymiser((KeyEpoch("k2", b"2" * 32), KeyEpoch("k1", b"1" * 32)), "test")

SITE = SiteId("north")

PASSWORD = "correct horse battery"  # noqa: S105 - of simulated chargers


def charger_record(
    charger_id: str = "CP-1", *, password: str | None = PASSWORD, **fields: Any
) -> ChargerRecord:
    """A row of security profile 1, or with `password=None` one of profile 0."""
    own = ChargerId(charger_id)
    verifier = password and PSEUDONYMISER.credential_verifier(own, password)
    row: dict[str, Any] = {
        "charger_id": own,
        "site_id": SITE,
        "security_profile": 0 if password is None else 1,
        "verifier": verifier,
        "revision": "1",
    }
    return ChargerRecord(**row | fields)


def site_record(**fields: Any) -> SiteRecord:
    """A site in stage enforce, managed at all hours."""
    row: dict[str, Any] = {
        "site_id": SITE,
        "name": "North",
        "timezone": "UTC",
        "stage": Stage.ENFORCE,
        "schedules": (Schedule(id="day", default=Mode.MANAGED),),
        "schedule": "day",
        "revision": "1",
        "loaded_at": datetime.now(UTC),
    }
    return SiteRecord(**row | fields)


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
