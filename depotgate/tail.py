"""`depotgate tail`: records of a topic as they come, for people or for programs."""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from connectors.kafka.consumer import (
    partitions_of,
    position_reached,
    read_from_beginning,
    read_from_now,
    start_consumer,
    stop_consumer,
)
from depotgate.audit_lines import changed
from depotgate.printing import printable
from depotgate.reaching import reachable_kafka
from depotgate.settings import Settings
from models.attempt import Attempt, Decision, Denial, Outcome
from models.charger import ChargerCommand, ChargerEvent, ModeFact
from models.errors import ConfigurationError, UndecodableRecordError
from models.record import Record
from models.site import AuditRecord
from models.topics import AUDIT, COMMANDS, DECISIONS, DENIALS, EVENTS, MODE, OUTCOMES, Topic

log = structlog.get_logger()

BATCH_RECORDS = 500
RETRY_AFTER_S = 1.0
"""Between fetches that fail while Kafka is away."""


class View(NamedTuple):
    """A topic, and one of its records in a line."""

    topic: Topic
    line: Callable[[Any], str]


def _decision_line(record: Decision) -> str:
    verdict = record.verdict
    change = f"until {_time(verdict.next_change_at)}" if verdict.next_change_at else ""
    return _joined(
        _of_attempt(record.attempt),
        f"{verdict.answer} {verdict.reason}",
        ",".join(verdict.flags),
        _quoted(verdict.driver_text),
        change,
        record.decision_id,
    )


def _outcome_line(record: Outcome) -> str:
    took_ms = (record.answered_at - record.attempt.received_at).total_seconds() * 1000
    told = record.told
    return _joined(
        _of_attempt(record.attempt),
        f"{record.verdict.answer if record.verdict else 'no decision'} {record.reason or ''}",
        f"told {told.status} by {told.basis}" if told else "told nothing: the charger was gone",
        _quoted(told.text if told else None),
        f"stage {record.stage}",
        f"{took_ms:.0f} ms",
        record.request_id,
    )


def _denial_line(record: Denial) -> str:
    return _joined(
        _time(record.at),
        record.site_id,
        record.charger_id,
        record.token,
        record.reason + (" (would deny)" if record.would_deny else ""),
        f"in {record.window}" if record.window else "",
        _quoted(record.support_text),
        f"next change {_time(record.next_change_at)}" if record.next_change_at else "",
        record.denial_id,
    )


def _event_line(record: ChargerEvent) -> str:
    data = " ".join(f"{name}={value}" for name, value in record.data.items())
    result = record.result
    return _joined(
        _time(record.received_at),
        record.site_id,
        record.charger_id,
        f"ocpp{record.ocpp}",
        record.name,
        record.token or "",
        data,
        f"{result.mode} {result.status} {result.detail}" if result else "",
    )


def _command_line(record: ChargerCommand) -> str:
    return _joined(
        _time(record.sent_at),
        record.site_id,
        record.charger_id,
        f"{record.kind} {record.mode}",
        f"profile {record.profile}" if record.profile else "",
        f"slot {record.slot}",
        f"expires {_time(record.expires_at)}",
    )


def _mode_line(record: ModeFact) -> str:
    return _joined(
        _time(record.at),
        record.site_id,
        record.charger_id,
        record.kind,
        f"desired {record.desired or 'unknown'}, observed {record.observed or 'unknown'}",
        record.detail,
        f"stage {record.stage}",
    )


def _audit_line(record: AuditRecord) -> str:
    return _joined(
        _time(record.at),
        record.actor,
        record.action,
        record.subject,
        changed(record),
    )


VIEWS: Mapping[str, View] = {
    "decisions": View(DECISIONS, _decision_line),
    "outcomes": View(OUTCOMES, _outcome_line),
    "denials": View(DENIALS, _denial_line),
    "events": View(EVENTS, _event_line),
    "commands": View(COMMANDS, _command_line),
    "mode": View(MODE, _mode_line),
    "audit": View(AUDIT, _audit_line),
}
"""What can be followed, by the word on the command line."""


def view_named(what: str) -> View:
    """A view by its word.

    Raises:
        ConfigurationError: there is none of that name.
    """
    view = VIEWS.get(what)
    if view is None:
        raise ConfigurationError(f"expected one of {', '.join(VIEWS)}, got {what!r}")
    return view


class Extent(NamedTuple):
    """Which records of a topic are printed.

    Attributes:
        from_start: all that the topic still has, else those that come from now on.
        follow: go on until cancelled, else end where the topic ends now.
        records_max: end after so many; None = no limit.
    """

    from_start: bool
    follow: bool
    records_max: int | None


async def follow_topic(settings: Settings, what: str, extent: Extent, *, as_json: bool) -> None:
    """Print a topic's records, as they come.

    Raises:
        DepotgateError: there is no such topic to follow, or no Kafka answers.
    """
    view = view_named(what)
    consumer = await start_consumer(reachable_kafka(settings))
    try:
        begin = read_from_beginning if extent.from_start else read_from_now
        ends = await begin(consumer, partitions_of(view.topic))
        left = extent.records_max
        while left != 0 and (extent.follow or not await position_reached(consumer, ends)):
            values = await _fetch(consumer, BATCH_RECORDS if left is None else left)
            for value in values:
                sys.stdout.write(_printed(view, value, as_json=as_json) + "\n")
            sys.stdout.flush()
            if not values and _nobody_reads():
                raise BrokenPipeError
            left = None if left is None else left - len(values)
    finally:
        await stop_consumer(consumer)


def _nobody_reads() -> bool:
    """Whether the reader of a pipe has gone; without a line to write nothing else tells."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


async def _fetch(consumer: AIOKafkaConsumer, limit: int) -> list[bytes]:
    """The values of the next records, oldest first; none when nothing comes for a second."""
    try:
        batches = await consumer.getmany(timeout_ms=1000, max_records=limit)
    except KafkaError as fault:
        log.warning("tail.fetch_failed", error=type(fault).__name__)
        await asyncio.sleep(RETRY_AFTER_S)
        return []
    messages = [message for batch in batches.values() for message in batch]
    messages.sort(key=lambda message: cast("int", message.timestamp))
    return [message.value or b"" for message in messages]


def _printed(view: View, value: bytes, *, as_json: bool) -> str:
    if as_json:
        return value.decode(errors="replace")
    record_type = cast("type[Record]", view.topic.record)
    try:
        return printable(view.line(record_type.decode(value)))
    except UndecodableRecordError as fault:
        return f"unreadable: {fault}"


def _of_attempt(attempt: Attempt) -> str:
    replayed = " replayed" if attempt.replayed else ""
    return _joined(
        _time(attempt.event_at),
        attempt.site_id,
        attempt.charger_id,
        f"{attempt.kind}{replayed}",
        attempt.token.display,
    )


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def _quoted(text: str | None) -> str:
    return f"“{text}”" if text else ""


def _joined(*parts: str) -> str:
    return "  ".join(part for part in parts if part)
