"""`depotgate charger probe`: ask a connected charger, and wait for what it says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka.bulk import bulk_producer
from connectors.kafka.consumer import read_from_now, start_consumer, stop_consumer
from connectors.kafka.partition import partition_of
from connectors.kafka.security import Kafka
from depotgate.chargers_shown import one_of, read_chargers
from depotgate.printing import print_json
from depotgate.reaching import reachable_kafka
from depotgate.settings import Settings
from models.charger import ChargerCommand, ChargerEvent, EventName
from models.errors import ProbeFailedError, UndecodableRecordError
from models.probing import probe_command
from models.token_types import split
from models.topics import COMMANDS, EVENTS

ANSWER_WITHIN_S = 60.0
"""A charger that is being switched is asked after that; more than a minute is no answer."""

_SAID = {
    "mode_key": "the key of its mode",
    "tag_key": "the key of its freevend tag",
    "pre_authorize": "pre-authorization",
    "cache": "the authorization cache",
}

_WHY_NOT = {
    "stage": "its stage is not `enforce`, so nothing is sent to it",
    "no key": "its profile names no setting for its OCPP version",
    "busy": "too many calls wait for it already",
    "timed_out": "it did not answer",
    "expired": "its gateway was away for too long",
}


async def probe_charger(settings: Settings, charger_id: str, *, as_json: bool) -> None:
    """Probe a charger and print what it said.

    Raises:
        ConfigurationError: no such charger is loaded.
        ProbeFailedError: it is not connected, or gave no answer.
        BrokerUnavailableError: Kafka does not answer.
    """
    kafka = reachable_kafka(settings)
    shown = one_of(await read_chargers(kafka), charger_id)
    link = shown.row.connection if shown.row else None
    if link is None:
        raise ProbeFailedError(
            f"expected a charger that is connected, got {charger_id}, which is not"
        )
    now = datetime.now(UTC)
    profile = shown.profile.name
    command = probe_command(shown.charger, profile, link, now, f"asked at {now.isoformat()}")
    told = await _answer(kafka, command)
    if as_json:
        print_json(told.data)
        return
    for line in _lines(charger_id, told):
        typer.echo(line)


async def _answer(kafka: Kafka, command: ChargerCommand) -> ChargerEvent:
    """Send the command to its gateway, and wait for the event that ends it."""
    consumer = await start_consumer(kafka)
    try:
        events = TopicPartition(EVENTS.name, partition_of(command.charger_id))
        await read_from_now(consumer, [events])
        source = "charger probe"
        async with bulk_producer(kafka, source, command.command_id, command.sent_at) as bulk:
            await bulk.add(COMMANDS, command.charger_id, command.encode(), partition=command.slot)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            told = await _heard(consumer, command)
    except TimeoutError as fault:
        raise ProbeFailedError(
            f"{command.charger_id} gave no answer within {ANSWER_WITHIN_S:.0f} s; "
            "is its gateway there?"
        ) from fault
    finally:
        await stop_consumer(consumer)
    status = str(told.data.get("status"))
    if status != "Accepted":
        raise ProbeFailedError(
            f"{command.charger_id} was not probed: {_WHY_NOT.get(status, status)}"
        )
    return told


async def _heard(consumer: AIOKafkaConsumer, command: ChargerCommand) -> ChargerEvent:
    while True:
        message = await consumer.getone()
        try:
            event = ChargerEvent.decode(message.value)
        except UndecodableRecordError:
            continue
        ours = event.data.get("commandId") == command.command_id
        if event.name == EventName.PROBED and ours:
            return event


def _lines(charger_id: str, told: ChargerEvent) -> list[str]:
    said = [f"{charger_id}, asked as profile {told.data.get('profile')}:"]
    for about, what in _SAID.items():
        if about in told.data:
            claim = str(told.data[about] or "no usable answer")
            said.append(f"  {what}: {claim.replace('_', '-')}")
    types = split(told.data.get("token_types"))
    if types:
        said.append(f"  it presents tokens of the types {', '.join(types)}")
    if told.data.get("mode"):
        said.append(f"  it stands at {told.data['mode']}")
    said.append("this is what it claims; `depotgate chargers` shows what its behaviour proved")
    return said
