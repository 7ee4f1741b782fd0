"""A week that is moved says what the same week says where it is compiled by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from models.schedule import WEEKDAYS, DatedException, Mode, Schedule, Weekday, Window
from models.timeline import Timeline
from models.zones import zone

FROM = datetime(2026, 1, 1, 5, 30, tzinfo=UTC)
TO = FROM + timedelta(days=500)

WINDOWS = (
    Window(name="nights", days=WEEKDAYS, start="22:30", end="06:15", mode=Mode.MANAGED),
    Window(name="weekend", days=(Weekday.SUN,), start="18:00", end="18:00", mode=Mode.FREEVEND),
    Window(
        name="overlap",
        days=(Weekday.TUE, Weekday.FRI),
        start="05:00",
        end="07:00",
        mode=Mode.FREEVEND,
    ),
    Window(name="short", days=(Weekday.MON,), start="00:00", end="00:01", mode=Mode.MANAGED),
)

ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "UTC")


def schedule(**more: object) -> Schedule:
    return Schedule(id="depot", default=Mode.FREEVEND, windows=WINDOWS, **more)  # type: ignore[arg-type]


SCHEDULES = {
    "weekly": schedule(),
    "limited": schedule(valid_from=date(2026, 3, 4), valid_to=date(2026, 11, 12)),
    "excepted": schedule(
        exceptions=(DatedException(on=date(2026, 5, 1), mode=Mode.MANAGED),),
        holidays=(DatedException(on=date(2026, 12, 25), start="08:00", mode=Mode.MANAGED),),
    ),
}


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("written", SCHEDULES.values(), ids=SCHEDULES)
def test_weeks_that_are_moved_are_those_that_are_compiled(written: Schedule, name: str) -> None:
    moved, by_hand = Timeline(written, zone(name)), Timeline(written, zone(name))
    by_hand._week.repeats = False
    assert moved._week.repeats
    assert moved.intervals(FROM, TO) == by_hand.intervals(FROM, TO)
    assert moved.edges(FROM, TO) == by_hand.edges(FROM, TO)
