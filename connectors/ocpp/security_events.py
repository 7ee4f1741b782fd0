"""Security events that have a name: the same list in every version."""

from __future__ import annotations

from ocpp.v201 import enums

SECURITY_EVENT_TYPES = frozenset(event.value for event in enums.SecurityEventType)
"""OCPP 2.0.1 part 2 appendix 1, and the security whitepaper for 1.6; a vendor's own type is free
text and is dropped."""
