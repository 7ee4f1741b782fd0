"""Chargers that are new, or have a new firmware or profile, are asked what they can do."""

from __future__ import annotations

from datetime import datetime

from models.charger import ChargerState
from models.governing import Governing
from models.ids import ChargerId, ConnectionId
from models.probing import probe_due
from models.profiles import profile_named, switchable
from models.site import Stage
from streams.charger_post import ChargerPost
from streams.gateway_turns import GatewayTurns
from streams.states import ChargerStates

PROBES_PER_S = 20.0
"""Probes that one gateway begins in a second: a dozen messages each, and ten thousand chargers may
be new at the same time, while drivers present their cards at them. Those wait eight minutes."""


class ProbeDesk:
    """Has chargers probed, once over a connection for a firmware and a profile."""

    def __init__(self, post: ChargerPost, states: ChargerStates) -> None:
        self._post = post
        self._states = states
        self._turns = GatewayTurns(PROBES_PER_S)
        self._asked: dict[ChargerId, tuple[ConnectionId, str | None, str]] = {}

    async def ask(self, row: ChargerState, governing: Governing, now: datetime) -> None:
        """Have it probed, where that is due; `shadow` sends nothing (rule 27)."""
        link = row.connection
        profile = governing.profile.name
        if link is None or governing.stage is not Stage.ENFORCE or not probe_due(row, profile):
            return
        if not switchable(link.ocpp, profile_named(profile)):
            return
        asked = (link.connection_id, row.firmware, profile)
        known = self._asked.get(row.charger_id) == asked
        if known or not self._turns.come(row, self._states.share):
            return
        self._asked[row.charger_id] = asked
        await self._post.probe(link, governing, now, f"{profile} {row.firmware or ''}")

    def due(self) -> list[ChargerId]:
        """Chargers whose turn it is, to be looked at now."""
        return self._turns.due(self._states.share)

    def forget(self) -> None:
        """Chargers go to other workers, which ask those that have not told."""
        self._asked.clear()
