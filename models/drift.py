"""When scheduled, commanded and observed mode disagree: MODE_DRIFT (rule 16)."""

from __future__ import annotations

from datetime import datetime, timedelta

from models.attempt import Attempt, ModeKnown, ScheduleFacts, TokenKind
from models.charger import ChargerState
from models.governing import Governing
from models.schedule import Mode

SWITCHED_WITHIN = timedelta(minutes=5)
"""After an edge a charger may still be in the mode before it, rightly: ten thousand wait 200 s for
their turn at most, and a switch takes seconds."""

_NOTHING_KNOWN = ModeKnown()


def drifting(
    scheduled: Mode | None, commanded: Mode | None, observed: Mode | None, *, switching: bool
) -> bool:
    """Whether the three modes disagree while no switch is under way.

    Args:
        commanded, observed: None where nothing is known.
    """
    if scheduled is None or switching:
        return False
    return commanded not in {None, scheduled} or observed not in {None, scheduled}


def drift_of_attempt(attempt: Attempt, schedule: ScheduleFacts) -> bool:
    """Whether an attempt shows drift, or was made at a charger that is known to have drifted.

    The freevend tag is what a charger presents by itself, and in freevend only. What a replay tells
    of is the mode of its own time.
    """
    tag = attempt.token.kind == TokenKind.FREEVEND_TAG
    if attempt.mode is None and not tag:
        return False
    known = attempt.mode or _NOTHING_KNOWN
    return drifting(
        schedule.mode,
        known.commanded,
        Mode.FREEVEND if tag else known.observed,
        switching=known.switching
        or _awaits_switch(schedule.mode, schedule.starts_at, known.commanded, at=attempt.event_at),
    )


def drift_of_row(row: ChargerState, governing: Governing, at: datetime) -> bool:
    """Whether a charger's row shows drift at an instant.

    The row's own desired mode may be that of before an edge that was not noticed yet.
    """
    interval, last = governing.timeline.at(at), row.commanded
    commanded = last.mode if last else None
    outstanding = last is not None and last.status is None
    switching = outstanding or _awaits_switch(interval.mode, interval.start, commanded, at=at)
    seen = row.observed.mode if row.observed else None
    # A row knows what was asked for, not what was carried out: what was seen says that.
    return drifting(interval.mode, None, seen, switching=switching)


def _awaits_switch(
    scheduled: Mode, since: datetime | None, commanded: Mode | None, *, at: datetime
) -> bool:
    """Whether the mode has changed so lately that the charger may not have been told of it."""
    lately = since is not None and at - since < SWITCHED_WITHIN
    return lately and commanded is not scheduled
