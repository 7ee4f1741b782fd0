"""Importing an export gives the same timeline (rules 1 to 8)."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from itertools import pairwise

import icalendar
import pytest
from dateutil.tz import tzical  # type: ignore[import-untyped]
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors.feeds.icalendar_events import read_events
from connectors.feeds.icalendar_export import PRODID, Exported, calendar_of
from connectors.feeds.icalendar_lines import read_components
from connectors.feeds.icalendar_schedule import Meaning, compiled
from connectors.feeds.places import Problems
from models.occurrences import contradictions
from models.schedule import DatedException, Mode, Schedule, Weekday, Window
from models.timeline import Timeline
from models.zones import zone
from tests.properties.plans import schedule_of
from tests.properties.test_timeline import SPAN_DAYS, Walk, walks
from tests.properties.wall_clock import DAY

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def exported(schedule: Schedule, name: str, first: date) -> bytes:
    return calendar_of(Exported("depot", schedule, zone(name), first, AT))


def imported(content: bytes, name: str) -> Schedule:
    """As `schedule import` reads it; the mode that it is told is not needed."""
    problems = Problems()
    components = read_components(io.BytesIO(content), "any.ics", problems)
    found = read_events(components, zone(name), "any.ics", problems)
    assert found.default is not None
    meaning = Meaning(Mode.MANAGED)
    made = compiled(found, meaning, "any", found.default, file="any.ics", problems=problems)
    problems.refuse()
    assert made is not None
    return made.schedule


def differences(one: Schedule, other: Schedule, walk: Walk) -> list[datetime]:
    """Where the two say something else around the walk, or long before and after it."""
    here, there = (Timeline(each, zone(walk.place.zone)) for each in (one, other))
    first = walk.place.first
    last = first + DAY * SPAN_DAYS
    spans = [(first - DAY * 60, last + DAY * 60)]
    spans += [(at, at + DAY * 15) for at in (first - DAY * 900, last + DAY * 900)]
    return [
        ours.start
        for start, end in spans
        for ours, theirs in zip(
            here.intervals(start, end), there.intervals(start, end), strict=False
        )
        if (ours.start, ours.end, ours.mode, ours.source.layer, ours.source.name)
        != (theirs.start, theirs.end, theirs.mode, theirs.source.layer, theirs.source.name)
    ]


@given(walks, st.integers(-400, 400), st.data())
def test_importing_an_export_gives_the_same_timeline(
    walk: Walk, away: int, data: st.DataObject
) -> None:
    """In every zone, around clock changes; whatever the date on which the calendar begins."""
    schedule = schedule_of(walk.plan)
    holidays = data.draw(st.lists(st.sampled_from(schedule.exceptions or (None,)), max_size=2))
    moved = tuple(
        each.model_copy(update={"on": each.on + DAY * number, "name": f"holiday {number}"})
        for number, each in enumerate(holidays)
        if each is not None
    )
    schedule = schedule.model_copy(update={"holidays": moved})
    # A calendar with contradictions is refused on its way in, as a site.yaml is (rule 6).
    assume(not contradictions(schedule))
    first = walk.place.first.date() + DAY * away
    again = imported(exported(schedule, walk.place.zone, first), walk.place.zone)
    assert again.default is schedule.default
    assert differences(schedule, again, walk) == []


NIGHT = Window(
    name="night", days=(Weekday.MON, Weekday.TUE), start="22:00", end="06:00", mode=Mode.MANAGED
)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("Pacific/Apia", date(2011, 12, 29)),
        ("Pacific/Apia", date(2011, 12, 30)),  # the date that never was
        ("Pacific/Apia", date(2011, 12, 31)),
        ("Australia/Lord_Howe", date(2026, 10, 3)),
        ("America/Scoresbysund", date(2024, 3, 30)),
        ("America/Santiago", date(2026, 9, 5)),
        ("Asia/Gaza", date(2026, 3, 28)),
        ("America/Vancouver", date(2026, 11, 1)),
    ],
)
@pytest.mark.parametrize(
    ("start", "end"), [("22:00", "06:00"), ("00:00", "00:00"), ("02:15", "03:15")]
)
@pytest.mark.parametrize("limit", ["valid_from", "valid_to"])
def test_a_window_keeps_its_last_and_its_first_date(
    name: str, day: date, start: str, end: str, limit: str
) -> None:
    """Rule 1: also where a zone skips that date, or the hour at which it begins."""
    days = tuple(Weekday)
    window = NIGHT.model_copy(update={"days": days, "start": start, "end": end, limit: day})
    schedule = Schedule(id="any", default=Mode.FREEVEND, windows=(window,))
    again = imported(exported(schedule, name, day - DAY * 3), name)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    span = (noon - DAY * 6, noon + DAY * 6)
    said, said_again = (Timeline(each, zone(name)).intervals(*span) for each in (schedule, again))
    assert [each[:3] for each in said] == [each[:3] for each in said_again]


def test_a_date_taken_out_before_the_calendar_begins_stays_so() -> None:
    """Rule 8: of a window without a first date, which its calendar cannot say."""
    gone = date(2026, 11, 23)
    schedule = Schedule(
        id="any",
        default=Mode.FREEVEND,
        windows=(NIGHT.model_copy(update={"except_dates": (gone,)}),),
    )
    (window,) = imported(
        exported(schedule, "Europe/Berlin", date(2026, 12, 1)), "Europe/Berlin"
    ).windows
    assert (window.valid_from, window.except_dates) == (None, (gone,))


def test_it_is_what_calendar_programs_ask_for() -> None:
    """RFC 5545: CR LF, lines of 75 octets, one VTIMEZONE, UID and DTSTAMP of each event.

    And METHOD, which Outlook, Google and Apple write themselves and older Outlooks ask for.
    """
    long = NIGHT.model_copy(update={"name": "Nächte " * 12})
    schedule = Schedule(
        id="nights",
        default=Mode.FREEVEND,
        windows=(long,),
        exceptions=(DatedException(on=date(2026, 12, 24), mode=Mode.FREEVEND),),
    )
    content = exported(schedule, "Europe/Berlin", date(2026, 11, 24))
    lines = content.split(b"\r\n")
    assert lines[-1] == b""
    assert not any(b"\n" in line or len(line) > 75 for line in lines)
    calendar = icalendar.Calendar.from_ical(content)
    assert (calendar.version, calendar.calscale) == ("2.0", "GREGORIAN")
    assert (calendar["METHOD"], calendar["PRODID"]) == ("PUBLISH", PRODID)
    assert [each.tz_name for each in calendar.timezones] == ["Europe/Berlin"]
    assert len({each.uid for each in calendar.events}) == 2
    assert all(each.DTSTAMP == AT for each in calendar.events)
    night, eve = calendar.events
    assert night.start == datetime(2026, 11, 24, 22, 0, tzinfo=zone("Europe/Berlin"))
    assert str(night["SUMMARY"]).endswith("(managed)")
    assert (eve.start, eve.end) == (date(2026, 12, 24), date(2026, 12, 25))


def test_a_calendar_knows_its_events_again() -> None:
    """UIDs depend on site, schedule, layer and name: not on when it was made, or on its times."""
    schedule = Schedule(id="nights", default=Mode.FREEVEND, windows=(NIGHT, NIGHT))
    later = NIGHT.model_copy(update={"end": "07:00"})
    changed = schedule.model_copy(update={"windows": (later, NIGHT)})
    first, again, other = (
        icalendar.Calendar.from_ical(exported(said, "Europe/Berlin", day))
        for said, day in (
            (schedule, date(2026, 11, 24)),
            (changed, date(2027, 1, 1)),
            (schedule.model_copy(update={"id": "days"}), date(2026, 11, 24)),
        )
    )
    uids = [[each.uid for each in calendar.events] for calendar in (first, again, other)]
    assert uids[0] == uids[1]
    assert len({*uids[0], *uids[2]}) == 4
    # Outlook knows the calendar itself by it.
    assert first["X-WR-RELCALID"] == again["X-WR-RELCALID"] != other["X-WR-RELCALID"]


def test_its_zone_is_readable_from_its_first_event_on() -> None:
    """Also where an exception lies years before the calendar begins."""
    old = DatedException(on=date(2019, 7, 1), start="08:00", end="09:00", mode=Mode.MANAGED)
    schedule = Schedule(id="nights", default=Mode.FREEVEND, exceptions=(old,), windows=(NIGHT,))
    content = exported(schedule, "Europe/Berlin", date(2026, 11, 24))
    berlin = tzical(io.StringIO(content.decode())).get("Europe/Berlin")
    offsets = [
        datetime(year, month, 1, 8, tzinfo=berlin).utcoffset()
        for year, month in ((2019, 7), (2026, 12), (2030, 7))
    ]
    assert [offset.total_seconds() / 3600 for offset in offsets if offset] == [2, 1, 2]
    assert all(one != other for one, other in pairwise(offsets))
