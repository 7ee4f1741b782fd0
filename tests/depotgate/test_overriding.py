"""Whom an override is for, found among what is loaded (rule 7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from connectors.kafka.replica import Replica
from connectors.telemetry.metrics import Metrics
from depotgate.overriding import Whom, outranked, print_overrides, target_of
from models.errors import OverrideRefusedError
from models.ids import ChargerId, SiteId
from models.overrides import OverrideRecord, OverrideRequest, Scope, Target, begun, ended
from models.schedule import Mode, Schedule
from models.site import ChargerRecord, Group, SiteRecord


@pytest.fixture
def standing() -> Replica:
    """Two sites with a group `bays` each, and one with a group of its own."""
    replica = Replica("127.0.0.1:1", (), Metrics("worker"))
    for name, groups in (("north", ("bays", "bus-lane")), ("south", ("bays",))):
        site_id = SiteId(name)
        replica.sites[site_id] = SiteRecord(
            site_id=site_id,
            name=name,
            timezone="Europe/Berlin",
            schedules=(Schedule(id="depot", default=Mode.MANAGED),),
            groups=tuple(Group(id=group) for group in groups),
            schedule="depot",
            revision="r1",
            loaded_at=datetime(2026, 7, 14, tzinfo=UTC),
        )
    charger_id = ChargerId("CP-1")
    replica.chargers[charger_id] = ChargerRecord(
        charger_id=charger_id, site_id=SiteId("north"), security_profile=0, revision="r1"
    )
    return replica


@pytest.mark.parametrize(
    ("whom", "target"),
    [
        (Whom("north", None, None), ("north", Scope.SITE, "north")),
        (Whom(None, None, "CP-1"), ("north", Scope.CHARGER, "CP-1")),
        (Whom("north", None, "CP-1"), ("north", Scope.CHARGER, "CP-1")),
        (Whom(None, "bus-lane", None), ("north", Scope.GROUP, "bus-lane")),
        (Whom(None, "south/bays", None), ("south", Scope.GROUP, "bays")),
        (Whom("south", "bays", None), ("south", Scope.GROUP, "bays")),
    ],
)
def test_a_target_is_found_by_its_id(
    standing: Replica, whom: Whom, target: tuple[str, Scope, str]
) -> None:
    assert target_of(whom, standing) == target


@pytest.mark.parametrize(
    ("whom", "said"),
    [
        (Whom(None, None, None), "expected one of --site ID, --group ID and --charger ID"),
        (Whom(None, "bays", "CP-1"), "expected one of"),
        (Whom("nort", None, None), "got 'nort'; did you mean 'north'"),
        (Whom(None, None, "CP-2"), "expected a charger that is loaded, got 'CP-2'"),
        (Whom(None, None, "elsewhere"), "got 'elsewhere'; 1 is loaded"),
        (Whom("south", None, "CP-1"), "which is at site north"),
        (Whom(None, "bus", None), "expected a group that is loaded"),
        (Whom(None, "bays", None), "which is at north, south; say SITE/GROUP"),
        (Whom(None, "east/bays", None), "expected a site that is loaded, got 'east'"),
        (Whom(None, "south/bus-lane", None), "expected a group that is loaded"),
    ],
)
def test_what_is_not_there_or_not_clear_is_refused(
    standing: Replica, whom: Whom, said: str
) -> None:
    with pytest.raises(OverrideRefusedError, match=said):
        target_of(whom, standing)


NOW = datetime(2026, 7, 14, 10, tzinfo=UTC)


def _planned() -> OverrideRecord:
    request = OverrideRequest(
        target=Target(SiteId("north"), Scope.CHARGER, "CP-1"),
        mode=Mode.FREEVEND,
        lock=False,
        starts_at=NOW + timedelta(hours=2),
        ends_at=NOW + timedelta(hours=4),
        actor="Ada",
        reason="delivery of a transformer",
    )
    return begun(request, NOW)


@pytest.mark.parametrize("width", [40, 71, 72, 200])
def test_a_list_can_be_read_on_a_terminal_of_any_width(standing: Replica, width: int) -> None:
    out = StringIO()
    record = _planned()
    print_overrides([record], standing, NOW, Console(file=out, width=width))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert len(lines) < 8
    assert lines[0].split()[0] == ("override" if width >= 72 else record.override_id)
    if width == 40:
        assert lines == [
            record.override_id,
            "  freevend at charger CP-1 of site north",
            "  planned: Tue 14 Jul 14:00 CEST – Tue",
            "  14 Jul 16:00 CEST",
            "  delivery of a transformer (Ada)",
        ]


def test_one_that_was_ended_before_it_began_says_so(standing: Replica) -> None:
    out = StringIO()
    record = ended(_planned(), NOW + timedelta(hours=1), "Eve", "rain")
    print_overrides([record], standing, NOW + timedelta(hours=3), Console(file=out, width=400))
    assert "ended: Tue 14 Jul 14:00 CEST, not begun, ended: rain (Eve)" in out.getvalue()


def _lock(replica: Replica, starts_at: datetime) -> OverrideRecord:
    target = Target(SiteId("north"), Scope.SITE, "north")
    request = OverrideRequest(target, Mode.MANAGED, True, starts_at, None, "Eve", "tests of alarms")
    record = begun(request, NOW)
    replica.overrides[record.override_id] = record
    return record


@pytest.mark.parametrize("hours", [0, 2, 3])
def test_a_stronger_one_is_named_that_holds_or_begins_while_the_new_one_lasts(
    standing: Replica, hours: int
) -> None:
    """The new one lasts from 14:00 to 16:00, on the site's clocks."""
    lock = _lock(standing, NOW + timedelta(hours=hours))
    (line,) = outranked(_planned(), standing)
    assert line.startswith(f"at 1 of 1 chargers {lock.override_id} wins: managed, locked, at site")


def test_one_that_begins_when_the_new_one_is_over_is_none(standing: Replica) -> None:
    _lock(standing, NOW + timedelta(hours=4))
    assert outranked(_planned(), standing) == []
