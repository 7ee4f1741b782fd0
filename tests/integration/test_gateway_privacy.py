"""Rule 26: no raw identifier leaves a gateway, whatever a charger sends and however it fails.

The gateway is a process of its own here, as `depotgate gateway` runs it, with its own log file.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from connectors.kafka.broker_files import free_port
from connectors.kafka.consumer import start_consumer
from connectors.ocpp.wire import wire_time
from connectors.processes import die_with_parent
from connectors.telemetry.metrics import Metrics
from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger201 import Charger201
from depotgate.demo.link import ChargerError
from models.attempt import Outcome
from models.ids import Slot
from models.topics import EVENTS, OUTCOMES, TOPICS
from tests.integration.gateways import DEADLINE_S, PASSWORD, House, Running, ask
from tests.integration.installations import environment
from tests.integration.records import until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

# fmt: off
TOKENS = (
    #  as presented             as it might turn up elsewhere
    ("04F1E2D3C4B5A6",          "04F1E2D3C4B5A6"),
    ("04:f1:e2:d3:c4:b5:a7",    "04F1E2D3C4B5A7"),
    ("VID:F0E1D2C3B4A5",        "F0E1D2C3B4A5"),
    ("DE-8XY-C7391-D",          "8XYC7391"),
    ("HushHushKeyCode",         "HUSHHUSHKEYCODE"),
)
# fmt: on
MALFORMED = "HUSHTOOLONG" * 3 + "HUSHHUSH"
FREE_TEXT = "HushFreeText"
NOT_A_PASSWORD = "hush wrong horse"  # noqa: S105 - of simulated chargers

SECRETS = (
    *(form for forms in TOKENS for form in forms),
    MALFORMED,
    FREE_TEXT,
    PASSWORD,
    NOT_A_PASSWORD,
    base64.b64encode(PASSWORD.encode()).decode(),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(house: House, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """`depotgate gateway`, in a process of its own."""
    async with process(house, tmp_path_factory.mktemp("process")) as running:
        yield running


@asynccontextmanager
async def process(house: House, folder: Path) -> AsyncIterator[Running]:
    house.data = folder
    port, keys = free_port(), folder / "keys.json"
    row = {"kid": house.key.kid, "key": base64.b64encode(house.key.key).decode()}
    keys.touch(mode=0o600)
    keys.write_bytes(orjson.dumps([row]))
    options = {
        "kafka": house.bootstrap,
        "data": folder,
        "ocpp": f"127.0.0.1:{port}",
        "metrics": f"127.0.0.1:{free_port()}",
        "deadline-s": DEADLINE_S,
        "slot": 8,
        "tenant": house.name,
        "pseudonym-keys-file": keys,
        "ready-file": folder / "ready",
        "log-file": folder / "gateway.log",
    }
    running = launched(folder / "printed", options)
    try:
        await until(
            lambda: (folder / "ready").exists() or running.poll() is not None, "ready", 60.0
        )
        assert running.poll() is None, (folder / "printed").read_text()
        # Its metrics are its own business here, so nobody waits for them.
        yield Running(f"ws://127.0.0.1:{port}/ocpp", Slot(8), Metrics("gateway"), asyncio.Event())
    finally:
        running.terminate()
        running.wait(20)


def launched(printed: Path, options: Mapping[str, object]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "depotgate", "gateway"]
    command += [f"--{name}={value}" for name, value in options.items()]
    with printed.open("wb") as out:
        return subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(),
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - plain calls only, see there
        )


async def test_rule_26_nothing_that_a_charger_sends_gets_into_a_topic_or_a_log(
    house: House, gateway: Running
) -> None:
    ids = [await house.new_charger("closed", profile="microocpp") for _ in range(2)]
    options: dict[str, Any] = {"password": PASSWORD}
    async with (
        Charger16(ids[0], gateway.endpoint, **options) as old,
        Charger201(ids[1], gateway.endpoint, **options) as new,
    ):
        for charger in (old, new):
            await charger.connected()
            await present_everything(charger)
    await knock_wrongly(house, gateway)
    expected = len(TOKENS) + 1
    for charger_id in ids:
        await until(
            lambda charger_id=charger_id: (  # type: ignore[misc]
                len(house.records.outcomes(charger_id)) >= expected
            ),
            f"{expected} outcomes",
        )
    written = await everything(house.bootstrap)
    assert_full(house, ids[0], written)
    said = [(path.name, path.read_bytes()) for path in house.data.iterdir() if path.is_file()]
    assert b"gateway.ready" in dict(said)["gateway.log"]
    places = [*written, *((name, content) for name, content in said if name != "keys.json")]
    assert found_in(places) == []


async def present_everything(charger: Charger) -> None:
    """Every token in every message that may carry one, and text wherever there is room for it."""
    messages = messages_16 if isinstance(charger, Charger16) else messages_201
    for number, (action, payload) in enumerate(messages()):
        answer = await ask(charger, action, payload, message_id=f"{number}")
        assert answer[0] in {3, 4}
    for frame in (
        f'[2,"a","Authorize",{{"idTag":"{MALFORMED}"',
        f'[2,"b","{MALFORMED}",{{}}]',
        f'{{"idTag":"{MALFORMED}"}}',
        f'[3,"{TOKENS[0][0]}",{{"idTag":"{MALFORMED}"}}]',
        f'[4,"{TOKENS[0][0]}","{TOKENS[4][0]}","{FREE_TEXT}",{{}}]',
        f'[2,"{TOKENS[4][0]}","Authorize",{{"idTag":{json.dumps([MALFORMED])}}}]',
    ):
        with suppress(ChargerError):
            await charger.raw(frame, timeout_s=0.1)


def messages_16() -> list[tuple[str, dict[str, Any]]]:
    at = wire_time(datetime.now(UTC))
    tags = [token for token, _ in TOKENS]
    start = {"connectorId": 1, "meterStart": 0, "timestamp": at}
    stop = {"transactionId": 7, "meterStop": 9, "timestamp": at}
    return [
        *(("Authorize", {"idTag": tag}) for tag in tags),
        ("StartTransaction", start | {"idTag": tags[0]}),
        ("StopTransaction", stop | {"idTag": tags[0]}),
        ("Authorize", {"idTag": MALFORMED}),
        ("DataTransfer", {"vendorId": FREE_TEXT, "messageId": tags[0], "data": MALFORMED}),
        (
            "StatusNotification",
            {
                "connectorId": 1,
                "errorCode": "OtherError",
                "status": "Faulted",
                "info": FREE_TEXT,
                "vendorId": FREE_TEXT,
                "vendorErrorCode": tags[0],
            },
        ),
        ("SecretAction", {"idTag": MALFORMED}),
    ]


def messages_201() -> list[tuple[str, dict[str, Any]]]:
    at = wire_time(datetime.now(UTC))
    tokens = [{"idToken": token, "type": "Local"} for token, _ in TOKENS]
    event = {"timestamp": at, "transactionInfo": {"transactionId": "T-1"}, "evse": {"id": 1}}
    started = {"eventType": "Started", "triggerReason": "Authorized", "seqNo": 0}
    ended = {"eventType": "Ended", "triggerReason": "StopAuthorized", "seqNo": 1}
    card = {"additionalInfo": [{"additionalIdToken": TOKENS[0][0], "type": FREE_TEXT}]}
    return [
        *(("Authorize", {"idToken": token}) for token in tokens),
        ("TransactionEvent", event | started | {"idToken": tokens[0] | card}),
        ("TransactionEvent", event | ended | {"idToken": tokens[0]}),
        ("Authorize", {"idToken": {"idToken": MALFORMED, "type": "ISO14443"}}),
        ("Authorize", {"idToken": {"idToken": TOKENS[0][0], "type": FREE_TEXT}}),
        ("DataTransfer", {"vendorId": FREE_TEXT, "data": {"card": TOKENS[0][0]}}),
        (
            "SecurityEventNotification",
            {"type": FREE_TEXT, "timestamp": at, "techInfo": TOKENS[0][0]},
        ),
    ]


async def knock_wrongly(house: House, gateway: Running) -> None:
    charger_id = await house.new_charger("closed")
    for name in (charger_id, TOKENS[0][0]):
        async with Charger201(name, gateway.endpoint, password=NOT_A_PASSWORD) as charger:
            await until(lambda charger=charger: charger.link.refusal, "a refusal")  # type: ignore[misc]


async def everything(bootstrap: str) -> list[tuple[str, bytes]]:
    """Every key, value and header on every topic, with the topic's name."""
    consumer = await start_consumer(bootstrap)
    try:
        partitions = [
            TopicPartition(topic.name, number)
            for topic in TOPICS
            for number in range(topic.partitions)
        ]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        written: list[tuple[str, bytes]] = []
        while not all([await consumer.position(each) >= ends[each] for each in partitions]):
            for partition, batch in (await consumer.getmany(timeout_ms=200)).items():
                for message in batch:
                    headers = (value for _, value in message.headers)
                    parts = (message.key, message.value, *headers)
                    written.append((partition.topic, b"\n".join(part or b"" for part in parts)))
        return written
    finally:
        await consumer.stop()


def assert_full(house: House, charger_id: str, written: list[tuple[str, bytes]]) -> None:
    """The search was not one of empty topics."""
    for topic in (OUTCOMES, EVENTS):
        found = [content for name, content in written if name == topic.name]
        assert len([content for content in found if charger_id.encode() in content]) > len(TOKENS)
    pseudonyms = {each.attempt.token.pseudonym for each in house.records.outcomes(charger_id)}
    assert len(pseudonyms) == len(TOKENS)
    assert isinstance(house.records.outcomes(charger_id)[0], Outcome)


def found_in(places: list[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Which secret was found where."""
    searched = [(name, content.lower()) for name, content in places]
    return [
        (name, secret)
        for secret in SECRETS
        for name, content in searched
        if secret.lower().encode() in content
    ]
