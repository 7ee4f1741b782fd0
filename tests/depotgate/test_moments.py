"""Times as people write them: local in the site's zone, as a duration, or with an offset."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from depotgate.moments import moment
from models.errors import ConfigurationError
from models.zones import zone

BERLIN = zone("Europe/Berlin")
NOON = datetime(2026, 7, 14, 10, tzinfo=UTC)
"""12:00 in Berlin."""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("17:30", "2026-07-14T15:30:00+00:00"),
        ("9:05", "2026-07-15T07:05:00+00:00"),
        ("12:00", "2026-07-15T10:00:00+00:00"),
        ("00:00", "2026-07-14T22:00:00+00:00"),
        ("2026-07-16 08:00", "2026-07-16T06:00:00+00:00"),
        ("2h30m", "2026-07-14T12:30:00+00:00"),
        ("45m", "2026-07-14T10:45:00+00:00"),
        ("1d12h", "2026-07-15T22:00:00+00:00"),
        ("90s", "2026-07-14T10:01:30+00:00"),
        ("2026-07-14T15:00:00Z", "2026-07-14T15:00:00+00:00"),
        ("2026-07-14T15:00:00+02:00", "2026-07-14T13:00:00+00:00"),
        # Rule 4: what comes twice is its first occurrence, what never comes the change itself.
        ("2026-10-25 02:30", "2026-10-25T00:30:00+00:00"),
        ("2027-03-28 02:30", "2027-03-28T01:00:00+00:00"),
    ],
)
def test_a_time_is_the_one_that_a_person_means(written: str, meant: str) -> None:
    assert moment(written, NOON, BERLIN).isoformat() == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "25:00",
        "12:60",
        "2026-02-30 12:00",
        "2026-07-14T15:00:00",
        "2026-07-14",
        "h",
        "-2h",
        "2.5h",
        "99999999h",
    ],
)
def test_anything_else_is_refused_with_the_forms(written: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a time as"):
        moment(written, NOON, BERLIN)
