"""Simulated drivers: who comes, with which card, for how long."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from depotgate.demo.charger import Charger
from depotgate.demo.link import ChargerError
from depotgate.demo.session import NO_CARD, AttemptResult, Card, Session
from models.schedule import Mode

Wallet = Sequence[tuple[Card | None, float]]
"""What drivers hold and how often: weights need not add up to anything; None = no card."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Pace:
    """How long drivers take, each a range in seconds, and how often one taps before plugging in.

    Attributes:
        patience_s: how long one who cannot charge stays; freevend may begin meanwhile.
    """

    idle_s: Span = (1.0, 6.0)
    charge_s: Span = (2.0, 8.0)
    patience_s: Span = (1.0, 3.0)
    taps_first_share: float = 0.3


@dataclass(frozen=True)
class Visit:
    """What became of one driver.

    Attributes:
        label: of the card, or NO_CARD.
        mode: the charger's when the driver came.
        results: every answer that the driver got, in order.
        charged: whether energy flowed.
        error: name of what went wrong on the way (UnansweredError, …), None when nothing did.
    """

    charger_id: str
    label: str
    mode: Mode
    came_at: datetime
    results: tuple[AttemptResult, ...]
    charged: bool
    error: str | None


@dataclass
class Driver:
    """One driver at one plug, and what comes of it.

    Attributes:
        leaving: once it is set the driver stops waiting and charging, and goes.
    """

    charger: Charger
    card: Card | None
    rng: random.Random
    pace: Pace
    evse: int = 1
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    results: list[AttemptResult] = field(default_factory=list)
    charged: bool = False
    error: str | None = None

    async def visit(self) -> Visit:
        """Come, try, charge if allowed, and go. What goes wrong is in the result."""
        came_at, mode = datetime.now(UTC), self.charger.mode
        for step in (self._try_to_start, self._charge, self._go):
            await self._attempt(step)
        return Visit(
            charger_id=self.charger.charger_id,
            label=NO_CARD if self.card is None else self.card.label,
            mode=mode,
            came_at=came_at,
            results=tuple(self.results),
            charged=self.charged,
            error=self.error,
        )

    async def _attempt(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except ChargerError as error:
            # The first one explains those that follow.
            self.error = self.error or type(error).__name__

    async def _try_to_start(self) -> None:
        taps_first = self.rng.random() < self.pace.taps_first_share
        if self.card is not None and taps_first:
            self._keep(await self.charger.tap(self.card, self.evse))
        self._keep(await self.charger.plug_in(self.evse))
        if self.card is not None and not taps_first and self._session is None:
            self._keep(await self.charger.tap(self.card, self.evse))

    async def _charge(self) -> None:
        if self._session is None:
            await pause(self.rng.uniform(*self.pace.patience_s), self.leaving)
        session = self._session
        if session is None:
            return
        self.charged = True
        charge_s = self.rng.uniform(*self.pace.charge_s)
        if await self.charger.charge(charge_s, self.evse, leaving=self.leaving):
            # The card that started it ends it; one that started by itself is ended at a button.
            await self.charger.stop(session.card, self.evse)

    async def _go(self) -> None:
        await self.charger.plug_out(self.evse)

    @property
    def _session(self) -> Session | None:
        return self.charger.session_at(self.evse)

    def _keep(self, result: AttemptResult | None) -> None:
        if result is not None:
            self.results.append(result)


async def pause(for_s: float, leaving: asyncio.Event) -> None:
    """Wait so long, or until it is time to leave."""
    with suppress(TimeoutError):
        await asyncio.wait_for(leaving.wait(), for_s)


async def drive(
    charger: Charger,
    wallet: Wallet,
    *,
    rng: random.Random,
    pace: Pace,
    report: Callable[[Visit], None],
    evse: int = 1,
) -> None:
    """Send drivers to one plug, one after the other, until cancelled."""
    cards = [card for card, _ in wallet]
    weights = [weight for _, weight in wallet]
    while True:
        await asyncio.sleep(rng.uniform(*pace.idle_s))
        (card,) = rng.choices(cards, weights)
        report(await Driver(charger, card, rng, pace, evse).visit())
