"""Rules 7 and 9: overrides over a schedule, against an oracle that asks every one each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.ids import ChargerId, OverrideId, SiteId
from models.overridden import OverriddenTimeline
from models.overrides import OverrideRecord, OverrideTable, Scope
from models.schedule import WEEKDAYS, Mode, Schedule, Window
from models.site import ChargerRecord
from models.timeline import Timeline
from models.zones import zone

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
STEP = timedelta(minutes=30)
STEPS = 96
"""Two days: overrides begin and end anywhere in the middle of them."""
SITE = SiteId("north")
LIMIT = 2

SCHEDULES = (
    Schedule(id="managed", default=Mode.MANAGED),
    Schedule(id="freevend", default=Mode.FREEVEND),
    Schedule(
        id="nights",
        default=Mode.FREEVEND,
        windows=(
            Window(name="night", days=WEEKDAYS, start="18:00", end="06:00", mode=Mode.MANAGED),
        ),
    ),
    Schedule(
        id="lunch",
        default=Mode.MANAGED,
        windows=(
            Window(name="lunch", days=WEEKDAYS, start="12:00", end="13:30", mode=Mode.FREEVEND),
            Window(name="dinner", days=WEEKDAYS, start="18:00", end="19:00", mode=Mode.FREEVEND),
        ),
    ),
)
CHARGER = ChargerRecord(
    charger_id=ChargerId("CP-1"), site_id=SITE, group="bays", security_profile=0, revision="r"
)
TARGETS = {Scope.CHARGER: "CP-1", Scope.GROUP: "bays", Scope.SITE: "north"}


def at_step(step: int) -> datetime:
    return NOON + STEP * step


@st.composite
def override(draw: st.DrawFn) -> OverrideRecord:
    scope, lock = draw(st.sampled_from(Scope)), draw(st.booleans())
    begins, lasts = draw(st.integers(10, 80)), draw(st.integers(1, 60))
    created = draw(st.integers(0, begins))
    ended = draw(st.none() | st.integers(created, begins + lasts))
    return OverrideRecord(
        override_id=OverrideId(f"o{draw(st.integers(0, 999)):03d}"),
        site_id=SITE,
        scope=scope,
        target=TARGETS[scope],
        mode=Mode.MANAGED if lock else draw(st.sampled_from(Mode)),
        lock=lock,
        starts_at=at_step(begins),
        ends_at=None if lock else at_step(begins + lasts),
        actor="operator",
        reason=f"since {begins}",
        created_at=at_step(created),
        ended_at=None if ended is None else at_step(ended),
    )


schedules = st.sampled_from(SCHEDULES)
overrides = st.lists(override(), max_size=6, unique_by=lambda each: each.override_id)


def says(schedule: Timeline, written: list[OverrideRecord], at: datetime) -> tuple[Mode, str]:
    """The mode at an instant and whose word it is, as rule 7 reads."""
    for lock in (True, False):
        for scope in ("charger", "group", "site"):
            found = [
                each
                for each in written
                if each.lock is lock
                and each.scope == scope
                and each.starts_at <= at
                and (each.ends_at is None or at < each.ends_at)
                and (each.ended_at is None or at < each.ended_at)
            ]
            if found:
                # Of two written in one instant one has to win, and always the same.
                found.sort(key=lambda each: each.override_id, reverse=True)
                newest = max(enumerate(found), key=lambda each: (each[1].created_at, each[0]))[1]
                return newest.mode, newest.override_id
    return schedule.mode_at(at), ""


@given(schedules, overrides)
def test_rules_7_and_9_lock_then_override_then_schedule_and_the_narrowest_newest_of_each(
    schedule: Schedule, written: list[OverrideRecord]
) -> None:
    base = Timeline(schedule, zone("UTC"))
    line = OverriddenTimeline(base, OverrideTable(written).of(CHARGER))
    for step in range(STEPS + 24):
        at = at_step(step)
        interval = line.at(at)
        expected = says(base, written, at)
        assert (interval.mode, interval.source.override_id or "") == expected
        assert line.mode_at(at) is interval.mode


@given(schedules, overrides)
def test_rules_3_and_9_edges_are_where_the_oracle_changes_its_mode_and_nowhere_else(
    schedule: Schedule, written: list[OverrideRecord]
) -> None:
    """Every beginning and end in the test lies on a step: half-open, the step itself is inside."""
    base = Timeline(schedule, zone("UTC"))
    line = OverriddenTimeline(base, written)
    modes = [says(base, written, at_step(step))[0] for step in range(STEPS + 60)]
    expected = [
        (at_step(step), modes[step])
        for step in range(1, len(modes))
        if modes[step] is not modes[step - 1]
    ]
    found = line.edges(NOON, at_step(len(modes) - 1))
    assert [(edge.at, edge.mode) for edge in found] == expected
    for step in range(STEPS):
        at = at_step(step)
        later = [edge for edge in expected if edge[0] > at]
        ahead = line.edges_after(at, limit=LIMIT)
        assert [(edge.at, edge.mode) for edge in ahead][: len(later)] == later[:LIMIT]
        interval, earlier = line.at(at), [edge for edge in expected if edge[0] <= at]
        assert interval.end == (ahead[0].at if ahead else None)
        if earlier:
            assert interval.start == earlier[-1][0]
        else:
            assert interval.start is None or interval.start <= NOON


@given(schedules, overrides)
def test_an_outlook_is_what_is_asked_for_one_by_one_and_is_remembered(
    schedule: Schedule, written: list[OverrideRecord]
) -> None:
    line = OverriddenTimeline(Timeline(schedule, zone("UTC")), written)
    for step in range(STEPS):
        at = at_step(step)
        outlook = line.outlook(at, limit=LIMIT)
        assert outlook.interval == line.at(at)
        assert outlook.edges == line.edges_after(at, limit=LIMIT)
        assert line.outlook(at, limit=LIMIT) is outlook


@given(schedules)
def test_where_no_override_is_near_the_schedules_own_outlook_is_handed_on(
    schedule: Schedule,
) -> None:
    """What decisions are made from is remembered by the identity of the outlook."""
    base = Timeline(schedule, zone("UTC"))
    assert OverriddenTimeline(base, ()).outlook(NOON, limit=LIMIT) is base.outlook(
        NOON, limit=LIMIT
    )
