"""Windows as recurrence rules: two libraries expand them to the same dates (rules 1 and 2).

On the wall clock, without a zone: what becomes of a local time in a zone is another question, to
which RFC 5545 has another answer (rule 4).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import recurring_ical_events  # type: ignore[import-untyped]
from dateutil.rrule import rruleset, rrulestr  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from models.occurrences import occurrences
from models.schedule import WEEKDAYS, Mode, Schedule, Window
from models.zones import zone

DAY = timedelta(days=1)
FIRST = date(2023, 12, 1)
"""The months after it hold a leap day, and the end of a year of 53 weeks lies before it."""

SPAN = st.integers(0, 500)

_BYDAY = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """A window of its own dates, which begins on the first of them."""
    valid_from = FIRST + DAY * draw(SPAN)
    days = draw(st.one_of(st.just(frozenset(WEEKDAYS)), st.frozensets(st.sampled_from(WEEKDAYS))))
    minutes = draw(st.tuples(st.integers(0, 1439), st.integers(0, 1439)))
    lasts = draw(st.one_of(st.none(), SPAN))
    return Window(
        days=tuple(sorted(days | {WEEKDAYS[valid_from.weekday()]}, key=WEEKDAYS.index)),
        start=_written(minutes[0]),
        end=_written(minutes[1]),
        mode=Mode.MANAGED,
        valid_from=valid_from,
        valid_to=None if lasts is None else valid_from + DAY * lasts,
        every_weeks=draw(st.integers(1, 5)),
        except_dates=tuple(valid_from + DAY * each for each in draw(st.sets(SPAN, max_size=8))),
    )


def _written(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _rule(window: Window) -> str:
    """As RFC 5545 writes it: DAILY where it is every day, else WEEKLY."""
    if len(window.days) == 7 and window.every_weeks == 1:
        said = "FREQ=DAILY"
    else:
        days = ",".join(_BYDAY[WEEKDAYS.index(day)] for day in window.days)
        said = f"FREQ=WEEKLY;INTERVAL={window.every_weeks};WKST=MO;BYDAY={days}"
    return said + (f";UNTIL={window.valid_to:%Y%m%d}T235959" if window.valid_to else "")


def _begins(window: Window, on: date) -> datetime:
    return datetime.combine(on, time.fromisoformat(window.start))


def _found(window: Window, first: date, last: date) -> list[tuple[datetime, datetime]]:
    """What is compiled, on the clock of a zone that is never set."""
    schedule = Schedule(id="s", default=Mode.FREEVEND, windows=(window,))
    return [
        (each.starts_at.replace(tzinfo=None), each.ends_at.replace(tzinfo=None))
        for each in occurrences(schedule, zone("UTC"), first, last)
    ]


@given(windows(), st.integers(-20, 300), st.integers(10, 120))
def test_dateutil_expands_a_window_to_the_same_times(window: Window, start: int, days: int) -> None:
    assert window.valid_from is not None
    first = window.valid_from + DAY * start
    last = first + DAY * days
    rules: Any = rruleset()
    rules.rrule(rrulestr(_rule(window), dtstart=_begins(window, window.valid_from)))
    for on in window.except_dates:
        rules.exdate(_begins(window, on))
    expected = rules.between(
        datetime.combine(first, time.min), datetime.combine(last, time.max), inc=True
    )
    assert [begins for begins, _ in _found(window, first, last)] == expected


@given(windows(), st.integers(-20, 300), st.integers(10, 120))
def test_recurring_ical_events_expands_a_window_to_the_same_events(
    window: Window, start: int, days: int
) -> None:
    """Both ends: the length of an overnight window, and of one of 24 hours (rule 2)."""
    assert window.valid_from is not None
    first = window.valid_from + DAY * start
    last = first + DAY * days
    events = recurring_ical_events.of(_calendar(window)).between(
        datetime.combine(first, time.min), datetime.combine(last + DAY, time.min)
    )
    expected = sorted((event["DTSTART"].dt, event["DTEND"].dt) for event in events)
    # It gives what touches the period: those that begin before it are another day's.
    expected = [each for each in expected if each[0].date() >= first]
    assert _found(window, first, last) == expected


def _calendar(window: Window) -> Calendar:
    assert window.valid_from is not None
    begins = _begins(window, window.valid_from)
    on = window.valid_from + (DAY if window.end <= window.start else timedelta())
    ends = datetime.combine(on, time.fromisoformat(window.end))
    excepted = [f"EXDATE:{_begins(window, on):%Y%m%dT%H%M%S}" for on in window.except_dates]
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//depotgate//tests//EN",
        "BEGIN:VEVENT",
        "UID:window",
        f"DTSTAMP:{datetime(2023, 1, 1, tzinfo=UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART:{begins:%Y%m%dT%H%M%S}",
        f"DTEND:{ends:%Y%m%dT%H%M%S}",
        f"RRULE:{_rule(window)}",
        *excepted,
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    calendar = Calendar.from_ical("\r\n".join(lines))
    assert isinstance(calendar, Calendar)
    return calendar
