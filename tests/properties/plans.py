"""A plan of the oracle as a depot manager writes it, and what a timeline says of it by minutes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from models import timeline
from models.schedule import WEEKDAYS, DatedException, Mode, Schedule, Window
from models.timeline import Timeline
from tests.properties.wall_clock import (
    MINUTE,
    Dated,
    Plan,
    Reading,
    at_minute,
    code,
    reading,
)


def schedule_of(plan: Plan) -> Schedule:
    """The plan as a depot manager writes it."""
    return Schedule(
        id="any",
        default=Mode(plan.default),
        valid_from=plan.valid_from,
        valid_to=plan.valid_to,
        windows=tuple(
            Window(
                days=tuple(WEEKDAYS[day] for day in sorted(row.weekdays)),
                start=_written(row.from_minute),
                end=_written(row.to_minute),
                mode=Mode(row.mode),
                valid_from=row.valid_from,
                valid_to=row.valid_to,
                every_weeks=row.every_weeks,
                except_dates=tuple(sorted(row.except_dates)),
            )
            for row in plan.rows
        ),
        exceptions=_dated(plan.dated),
        holidays=_dated(plan.holidays),
    )


def _dated(entries: Iterable[Dated]) -> tuple[DatedException, ...]:
    return tuple(
        DatedException(
            on=each.on,
            start=_written(each.from_minute),
            end=_written(each.to_minute),
            mode=Mode(each.mode),
        )
        for each in entries
    )


def _written(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@contextmanager
def blocks_of(days: int) -> Iterator[None]:
    """Timelines compile so many days at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "BLOCK_DAYS", days)
        yield


def said_by(asked: Timeline, first: datetime, last: datetime) -> bytes:
    """What a timeline says of each minute of [first, last), as the oracle's codes."""
    said = bytearray()
    for each in asked.intervals(first, last):
        minutes, seconds = divmod(each.end - each.start, MINUTE)
        assert not seconds, "clocks are set on whole minutes in these years"
        said += bytes([code(Reading(each.mode.value, each.source.layer, each.conflict))]) * minutes
    return bytes(said)


def difference(seen: bytes, said: bytes, first: datetime) -> str | None:
    """The first minute of which two walks say something else; None where there is none."""
    if seen == said:
        return None
    assert len(seen) == len(said), "the intervals do not cover the walk"
    place = next(place for place in range(len(seen)) if seen[place] != said[place])
    at = at_minute(first, place)
    return f"{at}: the wall says {reading(seen[place])}, the timeline {reading(said[place])}"
