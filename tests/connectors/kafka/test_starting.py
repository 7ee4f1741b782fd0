"""A port that takes connections and never answers: what a Kafka that hangs looks like."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from connectors.kafka.consumer import start_consumer
from connectors.kafka.starting import ANSWER_WITHIN_S
from connectors.kafka.topics import admin_client
from models.errors import BrokerUnavailableError

WITHIN_S = 0.3

SAID = (
    r"no Kafka answers at 127\.0\.0\.1:\d+ within \d+ s, though connections to it are not refused"
)


@pytest.fixture
def silent() -> Iterator[str]:
    """The kernel takes connections for a listening socket that nobody asks."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


async def test_a_kafka_that_says_nothing_is_said_in_a_sentence(silent: str) -> None:
    began_s = time.monotonic()
    with pytest.raises(BrokerUnavailableError, match=SAID):
        await start_consumer(silent, answer_within_s=WITHIN_S)
    with pytest.raises(BrokerUnavailableError, match=SAID):
        async with admin_client(silent, WITHIN_S):
            pytest.fail("nobody answered")
    assert time.monotonic() - began_s < ANSWER_WITHIN_S


async def test_a_closed_port_is_said_at_once() -> None:
    began_s = time.monotonic()
    with pytest.raises(BrokerUnavailableError, match=r"at 127\.0\.0\.1:1; start it with"):
        await start_consumer("127.0.0.1:1")
    assert time.monotonic() - began_s < ANSWER_WITHIN_S
