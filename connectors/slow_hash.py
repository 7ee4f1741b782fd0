"""Passwords behind argon2id: verified beside the loop, and remembered once they were right.

A depot's chargers all come back at once after a power cut. What depotgate generates has 128 bits
and needs no slow hash; passwords that people chose do, and each of them takes a tenth of a second.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

VERIFIED_MAX = 20_000
"""Remembered: twice the connections of a gateway, 32 bytes each and their place."""

AT_ONCE_MAX = 1
"""A second one would take the other core from everything else."""

WAITING_MAX = 64
"""Of those that wait their turn: at a tenth of a second each the last one is still within the
handshake's time; more are told to come back."""

MEMORY_KIB_MAX = 64 * 1024
TIME_COST_MAX = 10
LANES_MAX = 8
"""Of one verification. RFC 9106's second recommended option takes 64 MiB; a hash that asks for more
would let whoever writes chargers.csv stop the gateway."""

PREFIX = "hash:argon2id:"


def slow_hash_fault(verifier: str) -> str | None:
    """What is wrong with `hash:argon2id:$argon2id$…`; None when it can be used."""
    try:
        found = extract_parameters(verifier.removeprefix(PREFIX))
    except InvalidHashError:
        return "expected hash:argon2id: and a hash as argon2 prints it, $argon2id$v=19$…"
    if found.type.name != "ID":
        return "expected the variant argon2id"
    if (
        found.memory_cost > MEMORY_KIB_MAX
        or found.time_cost > TIME_COST_MAX
        or found.parallelism > LANES_MAX
    ):
        return (
            f"expected at most m={MEMORY_KIB_MAX}, t={TIME_COST_MAX} and p={LANES_MAX}: more would "
            "hold up every charger"
        )
    return None


class TooManyWaitingError(Exception):
    """Too many passwords wait to be verified already."""


class SlowHashes:
    """Verifies passwords against argon2id hashes; a right one is fast the next time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        # Of this process alone: what is remembered can be compared and not guessed from.
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._turn = asyncio.Semaphore(AT_ONCE_MAX)
        self._waiting_count = 0

    def remembers(self, charger_id: str, password: str, verifier: str) -> bool:
        """Whether this password was found right before, by this very verifier."""
        return self._mark(charger_id, password, verifier) in self._verified

    async def verify(self, charger_id: str, password: str, verifier: str) -> bool:
        """Whether the password is the one that was hashed.

        Raises:
            TooManyWaitingError: others wait already.
        """
        if self._waiting_count >= WAITING_MAX:
            raise TooManyWaitingError
        self._waiting_count += 1
        try:
            async with self._turn:
                right = await asyncio.to_thread(self._matches, password, verifier)
        finally:
            self._waiting_count -= 1
        if right:
            self._remember(self._mark(charger_id, password, verifier))
        return right

    def _matches(self, password: str, verifier: str) -> bool:
        # A row of a newer writer, or one that was tampered with, must not cost more than it may.
        if slow_hash_fault(verifier) is not None:
            return False
        try:
            return self._hasher.verify(verifier.removeprefix(PREFIX), password)
        except Argon2Error:
            return False

    def _remember(self, mark: bytes) -> None:
        if len(self._verified) >= VERIFIED_MAX:
            self._verified.popitem(last=False)
        self._verified[mark] = None

    def _mark(self, charger_id: str, password: str, verifier: str) -> bytes:
        message = "\x1f".join((charger_id, verifier, password)).encode()
        return hmac.digest(self._key, message, hashlib.sha256)
