"""DAILY and WEEKLY recurrence on dates (RFC 5545, section 3.3.10), as far as rule 1 accepts it.

Such a rule is a pattern of dates in a cycle of whole weeks, repeated: a daily rule of every second
day is one of fourteen days. So nothing here walks from the first date to the one asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from math import gcd
from typing import NamedTuple

_DAY = timedelta(days=1)


class Frequency(StrEnum):
    """FREQ of a rule."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"


class Recurrence(NamedTuple):
    """A rule, without its end.

    Attributes:
        interval: every so many days or weeks, at least 1.
        days: BYDAY, Monday is 0; None = what DTSTART says.
        week_start: WKST; only matters for every second week and more.
    """

    frequency: Frequency
    interval: int = 1
    days: frozenset[int] | None = None
    week_start: int = 0


class Pattern(NamedTuple):
    """Dates that begin again after a cycle of weeks.

    Attributes:
        first_cycle: the dates of the first cycle, ascending, no two on one weekday.
    """

    first_cycle: tuple[date, ...]
    cycle_weeks: int

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and any(
            first <= day and (day - first).days % (7 * self.cycle_weeks) == 0
            for first in self.first_cycle
        )

    def nth(self, number: int) -> date:
        """The date with that number, from 1; OverflowError beyond the year 9999."""
        cycles, place = divmod(number - 1, len(self.first_cycle))
        return self.first_cycle[place] + _DAY * 7 * self.cycle_weeks * cycles

    def until(self, last: date) -> Iterator[date]:
        """Its dates up to one, inclusive, ascending."""
        number = 1
        while self.first_cycle and (day := self.nth(number)) <= last:
            yield day
            number += 1

    def shifted(self, days: int) -> Pattern:
        """The same, so many days later."""
        return self._replace(first_cycle=tuple(day + _DAY * days for day in self.first_cycle))


def pattern(rule: Recurrence, start: date) -> Pattern:
    """Which dates a rule means that begins on `start`, from `start` on."""
    if rule.frequency is Frequency.DAILY:
        shared = gcd(rule.interval, 7)
        steps = (start + _DAY * rule.interval * step for step in range(7 // shared))
        found = tuple(day for day in steps if rule.days is None or day.weekday() in rule.days)
        return Pattern(found, rule.interval // shared)
    days = rule.days if rule.days is not None else {start.weekday()}
    # The week that `start` is in, from there on; and of the next such week the days before it.
    begun = (start.weekday() - rule.week_start) % 7
    this_week = (start + _DAY * ahead for ahead in range(7 - begun))
    its_beginning = (start + _DAY * (7 * rule.interval - back) for back in range(begun, 0, -1))
    found = tuple(day for day in (*this_week, *its_beginning) if day.weekday() in days)
    return Pattern(found, rule.interval)
