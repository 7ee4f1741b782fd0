"""Charger events and time to mode: desired, commanded, observed, and the commands between them."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

log = structlog.get_logger()

TICK_S = 0.25
"""How late an edge or a resend may be noticed. Looking at 10,000 due times takes 1 ms."""

FAR_AHEAD = datetime.max.replace(tzinfo=UTC)
"""Due time of a charger whose mode never changes by itself."""
