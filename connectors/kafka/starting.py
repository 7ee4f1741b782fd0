"""Connecting a client to Kafka, in a time that a person waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiokafka.errors import KafkaError

from connectors.kafka.lacking import permission_lacking
from connectors.kafka.refusals import refusal_of
from connectors.kafka.security import Kafka
from models.errors import BrokerUnavailableError

ANSWER_WITHIN_S = 10.0
"""For one request: a broker answers in milliseconds, and a loaded one in a second or two. A client
waits 40 s by default, at each address that takes connections and says nothing."""

_SLOW_SHARE = 0.9
"""Of that time: who is refused at once waits for none of it."""


class Client(Protocol):
    """A consumer, a producer or an admin client of aiokafka."""

    async def start(self) -> None: ...


async def start_client(
    client: Client, bootstrap: Kafka, close: Callable[[], Awaitable[None]], within_s: float
) -> None:
    """Connect; a client that cannot is closed.

    Args:
        close: ends the client.
        within_s: what the client waits for one answer.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address.
        KafkaRefusedError: it answers, and does not let this client in.
        NotPermittedError: it may write to no topic, and is a producer.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        await client.start()
    except KafkaError as fault:
        waited_s = loop.time() - began_s
        await close()
        at_once = waited_s < _SLOW_SHARE * within_s
        lacking = permission_lacking(fault, bootstrap)
        refused = lacking or (await refusal_of(bootstrap) if at_once else None)
        if refused is not None:
            raise refused from fault
        raise BrokerUnavailableError(_said(bootstrap, waited_s, within_s)) from fault


def _said(bootstrap: Kafka, waited_s: float, within_s: float) -> str:
    if waited_s < _SLOW_SHARE * within_s:
        return (
            f"no Kafka answers at {bootstrap}; start it with `depotgate up`, "
            "or name another with DEPOTGATE_KAFKA"
        )
    return (
        f"no Kafka answers at {bootstrap} within {waited_s:.0f} s, though connections to it are "
        "not refused; if it is starting or overloaded try again later, "
        "else name another with DEPOTGATE_KAFKA"
    )
