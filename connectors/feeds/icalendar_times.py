"""When an event begins and ends, on the wall clock of the zone of a schedule (rules 1, 4 and 5).

A window says local times of one zone. Another zone's times can be said in it where both clocks
stay equally far apart for as long as the event recurs; where they do not, they are refused.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connectors.feeds.icalendar_lines import CalendarFault, Component, Property
from connectors.feeds.icalendar_values import YEARS, Length, Moment, Rule, length, moment, utc
from connectors.feeds.icalendar_zones import UTC_ZONE, CalendarZones
from connectors.feeds.site_wording import shown
from models.clock_changes import clock_changes, offset_at
from models.localtime import instant
from models.recurrence import Pattern, Recurrence, pattern

SINCE = date(YEARS[0], 1, 1)
FOR_EVER = date(2100, 1, 1)
"""Up to here two zones are compared for what goes on for ever: beyond the last change that any
zone of the tz database names by its date (Asia/Gaza, 2086)."""

RECURRING_DAYS_MAX = 31
"""Of one that recurs: each day of its length is a window."""

SINGLE_DAYS_MAX = 1_000
"""Of one that does not: each day of its length is an exception, and a schedule has as many."""

_PAIRS_REMEMBERED = 64
"""A calendar is of one zone or two."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MOST_BEHIND, _MOST_AHEAD = timedelta(hours=12), timedelta(hours=14)
"""Of UTC, that clocks are anywhere."""


class Span(NamedTuple):
    """From when to when, on the wall clock; whole minutes, the end after the start."""

    start: datetime
    end: datetime


class Times(NamedTuple):
    """An event's DTSTART, and the zone that everything is told in."""

    written: Property
    start: Moment
    zone: ZoneInfo

    @property
    def own(self) -> ZoneInfo:
        """The zone that the event recurs in."""
        return self.start.zone or self.zone

    def wall(self, at: Moment, written: Property) -> datetime:
        """A moment of it on the wall clock. CalendarFault where that clock cannot say it."""
        if at.all_day or at.zone in (None, self.zone):
            return _whole_minute(at.wall, written)
        return _local(at.instant(self.zone), self.zone, written)

    def steady(self, last: date | None, lasts: timedelta, rule: Property) -> None:
        """CalendarFault where its zone and the one asked for do not stay equally far apart.

        Args:
            last: date of the last occurrence; None = for ever.
            lasts: how long each one is.
        """
        if self.start.all_day or self.own is self.zone:
            return
        begins_at = self.start.instant(self.zone)
        ends_at = instant(last or FOR_EVER, self.start.wall.time(), self.own) + lasts
        drifts = _drifts(self.own, self.zone)
        if bisect_right(drifts, begins_at) != bisect_right(drifts, ends_at):
            raise CalendarFault(
                rule.line,
                f"it recurs in {self.own.key}, whose clocks do not stay equally far from those of "
                f"{self.zone.key}: no window there is the same instant all along; write it in "
                f"{self.zone.key}, or end the rule before the next clock change",
            )


@lru_cache(maxsize=_PAIRS_REMEMBERED)
def _drifts(one: ZoneInfo, other: ZoneInfo) -> tuple[datetime, ...]:
    """The instants, up to FOR_EVER, from which two zones' clocks are otherwise far apart."""
    changes = {
        change.at for zone in (one, other) for change in clock_changes(zone, SINCE, FOR_EVER)
    }
    return tuple(
        at
        for at in sorted(changes)
        if offset_at(one, at) - offset_at(other, at)
        != offset_at(one, at - _SECOND) - offset_at(other, at - _SECOND)
    )


def span(times: Times, component: Component, zones: CalendarZones, *, recurs: bool) -> Span:
    """From DTSTART to DTEND, or by DURATION; a date without either has one day."""
    begins = times.wall(times.start, times.written)
    ends_written, lasts = component.one("DTEND"), component.one("DURATION")
    if ends_written and lasts:
        raise CalendarFault(lasts.line, "expected DTEND or DURATION, got both")
    written = ends_written or lasts or times.written
    if ends_written:
        end = _until(times, begins, moment(ends_written, zones), ends_written, recurs=recurs)
    elif lasts:
        end = _lasting(times, begins, length(lasts), lasts, recurs=recurs)
    elif times.start.all_day:
        end = begins + _DAY
    else:
        raise CalendarFault(component.line, "expected DTEND or DURATION, and both are missing")
    if end <= begins:
        raise CalendarFault(written.line, f"expected an end after its start ({begins}), got {end}")
    most = RECURRING_DAYS_MAX if recurs else SINGLE_DAYS_MAX
    if end - begins > _DAY * most:
        kind = "that recurs " if recurs else ""
        raise CalendarFault(
            written.line, f"expected at most {most:,} days of an event {kind}, got {end - begins}"
        )
    return Span(begins, end)


def _until(
    times: Times, begins: datetime, ends: Moment, written: Property, *, recurs: bool
) -> datetime:
    if ends.all_day is not times.start.all_day:
        raise CalendarFault(written.line, "DTEND: expected a date or a time as DTSTART has it")
    if not recurs or ends.all_day:
        return times.wall(ends, written)
    if ends.zone is not times.start.zone:
        raise CalendarFault(
            written.line, "DTEND of an event that recurs: expected the zone of its DTSTART"
        )
    # Rule 5: as long on the wall clock, in whatever zone.
    return _whole_minute(begins + (ends.wall - times.start.wall), written)


def _lasting(
    times: Times, begins: datetime, lasts: Length, written: Property, *, recurs: bool
) -> datetime:
    if times.start.all_day and lasts.elapsed:
        raise CalendarFault(written.line, "DURATION: expected whole days, as DTSTART is a date")
    if recurs or not lasts.elapsed:
        # Rule 5: each occurrence is as long on the wall clock.
        return _whole_minute(begins + lasts.days + lasts.elapsed, written)
    on = times.start.wall + lasts.days
    ends_at = instant(on.date(), on.time(), times.own) + lasts.elapsed
    return _local(ends_at, times.zone, written)


def pattern_of(recurrence: Recurrence | None, start: date, begins: Property) -> Pattern:
    """The dates of a rule; without one, that of DTSTART."""
    if recurrence is None:
        return Pattern((start,), 1)
    found = pattern(recurrence, start)
    if start not in found:
        # RFC 5545, 3.8.5.3: then the dates are undefined, and programs do differ.
        raise CalendarFault(
            begins.line, f"DTSTART ({start}) is none of the dates of its RRULE: programs disagree "
            "on what that means; let it begin on the first one"
        )  # fmt: skip
    return found


def last_date(rule: Rule, dates: Pattern, times: Times, written: Property) -> date | None:
    """The last date on which a rule's occurrence may begin, in its own zone; None = for ever."""
    if rule.occurrences_count is not None:
        try:
            return dates.nth(rule.occurrences_count)
        except OverflowError:
            raise CalendarFault(written.line, "RRULE COUNT: expected an end before 9999") from None
    if rule.until is None:
        return None
    last = _last_until(rule.until, times, dates, written)
    if last < times.start.wall.date():
        raise CalendarFault(written.line, "RRULE UNTIL: expected an end after DTSTART")
    return last


def _last_until(until: Moment, times: Times, dates: Pattern, written: Property) -> date:
    earliest, latest = _lasts_until(until, times)
    between = (earliest + _DAY * day for day in range(1, (latest - earliest).days + 1))
    if any(day in dates for day in between):
        expected = "a date" if times.start.all_day else "a time in UTC (20261231T225959Z)"
        raise CalendarFault(
            written.line, f"RRULE UNTIL: expected {expected}, as DTSTART asks for (RFC 5545); "
            "programs disagree on what this one means"
        )  # fmt: skip
    return earliest


def _lasts_until(until: Moment, times: Times) -> tuple[date, date]:
    """The last date on which one may begin, by every way in which programs take an UNTIL.

    One of a kind that DTSTART does not ask for is common: Google ends whole days at a time in UTC,
    Outlook at a local one, others end nights on a date.
    """
    start = times.start
    if start.all_day:
        if until.zone is None:
            return until.wall.date(), until.wall.date()
        # In UTC: midnight of wherever it was written.
        return (until.wall - _MOST_BEHIND).date(), (until.wall + _MOST_AHEAD).date()
    if until.all_day:
        # All of that date, or up to its first second, there or in UTC.
        return until.wall.date() - 2 * _DAY, until.wall.date()
    zones = (until.zone or times.own, until.zone or UTC_ZONE) if start.zone else (times.zone,)
    lasts = [_last_begun(until._replace(zone=until.zone or zone), times) for zone in zones]
    return min(lasts), max(lasts)


def _last_begun(until: Moment, times: Times) -> date:
    until_at = until.instant(times.zone)
    on = until_at.astimezone(times.own).date()
    return on if instant(on, times.start.wall.time(), times.own) <= until_at else on - _DAY


def _local(at: datetime, zone: ZoneInfo, written: Property) -> datetime:
    local = at.astimezone(zone)
    if local.fold:
        raise CalendarFault(
            written.line, f"{written.name} {utc(at)} is in the hour that comes twice in "
            f"{zone.key}, the second time: a local time means the first (rule 4)"
        )  # fmt: skip
    return _whole_minute(local.replace(tzinfo=None), written)


def _whole_minute(wall: datetime, written: Property) -> datetime:
    if wall.second or wall.microsecond:
        raise CalendarFault(
            written.line, f"{written.name}: expected whole minutes, got {shown(str(wall.time()))}"
        )
    return wall
