"""Records on their way to Kafka, and whether they arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka.structs import RecordMetadata

Delivery = asyncio.Future[RecordMetadata]
"""Ends with the acknowledgement of all in-sync replicas, or with why there is none."""

AWAY_AFTER_S = 1.0
"""An acknowledgement takes a few milliseconds; a second without one leaves two of the default
deadline for the posture and its record."""


async def acknowledged(delivery: Delivery, within_s: float) -> bool:
    """Whether all in-sync replicas have the record, waiting `within_s` for it."""
    if not delivery.done():
        await _ended(delivery, within_s)
    return delivery.done() and not delivery.cancelled() and delivery.exception() is None


async def _ended(delivery: Delivery, within_s: float) -> None:
    """Wait for a delivery to end, `within_s` at most: `asyncio.wait`, at half its price."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not woken.done():
            woken.set_result(None)

    timer = loop.call_later(max(within_s, 0.0), wake)
    delivery.add_done_callback(wake)
    try:
        await woken
    finally:
        timer.cancel()
        delivery.remove_done_callback(wake)


async def acknowledged_by(delivery: Delivery, until_s: float) -> bool:
    """As `acknowledged`, until an instant of the loop's clock."""
    return await acknowledged(delivery, until_s - asyncio.get_running_loop().time())


async def all_acknowledged(deliveries: Iterable[Delivery]) -> bool:
    """Whether Kafka has all of them, before it counts as away."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + AWAY_AFTER_S
    return all([await acknowledged(delivery, until_s - loop.time()) for delivery in deliveries])
