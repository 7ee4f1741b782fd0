"""Rule 9: what an override has to say, how it ends, and how many are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from models.errors import OverrideRefusedError
from models.ids import ChargerId, OverrideId, SiteId
from models.layers import PRECEDENCE, LayerName
from models.occurrences import LAYERS
from models.overridden import OverriddenTimeline
from models.overrides import (
    ENDED_KEPT_MAX,
    KEPT_FOR,
    UNENDED_MAX,
    OverrideRecord,
    OverrideRequest,
    OverrideTable,
    Phase,
    Scope,
    Target,
    begun,
    check_room,
    ended,
    outlived,
)
from models.schedule import WEEKDAYS, Mode, Schedule, Window
from models.site import ChargerRecord
from models.timeline import Timeline
from models.zones import zone

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SITE = SiteId("north")
ONE = Target(SITE, Scope.CHARGER, "CP-1")


def asked(
    *,
    target: Target = ONE,
    mode: Mode = Mode.MANAGED,
    lock: bool = False,
    starts_at: datetime | None = None,
    ends_at: datetime | None = NOON + HOUR,
    actor: str = "operator",
    reason: str = "street festival",
) -> OverrideRequest:
    return OverrideRequest(target, mode, lock, starts_at, None if lock else ends_at, actor, reason)


def standing(count: int, **changes: object) -> tuple[OverrideRecord, ...]:
    record = begun(asked(), NOON)
    return tuple(
        record.model_copy(update={"override_id": OverrideId(f"o{number}"), **changes})
        for number in range(count)
    )


def test_rule_9_an_override_begins_now_and_says_who_why_and_until_when() -> None:
    record = begun(asked(), NOON)
    assert (record.starts_at, record.ends_at) == (NOON, NOON + HOUR)
    assert (record.actor, record.reason, record.target) == ("operator", "street festival", "CP-1")
    assert record.phase(NOON) is Phase.IN_FORCE
    assert record.phase(NOON + HOUR) is Phase.ENDED


def test_rule_9_an_override_may_begin_later() -> None:
    record = begun(asked(starts_at=NOON + HOUR, ends_at=NOON + 73 * HOUR), NOON)
    assert record.phase(NOON) is Phase.PLANNED


def test_rule_9_a_lock_is_managed_and_has_no_end() -> None:
    record = begun(asked(lock=True), NOON)
    assert (record.mode, record.ends_at) == (Mode.MANAGED, None)
    assert record.phase(NOON + 10_000 * HOUR) is Phase.IN_FORCE


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (asked(actor=" "), "actor"),
        (asked(reason=""), "reason"),
        (asked(reason="two\nlines"), "got line breaks, tabs or control characters"),
        (asked(actor="A\x1b[2J"), "expected actor on one line of printable characters"),
        (asked(reason="x" * 201), "at most 200"),
        (asked(ends_at=None), "--until"),
        (asked(ends_at=NOON), "after the start"),
        (asked(ends_at=NOON - HOUR), "after the start"),
        (asked(ends_at=NOON + 72 * HOUR + timedelta(seconds=1)), "at most 72 h"),
        (asked(starts_at=NOON - timedelta(seconds=1)), "not changed afterwards"),
        (asked(lock=True, mode=Mode.FREEVEND), "managed of a safety lock"),
        (asked(lock=True)._replace(ends_at=NOON + HOUR), "no end of a safety lock"),
    ],
)
def test_rule_9_what_breaks_the_rule_is_refused_with_the_reason(
    request_: OverrideRequest, said: str
) -> None:
    with pytest.raises(OverrideRefusedError, match=said):
        begun(request_, NOON)


def test_rule_9_72_hours_are_allowed() -> None:
    assert begun(asked(ends_at=NOON + 72 * HOUR), NOON).ends_at == NOON + 72 * HOUR


def test_rule_9_a_person_ends_it_and_says_why_and_it_ends_once() -> None:
    record = ended(begun(asked(), NOON), NOON + HOUR / 2, "manager", "rained off")
    assert record.stops_at == NOON + HOUR / 2
    assert (record.ended_by, record.ended_reason) == ("manager", "rained off")
    with pytest.raises(OverrideRefusedError, match="was ended by manager"):
        ended(record, NOON + HOUR, "manager", "again")


def test_rule_9_one_that_ended_by_itself_is_not_ended_again() -> None:
    with pytest.raises(OverrideRefusedError, match="ended by itself"):
        ended(begun(asked(), NOON), NOON + HOUR, "manager", "late")


def test_rule_9_an_end_needs_a_reason() -> None:
    with pytest.raises(OverrideRefusedError, match="reason"):
        ended(begun(asked(), NOON), NOON, "manager", "")


def test_two_overrides_of_one_moment_and_target_have_ids_of_their_own() -> None:
    later = NOON + timedelta(microseconds=1)
    assert begun(asked(), NOON).override_id != begun(asked(), later).override_id


def test_a_site_has_so_many_overrides_in_force_and_no_more() -> None:
    check_room(standing(UNENDED_MAX - 1), SITE, NOON)
    with pytest.raises(OverrideRefusedError, match="fewer than 200"):
        check_room(standing(UNENDED_MAX), SITE, NOON)
    check_room(standing(UNENDED_MAX), SiteId("south"), NOON)
    check_room(standing(UNENDED_MAX), SITE, NOON + HOUR)


def test_ended_ones_are_kept_for_replays_and_then_go() -> None:
    ends_at = NOON + HOUR
    assert outlived(standing(3), ends_at + KEPT_FOR) == ()
    assert len(outlived(standing(3), ends_at + KEPT_FOR + HOUR)) == 3
    assert len(outlived(standing(ENDED_KEPT_MAX + 7), ends_at)) == 7
    locked = standing(3, lock=True, ends_at=None)
    assert outlived(locked, NOON + 10 * KEPT_FOR) == (), "a lock stays until it is lifted"


def test_an_override_speaks_for_its_own_site_and_group_and_a_lock_goes_with_its_charger() -> None:
    def named(charger: ChargerRecord) -> Iterable[str]:
        return (each.override_id for each in table.of(charger))

    records = {
        "charger": ONE,
        "group": Target(SITE, Scope.GROUP, "bays"),
        "group elsewhere": Target(SiteId("south"), Scope.GROUP, "bays"),
        "site": Target(SITE, Scope.SITE, "north"),
    }
    table = OverrideTable(
        begun(asked(target=target), NOON).model_copy(update={"override_id": OverrideId(name)})
        for name, target in records.items()
    )
    charger = ChargerRecord(
        charger_id=ChargerId("CP-1"), site_id=SITE, group="bays", security_profile=0, revision="r"
    )
    assert set(named(charger)) == {"charger", "group", "site"}
    moved = charger.model_copy(update={"site_id": SiteId("south")})
    assert set(named(moved)) == {"charger", "group elsewhere"}
    neighbour = charger.model_copy(update={"charger_id": ChargerId("CP-2"), "group": None})
    assert set(named(neighbour)) == {"site"}


def test_rule_9_when_an_override_ends_the_earlier_one_resumes_over_midnight_and_window_edges() -> (
    None
):
    night = Window(name="night", days=WEEKDAYS, start="18:00", end="06:00", mode=Mode.MANAGED)
    schedule = Schedule(id="nights", default=Mode.FREEVEND, windows=(night,))
    open_late = begun(asked(mode=Mode.FREEVEND, ends_at=NOON + 20 * HOUR), NOON)
    police = begun(asked(ends_at=NOON + 9 * HOUR, reason="police"), NOON + 8 * HOUR)
    line = OverriddenTimeline(Timeline(schedule, zone("UTC")), (open_late, police))
    assert [(edge.at, edge.mode) for edge in line.edges(NOON, NOON + 24 * HOUR)] == [
        (NOON + 8 * HOUR, Mode.MANAGED),
        (NOON + 9 * HOUR, Mode.FREEVEND),
    ], "neither 18:00, midnight nor 06:00 ends the open night"
    assert line.at(NOON + 8 * HOUR).source == (
        "override",
        "police",
        None,
        "charger",
        police.override_id,
    )


def test_before_and_long_after_an_override_the_schedules_own_outlook_is_handed_on() -> None:
    """Facts are remembered by the identity of the outlook: no override near, no price."""
    night = Window(name="night", days=WEEKDAYS, start="18:00", end="06:00", mode=Mode.MANAGED)
    base = Timeline(Schedule(id="n", default=Mode.FREEVEND, windows=(night,)), zone("UTC"))
    line = OverriddenTimeline(base, (begun(asked(), NOON),))
    for at, handed_on in (
        (NOON - 48 * HOUR, True),
        (NOON - 10 * HOUR, False),  # of its next two edges the second is the override's
        (NOON, False),
        (NOON + HOUR, False),  # freevend since the override's end
        (NOON + 7 * HOUR, True),
    ):
        same = line.outlook(at, limit=2) is base.outlook(at, limit=2)
        assert same is handed_on, at


def test_rule_7_the_table_of_layers_is_the_order_of_rule_7() -> None:
    names = [layer.name for layer in PRECEDENCE]
    assert names == ["lock", "override", "exception", "holiday", "window", "default"]
    assert names == list(LayerName)
    assert list(LAYERS) == [name for name in names if name in LAYERS]
