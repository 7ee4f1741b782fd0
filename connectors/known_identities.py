"""Identifiers of a gateway that composes local lists: from one file, in memory only (rule 26)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog

from connectors.feeds.raw_identities import read_raw
from connectors.keys import file_signature
from models.errors import DepotgateError
from models.identifiers import Candidate, Pseudonymiser
from models.ids import Pseudonym

log = structlog.get_logger()

LOOK_EVERY_S = 2.0
"""A look is one stat."""


class KnownIdentities:
    """Who is who, by every pseudonym that the installation has for them.

    Raises:
        ConfigurationError: the file is missing, or nothing in it can be used.
    """

    def __init__(self, path: Path, pseudonymiser: Pseudonymiser) -> None:
        self._path = path
        self._pseudonymiser = pseudonymiser
        self._seen = (file_signature(path), pseudonymiser.kids)
        self.by_pseudonym: Mapping[Pseudonym, Candidate] = self._read()

    def __repr__(self) -> str:
        return f"KnownIdentities({len(self.by_pseudonym)})"

    def _read(self) -> Mapping[Pseudonym, Candidate]:
        found = read_raw(self._path)
        if found.faults_count:
            log.warning("identities.rows_left_out", rows_count=found.faults_count)
        return {
            pseudonym: candidate
            for candidate in found.candidates
            for pseudonym in self._pseudonymiser.all(candidate)
        }

    def pseudonyms_of(self, candidate: Candidate) -> tuple[Pseudonym, ...]:
        """The pseudonyms of an identifier that is in the file; none where it is not."""
        made = self._pseudonymiser.all(candidate)
        return tuple(one for one in made if one in self.by_pseudonym)

    def reread(self) -> bool:
        """Take what the file, or the key file, says now if it has changed; whether it had.

        Raises:
            ConfigurationError: it cannot be used; what was read before stays in use.
        """
        seen = (file_signature(self._path), self._pseudonymiser.kids)
        if seen == self._seen:
            return False
        self._seen = seen
        self.by_pseudonym = self._read()
        return True


async def follow_identities(known: KnownIdentities) -> None:
    """Keep to the file until cancelled; reading it is done beside the chargers' messages."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            if await asyncio.to_thread(known.reread):
                log.info("identities.read_again", pseudonyms_count=len(known.by_pseudonym))
        except DepotgateError as fault:
            log.error("identities.unusable", error=str(fault))
