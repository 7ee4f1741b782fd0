"""When a charger's display is told of managed time, and when that is cleared again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from models.announcements import Announced, DisplayStatus, ManagedTime
from models.attempt import DriverText
from models.charger import ChargerEvent, ChargerState, CommandKind
from models.display import reserved_texts
from models.governing import Governing
from models.ids import CommandId, timed_id
from models.record import NEVER
from models.schedule import Mode
from models.site import Stage
from models.switchability import switch_ahead

TRIES_MAX = 3
"""A display that three times took no message needs a person; nobody's charging depends on it."""

AGAIN_AFTER = timedelta(minutes=1)
"""A charger that was busy is asked again when switches of a large edge are over."""

SILENT_AGAIN_AFTER = timedelta(minutes=6)
"""One that left a call unanswered is asked nothing by its gateway for five minutes."""

SILENT = "timed_out"
"""Detail of an announcement that a charger left unanswered, or was not sent for that reason."""

ANNOUNCE_WITHIN = timedelta(minutes=4)
"""The variables one by one, five messages and what is cleared, each slow, and Kafka away for 30 s;
after a call without an answer nothing more is sent."""


def window_of(governing: Governing, now: datetime) -> ManagedTime:
    """What a charger's display is to say now: outside `enforce` nothing, as there nobody is
    refused."""
    interval, site = governing.timeline.at(now), governing.site
    if interval.mode is Mode.FREEVEND or governing.stage is not Stage.ENFORCE:
        return ManagedTime(mode=Mode.FREEVEND)
    return ManagedTime(
        mode=Mode.MANAGED,
        start=interval.start,
        end=interval.end,
        timezone=site.timezone,
        languages=site.languages,
    )


def texts_of(window: ManagedTime, now: datetime) -> tuple[DriverText, ...]:
    """A window in the words of its languages; none in freevend."""
    if window.mode is Mode.FREEVEND:
        return ()
    return reserved_texts(window.start, window.end, now, window.timezone, window.languages)


def announce_at(row: ChargerState, governing: Governing, now: datetime) -> datetime:
    """From when on a charger is to be sent an announcement; NEVER where it is to be sent none.

    Only in stage enforce (rule 27), and not before the switch of the same edge has ended: that the
    mode is right matters more than that the display says so. What was announced is taken back once
    where the stage is left: nothing is said any more, and the sign would say what is not so.
    """
    link = row.connection
    if link is None or link.ocpp == "1.6":
        return NEVER
    last = row.announced
    none_there = last is not None and last.status == DisplayStatus.NOT_SUPPORTED
    if governing.stage is not Stage.ENFORCE:
        stands = last is not None and not none_there and last.window.mode is Mode.MANAGED
        return now if stands else NEVER
    if none_there or switch_ahead(row, governing.profile):
        return NEVER
    told_here = last is not None and last.connection_id == link.connection_id
    if last is None or not told_here or last.window != window_of(governing, now):
        return now
    return _again_at(last)


def _again_at(last: Announced) -> datetime:
    """When the same is to be said once more over the same connection."""
    done = last.status in {DisplayStatus.SHOWN, DisplayStatus.CLEARED}
    if done or last.tries_count >= TRIES_MAX:
        return NEVER
    if last.ended_at is None:
        return last.sent_at + ANNOUNCE_WITHIN
    return last.ended_at + (SILENT_AGAIN_AFTER if last.detail == SILENT else AGAIN_AFTER)


def announcement(row: ChargerState, governing: Governing, now: datetime) -> Announced:
    """The next one for a charger; a worker that takes it over arrives at the same id."""
    link, last, window = row.connection, row.announced, window_of(governing, now)
    assert link is not None, "a command needs a connection to go to"
    again = last is not None and (last.connection_id, last.window) == (link.connection_id, window)
    tries_count = last.tries_count + 1 if last is not None and again else 1
    before = last.command_id if last is not None else ""
    names = (
        CommandKind.ANNOUNCE,
        row.charger_id,
        link.connection_id,
        window.model_dump_json(),
        tries_count,
        before,
    )
    return Announced(
        window=window,
        command_id=CommandId(timed_id(row.desired_since or link.since, *names)),
        connection_id=link.connection_id,
        sent_at=now,
        tries_count=tries_count,
    )


def announced_noted(state: ChargerState, event: ChargerEvent) -> dict[str, Any]:
    """What the gateway tells of an announcement; of an earlier one nothing is noted."""
    last = state.announced
    if last is None or event.data.get("commandId") != last.command_id or last.status is not None:
        return {}
    ended = {
        "status": str(event.data.get("status", DisplayStatus.FAILED)),
        "detail": str(event.data.get("detail", "")),
        "ended_at": event.received_at,
    }
    return {"announced": Announced.model_validate({**dict(last), **ended})}
