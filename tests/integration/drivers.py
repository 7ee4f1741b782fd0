"""Drivers who present cards for as long as a test likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import cycle

from depotgate.demo.charger import Charger
from depotgate.demo.session import Card

PAUSE_S = 0.05
"""Between a driver's answer and the next card: a hundred cards a second are load enough, and the
tests in other processes need the machine too."""


@asynccontextmanager
async def drivers(chargers: Iterable[Charger], cards: Sequence[Card]) -> AsyncIterator[None]:
    """At each of these chargers the cards, one after the other, again and again."""
    over = asyncio.Event()

    async def present(charger: Charger) -> None:
        for card in cycle(cards):
            if over.is_set():
                return
            await charger.authorize(card)
            await asyncio.sleep(PAUSE_S)

    async with asyncio.TaskGroup() as tasks:
        for charger in chargers:
            tasks.create_task(present(charger))
        try:
            yield
        finally:
            over.set()
