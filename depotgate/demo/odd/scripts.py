"""What happens at the odd chargers of a demo: a few seconds each, once the drivers come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from depotgate.demo.charger import Charger
from depotgate.demo.link import ChargerError
from depotgate.demo.odd.family import CLOCK_AHEAD
from depotgate.demo.session import Card

CHARGES_S = 12.0
"""A refused session is stopped at the first sign of energy after five seconds."""

OFFLINE_S = 2.0
"""Of a network that is told to have been away for an hour."""

AN_HOUR = timedelta(hours=1)
STAYED = timedelta(minutes=9)
CONNECT_WITHIN_S = 15.0


class Hand(NamedTuple):
    """Cards that are refused in managed time."""

    refused: Card
    unknown: Card


async def _charges_when_denied(charger: Charger, hand: Hand) -> None:
    await charger.plug_in()
    await charger.tap(hand.refused)
    await charger.charge(CHARGES_S)
    await charger.plug_out()


async def _starts_by_itself(charger: Charger, _hand: Hand) -> None:
    await charger.plug_in()
    await charger.charge(CHARGES_S)
    await charger.plug_out()


async def _comes_back(charger: Charger, hand: Hand) -> None:
    charger.disconnect()
    await asyncio.sleep(OFFLINE_S)
    charger.connect()
    await charger.connected(CONNECT_WITHIN_S)
    began_at = datetime.now(UTC) - AN_HOUR
    await charger.replay(hand.unknown, began_at, began_at + STAYED)


async def _tells_of_its_own_time(charger: Charger, hand: Hand) -> None:
    began_at = datetime.now(UTC) + CLOCK_AHEAD - AN_HOUR
    await charger.replay(hand.unknown, began_at, began_at + STAYED)


async def _reboots(charger: Charger, _hand: Hand) -> None:
    await charger.reboot()
    await charger.connected(CONNECT_WITHIN_S)


SCRIPTS: Mapping[str, Callable[[Charger, Hand], Awaitable[None]]] = {
    "charges when denied": _charges_when_denied,
    "accepts without effect": _starts_by_itself,
    "freevend tag": _starts_by_itself,
    "replays": _comes_back,
    "wrong clock": _tells_of_its_own_time,
    "forgets on boot": _reboots,
}
"""By name in the family."""


async def play(name: str, charger: Charger, hand: Hand) -> None:
    """Play it; what it could not do is missed by whoever expects it to be noticed."""
    with suppress(ChargerError):
        await SCRIPTS[name](charger, hand)
