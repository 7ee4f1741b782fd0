"""A VTIMEZONE: a zone's clock changes as calendar programs expect them (RFC 5545, section 3.6.5).

Outlook reads yearly rules and passes over lists of dates, so a change that comes every year on the
same kind of day is a rule; what does not (Ramadan in Gaza, a law that changed) is a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard
from icalendar.prop import vDatetime, vRecur, vUTCOffset

from models.clock_changes import ClockChange, clock_changes, offset_at

FIRST = date(1970, 1, 1)
LAST = date(2100, 12, 31)
"""Beyond every change that the tz database names by its date (Asia/Gaza, 2086): a rule that held
until here goes on for ever."""

RULE_YEARS_MIN = 10
"""Up to LAST: fewer years of the same kind of day are a list."""

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WEEK_DAYS = 7
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class _Observance(NamedTuple):
    """What a change brings; many are alike.

    Attributes:
        daylight: it is summer time that begins.
    """

    daylight: bool
    before: timedelta
    after: timedelta
    name: str


class _Yearly(NamedTuple):
    """The kind of day on which a change comes each year: a weekday from a day of a month on.

    Attributes:
        from_day: of the month, and of six days more; None = the last such weekday of the month.
    """

    month: int
    weekday: int
    from_day: int | None

    def recurrence(self) -> vRecur:
        """As an RRULE. Outlook knows ordinals and nothing else."""
        by: dict[str, Any] = {"FREQ": "YEARLY", "BYMONTH": self.month}
        day = _DAYS[self.weekday]
        if self.from_day is None:
            return vRecur(by | {"BYDAY": f"-1{day}"})
        if self.from_day % _WEEK_DAYS == 1:
            return vRecur(by | {"BYDAY": f"{self.from_day // _WEEK_DAYS + 1}{day}"})
        days = [*range(self.from_day, self.from_day + _WEEK_DAYS)]
        return vRecur(by | {"BYDAY": day, "BYMONTHDAY": days})


def timezone_of(zone: ZoneInfo, first: date) -> Timezone:
    """The zone from a date on, for ever where its changes are rules, else up to LAST."""
    component = Timezone()
    component.add("TZID", zone.key)
    # The one before the date too: it says what holds then.
    earlier = [*clock_changes(zone, FIRST, first - _DAY)][-1:]
    later = [*clock_changes(zone, first, LAST)]
    kinds: dict[_Observance, list[datetime]] = {}
    if not (earlier and later):
        kinds[_standing(zone, first)] = [datetime(FIRST.year, FIRST.month, FIRST.day)]  # noqa: DTZ001
        earlier = []
    for each in (*earlier, *later):
        # RFC 5545: the onset on the clock as it was until then.
        onset = (each.at + each.before).replace(tzinfo=None)
        kinds.setdefault(_observance(zone, each), []).append(onset)
    for kind, onsets in kinds.items():
        for part in _components(kind, onsets):
            component.add_component(part)
    return component


def _standing(zone: ZoneInfo, first: date) -> _Observance:
    """What holds on a date before which, or after which, no change comes: as if since ever."""
    local = datetime(first.year, first.month, first.day, tzinfo=zone)
    offset = offset_at(zone, local)
    return _Observance(False, offset, offset, local.tzname() or zone.key)


def _observance(zone: ZoneInfo, change: ClockChange) -> _Observance:
    local = change.at.astimezone(zone)
    none = timedelta()
    saved = local.dst() or none
    saved_before = (change.at - _SECOND).astimezone(zone).dst() or none
    # In Dublin it is winter that the tz database has as the exception.
    daylight = saved > none or (saved == none and saved_before < none)
    return _Observance(daylight, change.before, change.after, local.tzname() or zone.key)


def _components(
    kind: _Observance, onsets: list[datetime]
) -> Iterator[TimezoneStandard | TimezoneDaylight]:
    yearly, since = _tail(onsets)
    listed, ruled = onsets[:since], onsets[since:]
    if listed:
        component = _component(kind, listed[0])
        # With its first date, which DTSTART has too: Thunderbird passes over that one where there
        # is a list, and zones that come with libical are written so.
        for onset in listed if len(listed) > 1 else ():
            component.add("RDATE", vDatetime(onset))
        yield component
    if yearly and ruled:
        component = _component(kind, ruled[0])
        component.add("RRULE", yearly.recurrence())
        yield component


def _component(kind: _Observance, onset: datetime) -> TimezoneStandard | TimezoneDaylight:
    component = TimezoneDaylight() if kind.daylight else TimezoneStandard()
    component.add("DTSTART", vDatetime(onset))
    component.add("TZOFFSETFROM", vUTCOffset(kind.before))
    component.add("TZOFFSETTO", vUTCOffset(kind.after))
    component.add("TZNAME", kind.name)
    return component


def _tail(onsets: list[datetime]) -> tuple[_Yearly | None, int]:
    """The rule that the last onsets follow up to LAST, and which is the first of them."""
    none = (None, len(onsets))
    if onsets[-1].year < LAST.year - 1:
        return none
    found = min((_since(onsets, each) for each in _kinds(onsets)), key=lambda tail: tail[1])
    return found if len(onsets) - found[1] >= RULE_YEARS_MIN else none


def _kinds(onsets: list[datetime]) -> Iterator[_Yearly]:
    """Kinds of day that the last onset is one of: ordinals first, which every program reads."""
    last = onsets[-1]
    month, weekday = last.month, last.weekday()
    yield _Yearly(month, weekday, None)
    for ordinal in range(4):
        yield _Yearly(month, weekday, ordinal * _WEEK_DAYS + 1)
    # Any other week of the month: that of the days on which it came in the last years.
    near = [each.day for each in onsets[-4 * _WEEK_DAYS :]]
    yield _Yearly(month, weekday, min(near))


def _since(onsets: list[datetime], kind: _Yearly) -> tuple[_Yearly, int]:
    last = onsets[-1]
    count = 0
    for back, onset in enumerate(reversed(onsets)):
        if onset.year != last.year - back or onset.time() != last.time() or not _is(onset, kind):
            break
        count += 1
    return kind, len(onsets) - count


def _is(onset: datetime, kind: _Yearly) -> bool:
    if (onset.month, onset.weekday()) != (kind.month, kind.weekday):
        return False
    if kind.from_day is None:
        return (onset + timedelta(days=_WEEK_DAYS)).month != onset.month
    return kind.from_day <= onset.day < kind.from_day + _WEEK_DAYS
