"""Clock changes are found where asking for every fifth day's offset finds them (rule 10)."""

from __future__ import annotations

from models.clock_changes import clock_changes
from models.zones import zone
from tests.properties.clock_changes import FIRST, LAST, changes, distinct_histories


def test_every_change_of_a_zone_is_found() -> None:
    names = distinct_histories()[::4]
    assert len(names) > 40
    for name in names:
        found = clock_changes(zone(name), FIRST.date(), LAST.date())
        assert [tuple(each) for each in found if each.at < LAST] == [*changes(name)], name
