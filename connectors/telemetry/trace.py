"""Trace context, so that one attempt can be followed through every record it leaves."""

from __future__ import annotations

import os


def new_traceparent() -> str:
    """A W3C `traceparent` of a new trace, sampled (Trace Context level 1, section 3.2)."""
    digits = os.urandom(24).hex()
    return f"00-{digits[:32]}-{digits[32:]}-01"
