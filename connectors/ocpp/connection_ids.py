"""UUIDv7 for connections: ordered by time, so the newer of two connections has the greater id."""

from __future__ import annotations

import os
import time
from uuid import UUID

from models.ids import ConnectionId

_NS_PER_MS = 1_000_000


def new_connection_id() -> ConnectionId:
    """A UUIDv7 with 12 bits of the millisecond's fraction (RFC 9562, sections 5.7 and 6.2).

    The fraction resolves a quarter of a microsecond: two connections that one process takes after
    each other are ordered even within a millisecond.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), _NS_PER_MS)
    fraction = nanoseconds * 4096 // _NS_PER_MS
    random = int.from_bytes(os.urandom(8)) >> 2
    bits = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random
    return ConnectionId(str(UUID(int=bits)))
