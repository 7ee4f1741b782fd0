"""When a display is told of managed time: never before its switch, once, and anew when it moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from models.announcements import Announced, DisplayStatus, ManagedTime
from models.announcing import (
    AGAIN_AFTER,
    ANNOUNCE_WITHIN,
    SILENT,
    SILENT_AGAIN_AFTER,
    TRIES_MAX,
    announce_at,
    announced_noted,
    announcement,
    texts_of,
)
from models.capability import Claims, KeyClaim
from models.charger import ChargerEvent, ChargerState
from models.governing import Governing
from models.mode_events import apply_event
from models.profile_choice import EffectiveProfile, ProfileSource
from models.record import NEVER
from models.schedule import Mode, Schedule
from models.site import Stage
from models.timeline import Timeline
from models.zones import zone
from tests.models.samples import NOON, SAMPLES

ROW = cast("ChargerState", SAMPLES[ChargerState])
LINK = ROW.connection
assert LINK is not None
ON_2X = LINK.model_copy(update={"ocpp": "2.0.1"})
MANAGED = ManagedTime(mode=Mode.MANAGED, timezone="Europe/Berlin", languages=("de", "en"))


def governing(mode: Mode = Mode.MANAGED, stage: Stage = Stage.ENFORCE) -> Governing:
    """A charger in one mode for ever."""
    timeline = Timeline(Schedule(id="s", default=mode), zone("Europe/Berlin"))
    site = SimpleNamespace(timezone="Europe/Berlin", languages=("de", "en"))
    profile = EffectiveProfile("standard", ProfileSource.NAMED)
    found = SimpleNamespace(timeline=timeline, site=site, stage=stage, profile=profile)
    return cast("Governing", found)


def row(**changes: Any) -> ChargerState:
    plain = {"connection": ON_2X, "announced": None, "desired": Mode.MANAGED}
    return ROW.model_copy(update={**plain, **changes})


def told(status: DisplayStatus | None, **changes: Any) -> Announced:
    last = announcement(row(), governing(), NOON)
    ended = {"status": status, "ended_at": NOON if status else None}
    return last.model_copy(update={**ended, **changes})


def test_a_display_is_told_when_the_switch_has_ended() -> None:
    assert announce_at(row(), governing(), NOON) == NOON
    under_way = ROW.commanded.model_copy(update={"status": None})  # type: ignore[union-attr]
    assert announce_at(row(commanded=under_way), governing(), NOON) == NEVER
    waiting = row(commanded=None, observed=None)
    assert announce_at(waiting, governing(), NOON) == NEVER


def test_a_display_of_a_charger_without_a_setting_is_told_at_every_edge() -> None:
    claims = Claims(profile="standard", mode_key=KeyClaim.MISSING)
    before = row(desired=Mode.FREEVEND, observed=None, claims=claims)
    assert before.commanded is not None
    assert before.commanded.mode is Mode.MANAGED
    assert announce_at(before, governing(Mode.FREEVEND), NOON) == NOON


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
def test_rule_27_nothing_is_announced_before_enforce(stage: Stage) -> None:
    assert announce_at(row(), governing(stage=stage), NOON) == NEVER
    gone = row(announced=told(DisplayStatus.NOT_SUPPORTED))
    assert announce_at(gone, governing(stage=stage), NOON) == NEVER


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
@pytest.mark.parametrize("last", [DisplayStatus.SHOWN, DisplayStatus.FAILED, None])
def test_rule_27_what_was_announced_is_taken_back_once_when_enforce_is_left(
    stage: Stage, last: DisplayStatus | None
) -> None:
    left = governing(stage=stage)
    # While a switch is ahead, too: in this stage it never ends.
    standing = row(announced=told(last, connection_id="other"), commanded=None, observed=None)
    assert announce_at(standing, left, NOON) == NOON
    back = announcement(standing, left, NOON)
    assert texts_of(back.window, NOON) == ()
    for status in (None, *DisplayStatus):
        ended = back.model_copy(update={"status": status, "ended_at": NOON if status else None})
        assert announce_at(row(announced=ended), left, NOON + timedelta(days=1)) == NEVER


def test_chargers_of_1_6_and_those_that_are_away_are_told_nothing() -> None:
    old = ON_2X.model_copy(update={"ocpp": "1.6"})
    assert announce_at(row(connection=old), governing(), NOON) == NEVER
    assert announce_at(row(connection=None), governing(), NOON) == NEVER


# fmt: off
ENDED = [
    # last announcement                                          again
    (told(DisplayStatus.SHOWN),                                  NEVER),
    (told(DisplayStatus.NOT_SUPPORTED),                          NEVER),
    (told(DisplayStatus.NOT_SUPPORTED, connection_id="other"),   NEVER),
    (told(DisplayStatus.FAILED),                                 NOON + AGAIN_AFTER),
    (told(DisplayStatus.FAILED, detail=SILENT),                  NOON + SILENT_AGAIN_AFTER),
    (told(DisplayStatus.FAILED, tries_count=TRIES_MAX),          NEVER),
    (told(None),                                                 NOON + ANNOUNCE_WITHIN),
    # Another connection, another window: at once.
    (told(DisplayStatus.SHOWN, connection_id="other"),           NOON),
    (told(DisplayStatus.FAILED, tries_count=TRIES_MAX,
          window=MANAGED.model_copy(update={"end": NOON})),      NOON),
]
# fmt: on


@pytest.mark.parametrize(("last", "again"), ENDED)
def test_what_came_of_the_last_one_says_when_the_next_is_due(
    last: Announced, again: datetime
) -> None:
    assert announce_at(row(announced=last), governing(), NOON) == again


def test_an_edge_to_freevend_clears() -> None:
    free = row(announced=told(DisplayStatus.SHOWN), desired=Mode.FREEVEND, observed=None)
    done = ROW.commanded.model_copy(update={"mode": Mode.FREEVEND})  # type: ignore[union-attr]
    free = free.model_copy(update={"commanded": done})
    open_ = governing(Mode.FREEVEND)
    assert announce_at(free, open_, NOON) == NOON
    assert texts_of(announcement(free, open_, NOON).window, NOON) == ()
    assert [text.language for text in texts_of(MANAGED, NOON)] == ["de", "en"]


def test_a_worker_that_takes_over_arrives_at_the_same_id_and_a_retry_at_another() -> None:
    first = announcement(row(), governing(), NOON)
    assert announcement(row(), governing(), NOON + timedelta(seconds=3)).command_id == (
        first.command_id
    )
    again = announcement(row(announced=told(DisplayStatus.FAILED)), governing(), NOON)
    assert (again.tries_count, again.command_id != first.command_id) == (2, True)


def event(name: str, **data: Any) -> ChargerEvent:
    plain = cast("ChargerEvent", SAMPLES[ChargerEvent])
    return plain.model_copy(
        update={"name": name, "data": data, "connection_id": ON_2X.connection_id, "result": None}
    )


def test_only_the_result_of_the_last_one_is_noted() -> None:
    last = told(None)
    shown = event("Announced", commandId=last.command_id, status="shown", detail="")
    assert announced_noted(row(announced=last), shown)["announced"].status == "shown"
    other = event("Announced", commandId="other", status="shown", detail="")
    assert announced_noted(row(announced=last), other) == {}


def test_a_boot_forgets_what_the_display_shows_and_that_there_is_none() -> None:
    for status in (DisplayStatus.SHOWN, DisplayStatus.NOT_SUPPORTED):
        before = row(announced=told(status))
        after = apply_event(before, event("BootNotification"), before.offset + 1)
        assert after.announced is None
