"""Commands to a charger: their ids, their repetition, and how long to wait after one that failed.

Everything follows from the row and the time, so that a worker that takes a charger over does what
the one before it would have done.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

from models.charger import ChargerState, Commanded, CommandKind, CommandStatus
from models.ids import CommandId, timed_id

ATTEMPTS_MAX = 5
"""A charger that five times refused a mode, or took it without effect, needs a person: the next
connect, boot, edge or contrary behaviour begins to count again. Chargers that only lost a message
need two."""

RETRY_FIRST_S = 2.0
RETRY_FACTOR = 3
"""Pauses of about 2, 6, 18 and 54 s: the first serves a charger that was busy for a moment, the
last outlasts a modem that dials again; after a minute and a half a person hears of it."""

JITTER = 0.25
"""Chargers that failed together (a switch, a carrier) do not come back together."""

RESEND_AFTER_S = 10
"""A command that its gateway never saw delays an edge by this much; one that it did see is known
there by its id, so repeating it costs one message."""

EXPIRES_AFTER_S = 240
"""A switch is at most seven calls of the gateway's 30 s each (one that was already running, tag,
set, set by another spelling, ClearCache, the first of the others, read-back), and 30 s in which
Kafka may be away. After an optional call that stays unanswered the other optional ones are left."""

REBOOT_WITHIN = timedelta(minutes=5)
"""From an accepted reset to the boot: slow ones take two to three minutes."""


def pauses_in_words() -> str:
    """The pauses between tries, for people."""
    pauses = (RETRY_FIRST_S * RETRY_FACTOR**number for number in range(ATTEMPTS_MAX - 1))
    return ", ".join(f"{pause:.0f}" for pause in pauses)


class Tries(StrEnum):
    """Whether the commanded mode may be commanded once more."""

    LEFT = "left"
    PAUSED = "paused"
    """Left, once the pause after the last one is over."""
    USED_UP = "used up"


def tries_of(commanded: Commanded | None, now: datetime) -> Tries:
    """Whether the commanded mode may be commanded once more, now."""
    if commanded is None:
        return Tries.LEFT
    if commanded.attempts_count >= ATTEMPTS_MAX:
        return Tries.USED_UP
    return Tries.PAUSED if now < pause_ends_at(commanded) else Tries.LEFT


def pause_ends_at(commanded: Commanded) -> datetime:
    """When the pause after a command is over; what an accepted reset waits for is longer."""
    ended_at = commanded.ended_at or commanded.sent_at
    if commanded.kind == CommandKind.RESET and commanded.status == CommandStatus.DONE:
        return ended_at + REBOOT_WITHIN
    longer = RETRY_FACTOR ** max(commanded.attempts_count - 1, 0)
    # From the id: everybody who asks gets the same pause, and no two chargers have one.
    digest = hashlib.blake2b(commanded.command_id.encode(), digest_size=4).digest()
    spread = int.from_bytes(digest) / 2**32
    return ended_at + timedelta(seconds=RETRY_FIRST_S * longer * (1 + JITTER * (2 * spread - 1)))


def command_id(
    state: ChargerState, attempts_count: int, kind: CommandKind = CommandKind.SWITCH
) -> CommandId:
    """The id of the `attempts_count`-th command for the desired mode on this connection.

    A worker that takes the charger over arrives at the same id, and a gateway runs an id once. So
    the id names the command before it too: a timetable that is changed and changed back asks for
    the same mode since the same edge, and the charger, switched in between, must be switched again.
    """
    connection, since = state.connection, state.desired_since
    assert connection is not None, "a command needs a connection to go to"
    assert state.desired is not None, "a command needs a desired mode"
    assert since is not None, "a desired mode needs the instant since when it is desired"
    unknown_since = state.mode_unknown_since or since
    before = state.commanded.command_id if state.commanded else ""
    return CommandId(
        timed_id(
            max(since, unknown_since),
            state.charger_id,
            connection.connection_id,
            state.desired,
            attempts_count,
            since.isoformat(),
            unknown_since.isoformat(),
            before,
            kind,
        )
    )


def resend_due(commanded: Commanded, now: datetime) -> bool:
    """Whether an outstanding command is to be sent again, with its id; `resent_at` is then `now`.

    A repetition keeps the first sending's expiry, and `end_overdue` ends it there.
    """
    last_sent_at = commanded.resent_at or commanded.sent_at
    return commanded.status is None and now - last_sent_at >= timedelta(seconds=RESEND_AFTER_S)


def end_overdue(state: ChargerState, now: datetime) -> ChargerState:
    """The row with an outstanding command ended as expired when its time is over.

    Its gateway reports what it drops; this is for the report that never arrives.
    """
    commanded = state.commanded
    if commanded is None or commanded.status is not None:
        return state
    if now - commanded.sent_at < timedelta(seconds=EXPIRES_AFTER_S):
        return state
    # It may have been carried out all the same, so what was seen before it says nothing.
    ended = commanded.model_copy(update={"status": CommandStatus.EXPIRED, "ended_at": now})
    return state.model_copy(update={"commanded": ended, "observed": None})
