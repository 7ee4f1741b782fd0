"""The parts of a VTIMEZONE, and the kinds of day on which clocks are set each year."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from icalendar.prop import vRecur

WEEK_DAYS = 7

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ORDINALS = 4
"""A fifth such weekday of a month is the last one, where there is one."""


class Observance(NamedTuple):
    """What a change brings; many are alike.

    Attributes:
        daylight: it is summer time that begins.
        before, after: offsets from UTC.
        name: of the time that begins.
    """

    daylight: bool
    before: timedelta
    after: timedelta
    name: str


class Yearly(NamedTuple):
    """The kind of day on which a change comes each year: a weekday from a day of a month on.

    Attributes:
        weekday: 0 = Monday.
        from_day: of the month, and of six days more; None = the last such weekday of the month.
    """

    month: int
    weekday: int
    from_day: int | None

    @property
    def ordinal(self) -> bool:
        """Whether it is the n-th such weekday, or the last: Outlook knows no other."""
        return self.from_day is None or self.from_day % WEEK_DAYS == 1

    def recurrence(self) -> vRecur:
        """As an RRULE."""
        by: dict[str, Any] = {"FREQ": "YEARLY", "BYMONTH": self.month}
        day = _DAYS[self.weekday]
        if self.from_day is None:
            return vRecur(by | {"BYDAY": f"-1{day}"})
        if self.ordinal:
            return vRecur(by | {"BYDAY": f"{self.from_day // WEEK_DAYS + 1}{day}"})
        days = [*range(self.from_day, self.from_day + WEEK_DAYS)]
        return vRecur(by | {"BYDAY": day, "BYMONTHDAY": days})

    def on(self, year: int) -> date:
        """Its day of a year."""
        days = calendar.monthrange(year, self.month)[1]
        first = date(year, self.month, self.from_day or days - WEEK_DAYS + 1)
        return first + timedelta(days=(self.weekday - first.weekday()) % WEEK_DAYS)


class Part(NamedTuple):
    """A STANDARD or DAYLIGHT.

    Attributes:
        onsets: on the clock as it was until then, in order.
        yearly: they come each year on such a day, after the last of them too; None = a list.
    """

    kind: Observance
    onsets: tuple[datetime, ...]
    yearly: Yearly | None = None


def ordinals(on: date) -> Iterator[Yearly]:
    """What Outlook may call a day: the last such weekday of its month, and the first to fourth.

    Those of its month and weekday, whether or not the day is one.
    """
    yield Yearly(on.month, on.weekday(), None)
    for ordinal in range(_ORDINALS):
        yield Yearly(on.month, on.weekday(), ordinal * WEEK_DAYS + 1)
