"""Clock changes are found where asking for every third day's offset finds them (rule 10)."""

from __future__ import annotations

import pytest

from models.clock_changes import clock_changes
from models.zones import zone
from tests.properties.clock_changes import FIRST, LAST, changes, distinct_histories


@pytest.mark.parametrize("name", distinct_histories()[::4])
def test_every_change_of_a_zone_is_found(name: str) -> None:
    found = clock_changes(zone(name), FIRST.date(), LAST.date())
    assert [tuple(each) for each in found if each.at < LAST] == [tuple(e) for e in changes(name)]
