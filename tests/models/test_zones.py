"""Names of time zones: which are known, and what is proposed for one that is not (rule 10)."""

from __future__ import annotations

import pytest

from models.errors import ScheduleError
from models.zones import zone


@pytest.mark.parametrize(
    ("written", "proposed"),
    [
        ("utc", "; did you mean UTC?"),
        ("New York", "; did you mean America/New_York?"),
        ("Germany/Berlin", "; did you mean Europe/Berlin?"),
        ("Australia/Melborne", "; did you mean Australia/Melbourne?"),
        # What looks alike is another hour: UTC+1 is Etc/GMT-1, and GMT+0 is London's winter.
        ("UTC+1", ""),
        ("GMT+1", ""),
        # Rome is not nearer than any other.
        ("Europe", ""),
        ("", ""),
    ],
)
def test_a_zone_that_is_not_known_is_refused_with_what_may_be_meant(
    written: str, proposed: str
) -> None:
    with pytest.raises(ScheduleError) as refused:
        zone(written)
    assert str(refused.value) == f"expected an IANA time zone, got {written!r}{proposed}"
