"""Desired, commanded and observed mode: the one table that says what comes next (rule 16).

Schedule, overrides and lock give the desired mode, the last command the commanded one, read-backs
and behaviour the observed one. It runs on connect, boot, edge, command result, contrary evidence
and every change of what governs the charger, so that catching up is no special case (rule 14).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from models.charger import (
    BEHAVIOUR,
    Commanded,
    CommandKind,
    CommandStatus,
    Connection,
    Observed,
)
from models.mode_commands import REBOOT_WITHIN, Tries, tries_of
from models.profiles import profile_named, switchable
from models.schedule import Mode
from models.site import Stage

WITHOUT_SETTING = frozenset({"assisted", "unsupported"})
"""Capability classes whose chargers have no usable setting (design, desired and observed mode)."""


class NextStep(StrEnum):
    """What the worker does about a charger's mode now."""

    NOTHING = "nothing"
    WAIT = "wait"
    """For the outstanding command; repeat it when `resend_due`."""
    SWITCH = "switch"
    HOLD = "hold"
    """Until the pause after a failure is over, or the boot after a reset has come."""
    RESET = "reset"
    AWAIT_BOOT = "await_boot"
    WOULD_SWITCH = "would_switch"
    NOT_SWITCHABLE = "not_switchable"
    GIVE_UP = "give_up"


class Link(StrEnum):
    """Whether the charger can be told anything."""

    ABSENT = "absent"
    FIXED = "not_switchable"
    """Connected, but neither its profile nor what was found of it has a setting to switch."""
    SWITCHABLE = "switchable"


class Order(StrEnum):
    """How the last command stands to the desired mode."""

    NONE = "none"
    """Nothing was commanded, or the other mode was and that has ended."""
    OPPOSED = "opposed"
    """The other mode is commanded and its result outstanding."""
    SENT = "outstanding"
    DONE = "done"
    DOUBTED = "doubted"
    """Done, but the other mode was seen before the result came, and none was read back."""
    STORED = "stored"
    """RebootRequired: in force from the next boot on."""
    REBOOTING = "rebooting"
    """It took the reset; its boot is awaited."""
    FAILED = "failed"
    """Rejected, CALLERROR, time-out, expired, or a reset that no boot followed."""
    UNKNOWN_KEY = "not_supported"


class Seen(StrEnum):
    """How the last evidence stands to the desired mode."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


ANY = None


class Rule(NamedTuple):
    """One row of the table; ANY stands for every value."""

    stage: Stage | None
    link: Link | None
    order: Order | None
    seen: Seen | None
    tries: Tries | None
    may_reset: bool | None
    step: NextStep


def _enforced(
    order: Order | None,
    seen: Seen | None,
    tries: Tries | None,
    may_reset: bool | None,
    step: NextStep,
) -> Rule:
    """A row for chargers that can be told something and whose site lets them be told."""
    return Rule(Stage.ENFORCE, ANY, order, seen, tries, may_reset, step)


# fmt: off
RULES: tuple[Rule, ...] = (
    # The first row that fits says the step.
    #    stage         link         order seen         tries may reset step
    # Rule 27: `off` records nothing.
    Rule(Stage.OFF,    ANY,         ANY,  ANY,         ANY,  ANY,      NextStep.NOTHING),
    # Connecting is a trigger of its own (rule 14).
    Rule(ANY,          Link.ABSENT, ANY,  ANY,         ANY,  ANY,      NextStep.NOTHING),
    # It has just said so: told as a failure once, and from the next edge on as what it is.
    Rule(Stage.ENFORCE, Link.FIXED, Order.UNKNOWN_KEY, ANY, ANY, ANY, NextStep.GIVE_UP),
    # Recorded, never silently enforced.
    Rule(ANY,          Link.FIXED,  ANY,  ANY,         ANY,  ANY,      NextStep.NOT_SWITCHABLE),
    # Rule 27: `shadow` records what it would have sent and sends nothing.
    Rule(Stage.SHADOW, ANY,         ANY,  Seen.AGREES, ANY,  ANY,      NextStep.NOTHING),
    Rule(Stage.SHADOW, ANY,         ANY,  ANY,         ANY,  ANY,      NextStep.WOULD_SWITCH),

    #         order              seen          tries          may reset step
    # The newer command supersedes, whatever is seen meanwhile.
    _enforced(Order.OPPOSED,     ANY,          ANY,           ANY,      NextStep.SWITCH),
    _enforced(Order.SENT,        ANY,          ANY,           ANY,      NextStep.WAIT),
    _enforced(Order.REBOOTING,   ANY,          ANY,           ANY,      NextStep.HOLD),
    _enforced(ANY,               Seen.AGREES,  ANY,           ANY,      NextStep.NOTHING),
    # Finding 9: after every connect and boot the mode is unknown, and is asserted again.
    _enforced(Order.NONE,        ANY,          ANY,           ANY,      NextStep.SWITCH),
    # What is stored is not in force: a start in the old mode until then proves nothing new.
    _enforced(Order.STORED,      ANY,          ANY,           True,     NextStep.RESET),
    _enforced(Order.STORED,      ANY,          ANY,           False,    NextStep.AWAIT_BOOT),
    # No spelling of the key is known there: the same words again change nothing.
    _enforced(Order.UNKNOWN_KEY, ANY,          ANY,           ANY,      NextStep.GIVE_UP),
    # Accepted by a charger that does not tell its setting: behaviour will (finding 4).
    _enforced(Order.DONE,        Seen.UNKNOWN, ANY,           ANY,      NextStep.NOTHING),
    # Failed, in doubt, or an Accepted that did nothing (finding 4). Once more costs one call where
    # it was needless, and where it was not a charger would stay open.
    _enforced(ANY,               ANY,          Tries.LEFT,    ANY,      NextStep.SWITCH),
    _enforced(ANY,               ANY,          Tries.PAUSED,  ANY,      NextStep.HOLD),
    _enforced(ANY,               ANY,          Tries.USED_UP, ANY,      NextStep.GIVE_UP),
)
# fmt: on


def reconcile(  # noqa: PLR0917 - the things that are compared, in the order of the design
    desired: Mode | None,
    commanded: Commanded | None,
    observed: Observed | None,
    connection: Connection | None,
    profile: str,
    stage: Stage,
    *,
    now: datetime,
    capability: str | None = None,
    may_reset: bool = False,
) -> NextStep:
    """The next step for one charger.

    Doing it twice is harmless: a step that was taken changes `commanded`, and the facts that the
    others stand for are recorded once for each edge and connection.

    Args:
        desired: None where nothing governs the charger yet: nothing is to be done.
        profile: name of a row of profiles.toml.
        capability: class of the charger, once it is settled (models/switchability.py).
        may_reset: the site allows it, and no session runs.
    """
    if desired is None:
        return NextStep.NOTHING
    link = link_of(connection, profile, capability)
    if commanded is not None and commanded.status and commanded.profile not in {"", profile}:
        # What came of other keys says nothing of these, nor does what was read of them.
        commanded = None
        observed = observed if observed and observed.evidence == BEHAVIOUR else None
    order, seen = order_of(desired, commanded, now), seen_of(desired, observed)
    return step_of(stage, link, order, seen, tries_of(commanded, now), may_reset=may_reset)


# Its arguments have a few hundred combinations, and every event of every charger asks.
@cache
def step_of(
    stage: Stage, link: Link, order: Order, seen: Seen, tries: Tries, *, may_reset: bool
) -> NextStep:
    """One cell of the table."""
    cell = (stage, link, order, seen, tries, may_reset)
    return next(rule.step for rule in RULES if _fits(rule, cell))


def _fits(rule: Rule, cell: tuple[StrEnum | bool, ...]) -> bool:
    wanted = rule[:-1]
    return all(one is ANY or one is so for one, so in zip(wanted, cell, strict=True))


def link_of(connection: Connection | None, profile: str, capability: str | None = None) -> Link:
    """Whether a charger of this profile and class can be told anything over its connection."""
    if connection is None:
        return Link.ABSENT
    known = switchable(connection.ocpp, profile_named(profile))
    return Link.SWITCHABLE if known and capability not in WITHOUT_SETTING else Link.FIXED


_ENDED: dict[str, Order] = {
    CommandStatus.DONE: Order.DONE,
    CommandStatus.REBOOT_REQUIRED: Order.STORED,
    CommandStatus.NOT_SUPPORTED: Order.UNKNOWN_KEY,
}
"""Every other status is a failure, also one of a newer version."""


def order_of(desired: Mode, commanded: Commanded | None, now: datetime) -> Order:
    """How the last command stands to the desired mode."""
    if commanded is None:
        return Order.NONE
    if commanded.status is None:
        return Order.SENT if commanded.mode is desired else Order.OPPOSED
    if commanded.mode is not desired:
        return Order.NONE
    if commanded.kind == CommandKind.RESET:
        taken = commanded.status == CommandStatus.DONE
        in_time = now - (commanded.ended_at or commanded.sent_at) < REBOOT_WITHIN
        return Order.REBOOTING if taken and in_time else Order.FAILED
    ended = _ENDED.get(commanded.status, Order.FAILED)
    return Order.DOUBTED if ended is Order.DONE and commanded.doubted else ended


def seen_of(desired: Mode, observed: Observed | None) -> Seen:
    """How the last evidence stands to the desired mode."""
    if observed is None:
        return Seen.UNKNOWN
    return Seen.AGREES if observed.mode is desired else Seen.DIFFERS
