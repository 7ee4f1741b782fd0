"""Chargers that are new, or have a new firmware or profile, are asked what they can do."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from models.charger import ChargerState
from models.governing import Governing
from models.ids import ChargerId, ConnectionId
from models.probing import ask_again_after, probe_due
from models.profiles import profile_named, switchable
from models.record import NEVER
from models.site import Stage
from streams.charger_post import ChargerPost
from streams.gateway_turns import GatewayTurns
from streams.states import ChargerStates

PROBES_PER_S = 20.0
"""Probes that one gateway begins in a second: a dozen messages each, and ten thousand chargers may
be new at the same time, while drivers present their cards at them. Those wait eight minutes."""


class _Subject(NamedTuple):
    """What a probe is about; of another one nothing is known."""

    connection_id: ConnectionId
    firmware: str | None
    profile: str


class _Asked(NamedTuple):
    """The last probe of a charger, and how many there were about the same."""

    subject: _Subject
    asked_count: int
    again_at: datetime


class ProbeDesk:
    """Has chargers probed over each connection for a firmware and a profile: once, and again after
    a pause where that told nothing of use."""

    def __init__(self, post: ChargerPost, states: ChargerStates) -> None:
        self._post = post
        self._states = states
        self._turns = GatewayTurns(PROBES_PER_S)
        self._asked: dict[ChargerId, _Asked] = {}

    async def ask(self, row: ChargerState, governing: Governing, now: datetime) -> datetime:
        """Have it probed, where that is due; `shadow` sends nothing (rule 27).

        Returns:
            When it is to be looked at again should it tell nothing; NEVER where there is nothing to
            ask, and where it waits for its turn: `due` names it then.
        """
        link, profile = row.connection, governing.profile
        if link is None or governing.stage is not Stage.ENFORCE or not probe_due(row, profile):
            return NEVER
        if not switchable(link.ocpp, profile_named(profile.name)):
            return NEVER
        subject = _Subject(link.connection_id, row.firmware, profile.name)
        last = self._asked.get(row.charger_id)
        same = last if last is not None and last.subject == subject else None
        if same is not None and now < same.again_at:
            return same.again_at
        if not self._turns.come(row, self._states.share):
            return NEVER
        asked_count = same.asked_count + 1 if same else 1
        again_at = now + ask_again_after(asked_count)
        self._asked[row.charger_id] = _Asked(subject, asked_count, again_at)
        await self._post.probe(link, governing, now, f"{profile.name} {row.firmware or ''}")
        return again_at

    def due(self) -> list[ChargerId]:
        """Chargers whose turn it is, to be looked at now."""
        return self._turns.due(self._states.share)

    def forget(self) -> None:
        """Chargers go to other workers, which ask those that have not told."""
        self._asked.clear()
