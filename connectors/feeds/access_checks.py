"""`access` and `overstay` of a site.yaml: their form, what is wrong, and what a person should know.

What is wrong keeps the folder from being loaded; the notices say whom rules shut out, and which of
them admit nobody (rule 28).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import lcm
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from connectors.feeds.identities_file import IdentityRow
from connectors.feeds.places import near
from connectors.feeds.site_checks import NAME_CHARS_MAX, Fault
from connectors.feeds.yaml_lines import Path
from models.entitlement import ever_managed, meets
from models.governing import governing_schedule
from models.record import Frozen
from models.schedule import CYCLE_WEEKS_MAX
from models.site import (
    AccessRule,
    ChargerRecord,
    Group,
    IdentityClass,
    Overstay,
    OverstayAction,
    SiteRecord,
)
from models.timeline import Timeline
from models.zones import zone

RULES_MAX = 200
"""Of a site: one for each of the partners of a large depot, and some more."""

ACCESS_WINDOWS_MAX = 400
"""Of all rules of a site together: those that one identity meets are compiled as one schedule."""

MEETING_DAYS = 400
"""How far ahead managed time is looked for in a window: a year, and a bit."""

GRACE_S_MAX = 86_400
"""An overstay of more than a day is no grace time."""

REFERENCES_SHOWN = 5
"""Of those that lost access: enough to see whose they are."""

_CLASS = {IdentityClass.OWN_FLEET: "own-fleet", IdentityClass.AGREEMENT: "agreement"}


class WrittenRule(AccessRule):
    """One of `access`: its class is a word that this version knows."""

    who: IdentityClass

    def compiled(self) -> AccessRule:
        """What is published of it."""
        return AccessRule(**dict(self))


class WrittenOverstay(Frozen):
    """`overstay` (rule 29)."""

    action: OverstayAction = OverstayAction.FINISH
    grace_s: Annotated[int, Field(gt=0, le=GRACE_S_MAX)] = Overstay().grace_s

    def compiled(self) -> Overstay:
        """What is published of it."""
        return Overstay(action=self.action, grace_s=self.grace_s)


def access_faults(rules: Sequence[WrittenRule], groups: Sequence[Group]) -> Iterator[Fault]:
    """Everything that keeps well-formed access rules from being loaded."""
    windows_count = sum(len(rule.windows) for rule in rules)
    for count, most, what in (
        (len(rules), RULES_MAX, "rules"),
        (windows_count, ACCESS_WINDOWS_MAX, "windows in its rules"),
    ):
        if count > most:
            yield ("access",), f"access: expected at most {most:,} {what}, got {count:,}"
    known = [group.id for group in groups]
    for place, rule in enumerate(rules):
        path: Path = ("access", place)
        for number, group in enumerate(rule.where):
            if group not in known:
                yield (*path, "where", number), f"there is no group {group!r}{near(group, known)}"
        yield from _long(path, "name", rule.name)
        yield from _long(path, "reference", rule.reference or "")
        for number, window in enumerate(rule.windows):
            yield from _long((*path, "windows", number), "name", window.name)
    for who in IdentityClass:
        yield from _long_cycle(who, rules)


def _long(path: Path, key: str, written: str) -> Iterator[Fault]:
    if len(written) > NAME_CHARS_MAX or not written.isprintable():
        yield (*path, key), f"{key}: expected at most {NAME_CHARS_MAX} printable characters"


def _long_cycle(who: IdentityClass, rules: Sequence[WrittenRule]) -> Iterator[Fault]:
    """Windows of one class that begin again together too late: what admits one identity is
    compiled as one schedule."""
    weeks = 1
    for place, rule in enumerate(rules):
        for number, window in enumerate(rule.windows if rule.who is who else ()):
            weeks = lcm(weeks, window.every_weeks)
            if weeks > CYCLE_WEEKS_MAX:
                yield (
                    ("access", place, "windows", number, "every_weeks"),
                    f"expected windows of {_CLASS[who]} rules that begin again together within "
                    f"{CYCLE_WEEKS_MAX} weeks, got {weeks} with this one: the least common "
                    "multiple of every_weeks",
                )
                return


def access_notices(
    site: SiteRecord,
    chargers: Iterable[ChargerRecord],
    identities: Iterable[IdentityRow],
    now: datetime,
) -> Iterator[Fault]:
    """What a person should know of a site's access rules, given its chargers and identities."""
    if not site.access:
        return
    yield from _whom_they_admit(site.access, identities)
    places = {(each.group, each.schedule): each for each in chargers}
    timelines = _Timelines(site)
    for place, rule in enumerate(site.access):
        yield from _where_it_admits(place, rule, {group for group, _schedule in places})
        here = [each for each in places.values() if not rule.where or each.group in rule.where]
        yield from _when_it_admits(place, rule, zone(site.timezone), timelines.of(here), now)


def _whom_they_admit(
    rules: Sequence[AccessRule], identities: Iterable[IdentityRow]
) -> Iterator[Fault]:
    """Rules that nobody's reference meets, and references that no rule of a closed class meets."""
    prefixes = {
        who: tuple(rule.reference or "" for rule in rules if rule.who == who) for who in _CLASS
    }
    unmet = {who: set(found) for who, found in prefixes.items()}
    lost: dict[IdentityClass, dict[str, None]] = {who: {} for who in _CLASS}
    for each in identities:
        who, reference = each.identity_class, each.reference
        unmet[who] -= {prefix for prefix in unmet[who] if reference.startswith(prefix)}
        if not reference.startswith(prefixes[who]):
            lost[who][reference] = None
    for place, rule in enumerate(rules):
        who = IdentityClass(rule.who)
        if (rule.reference or "") in unmet[who]:
            begins = f" whose reference begins with {rule.reference!r}" if rule.reference else ""
            yield (
                ("access", place),
                f"access rule {rule.label!r} admits nobody of identities.csv: it has no "
                f"{_CLASS[who]} record{begins}",
            )
    for who, name in _CLASS.items():
        if prefixes[who] and all(prefixes[who]):
            first = next(place for place, rule in enumerate(rules) if rule.who == who)
            yield ("access", first), _closes(name, [*lost[who]])


def _closes(name: str, lost: Sequence[str]) -> str:
    closes = f"access rules close the class to {name} records whose reference no rule names"
    if not lost:
        return f"{closes}; of identities.csv that is nobody (rule 28)"
    shown = ", ".join(repr(reference) for reference in lost[:REFERENCES_SHOWN])
    more = len(lost) - REFERENCES_SHOWN
    others = f" and {more:,} more" if more > 0 else ""
    return f"{closes}; they lose access in managed hours: {shown}{others} (rule 28)"


def _where_it_admits(place: int, rule: AccessRule, used: set[str | None]) -> Iterator[Fault]:
    for number, group in enumerate(rule.where):
        if group not in used:
            yield (
                ("access", place, "where", number),
                f"access rule {rule.label!r} admits nobody at {group!r}: no charger of "
                "chargers.csv is in that group",
            )


def _when_it_admits(
    place: int, rule: AccessRule, in_zone: ZoneInfo, timelines: Sequence[Timeline], now: datetime
) -> Iterator[Fault]:
    """Windows, or a rule without any, that meet no managed time at the rule's chargers."""
    if not timelines:
        return
    last = now + timedelta(days=MEETING_DAYS)
    never = f"no managed hour of its chargers in the next {MEETING_DAYS} days (rule 28)"
    if not rule.windows and not any(ever_managed(each, now, last) for each in timelines):
        yield ("access", place), f"access rule {rule.label!r} admits nobody: there is {never}"
    for number, window in enumerate(rule.windows):
        if not any(meets(window, in_zone, each, now, last) for each in timelines):
            yield (
                ("access", place, "windows", number),
                f"access rule {rule.label!r} admits nobody in window {window.label!r}: it meets "
                f"{never}",
            )


class _Timelines:
    """Compiled schedules of a site, each once."""

    def __init__(self, site: SiteRecord) -> None:
        self._site = site
        self._compiled: dict[str, Timeline] = {}

    def of(self, chargers: Iterable[ChargerRecord]) -> tuple[Timeline, ...]:
        """The schedules that govern these chargers (rule 7)."""
        named = [governing_schedule(charger, self._site) for charger in chargers]
        schedules = {schedule.id: schedule for _scope, schedule in filter(None, named)}
        for id_, schedule in schedules.items():
            if id_ not in self._compiled:
                self._compiled[id_] = Timeline(schedule, zone(self._site.timezone))
        return tuple(self._compiled[id_] for id_ in schedules)
