"""The stored decisions of a period: read once each, as bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from connectors.kafka.consumer import start_consumer, stop_consumer
from connectors.kafka.period import count_of, read_spans, spans_written
from connectors.kafka.security import Kafka
from models.attempt import Decision
from models.errors import ConfigurationError, UndecodableRecordError
from models.topics import DECISIONS

CLOCKS_DIFFER = timedelta(minutes=5)
"""Decisions are written just after the attempt, by hosts whose clocks differ by less."""

WRITTEN_LATE = timedelta(days=7)
"""How long after the period an attempt of it may have been decided: chargers report afterwards what
they did offline."""

REMEMBERED_IDS = 100_000
"""A decision made twice is there twice within seconds: minutes of the highest rate."""

_EVENT_AT = b'"event_at":"'
_SECONDS = len("2026-07-14T18:05:00")

OnRead = Callable[[int, int], None]
"""Takes how many records were looked at, and how many there are."""


class Period(NamedTuple):
    """Attempts that happened in [since, until), to the second, UTC."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, since: datetime, until: datetime) -> Period:
        """To the second.

        Raises:
            ConfigurationError: it ends before it begins.
        """
        if until <= since:
            raise ConfigurationError(
                f"expected --until after --since, got {until.isoformat()} and {since.isoformat()}"
            )
        return cls(
            since.astimezone(UTC).replace(microsecond=0),
            until.astimezone(UTC).replace(microsecond=0),
        )

    def __str__(self) -> str:
        return f"from {self.since:%Y-%m-%d %H:%M:%S}Z to {self.until:%Y-%m-%d %H:%M:%S}Z"


async def decisions_of(
    bootstrap: Kafka, period: Period, on_read: OnRead | None = None
) -> AsyncIterator[list[bytes]]:
    """The stored decisions of attempts that happened in a period, each once, in batches.

    Raises:
        BrokerUnavailableError: no Kafka answers, or it went away.
    """
    consumer = await start_consumer(bootstrap)
    try:
        spans = await spans_written(
            consumer,
            (DECISIONS,),
            _shifted(period.since, -CLOCKS_DIFFER),
            _shifted(period.until, WRITTEN_LATE),
        )
        total, done = count_of(spans), 0
        chosen = Chosen(period)
        async for records in read_spans(consumer, spans):
            done += len(records)
            values = [record.value for record in records if chosen.takes(record)]
            if values:
                yield values
            if on_read is not None:
                on_read(done, total)
    finally:
        await stop_consumer(consumer)


def _shifted(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at


class Chosen:
    """Chooses records by their event time, and each decision once."""

    def __init__(self, period: Period) -> None:
        self._since = _written(period.since)
        self._until = _written(period.until)
        self._period = period
        self._seen: dict[bytes, None] = {}

    def takes(self, record: ConsumerRecord) -> bool:
        value = record.value
        if value is None or not self._happened_in_period(value):
            return False
        identity = next((found for name, found in record.headers if name == "ce_id"), None)
        if identity is None:
            return True
        if identity in self._seen:
            return False
        if len(self._seen) >= REMEMBERED_IDS:
            del self._seen[next(iter(self._seen))]
        self._seen[identity] = None
        return True

    def _happened_in_period(self, value: bytes) -> bool:
        """By its first `event_at`, as text: nine of ten records of a wide read are not decoded.

        The name in quotes can stand in no text of the record: JSON escapes the quotes there.
        """
        place = value.find(_EVENT_AT) + len(_EVENT_AT)
        written = value[place : place + _SECONDS]
        if place >= len(_EVENT_AT) and value[place + _SECONDS : place + _SECONDS + 1] in b".Z":
            return self._since <= written < self._until
        return self._decoded_in_period(value)

    def _decoded_in_period(self, value: bytes) -> bool:
        """Of a record that another program wrote, in a form of its own."""
        try:
            at = Decision.decode(value).attempt.event_at
        except UndecodableRecordError:
            return True  # it is counted where it is decided again
        return self._period.since <= at < self._period.until


def _written(at: datetime) -> bytes:
    return f"{at:%Y-%m-%dT%H:%M:%S}".encode()
