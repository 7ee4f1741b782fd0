"""A charger's clock: how far it is off, and the time that a replay is judged at (rule 11).

Offsets are the charger's timestamp minus the arrival, in seconds: a clock that runs ahead has a
positive one. They are measured from messages that are told as they happen. A message that waited
in the charger gives too small an offset, so single readings say little: only readings that agree
are a measurement.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from models.record import Frozen

LIVE_UNCERTAINTY_S = 1.0
"""Of the arrival of a live message: networks and queues of chargers take up to a second."""

READINGS_MAX = 15
"""An hour of status notifications of a charger in use: a clock that was set is seen within eight
messages, and seven that waited in the charger change nothing."""

READINGS_LEAST = 3
"""Two that disagree do not tell which of them is wrong."""

MEASURED_LEAST_S = 2.0
"""Timestamps have whole seconds on many chargers, and networks and queues take up to another."""

UNMEASURED_S = 60.0
"""Of a charger's clock that was not measured: it is set by Heartbeat and drifts by seconds a day,
and a minute is what depots report of chargers that were offline for days."""

DRIFT = 50e-6
"""Of the quartz of a clock that nobody sets: about four seconds a day."""

DEVIATIONS = 4.4
"""Three standard deviations are 4.4 times the median absolute deviation of a normal spread."""

UNCERTAINTY_MAX_S = 86_400.0
"""A clock that is wrong by more than a day says nothing about a timetable of days."""

OLDEST_REPLAY = timedelta(days=90)
"""Chargers keep what they could not tell for days or weeks; what claims to be older than a quarter
comes from a clock, and not from a memory."""

CLOCKS_SET_SINCE = datetime(2015, 1, 1, tzinfo=UTC)
"""OCPP 1.6 is of that year: a charger that tells of an earlier time has lost its clock (they begin
again at 1970 or 2000), and what it tells says nothing about when it happened."""


class TimeDoubt(StrEnum):
    """Why a charger's timestamp was not judged by, but the arrival."""

    NO_CLOCK = "no_clock"
    AHEAD = "ahead_of_arrival"
    TOO_OLD = "too_old"
    OFF_BY_DAYS = "off_by_days"


class ClockOffset(Frozen):
    """A measured clock.

    Attributes:
        offset_s: of the charger's clock, positive when it runs ahead.
        uncertainty_s: of `offset_s`.
        readings_count: that it was measured from.
    """

    offset_s: float
    uncertainty_s: float
    readings_count: int

    @property
    def usable(self) -> bool:
        """Whether times can be corrected by it."""
        return abs(self.offset_s) <= UNCERTAINTY_MAX_S

    def off_by_more_than(self, limit_s: float) -> bool:
        """Whether it is, for all that the measurement is uncertain."""
        return abs(self.offset_s) - self.uncertainty_s > limit_s


class JudgedTime(NamedTuple):
    """The time that a message is judged at.

    Attributes:
        offset_s: that the charger's timestamp was corrected by; None where it was not.
        doubt: why the arrival is judged by although there is a timestamp, or should be.
    """

    event_at: datetime
    uncertainty_s: float
    offset_s: float | None = None
    doubt: TimeDoubt | None = None


def reading(charger_at: datetime, received_at: datetime) -> float:
    """What one live timestamp says of the offset."""
    return (charger_at - received_at).total_seconds()


def measured(readings: tuple[float, ...]) -> ClockOffset | None:
    """The offset by the newest readings; None when there are too few, or they disagree.

    The median, and an uncertainty from the spread about it: fewer than half of the readings may be
    anything. Beyond the uncertainty of a clock that was not measured nothing was measured.
    """
    newest = readings[-READINGS_MAX:]
    if len(newest) < READINGS_LEAST:
        return None
    offset_s = median(newest)
    spread_s = median([abs(each - offset_s) for each in newest])
    uncertainty_s = max(MEASURED_LEAST_S, DEVIATIONS * spread_s)
    if uncertainty_s > UNMEASURED_S:
        return None
    return ClockOffset(
        offset_s=round(offset_s, 3),
        uncertainty_s=round(uncertainty_s, 3),
        readings_count=len(newest),
    )


def replay_time(
    charger_at: datetime | None, received_at: datetime, clock: ClockOffset | None
) -> JudgedTime:
    """When something happened that a charger tells of later (rule 11).

    Without a timestamp that can be believed it is the arrival, and the doubt says so: it may have
    happened on another day, so every edge of that day is near.
    """
    if charger_at is None or charger_at < CLOCKS_SET_SINCE:
        return _arrival(received_at, TimeDoubt.NO_CLOCK)
    if clock is not None and not clock.usable:
        return _arrival(received_at, TimeDoubt.OFF_BY_DAYS)
    offset_s = clock.offset_s if clock else 0.0
    age_s = (received_at - charger_at).total_seconds() + offset_s
    if age_s > OLDEST_REPLAY.total_seconds():
        return _arrival(received_at, TimeDoubt.TOO_OLD)
    uncertainty_s = (clock.uncertainty_s if clock else UNMEASURED_S) + DRIFT * max(age_s, 0.0)
    if age_s < -uncertainty_s:
        # What is told of the past cannot lie ahead of its arrival.
        return _arrival(received_at, TimeDoubt.AHEAD)
    return JudgedTime(
        received_at - timedelta(seconds=max(age_s, 0.0)),
        uncertainty_s if clock else UNMEASURED_S,
        clock.offset_s if clock else None,
    )


def live_doubt(charger_at: datetime | None, received_at: datetime) -> TimeDoubt | None:
    """Whether the timestamp of a live message, judged at its arrival, is absurd."""
    if charger_at is None:
        return None
    far = abs(reading(charger_at, received_at)) > UNCERTAINTY_MAX_S
    return TimeDoubt.OFF_BY_DAYS if far else None


def before(charger_at: datetime, since: datetime, clock: ClockOffset | None) -> bool:
    """Whether it happened before that moment, for all that the charger's clock may be wrong.

    A clock that is off by days cannot tell.
    """
    if charger_at < CLOCKS_SET_SINCE or (clock is not None and not clock.usable):
        return False
    offset_s = clock.offset_s if clock else 0.0
    uncertainty_s = clock.uncertainty_s if clock else UNMEASURED_S
    return (since - charger_at).total_seconds() + offset_s > uncertainty_s


def _arrival(received_at: datetime, doubt: TimeDoubt) -> JudgedTime:
    return JudgedTime(received_at, UNCERTAINTY_MAX_S, None, doubt)
