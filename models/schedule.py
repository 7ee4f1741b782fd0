"""Schedules as a depot manager writes them (rules 1, 2, 7, 8)."""

from __future__ import annotations

import re
from datetime import date, time
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from models.record import Frozen


class Mode(StrEnum):
    """Open to anyone, or reserved for known identities."""

    FREEVEND = "freevend"
    MANAGED = "managed"


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
    if not _LOCAL_TIME.fullmatch(written):
        raise ValueError('expected a local time from "00:00" to "23:59"')
    return written


LocalTime = Annotated[str, AfterValidator(_minutes_only)]
"""A wall-clock time as written, `HH:MM`; it has no meaning without a date and a zone."""


class _Written(Frozen):
    # `from` is a Python keyword: the field is `start`, its name in files and records is `from`.
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class Window(_Written):
    """A weekly window: on each of `days`, from one wall-clock time to another (rule 2)."""

    name: str = ""
    days: tuple[Weekday, ...] = Field(min_length=1)
    start: LocalTime = Field(alias="from")
    end: LocalTime = Field(alias="to")
    mode: Mode

    @property
    def label(self) -> str:
        """Its name, or what it says."""
        return self.name or f"{','.join(self.days)} {self.start}–{self.end}"


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
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError(
                f"expected valid_to on or after {self.valid_from} (valid_from), "
                f"got {self.valid_to} (rule 1)"
            )
        return self


def local_time(written: str) -> time:
    """A written local time as a `datetime.time`."""
    return time(int(written[:2]), int(written[3:]))
