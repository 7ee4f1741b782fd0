"""Chargers that took a remote start and have not begun it yet: whatever happens in between."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger21 import Charger21
from depotgate.demo.charger201 import Charger201
from depotgate.demo.session import Card
from models.charger import ChargerState, ModeFactKind
from models.schedule import Mode
from tests.integration.scenes import Scene


class HoldsStarts(Charger):
    """Says Accepted to a remote start, and begins it once it is let.

    Attributes:
        asked: a remote start was taken.
        go: it may begin.
        hasty: it begins without asking for the token of the remote start first
            (AuthorizeRemoteTxRequests, AuthCtrlr.AuthorizeRemoteStart = false).
    """

    def __init__(self, *args: Any, hasty: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.hasty = hasty
        self._beginning = False

    async def start_remotely(self, card: Card, evse: int) -> None:
        """As others do, once it is let."""
        self.asked.set()
        await self.go.wait()
        self._beginning = True
        try:
            await super().start_remotely(card, evse)
        finally:
            self._beginning = False

    @property
    def _asks_first(self) -> bool:
        asks_first = super()._asks_first  # type: ignore[safe-super]  # of the version's class
        return asks_first and not (self.hasty and self._beginning)

    @property
    def starting(self) -> bool:
        """Whether it begins the session just now: whoever comes to the plug comes second."""
        return self._beginning and self.plugs[0].turn.locked()


class HoldsStarts16(HoldsStarts, Charger16):
    """Over OCPP 1.6."""


class HoldsStarts201(HoldsStarts, Charger201):
    """Over OCPP 2.0.1."""


class HoldsStarts21(HoldsStarts, Charger21):
    """Over OCPP 2.1."""


HOLDS_STARTS: dict[str, type[HoldsStarts]] = {
    "1.6": HoldsStarts16,
    "2.0.1": HoldsStarts201,
    "2.1": HoldsStarts21,
}


async def asked(scene: Scene, charger_id: str) -> HoldsStarts:
    """The charger, with a vehicle for which a remote start was sent and taken."""
    charger = cast("HoldsStarts", scene[charger_id])
    await scene.until_row(charger_id, lambda row: row.desired is Mode.FREEVEND)
    assert await charger.plug_in() is None, "it waits for a card by itself"
    await scene.until(charger.asked.is_set, f"a remote start for {charger_id}")
    return charger


async def one_session(scene: Scene, charger_id: str) -> ChargerState:
    """Its row with a session that runs."""
    row = await scene.until_row(charger_id, lambda row: row.sessions.running)
    assert len(row.sessions.running) == 1
    return row


async def gone(scene: Scene, charger_id: str) -> ChargerState:
    """Its row once its vehicle has left; nothing was told twice, and nothing was given up."""
    await scene[charger_id].plug_out()
    row = await scene.until_row(
        charger_id, lambda row: not row.sessions.running and not row.sessions.occupied
    )
    assert not scene.facts(charger_id, ModeFactKind.START_FAILED)
    assert row.proofs.remote_starts_failed == 0
    return row
