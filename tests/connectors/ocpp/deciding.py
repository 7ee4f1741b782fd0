"""A gateway with all of the product behind it but Kafka: the rules decide in its own process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from aiokafka.structs import RecordMetadata

from connectors.attempts import AttemptDesk
from connectors.deliveries import Delivery
from connectors.publishing import Publisher
from models.attempt import AccessRequest, FeedFacts, Outcome
from models.charger import ChargerEvent
from models.decision import decide
from models.facts import gather
from models.given_decision import GivenDecision
from models.governing import Governing, governing_schedule
from models.identifiers import candidates
from models.ids import ChargerId, GatewayInstance, Pseudonym, SiteId, Slot
from models.schedule import WEEKDAYS, Mode, Schedule, WeeklyWindow
from models.site import (
    AccessRule,
    ChargerRecord,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    Posture,
)
from models.timeline import Timeline
from models.zones import zone
from tests.connectors.ocpp.calls import Events, Rows, Stand
from tests.connectors.ocpp.chargers import PSEUDONYMISER, charger_record, site_record

FREEVEND_TAG = "YARDISOPEN"
WITHOUT_DECISION = frozenset({"silent", "open"})
MISSED_S = 0.15
"""The deadline of decisions that never come."""

PATIENT_S = 30.0
"""That of decisions that come: they are in time, however busy the machine is."""

YEAR = timedelta(days=365)
AGREEMENT = {"identity_class": IdentityClass.AGREEMENT}


def cards(now: datetime) -> dict[Pseudonym, tuple[IdentityRecord, ...]]:
    """Every card of the table that a source knows."""
    written: tuple[tuple[str, dict[str, Any]], ...] = (
        ("04000001", {}),
        ("04000002", AGREEMENT | {"reference": "agreed/1"}),
        ("04000003", {"state": IdentityState.REVOKED}),
        ("04000004", {"state": IdentityState.SUSPENDED}),
        ("04000005", {}),
        # Of a class that a newer version has.
        ("04000005", {"source": "other", "identity_class": "visitor"}),
        ("04000006", AGREEMENT | {"reference": "agreed/2", "valid_to": now - timedelta(days=1)}),
        ("04000007", AGREEMENT | {"reference": "agreed/3", "valid_from": now + timedelta(days=1)}),
        ("04000008", AGREEMENT | {"reference": "later/1"}),
        ("04000009", AGREEMENT | {"reference": "there/1"}),
    )
    found: dict[Pseudonym, tuple[IdentityRecord, ...]] = {}
    for token, fields in written:
        pseudonym = PSEUDONYMISER.current(candidates(token, "ISO14443")[0])
        row: dict[str, Any] = {
            "source": "folder",
            "pseudonym": pseudonym,
            "identifier_type": "ISO14443",
            "display": "card",
            "identity_class": IdentityClass.OWN_FLEET,
            "reference": token,
            "valid_from": now - YEAR,
        }
        found[pseudonym] = (*found.get(pseudonym, ()), IdentityRecord(**row | fields))
    return found


@dataclass
class Depot(Rows):
    """One charger's site, and what is known there."""

    known: dict[Pseudonym, tuple[IdentityRecord, ...]]
    feeds: tuple[FeedFacts, ...]

    def governing(self, charger_id: ChargerId) -> Governing | None:
        charger = self.chargers[charger_id]
        site = self.sites[charger.site_id]
        found = governing_schedule(charger, site)
        assert found is not None
        scope, schedule = found
        return Governing(charger, site, schedule.id, scope, Timeline(schedule, zone("UTC")))

    def identities(self, pseudonym: Pseudonym, _site_id: SiteId) -> tuple[IdentityRecord, ...]:
        return self.known.get(pseudonym, ())

    def identity_revision(self, _site_id: SiteId) -> str:
        return "folder@1"

    def feed_facts(self, _site_id: SiteId) -> tuple[FeedFacts, ...]:
        return self.feeds


def depot_of(charger: ChargerRecord, site: str) -> Depot:
    """The depot with a site of that name.

    wire: managed, with access rules. freevend. uncertain: with a source that has become stale.
    silent, open: nobody decides, and the posture is closed or open.
    """
    now = datetime.now(UTC)
    later = [f"{now + timedelta(hours=hours):%H}:00" for hours in (2, 3)]
    window = WeeklyWindow(days=WEEKDAYS, start=later[0], end=later[1])
    mode = Mode.FREEVEND if site == "freevend" else Mode.MANAGED
    record = site_record(
        freevend_tag=FREEVEND_TAG,
        schedules=(Schedule(id="day", default=mode),),
        fail=Posture.OPEN if site == "open" else Posture.CLOSED,
        access=(
            AccessRule(who=IdentityClass.AGREEMENT, reference="agreed"),
            AccessRule(who=IdentityClass.AGREEMENT, reference="later", windows=(window,)),
            AccessRule(who=IdentityClass.AGREEMENT, reference="there", where=("other",)),
        ),
    )
    old = FeedFacts(source="hr", content_at=now - timedelta(hours=2))
    return Depot(
        {charger.site_id: record},
        {charger.charger_id: charger},
        cards(now),
        (old,) if site == "uncertain" else (),
    )


class Kafka(Events):
    """Takes what a gateway publishes; a worker decides its requests by the product's rules."""

    def __init__(self, depot: Depot, *, silent: bool) -> None:
        super().__init__()
        self.outcomes: list[Outcome] = []
        self.desk: AttemptDesk | None = None
        self._depot = depot
        self._silent = silent

    async def append_event(self, _event: ChargerEvent, _traceparent: str) -> Delivery:
        return _done()

    async def append_when_back(
        self, _topic: object, _key: str, request: AccessRequest, **_: Any
    ) -> Delivery:
        if not self._silent:
            facts = gather(request.attempt, self._depot, datetime.now(UTC))
            decision = decide(request.attempt, facts)
            assert self.desk is not None
            given = GivenDecision.decode(decision.encode())
            asyncio.get_running_loop().call_soon(self.desk.decided, given)
        return _done()

    async def append(self, *_: object, **__: Any) -> Delivery:
        return _done()

    async def record(self, outcome: Outcome, _traceparent: str) -> bool:
        self.outcomes.append(outcome)
        return True


def _done() -> Delivery:
    delivery: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
    delivery.set_result(cast("RecordMetadata", None))
    return delivery


def gateway_of(site: str) -> tuple[Stand, Kafka]:
    """A gateway's services around one charger of that site."""
    stand = Stand(charger_record())
    depot = depot_of(stand.charger, site)
    silent = site in WITHOUT_DECISION
    kafka = Kafka(depot, silent=silent)
    publisher = cast("Publisher", kafka)
    kafka.desk = AttemptDesk(
        publisher,
        depot,
        stand.metrics,
        instance=GatewayInstance("gw"),
        slot=Slot(3),
        deadline_s=MISSED_S if silent else PATIENT_S,
        tell_late=lambda _: None,
    )
    stand.services = replace(
        stand.services, configuration=depot, publisher=publisher, desk=kafka.desk
    )
    return stand, kafka
