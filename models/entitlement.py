"""Who may charge where and when within managed time (rule 28): a site's access rules, compiled.

What a decision needs of them is made into facts: the stretches of managed time, around and after
event time, in which a matched record is admitted at the charger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models.attempt import Admission, Entitlement, Match
from models.occurrences import Source
from models.overridden import AnyTimeline
from models.same import Same
from models.schedule import Mode, Schedule, WeeklyWindow, Window
from models.site import AccessRule, IdentityRecord
from models.timeline import Timeline
from models.zones import zone

AHEAD = timedelta(days=8)
"""How far ahead an admission makes a denial NOT_ENTITLED_NOW (rule 28): a week of windows, and a
day for the hours by which clocks and overnight windows move them."""

ADMISSIONS_MAX = 8
"""Kept with each match, about 150 bytes each: a window a day for a week. Where there are more, less
far ahead is known, but always all of the hour and the one that follows: an hour has thirty at most,
of a minute each."""

ACCESS_MAX = 1_024
"""Compiled and remembered: the groups of a few hundred sites."""

ENTITLEMENTS_MAX = 4_096
"""Remembered: an hour's, of every partner at every schedule of a few hundred sites."""

_HOUR = timedelta(hours=1)


class _Written(NamedTuple):
    """Where an admission is written: the labels of a rule and of one of its windows."""

    rule: str
    window: str


class _Admitting(NamedTuple):
    """The windows of the rules that admit one identity, as a timeline that is managed in them.

    Attributes:
        written: by the name that a window has in the timeline.
    """

    timeline: Timeline
    written: dict[str, _Written]


class Access:
    """The access rules of a site at the chargers of one group."""

    def __init__(self, rules: tuple[AccessRule, ...], group: str | None, zone_: ZoneInfo) -> None:
        self._zone = zone_
        # Closed also where no rule of the class is about this group (rule 28).
        self._closed = frozenset(rule.who for rule in rules)
        self._here = tuple(rule for rule in rules if not rule.where or group in rule.where)
        self._admitting: dict[tuple[int, ...], _Admitting] = {}

    def admitting(self, identity_class: str, reference: str) -> _Admitting | None:
        """When this identity is admitted here; None where nothing limits it.

        The same object for identities that the same rules admit.
        """
        if identity_class not in self._closed:
            return None
        places = tuple(
            [
                place
                for place, rule in enumerate(self._here)
                if rule.who == identity_class and reference.startswith(rule.reference or "")
            ]
        )
        if any(not self._here[place].windows for place in places):
            return None
        found = self._admitting.get(places)
        if found is None:
            # As many as there are sets of rules that records of the site meet: no more than rules
            # with a prefix, and one for everybody else.
            found = self._admitting[places] = self._compiled(places)
        return found

    def _compiled(self, places: tuple[int, ...]) -> _Admitting:
        windows, written = [], {}
        for place in places:
            rule = self._here[place]
            for number, window in enumerate(rule.windows):
                name = f"{place}.{number}"
                written[name] = _Written(rule.label, window.label)
                windows.append(Window(**{**dict(window), "name": name}, mode=Mode.MANAGED))
        # The grammar and the zone are those of schedules (rule 28), so is the compiler.
        schedule = Schedule(id="access", default=Mode.FREEVEND, windows=tuple(windows))
        return _Admitting(Timeline(schedule, self._zone), written)


def access_of(rules: tuple[AccessRule, ...], group: str | None, timezone: str) -> Access:
    """The rules of a site at one group, compiled once for each loaded site."""
    return _access_of(Same(rules), group, timezone)


@lru_cache(maxsize=ACCESS_MAX)
def _access_of(rules: Same[tuple[AccessRule, ...]], group: str | None, timezone: str) -> Access:
    return Access(rules.it, group, zone(timezone))


def entitlement_of(
    access: Access,
    whose: Match | IdentityRecord,
    managed: AnyTimeline,
    at: datetime,
    last_edge_at: datetime | None,
) -> Entitlement | None:
    """The facts of rule 28 about one record; None where no access rule limits it here.

    Args:
        managed: the timeline that governs the charger, under its overrides.
        last_edge_at: the last mode edge that the facts hold; past it one admission is enough.
    """
    admitting = access.admitting(whose.identity_class, whose.reference)
    if admitting is None:
        return None
    # Facts of one hour are the same facts: most attempts find them made already.
    hour = at.replace(minute=0, second=0, microsecond=0)
    return _entitlement(Same(admitting), Same(managed), hour, last_edge_at)


@lru_cache(maxsize=ENTITLEMENTS_MAX)
def _entitlement(
    admitting: Same[_Admitting],
    managed: Same[AnyTimeline],
    hour: datetime,
    last_edge_at: datetime | None,
) -> Entitlement:
    later = hour + _HOUR
    known_until = later + AHEAD
    kept: list[Admission] = []
    for each in _admissions(admitting.it, managed.it, hour, known_until):
        if len(kept) >= ADMISSIONS_MAX and kept[-1].starts_at >= later:
            return Entitlement(admissions=tuple(kept), known_until=each.starts_at)
        kept.append(each)
        if last_edge_at is not None and each.starts_at > last_edge_at:
            break
    return Entitlement(admissions=tuple(kept), known_until=known_until)


class _Stretch(NamedTuple):
    starts_at: datetime
    ends_at: datetime
    source: Source


def _admissions(
    admitting: _Admitting, managed: AnyTimeline, start: datetime, end: datetime
) -> Iterator[Admission]:
    """Where both timelines are managed in [start, end), nearest first; no two of them touch."""
    for begins, ends, source in _managed_in_both(admitting.timeline, managed, start, end):
        rule, window = admitting.written[source.name]
        yield Admission(starts_at=begins, ends_at=ends, rule=rule, window=window)


def _managed_in_both(
    one: AnyTimeline, other: AnyTimeline, start: datetime, end: datetime
) -> Iterator[_Stretch]:
    """Stretches that are managed in both, with what the first one says of them."""
    ahead = deque(_managed_in(other, start, end))
    for stretch in _managed_in(one, start, end):
        while ahead and ahead[0].ends_at <= stretch.starts_at:
            ahead.popleft()
        for each in ahead:
            if each.starts_at >= stretch.ends_at:
                break
            yield _Stretch(
                max(each.starts_at, stretch.starts_at),
                min(each.ends_at, stretch.ends_at),
                stretch.source,
            )


def _managed_in(timeline: AnyTimeline, start: datetime, end: datetime) -> Iterator[_Stretch]:
    """The managed stretches of a timeline, cut to [start, end)."""
    now = timeline.at(start)
    begun, mode, source = start, now.mode, now.source
    for edge in timeline.edges(start, end):
        if mode is Mode.MANAGED:
            yield _Stretch(begun, edge.at, source)
        begun, mode, source = edge
    if mode is Mode.MANAGED and begun < end:
        yield _Stretch(begun, end, source)


def ever_managed(managed: AnyTimeline, start: datetime, end: datetime) -> bool:
    """Whether any of [start, end) is managed."""
    return any(True for _ in _managed_in(managed, start, end))


def meets(
    window: WeeklyWindow, zone_: ZoneInfo, managed: Timeline, start: datetime, end: datetime
) -> bool:
    """Whether a window of an access rule meets managed time of a schedule in [start, end)."""
    written = Schedule(
        id="access",
        default=Mode.FREEVEND,
        windows=(Window(**dict(window), mode=Mode.MANAGED),),
    )
    alone = Timeline(written, zone_)
    # Most windows meet it within a week.
    return any(
        True
        for last in (min(end, start + AHEAD), end)
        for _ in _managed_in_both(alone, managed, start, last)
    )


def admitted(match: Match, at: datetime) -> bool:
    """Whether access rules admit a match at an instant of managed time that its facts know."""
    known = match.entitlement
    return known is None or any(each.starts_at <= at < each.ends_at for each in known.admissions)


def next_admission(match: Match, at: datetime) -> Admission | None:
    """The next managed stretch, of the 8 days after `at`, in which a match is admitted (rule 28).

    A record that is no longer valid by then is not admitted by any rule.
    """
    if match.entitlement is None:
        return None
    for each in match.entitlement.admissions:
        if each.starts_at > at:
            in_time = each.starts_at - at < AHEAD
            outlived = match.valid_to is not None and match.valid_to <= each.starts_at
            return each if in_time and not outlived else None
    return None


def entitlement_edges(known: Entitlement) -> Iterator[tuple[datetime, str]]:
    """Each instant at which access rules begin or cease to admit a match, and the one from which on
    nothing is known of them: no copy of an answer may live longer (rule 23)."""
    for each in known.admissions:
        yield each.starts_at, "entitlement begins"
        yield each.ends_at, "entitlement ends"
    yield known.known_until, "entitlement is known no further"


def known_until(matches: Iterable[Match]) -> datetime | None:
    """Until when these matches' entitlements are known; None where no access rule limits any."""
    known = [match.entitlement.known_until for match in matches if match.entitlement is not None]
    return min(known, default=None)
