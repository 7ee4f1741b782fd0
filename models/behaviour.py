"""Flags that only a charger's behaviour can raise (rules 13, 16, 29): facts in, flags out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from models.attempt import TokenKind
from models.drift import drifting
from models.reasons import Flag
from models.schedule import Mode
from models.sessions import NOBODYS


class Behaviour(NamedTuple):
    """What is known of a charger and of a session on it, at one instant.

    Attributes:
        scheduled: the mode that is due.
        commanded: of the last command that was carried out; None when there was none.
        observed: last seen of the charger; None = unknown since its last connect or boot.
        switching: a command is outstanding: until its result modes may disagree.
        mode_since: when the scheduled mode began; None = it has always been this one.
        occupied_since: when the vehicle was plugged in; None where that is not known.
        started_at: of the session; None when no energy was asked for.
        token: what the session was started with; None for nothing.
        entitlement_ended_at: None where it has not (see models/overstay.py).
        at: the instant that is asked about.
        running: whether the session runs at `at`.
    """

    scheduled: Mode | None
    commanded: Mode | None
    observed: Mode | None
    switching: bool
    mode_since: datetime | None
    occupied_since: datetime | None
    started_at: datetime | None
    token: TokenKind | str | None
    entitlement_ended_at: datetime | None
    at: datetime
    running: bool


def mode_drift(known: Behaviour) -> bool:
    """Scheduled, commanded and observed mode disagree, and nothing is under way (rule 16)."""
    return drifting(known.scheduled, known.commanded, known.observed, switching=known.switching)


def started_by_mode_change(known: Behaviour) -> bool:
    """A vehicle that was plugged in while managed, and began by itself in freevend (rule 13).

    A driver who presents a card starts it; the freevend tag is what a charger presents by itself,
    and the assisted one what it is started with from here.
    """
    since, occupied, started = known.mode_since, known.occupied_since, known.started_at
    if known.scheduled is not Mode.FREEVEND or None in (since, occupied, started):
        return False
    assert since is not None
    assert occupied is not None
    assert started is not None
    return known.token in NOBODYS and occupied < since <= started


def overstay(known: Behaviour) -> bool:
    """A session runs when its entitlement has ended (rule 29)."""
    ended_at = known.entitlement_ended_at
    return known.running and ended_at is not None and ended_at <= known.at


BEHAVIOUR_FLAGS: tuple[tuple[Flag, Callable[[Behaviour], bool]], ...] = (
    (Flag.MODE_DRIFT, mode_drift),
    (Flag.STARTED_BY_MODE_CHANGE, started_by_mode_change),
    (Flag.OVERSTAY, overstay),
)


def behaviour_flags(known: Behaviour) -> tuple[Flag, ...]:
    """Those that hold, in the order of the flags."""
    return tuple(flag for flag, holds in BEHAVIOUR_FLAGS if holds(known))
