"""What the topics hold of one attempt, found by the time in its id."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import start_consumer, stop_consumer
from connectors.kafka.period import count_of, read_spans, spans_written
from connectors.kafka.replica import read_replica
from connectors.kafka.security import Kafka
from connectors.telemetry.metrics import Metrics
from models.attempt import Decision, Denial, Outcome
from models.errors import ConfigurationError, NotFoundError
from models.ids import SiteId, time_of_id
from models.topics import DECISIONS, DENIALS, OUTCOMES, SITES

ID_WITHIN_BYTES = 64
"""Our records begin with their id; another writer's carry it as CloudEvents id."""

VEHICLES_STAY = timedelta(days=14)
"""From being plugged in in freevend to standing too long in a managed window: holidays."""

OnRead = Callable[[int, int], None]
"""Takes how many records were looked at, and how many there are."""


class Search(NamedTuple):
    """Where to look: times of writing, relative to the time in the id; None = no bound."""

    said: str
    before: timedelta | None
    after: timedelta | None


SEARCHES = (
    # Live attempts are written within their deadline; hosts' clocks differ by less than minutes.
    Search("from 2 minutes before its time to 10 after", timedelta(minutes=2),
           timedelta(minutes=10)),
    # What a charger reports after an absence, and outcomes that waited on a gateway's disk.
    Search("from a day before its time to a week after", timedelta(days=1), timedelta(days=7)),
    # A charger with a wrong clock names any time.
    Search("all that the topics still have", None, None),
)  # fmt: skip
"""Each is tried when the one before it found nothing."""


class Found(NamedTuple):
    """An attempt's records, at least one of them, and where they were looked for."""

    decision: Decision | None
    outcome: Outcome | None
    searched: str


def time_in_id(decision_id: str) -> datetime:
    """The time that an id begins with, UTC.

    Raises:
        ConfigurationError: it is no id of a decision.
    """
    try:
        return time_of_id(decision_id)
    except ValueError:
        raise ConfigurationError(
            "expected the id of a decision such as 20260714T120000-0123456789abcdef (a date, a "
            f"time and 16 hex digits), got {decision_id[:64]!r}"
        ) from None


async def find_attempt(bootstrap: Kafka, decision_id: str, on_read: OnRead | None = None) -> Found:
    """Everything recorded of one attempt.

    Raises:
        ConfigurationError: it is no id.
        NotFoundError: the topics have no such attempt; says what was searched.
        UndecodableRecordError: its record cannot be read.
        BrokerUnavailableError: no Kafka answers, or it went away.
    """
    at = time_in_id(decision_id)
    consumer = await start_consumer(bootstrap)
    try:
        for search in SEARCHES:
            seen = await _search(consumer, decision_id, at, search, on_read)
            if seen.decisions or seen.outcomes:
                # One of the two may have come much later than the other: the next search finds it.
                if not (seen.decisions and seen.outcomes) and search is SEARCHES[0]:
                    seen = await _search(consumer, decision_id, at, SEARCHES[1], on_read)
                return _found(seen, search)
    finally:
        await stop_consumer(consumer)
    raise NotFoundError(
        f"no attempt {decision_id} in {DECISIONS.name} and {OUTCOMES.name}; searched "
        f"{', then '.join(search.said for search in SEARCHES)}. They keep "
        f"{DECISIONS.retention_days} days; is the id whole, and this the right Kafka ({bootstrap})?"
    )


class _Seen(NamedTuple):
    decisions: list[bytes]
    outcomes: list[bytes]


async def _search(
    consumer: AIOKafkaConsumer,
    decision_id: str,
    at: datetime,
    search: Search,
    on_read: OnRead | None,
) -> _Seen:
    seen = _Seen([], [])
    since = _shifted(at, -search.before) if search.before is not None else None
    until = _shifted(at, search.after) if search.after is not None else None
    spans = await spans_written(consumer, (DECISIONS, OUTCOMES), since, until)
    total, done = count_of(spans), 0
    async for records in read_spans(consumer, spans):
        for record in records:
            if _is_of(record, decision_id.encode()):
                kept = seen.decisions if record.topic == DECISIONS.name else seen.outcomes
                kept.append(record.value)
        done += len(records)
        if on_read is not None:
            on_read(done, total)
    return seen


def _shifted(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:  # an id of the first or the last days of the calendar
        return at


def _is_of(record: ConsumerRecord, decision_id: bytes) -> bool:
    if record.value is None:
        return False
    return decision_id in record.value[:ID_WITHIN_BYTES] or ("ce_id", decision_id) in record.headers


def _found(seen: _Seen, search: Search) -> Found:
    outcomes = [Outcome.decode(raw) for raw in seen.outcomes]
    decisions = [Decision.decode(raw) for raw in seen.decisions]
    outcome = outcomes[0] if outcomes else None
    verdict = outcome.verdict if outcome else None
    # Two workers may have decided it, at two moments: the one that was applied is explained.
    applied = [each for each in decisions if each.verdict == verdict]
    decision = next(iter([*applied, *decisions]), None)
    return Found(decision, outcome, search.said)


async def find_vehicle(bootstrap: Kafka, denial_id: str) -> Denial | None:
    """The record of a vehicle without a card, which no attempt led to; None where there is none.

    Raises:
        UndecodableRecordError: its record cannot be read.
        BrokerUnavailableError: no Kafka answers, or it went away.
    """
    at = time_in_id(denial_id)
    consumer = await start_consumer(bootstrap)
    try:
        # Its id has the time since which the vehicle was there, which may be days before.
        spans = await spans_written(consumer, (DENIALS,), at, _shifted(at, VEHICLES_STAY))
        async for records in read_spans(consumer, spans):
            for record in records:
                if _is_of(record, denial_id.encode()):
                    return Denial.decode(record.value)
    finally:
        await stop_consumer(consumer)
    return None


async def zone_of_site(bootstrap: Kafka, site_id: SiteId) -> str | None:
    """The zone of a site as it is configured now; an outcome does not state it.

    Raises:
        BrokerUnavailableError: no Kafka answers.
    """
    replica = await read_replica(bootstrap, (SITES,), Metrics("worker"))
    site = replica.sites.get(site_id)
    return site.timezone if site else None
