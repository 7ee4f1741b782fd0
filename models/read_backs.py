"""Reading a charger's mode back now and then: what was set from elsewhere is drift (rule 16).

A person with the maker's app, or a firmware that falls back to its defaults, tells nobody. Each
connected charger is asked for its mode once in an hour of its own, by one call.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from models.charger import ChargerState, CommandKind, CommandStatus
from models.ids import ChargerId, CommandId, timed_id
from models.profiles import Profile, WireCall, spellings, switch_calls
from models.reasons import OcppVersion
from models.schedule import Mode

READ_BACK_EVERY = timedelta(hours=1)
"""A charger that was set to freevend at dusk is found by ten chargers' worth of sessions at most;
10,000 chargers are three calls a second."""

READ_BACK_WITHIN = timedelta(minutes=3)
"""It waits for a switch that is under way."""

LEAST_URGENT = 2
"""Any switch and any stop goes first (models/turns.py)."""

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def period_start(charger_id: ChargerId, at: datetime) -> datetime:
    """When the charger's present hour began; those of different chargers begin at all times."""
    digest = hashlib.blake2b(charger_id.encode(), digest_size=4).digest()
    first = _BEGINNING + READ_BACK_EVERY * (int.from_bytes(digest) / 2**32)
    return first + READ_BACK_EVERY * ((at - first) // READ_BACK_EVERY)


def read_back_due(row: ChargerState, at: datetime) -> bool:
    """Whether a charger that can be switched is to be asked for its mode.

    A switch reads back what it set. What waits for a reboot is stored and not in force, so there a
    read-back says nothing.
    """
    link, last = row.connection, row.commanded
    if link is None or last is None or last.status is None or awaits_boot(row):
        return False
    known_at = max(filter(None, (row.read_back_at, link.since, last.ended_at)))
    return known_at < period_start(row.charger_id, at)


def awaits_boot(row: ChargerState) -> bool:
    """Whether the setting was stored, and is in force from the next boot on."""
    last = row.commanded
    if row.stored_mode is not None:
        return True
    return last is not None and (
        last.kind == CommandKind.RESET or last.status == CommandStatus.REBOOT_REQUIRED
    )


def read_back_id(row: ChargerState, at: datetime) -> CommandId:
    """The id of a charger's read-back: a worker that takes over arrives at the same one."""
    assert row.connection is not None, "a command needs a connection to go to"
    since = period_start(row.charger_id, at)
    names = (row.charger_id, row.connection.connection_id, CommandKind.READ_BACK)
    return CommandId(timed_id(since, *names))


def read_back_calls(ocpp: OcppVersion, profile: Profile) -> tuple[WireCall, ...]:
    """The calls that ask for the mode, one for each spelling; the first that tells it is enough."""
    return tuple(
        call
        for alias in range(len(spellings(ocpp, profile)))
        for call in switch_calls(ocpp, profile, Mode.MANAGED, alias=alias)
        if call.purpose == "read_back"
    )
