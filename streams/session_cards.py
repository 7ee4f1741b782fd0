"""Whose card each running session is, so that a card that changes is judged again at once."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.kafka.identity_table import pseudonym_of_key
from connectors.kafka.replica import Replica
from models.charger import ChargerState
from models.ids import ChargerId, Pseudonym
from models.topics import IDENTITIES, Topic

AT_ONCE_MAX = 200
"""Chargers in one look at the clock, four times a second: some 20 ms for decisions to wait. A feed
that changes the cards of 10,000 running sessions is through in 13 seconds."""


class SessionCards:
    """Chargers with running sessions, by every pseudonym that their cards may be looked up by."""

    def __init__(self, replica: Replica) -> None:
        self._chargers: dict[Pseudonym, set[ChargerId]] = {}
        self._cards: dict[ChargerId, frozenset[Pseudonym]] = {}
        # In the order in which their cards changed.
        self._changed: dict[ChargerId, None] = {}
        replica.subscribe(self._configuration_changed)

    def note(self, row: ChargerState) -> None:
        """Take note of the sessions that run at a charger now."""
        cards = frozenset(_pseudonyms(row))
        known = self._cards.get(row.charger_id, frozenset())
        if cards == known:
            return
        for gone in known - cards:
            chargers = self._chargers[gone]
            chargers.discard(row.charger_id)
            if not chargers:
                del self._chargers[gone]
        for come in cards - known:
            self._chargers.setdefault(come, set()).add(row.charger_id)
        self._cards[row.charger_id] = cards
        if not cards:
            del self._cards[row.charger_id]

    def changed(self) -> list[ChargerId]:
        """Chargers whose sessions are to be judged again; each is named once."""
        some = list(self._changed)[:AT_ONCE_MAX]
        for charger_id in some:
            del self._changed[charger_id]
        return some

    def forget(self) -> None:
        """Chargers go to other workers."""
        self._chargers.clear()
        self._cards.clear()
        self._changed.clear()

    def _configuration_changed(self, topic: Topic, key: str) -> None:
        # A load brings a million of them: of all but a few nobody charges.
        if topic is IDENTITIES and self._chargers:
            for charger_id in self._chargers.get(pseudonym_of_key(key), ()):
                self._changed[charger_id] = None


def _pseudonyms(row: ChargerState) -> Iterator[Pseudonym]:
    for session in row.sessions.running:
        if session.attempt is not None:
            for candidate in session.attempt.token.candidates:
                yield from candidate.pseudonyms
