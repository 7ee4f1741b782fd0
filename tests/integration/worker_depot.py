"""A small depot as its records, and the gateway that its chargers are connected to."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from connectors.ocpp.connection_ids import new_connection_id
from models.attempt import (
    AccessRequest,
    Attempt,
    AttemptKind,
    Outcome,
    PseudonymousCandidate,
    Token,
    TokenKind,
    Verdict,
)
from models.charger import (
    ChargerCommand,
    ChargerEvent,
    ChargerState,
    CommandResult,
    CommandStatus,
    EventName,
    ModeFact,
    ModeFactKind,
)
from models.identifiers import Candidate, KeyEpoch, Pseudonymiser
from models.ids import (
    AttemptId,
    ChargerId,
    GatewayInstance,
    RequestId,
    SiteId,
    Slot,
    timed_id,
)
from models.metrics import REPLICA_ROWS
from models.schedule import WEEKDAYS, Mode, Schedule, Window
from models.site import (
    ChargerRecord,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    Posture,
    SiteRecord,
    Stage,
)
from models.topics import CHARGERS, EVENTS, IDENTITIES, OUTCOMES, REQUESTS, SITES
from tests.integration.topics_io import Tap, Topics
from tests.integration.workers import FOLLOWS_WITHIN_S, WorkerProcess, holds

PSEUDONYMS = Pseudonymiser((KeyEpoch("test", b"k" * 32),), "default")
KNOWN, UNKNOWN = "04A1B2C3D4E5F6", "04C0FFEE"

ALWAYS_MANAGED = Schedule(id="depot", default=Mode.MANAGED)
ALWAYS_FREEVEND = Schedule(id="depot", default=Mode.FREEVEND)


def managed_from(edge: datetime) -> Schedule:
    """Freevend until a whole UTC minute, then managed for an hour."""
    until = edge + timedelta(hours=1)
    window = Window(
        name="reserved",
        days=WEEKDAYS,
        start=f"{edge:%H:%M}",
        end=f"{until:%H:%M}",
        mode=Mode.MANAGED,
    )
    return Schedule(id="depot", default=Mode.FREEVEND, windows=(window,))


def next_edge() -> datetime:
    """A whole minute that does not come by itself while a test runs: clocks are set to it."""
    return datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=10)


def ahead_of(at: datetime) -> float:
    """How far ahead of ours a clock is that says `at` now, in seconds."""
    return (at - datetime.now(UTC)).total_seconds()


class Depot:
    """One site of its own, its chargers and the one card that it knows."""

    def __init__(
        self,
        chargers_count: int = 1,
        *,
        stage: Stage = Stage.ENFORCE,
        schedule: Schedule = ALWAYS_MANAGED,
        profile: str = "standard",
    ) -> None:
        name = f"site-{secrets.token_hex(4)}"
        self.site_id = SiteId(name)
        self.charger_ids = tuple(ChargerId(f"{name}-{n:03d}") for n in range(chargers_count))
        self.schedule = schedule
        self.stage = stage
        self.profile = profile
        self.revision = 0

    @property
    def charger_id(self) -> ChargerId:
        return self.charger_ids[0]

    def site(self) -> SiteRecord:
        return SiteRecord(
            site_id=self.site_id,
            name="Test depot",
            timezone="UTC",
            stage=self.stage,
            fail=Posture.CLOSED,
            schedules=(self.schedule,),
            schedule=self.schedule.id,
            revision=f"r{self.revision}",
            loaded_at=datetime.now(UTC),
        )

    def identity(self, number: str = KNOWN) -> IdentityRecord:
        return IdentityRecord(
            source="folder",
            site_id=self.site_id,
            pseudonym=PSEUDONYMS.current(Candidate("ISO14443", number)),
            identifier_type="ISO14443",
            display=f"ISO14443 …{number[-3:]}",
            identity_class=IdentityClass.OWN_FLEET,
            reference="REF-1",
            valid_from=datetime(2025, 1, 1, tzinfo=UTC),
            state=IdentityState.ACTIVE,
        )

    async def publish(self, topics: Topics) -> Depot:
        """As load does: chargers and identities first, the site last."""
        for charger_id in self.charger_ids:
            charger = ChargerRecord(
                charger_id=charger_id,
                site_id=self.site_id,
                security_profile=0,
                profile=self.profile,
                revision="r",
            )
            await topics.write(CHARGERS, charger_id, charger)
        identity = self.identity()
        await topics.write(IDENTITIES, identity.key, identity)
        await self.publish_site(topics)
        return self

    async def known(self, topics: Topics, worker: WorkerProcess) -> Depot:
        """Publish, and wait until the worker has all of it."""
        added = {SITES: 1, CHARGERS: len(self.charger_ids), IDENTITIES: 1}
        wanted = {
            topic.name: worker.metric(REPLICA_ROWS, topic.name) + count
            for topic, count in added.items()
        }
        await self.publish(topics)
        assert holds(
            lambda: all(
                worker.metric(REPLICA_ROWS, name) >= count for name, count in wanted.items()
            ),
            FOLLOWS_WITHIN_S,
        )
        return self

    async def publish_site(self, topics: Topics, **changes: object) -> None:
        """The site once more, with another schedule or stage, as a revision of its own."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.revision += 1
        await topics.write(SITES, self.site_id, self.site())


def token(number: str) -> Token:
    """A card as it leaves the gateway."""
    candidate = Candidate("ISO14443", number)
    return Token(
        kind=TokenKind.IDENTIFIED,
        display=f"ISO14443 …{number[-3:]}",
        candidates=(
            PseudonymousCandidate(identifier_type="ISO14443", pseudonyms=PSEUDONYMS.all(candidate)),
        ),
    )


class Station:
    """One charger's side of the topics, as the gateway that holds its connection writes it."""

    def __init__(
        self, topics: Topics, depot: Depot, charger_id: ChargerId | None = None, *, slot: int = 3
    ) -> None:
        self.charger_id = charger_id or depot.charger_id
        self.slot = Slot(slot)
        self.instance = GatewayInstance(f"gw-{slot}")
        self.connection_id = new_connection_id()
        self._topics = topics
        self.site_id = depot.site_id
        self._events_count = 0

    async def event(self, name: str, **fields: object) -> int:
        """Write an event; returns its offset."""
        self._events_count += 1
        now = datetime.now(UTC)
        event = ChargerEvent.model_validate(
            {
                "event_id": timed_id(now, self.charger_id, self.connection_id, self._events_count),
                "charger_id": self.charger_id,
                "site_id": self.site_id,
                "ocpp": "2.0.1",
                "connection_id": self.connection_id,
                "gateway_instance": self.instance,
                "slot": self.slot,
                "name": name,
                "received_at": now,
                **fields,
            }
        )
        written = await self._topics.write(EVENTS, self.charger_id, event)
        return int(written.offset)

    async def connect(self) -> int:
        return await self.event(EventName.CONNECTED)

    async def disconnect(self) -> int:
        return await self.event(EventName.DISCONNECTED)

    async def end(
        self,
        command: ChargerCommand,
        observed: Mode | None,
        status: CommandStatus = CommandStatus.DONE,
    ) -> int:
        """Tell the result of a command."""
        result = CommandResult(
            command_id=command.command_id,
            status=status,
            mode=command.mode,
            observed=observed,
            detail="Accepted",
        )
        return await self.event(EventName.COMMAND_RESULT, result=result)

    def request(self, message_id: str, card: str = KNOWN) -> AccessRequest:
        """An Authorize as an AccessRequest."""
        now = datetime.now(UTC)
        request_id = RequestId(timed_id(now, self.charger_id, self.connection_id, message_id))
        attempt = Attempt(
            request_id=request_id,
            attempt_id=AttemptId(request_id),
            charger_id=self.charger_id,
            site_id=self.site_id,
            ocpp="2.0.1",
            kind=AttemptKind.AUTHORIZE,
            token=token(card),
            event_at=now,
            received_at=now,
            uncertainty_s=1.0,
        )
        return AccessRequest(
            attempt=attempt,
            connection_id=self.connection_id,
            gateway_instance=self.instance,
            slot=self.slot,
            deadline_at=now + timedelta(seconds=3),
        )

    async def ask(self, request: AccessRequest, *, traceparent: str | None = None) -> None:
        """Publish a request, as for its first try."""
        await self._topics.write(REQUESTS, self.charger_id, request, traceparent=traceparent)

    async def ask_often(self, requests: Sequence[AccessRequest]) -> None:
        """Write many requests over all partitions, and wait once."""
        futures = [
            await self._topics.send(REQUESTS, self.charger_id, request, partition=number % 16)
            for number, request in enumerate(requests)
        ]
        for future in futures:
            await future

    def outcome(self, request: AccessRequest, verdict: Verdict | None, **fields: object) -> Outcome:
        """What the gateway records of a request: the decision applied, unless fields differ."""
        known: dict[str, object] = {
            "request_id": request.attempt.request_id,
            "attempt": request.attempt,
            "connection_id": request.connection_id,
            "gateway_instance": request.gateway_instance,
            "slot": request.slot,
            "stage": Stage.ENFORCE,
            "schedule": None,
            "verdict": verdict,
            "reason": verdict.reason if verdict else None,
            "posture": None,
            "told": None,
            "answered_at": datetime.now(UTC),
            "deadline_at": request.deadline_at,
            "tries_count": 1,
        }
        return Outcome.model_validate({**known, **fields})

    async def record(self, outcome: Outcome) -> None:
        await self._topics.write(OUTCOMES, self.charger_id, outcome)


async def facts_about(
    tap: Tap[ModeFact], station: Station, kind: ModeFactKind, count: int = 1
) -> list[ModeFact]:
    """Wait for so many facts of a kind about a charger; every one that came."""

    def told() -> list[ModeFact]:
        return [fact for fact in tap.records(station.charger_id) if fact.kind == kind]

    await tap.until(lambda: len(told()) >= count, f"{count} facts {kind}")
    return told()


async def row_with(
    tap: Tap[ChargerState], station: Station, holding: Callable[[ChargerState], bool]
) -> ChargerState:
    """Wait for a row of a charger of which something holds."""

    def found() -> list[ChargerState]:
        return [row for row in tap.records(station.charger_id) if holding(row)]

    await tap.until(lambda: bool(found()), f"a row of {station.charger_id}")
    return found()[0]


async def everything_is_applied(station: Station, states: Tap[ChargerState]) -> ChargerState:
    """Wait until the worker has reviewed a charger after all of its events so far: a row is written
    after all that follows from it, so what was not sent by now is not sent at all."""
    offset = await station.event(
        "BootNotification", data={"chargingStation.model": secrets.token_hex(4)}
    )
    return await row_with(states, station, lambda row: row.offset >= offset)
