"""Trace context, so that one attempt can be followed through every record it leaves."""

from __future__ import annotations

import os
from collections.abc import Iterable

TRACEPARENT_MAX_BYTES = 128
"""55 in W3C Trace Context version 00, and later versions may be longer."""


def new_traceparent() -> str:
    """A W3C `traceparent` of a new trace, sampled (Trace Context level 1, section 3.2)."""
    digits = os.urandom(24).hex()
    return f"00-{digits[:32]}-{digits[32:]}-01"


def traceparent_in(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The `traceparent` among a record's headers, None where none is fit to be passed on."""
    # Kafka lets a header have no value.
    found = next((value for name, value in headers if name == "traceparent"), None) or b""
    fit = 0 < len(found) <= TRACEPARENT_MAX_BYTES and found.isascii()
    return found.decode("ascii") if fit else None
