"""What an audit record says was changed, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from models.errors import UndecodableRecordError
from models.overrides import OverrideRecord
from models.site import AuditRecord


def changed(record: AuditRecord) -> str:
    """An override and key epochs in words; of anything else the values before and after.

    A record that does not have the form of its action is shown as it is.
    """
    in_words = _IN_WORDS.get(record.action)
    try:
        said = in_words(record) if in_words else None
    except (UndecodableRecordError, orjson.JSONDecodeError, KeyError, TypeError):
        said = None
    return said or f"{record.before or 'nothing'} → {record.after or 'nothing'}"


def _override(record: AuditRecord) -> str:
    override = OverrideRecord.decode((record.after or "").encode())
    until = (
        f"until {override.stops_at:%Y-%m-%d %H:%M:%S}Z"
        if override.stops_at
        else "until it is ended"
    )
    lock = ", locked," if override.lock else ""
    reason = override.ended_reason or override.reason
    return f"{override.mode}{lock} at {override.whom} {until}: {reason}"


def _epochs(record: AuditRecord) -> str:
    """Names of key epochs, newest first, before and after (depotgate/rotating.py writes them)."""
    before, after = orjson.loads(record.before or ""), orjson.loads(record.after or "")
    parts = [
        f"{state.replace('_', ' ')}: {_names(before[state])} → {_names(after[state])}"
        for state in ("in_use", "retired")
        if before[state] != after[state]
    ]
    although = after.get("forced_although")
    parts += [f"forced, although {'; '.join(although)}"] if although else []
    parts += [f"reason: {after['reason']}"] if after.get("reason") else []
    return ", ".join(parts)


def _names(kids: Any) -> str:
    return " ".join(kids) or "none"


_IN_WORDS: Mapping[str, Callable[[AuditRecord], str]] = {
    "override add": _override,
    "override end": _override,
    "keys rotate": _epochs,
    "keys retire": _epochs,
}
"""By action."""
