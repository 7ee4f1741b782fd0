"""Whether a Kafka really answers: the protocol, not only an open port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.kafka.security import Kafka, addresses_of, client_options

ANSWER_S = 5.0
"""For one question: a broker that is up answers in milliseconds."""

READY_S = 90.0
"""From start to answer: 1–3 s usually, 13 s after kill -9 at worst measured, more under load."""

_POLL_S = 0.05


async def kafka_answers(bootstrap: Kafka, within_s: float = ANSWER_S) -> bool:
    """Whether a broker at `bootstrap` answers a metadata request and takes part in its cluster."""
    try:
        async with asyncio.timeout(within_s):
            # aiokafka logs an error for each refused connection, so it is asked only then.
            return await _port_open(bootstrap) and await _in_cluster(bootstrap)
    except TimeoutError:
        return False


async def ready(bootstrap: Kafka, alive: Callable[[], bool], within_s: float = READY_S) -> bool:
    """Wait for a starting broker; False when it died or `within_s` passed."""
    deadline = asyncio.get_running_loop().time() + within_s
    while alive() and asyncio.get_running_loop().time() < deadline:
        if await kafka_answers(bootstrap):
            return True
        await asyncio.sleep(_POLL_S)
    return False


async def _port_open(bootstrap: Kafka) -> bool:
    for host, port in addresses_of(bootstrap):
        try:
            _reader, writer = await asyncio.open_connection(host, port)
        except (OSError, OverflowError):
            continue
        writer.close()
        return True
    return False


async def _in_cluster(bootstrap: Kafka) -> bool:
    admin = AIOKafkaAdminClient(**client_options(bootstrap))
    try:
        await admin.start()
        # A broker that is fenced (still catching up) is not in the list it answers with.
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, ConnectionError):
        return False
    finally:
        await admin.close()
