"""Schedules as a depot manager writes them (rules 1, 2, 7, 8)."""

from __future__ import annotations

import re
from datetime import date, time
from enum import StrEnum
from math import lcm
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema

from models.record import Frozen, written_as_text


class Mode(StrEnum):
    """Open to anyone, or reserved for known identities."""

    FREEVEND = "freevend"
    MANAGED = "managed"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return written_as_text(source, handler)


class Weekday(StrEnum):
    """Days in the order of `datetime.date.weekday()`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEKDAYS = tuple(Weekday)


_LOCAL_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _minutes_only(written: str) -> str:
    if written == "24:00":
        raise ValueError('expected midnight as "00:00"')
    if not _LOCAL_TIME.fullmatch(written):
        raise ValueError('expected a local time from "00:00" to "23:59"')
    return written


LocalTime = Annotated[str, AfterValidator(_minutes_only)]
"""A wall-clock time as written, `HH:MM`; it has no meaning without a date and a zone."""


class _Written(Frozen):
    # `from` is a Python keyword: the field is `start`, its name in files and records is `from`.
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


CYCLE_WEEKS_MAX = 104
"""After so many weeks at most a schedule's windows begin again: two years. A search for the next
edge of a mode that may never change goes once through the cycle."""


class WeeklyWindow(_Written):
    """Times of the week: on each of `days`, from one wall-clock time to another (rule 2).

    Attributes:
        valid_from, valid_to: inclusive start dates of occurrences, within the schedule's own.
        every_weeks: 2 = every second week, Monday to Sunday, counted from that of `valid_from`.
        except_dates: on these no occurrence begins; what began the day before stands (rule 8).
    """

    name: str = ""
    days: tuple[Weekday, ...] = Field(min_length=1)
    start: LocalTime = Field(alias="from")
    end: LocalTime = Field(alias="to")
    valid_from: date | None = None
    valid_to: date | None = None
    every_weeks: Annotated[int, Field(ge=1, le=CYCLE_WEEKS_MAX)] = 1
    except_dates: tuple[date, ...] = ()

    @property
    def label(self) -> str:
        """Its name, or what it says."""
        return self.name or f"{','.join(self.days)} {self.start}–{self.end}"

    @property
    def weekly(self) -> bool:
        """Whether it begins on its days in each week that there is."""
        return self.valid_from is self.valid_to is None and not self.except_dates

    def begins_on(self, day: date) -> bool:
        """Whether an occurrence begins on that local date."""
        return (
            WEEKDAYS[day.weekday()] in self.days
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day <= self.valid_to)
            and self.in_its_weeks(day)
            and day not in self.except_dates
        )

    def in_its_weeks(self, day: date) -> bool:
        """Whether a date is in one of the weeks that `every_weeks` counts."""
        if self.every_weeks == 1:
            return True
        assert self.valid_from is not None, "refused by the validator"
        return (week_of(day) - week_of(self.valid_from)) % self.every_weeks == 0

    @model_validator(mode="after")
    def _begins_some_day(self) -> Self:
        if self.every_weeks > 1 and self.valid_from is None:
            raise ValueError(
                f"expected valid_from with every_weeks: {self.every_weeks}: weeks are counted "
                "from the one that it is in"
            )
        _ordered(self.valid_from, self.valid_to)
        return self


class Window(WeeklyWindow):
    """A weekly window of a schedule: it has a mode."""

    mode: Mode


class DatedException(_Written):
    """Another mode on one local date, or in a part of it (rule 8)."""

    name: str = ""
    on: date = Field(alias="date")
    start: LocalTime = Field(alias="from", default="00:00")
    end: LocalTime = Field(alias="to", default="00:00")
    mode: Mode

    @property
    def label(self) -> str:
        """Its name, or its date."""
        return self.name or self.on.isoformat()

    @model_validator(mode="after")
    def _ends_on_its_own_date(self) -> Self:
        if self.end != "00:00" and self.end <= self.start:
            raise ValueError(
                f"an exception ends on its own date: expected `to` after {self.start} "
                f'(or "00:00" for midnight), got {self.end}; write two exceptions (rule 8)'
            )
        return self


class Schedule(_Written):
    """One schedule.

    Attributes:
        default: mode wherever nothing else says otherwise.
        valid_from, valid_to: inclusive start dates of window occurrences (rule 1).
        holidays: as exceptions, and below them; compiled from the calendars that a site names.
    """

    id: str = Field(min_length=1)
    default: Mode
    valid_from: date | None = None
    valid_to: date | None = None
    windows: tuple[Window, ...] = ()
    exceptions: tuple[DatedException, ...] = ()
    holidays: tuple[DatedException, ...] = ()

    @model_validator(mode="after")
    def _is_valid_some_day(self) -> Self:
        _ordered(self.valid_from, self.valid_to)
        cycle = self.cycle_weeks
        if cycle > CYCLE_WEEKS_MAX:
            raise ValueError(
                f"expected windows that begin again together within {CYCLE_WEEKS_MAX} weeks, "
                f"got {cycle}: the least common multiple of every_weeks"
            )
        return self

    @property
    def cycle_weeks(self) -> int:
        """After so many weeks its windows begin again, where no date of theirs intervenes."""
        return lcm(*{window.every_weeks for window in self.windows})


def week_of(day: date) -> int:
    """Number of a date's week, Monday to Sunday; 0001-01-01 was a Monday."""
    return (day.toordinal() - 1) // 7


def _ordered(valid_from: date | None, valid_to: date | None) -> None:
    if valid_from and valid_to and valid_to < valid_from:
        raise ValueError(
            f"expected valid_to on or after {valid_from} (valid_from), got {valid_to} (rule 1)"
        )


def local_time(written: str) -> time:
    """A written local time as a `datetime.time`."""
    return time(int(written[:2]), int(written[3:]))
