"""Instants as people at a site say them, seen from one attempt."""

from __future__ import annotations

from datetime import datetime, timedelta

from models.errors import ScheduleError
from models.explanation import Moment
from models.localtime import repeated
from models.zones import on_the_wall, zone

UTC_NAME = "UTC"
_A_DAY = timedelta(hours=24)


class SiteClock:
    """Says instants in a site's zone.

    Args:
        timezone: IANA name; one that this tz database does not know is replaced by UTC.
        seen_at: the attempt's time: what is near it needs no date.
    """

    def __init__(self, timezone: str, seen_at: datetime) -> None:
        try:
            self._zone = zone(timezone)
        except ScheduleError:  # a zone of a newer tz database: better UTC than nothing
            timezone = UTC_NAME
            self._zone = zone(UTC_NAME)
        self.zone = timezone
        self._seen_at = seen_at

    def moment(self, at: datetime) -> Moment:
        """An instant, in UTC and in words."""
        local = on_the_wall(at, self._zone)
        near = abs(at - self._seen_at) < _A_DAY
        same_day = local.date() == self._seen_at.astimezone(self._zone).date()
        clock = f"{local:%H:%M}" if same_day else f"{local:%a %H:%M}" if near else ""
        seconds = f":{local:%S}" if local.second else ""
        # In an hour that is repeated the clock alone does not say which of the two is meant.
        which = f" {local:%Z}" if repeated(local) else ""
        return Moment(
            at=at,
            local=f"{local:%a %Y-%m-%d %H:%M}{seconds}{which}",
            clock=(clock or f"{local:%Y-%m-%d %H:%M}") + which,
        )

    def perhaps(self, at: datetime | None) -> Moment | None:
        """As `moment`; nothing stays nothing."""
        return None if at is None else self.moment(at)
