"""Pseudonyms under a key file that may change while a process runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from connectors.keys import file_signature, named, read_keys
from connectors.telemetry.metrics import Metrics
from models.errors import PseudonymKeyError
from models.identifiers import Pseudonymiser
from models.metrics import KEY_EPOCHS, KEYS_BAD

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
"""A look is one stat; a rotation waits for gateways to have looked (see depotgate/rotating.py)."""


class WatchedKeys(Pseudonymiser):
    """The pseudonyms of an installation, under the epochs that its key file has now.

    Raises:
        PseudonymKeyError: the file is missing or not usable: nothing starts.
    """

    def __init__(self, path: Path | None, tenant: str) -> None:
        self._path = named(path)
        self._tenant_name = tenant
        self._seen = file_signature(self._path)
        super().__init__(read_keys(path), tenant)

    def reread(self) -> bool:
        """Take the epochs of the file if it has changed; whether it had.

        Raises:
            PseudonymKeyError: it cannot be used; the epochs that were read before stay in use. Said
                once for each state that the file is in.
        """
        seen = file_signature(self._path)
        if seen == self._seen:
            return False
        self._seen = seen
        # Nothing is awaited in between: no token is read under half of it.
        super().__init__(read_keys(self._path), self._tenant_name)
        return True


async def follow_keys(keys: WatchedKeys, asked: asyncio.Event, metrics: Metrics) -> None:
    """Keep to the key file until cancelled.

    Args:
        asked: somebody wants it looked at now (SIGHUP).
    """
    metrics.set(KEY_EPOCHS, len(keys.kids))
    metrics.set(KEYS_BAD, 0)
    while True:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await asked.wait()
        except TimeoutError:
            pass
        asked.clear()
        try:
            if keys.reread():
                log.info("keys.read_again", kids=list(keys.kids))
                metrics.set(KEY_EPOCHS, len(keys.kids))
                metrics.set(KEYS_BAD, 0)
        except PseudonymKeyError as fault:
            log.error("keys.unusable", error=str(fault), kids_in_use=list(keys.kids))
            metrics.set(KEYS_BAD, 1)
