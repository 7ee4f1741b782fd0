"""Announcements of managed time on displays: sent with the mode, at each connect, and at edges."""

from __future__ import annotations

from datetime import datetime

from models.announcing import announce_at, announcement, texts_of
from models.charger import ChargerState
from models.governing import Governing
from models.record import NEVER
from streams.charger_post import ChargerPost
from streams.gateway_turns import Turn


class AnnouncementDesk:
    """Keeps displays in step with what governs their chargers; the row keeps what was said.

    Args:
        turn: announcements are spread with switches and read-backs, and come last.
    """

    def __init__(self, post: ChargerPost, turn: Turn) -> None:
        self._post = post
        self._turn = turn

    async def review(self, row: ChargerState, governing: Governing, now: datetime) -> ChargerState:
        """Send what is due; the row as it then is."""
        if announce_at(row, governing, now) > now or not self._turn(row):
            return row
        announced = announcement(row, governing, now)
        await self._post.announce(row, announced, texts_of(announced.window, now), governing)
        return row.model_copy(update={"announced": announced})


def announcement_due_at(row: ChargerState, governing: Governing, now: datetime) -> datetime:
    """When it is to be looked at again though nothing happens; who waits for a turn is called."""
    at = announce_at(row, governing, now)
    return NEVER if at <= now else at
