"""A VTIMEZONE: a zone's clock changes as calendar programs expect them (RFC 5545, section 3.6.5).

Outlook reads yearly rules and passes over lists of dates, so a change that comes every year on the
same kind of day is a rule; what does not (Ramadan in Gaza, a law that changed) is a list. What
Outlook then still cannot read is said to it once more (icalendar_outlook.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard
from icalendar.prop import vDatetime, vUTCOffset

from connectors.feeds.icalendar_outlook import for_outlook
from connectors.feeds.icalendar_yearly import WEEK_DAYS, Observance, Part, Yearly, ordinals
from models.clock_changes import ClockChange, clock_changes, offset_at

FIRST = date(1970, 1, 1)
LAST = date(2100, 12, 31)
"""Beyond every change that the tz database names by its date (Asia/Gaza, 2086): a rule that held
until here goes on for ever."""

RULE_YEARS_MIN = 10
"""Up to LAST: fewer years of the same kind of day are a list."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class _Tail(NamedTuple):
    """The kind of day that the last onsets are.

    Attributes:
        onsets_count: how many they are.
        early: how long before them the rule has them.
    """

    kind: Yearly
    onsets_count: int
    early: timedelta


def timezone_of(zone: ZoneInfo, first: date) -> Timezone:
    """The zone from a date on, for ever where its changes are rules, else up to LAST.

    Times of whole minutes have the zone's own offset; a change at midnight may come a second early.
    """
    component = Timezone()
    component.add("TZID", zone.key)
    parts = [part for kind, onsets in _kinds(zone, first) for part in _parts(kind, onsets)]
    for part in (*parts, *for_outlook(parts, _standing(zone, LAST), LAST)):
        component.add_component(_component(part))
    return component


def _kinds(zone: ZoneInfo, first: date) -> Iterator[tuple[Observance, list[datetime]]]:
    # The one before the date too: it says what holds then.
    earlier = [*clock_changes(zone, FIRST, first - _DAY)][-1:]
    later = [*clock_changes(zone, first, LAST)]
    kinds: dict[Observance, list[datetime]] = {}
    if not (earlier and later):
        kinds[_standing(zone, first)] = [datetime(FIRST.year, FIRST.month, FIRST.day)]  # noqa: DTZ001
        earlier = []
    for each in (*earlier, *later):
        # RFC 5545: the onset on the clock as it was until then.
        onset = (each.at + each.before).replace(tzinfo=None)
        kinds.setdefault(_observance(zone, each), []).append(onset)
    yield from kinds.items()


def _standing(zone: ZoneInfo, on: date) -> Observance:
    """What holds on a date before which, or after which, no change comes: as if since ever."""
    local = datetime(on.year, on.month, on.day, tzinfo=zone)
    offset = offset_at(zone, local)
    return Observance(False, offset, offset, local.tzname() or zone.key)


def _observance(zone: ZoneInfo, change: ClockChange) -> Observance:
    local = change.at.astimezone(zone)
    none = timedelta()
    saved = local.dst() or none
    saved_before = (change.at - _SECOND).astimezone(zone).dst() or none
    # In Dublin it is winter that the tz database has as the exception.
    daylight = saved > none or (saved == none and saved_before < none)
    return Observance(daylight, change.before, change.after, local.tzname() or zone.key)


def _parts(kind: Observance, onsets: list[datetime]) -> Iterator[Part]:
    """What is no rule as a list, then the rule."""
    tail = _tail(onsets)
    since = len(onsets) - (tail.onsets_count if tail else 0)
    if since:
        yield Part(kind, tuple(onsets[:since]))
    if tail:
        yield Part(kind, tuple(onset - tail.early for onset in onsets[since:]), tail.kind)


def _component(part: Part) -> TimezoneStandard | TimezoneDaylight:
    component = TimezoneDaylight() if part.kind.daylight else TimezoneStandard()
    component.add("DTSTART", vDatetime(part.onsets[0]))
    component.add("TZOFFSETFROM", vUTCOffset(part.kind.before))
    component.add("TZOFFSETTO", vUTCOffset(part.kind.after))
    component.add("TZNAME", part.kind.name)
    if part.yearly:
        component.add("RRULE", part.yearly.recurrence())
    elif len(part.onsets) > 1:
        # With its first date, which DTSTART has too: Thunderbird passes over that one where there
        # is a list, and zones that come with libical are written so.
        for onset in part.onsets:
            component.add("RDATE", vDatetime(onset))
    return component


def _tail(onsets: list[datetime]) -> _Tail | None:
    """The rule that the last onsets follow up to LAST; None without one."""
    if onsets[-1].year < LAST.year - 1:
        return None
    found = max(_candidates(onsets), key=lambda tail: tail.onsets_count)
    return found if found.onsets_count >= RULE_YEARS_MIN else None


def _candidates(onsets: list[datetime]) -> Iterator[_Tail]:
    """Kinds of day that the last onset is one of: ordinals first, which every program reads."""
    last = onsets[-1]
    none = timedelta()
    # Midnight of the day after such a day, as Windows has it too: Santiago, after a first Saturday.
    for early in (none, _SECOND) if last.time() == time() else (none,):
        written = [onset - early for onset in onsets]
        for kind in ordinals(written[-1]):
            yield _Tail(kind, _count(written, kind), early)
    # Any other week of the month: that of the days on which it came in the last years.
    near = [each.day for each in onsets[-4 * WEEK_DAYS :]]
    kind = Yearly(last.month, last.weekday(), min(near))
    yield _Tail(kind, _count(onsets, kind), none)


def _count(onsets: list[datetime], kind: Yearly) -> int:
    """How many of the last ones are of a kind, one each year."""
    last = onsets[-1]
    count = 0
    for back, onset in enumerate(reversed(onsets)):
        if onset.year != last.year - back or onset.time() != last.time() or not _is(onset, kind):
            break
        count += 1
    return count


def _is(onset: datetime, kind: Yearly) -> bool:
    if (onset.month, onset.weekday()) != (kind.month, kind.weekday):
        return False
    if kind.from_day is None:
        return (onset + timedelta(days=WEEK_DAYS)).month != onset.month
    return kind.from_day <= onset.day < kind.from_day + WEEK_DAYS
