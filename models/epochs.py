"""Key epochs: which of them anything still depends on (rule 26)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from models.attempt import Token
from models.identifiers import KeyEpoch
from models.ids import Pseudonym

DECISIONS_KEPT = timedelta(days=400)
"""Retention of access.decisions; the topic table says the same (a test holds them together)."""

READ_WITHIN = timedelta(minutes=1)
"""Gateways look at their key file every second; a minute forgives one that was just starting."""


class Uses(NamedTuple):
    """What stands under one epoch on the topics.

    Attributes:
        identities: records by source, as it is called in topic keys.
        chargers_count: chargers whose password is verified under it.
    """

    identities: Mapping[str, int]
    chargers_count: int

    @property
    def identities_count(self) -> int:
        """Records of all sources."""
        return sum(self.identities.values())


UNUSED = Uses({}, 0)


def kid_of(pseudonym: Pseudonym) -> str:
    """The epoch that a pseudonym is of."""
    return pseudonym.partition(":")[0]


def unmatchable(token: Token, kids: Collection[str]) -> frozenset[str]:
    """The epochs that a stored token can only be matched under and that are there no more.

    For replays of decisions against a draft: a draft knows its cards under every epoch of the key
    file, the retired ones among them (`IdentityRow.pseudonym` and `.earlier`). An attempt for
    which this is not empty meets nothing in any draft, so its new answer says nothing: count it
    apart, and name the epochs.

    Args:
        token: of the decision's attempt.
        kids: every epoch of the key file as it is now, retired or not.

    Returns:
        Empty for tokens that can be matched, and for those that never carry a pseudonym.
    """
    stored = {kid_of(pseudonym) for reading in token.candidates for pseudonym in reading.pseudonyms}
    return frozenset() if stored & set(kids) else frozenset(stored)


def announced(epochs: Sequence[KeyEpoch]) -> KeyEpoch | None:
    """An epoch that gateways look up already and that nothing is written under yet.

    A rotation puts the new epoch second first, so that no load writes what a gateway does not
    know. None when no rotation was broken off there.
    """
    if len(epochs) < 2:
        return None
    first, second = epochs[0], epochs[1]
    later = second.made_at is not None and (first.made_at is None or second.made_at > first.made_at)
    return second if later and second.retired_at is None else None


def superseded_at(epochs: Sequence[KeyEpoch], kid: str) -> datetime | None:
    """When the next newer epoch was made; None for the newest, and where the file does not say."""
    place = [epoch.kid for epoch in epochs].index(kid)
    return epochs[place - 1].made_at if place else None


def needed_by_decisions(
    epochs: Sequence[KeyEpoch], kid: str, oldest_decision_at: datetime | None
) -> bool:
    """Whether decisions are kept that only this epoch can match: those before the next one.

    Args:
        oldest_decision_at: of those that are kept; None when there is none.
    """
    if oldest_decision_at is None:
        return False
    until = superseded_at(epochs, kid)
    return until is None or oldest_decision_at < until + READ_WITHIN


def hindrances(
    epochs: Sequence[KeyEpoch], kid: str, uses: Uses, oldest_decision_at: datetime | None
) -> tuple[str, ...]:
    """Why an epoch should not be retired yet, a sentence each; empty when nothing needs it."""
    found = []
    for source, count in sorted(uses.identities.items()):
        found.append(
            f"{count:,} identities of {source} stand under it: load that source, and they move"
        )
    if uses.chargers_count:
        found.append(
            f"{uses.chargers_count:,} chargers' passwords are verified under it: load their "
            "folders, and write new verifiers where chargers.csv has hash:hmac-sha256"
        )
    if needed_by_decisions(epochs, kid, oldest_decision_at):
        until = superseded_at(epochs, kid)
        when = (
            f"until {until + READ_WITHIN + DECISIONS_KEPT:%Y-%m-%d}"
            if until
            else "and the key file does not say until when"
        )
        found.append(f"decisions are kept that only it can match, {when}")
    return tuple(found)
