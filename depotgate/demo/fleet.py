"""The demo's chargers and drivers as tasks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16, FreevendKeys
from depotgate.demo.charger21 import Charger21
from depotgate.demo.charger201 import Charger201
from depotgate.demo.depot import DemoDepot
from depotgate.demo.drivers import Driver, Pace, pause
from depotgate.demo.link import ConnectionLostError
from depotgate.demo.odd.family import FAMILY
from depotgate.demo.odd.scripts import Hand, play
from depotgate.demo.session import Attempted, Behaviour, Card
from models.ids import ChargerId
from models.schedule import Mode
from models.site import ChargerRecord

BEHAVIOUR = Behaviour(meter_interval_s=2.0)
"""A meter value often enough to see energy flow in visits of seconds."""

PACE = Pace()

LEAVE_WITHIN_S = 15.0
"""A driver who is sent home is gone after a meter value, an answer and a stop: 3 s; an answer that
takes longer than the deadline of 3 s is what this is long for."""

NEWER: Mapping[str, type[Charger201]] = {"2.0.1": Charger201, "2.1": Charger21}
"""Chargers that need no maker's keys, by version."""


class Fleet:
    """All chargers of the depot, each with drivers who come one after the other.

    Args:
        ocpp: address of the gateway without charger id.
        on_attempt: told of every token that was presented.
        rng: chance in modes, waits and cards; seed it to repeat a run.
        pace: of the drivers.

    Attributes:
        chargers: by id, in the order of the depot.
    """

    def __init__(
        self,
        depot: DemoDepot,
        ocpp: str,
        on_attempt: Callable[[Attempted], None],
        *,
        rng: random.Random,
        pace: Pace = PACE,
    ) -> None:
        self._depot = depot
        self._pace = pace
        self._rng = rng
        self._leaving = asyncio.Event()
        self._driving: set[asyncio.Task[None]] = set()
        self.chargers = {
            row.charger_id: self._charger(row, ocpp, on_attempt) for row in depot.chargers
        }

    async def run(self) -> None:
        """Be a fleet until cancelled; no driver comes before `open`."""
        async with asyncio.TaskGroup() as tasks:
            for charger in self.chargers.values():
                tasks.create_task(charger.run())

    async def absent(self, within_s: float) -> dict[ChargerId, str]:
        """Wait for all chargers to be connected; those that are not in time, and why."""
        ended = await asyncio.gather(
            *(charger.connected(within_s) for charger in self.chargers.values()),
            return_exceptions=True,
        )
        absent: dict[ChargerId, str] = {}
        for charger_id, end in zip(self.chargers, ended, strict=True):
            if isinstance(end, ConnectionLostError):
                absent[charger_id] = str(end)
            elif end is not None:
                raise end
        return absent

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """Let drivers come, one after the other to each charger, until `close`."""
        cards = [*(card.card for card in self._depot.cards), None]
        decks = {
            group.id: _dealt(cards, random.Random(self._rng.random()))
            for group in self._depot.site.groups
        }
        for row in self._depot.chargers:
            assert row.group is not None, "each charger of the demo is in a group"
            charger, oddity = self.chargers[row.charger_id], self._depot.odd.get(row.charger_id)
            driving = (
                self._drive(charger, decks[row.group])
                if oddity is None
                else play(oddity, charger, self._hand())
            )
            self._driving.add(tasks.create_task(driving))

    async def close(self) -> int:
        """Send the drivers home; how many did not go in time and were dropped."""
        self._leaving.set()
        if not self._driving:
            return 0
        _gone, staying = await asyncio.wait(self._driving, timeout=LEAVE_WITHIN_S)
        for task in staying:
            task.cancel()
        return len(staying)

    async def _drive(self, charger: Charger, deck: Iterator[Card | None]) -> None:
        rng = random.Random(self._rng.random())
        while True:
            await pause(rng.uniform(*self._pace.idle_s), self._leaving)
            if self._leaving.is_set():
                return
            await Driver(charger, next(deck), rng, self._pace, leaving=self._leaving).visit()

    def _hand(self) -> Hand:
        cards = {card.card.label: card.card for card in self._depot.cards}
        return Hand(refused=cards["revoked"], unknown=cards["unknown"])

    def _charger(
        self, row: ChargerRecord, ocpp: str, on_attempt: Callable[[Attempted], None]
    ) -> Charger:
        options: dict[str, Any] = {
            "password": self._depot.passwords[row.charger_id],
            "behaviour": BEHAVIOUR,
            # As somebody left it; what cannot be switched asks for every card.
            "mode": self._rng.choice(list(Mode)) if self._depot.switchable(row) else Mode.MANAGED,
            "on_attempt": on_attempt,
            "rng": random.Random(self._rng.random()),
        }
        oddity = self._depot.odd.get(row.charger_id)
        if oddity is not None:
            assert row.ocpp is not None, "each charger of the demo speaks one version"
            behaviour = options.pop("behaviour")
            return FAMILY[oddity].charger(row.ocpp, row.charger_id, ocpp, behaviour, **options)
        if row.ocpp is not None and row.ocpp in NEWER:
            return NEWER[row.ocpp](row.charger_id, ocpp, **options)
        profile = self._depot.profile(row)
        # `standard` has no key in 1.6; its charger has some that nobody knows of.
        keys = FreevendKeys.of(profile) if profile.ocpp == "1.6" and profile.mode_key else None
        charger = Charger16(row.charger_id, ocpp, keys=keys, **options)
        charger.boots_as = self._depot.boots.get(row.charger_id, charger.boots_as)
        return charger


def _dealt(cards: Sequence[Card | None], rng: random.Random) -> Iterator[Card | None]:
    """Every card once in each round, in an order of chance: none stays away for long."""
    while True:
        yield from rng.sample(cards, len(cards))
