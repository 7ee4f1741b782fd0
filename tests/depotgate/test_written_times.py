"""Times on a command line, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from depotgate.written_times import written_time
from models.errors import ConfigurationError

NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-07-14T18:05:00+02:00", "2026-07-14T16:05:00+00:00"),
        ("2026-07-14T18:05:00Z", "2026-07-14T18:05:00+00:00"),
        ("2026-07-14 18:05", "2026-07-14T16:05:00+00:00"),
        ("2026-07-14T18:05:30", "2026-07-14T16:05:30+00:00"),
        ("18:05", "2026-07-14T16:05:00+00:00"),
        ("2026-07-14", "2026-07-13T22:00:00+00:00"),
        (" 2026-07-14 ", "2026-07-13T22:00:00+00:00"),
        ("30d", "2026-06-14T12:00:00+00:00"),
        ("12h ago", "2026-07-14T00:00:00+00:00"),
        ("5m", "2026-07-14T11:55:00+00:00"),
        # Rule 4: what does not exist is the change itself, what comes twice the first of the two.
        ("2026-03-29 02:30", "2026-03-29T01:00:00+00:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_a_time_means_what_a_person_at_the_site_means(written: str, meant: str) -> None:
    assert written_time(written, BERLIN, NOW, "--at") == datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    "written",
    ["", "noon", "2026-13-01", "25:00", "2026-07-14 18:05 CET", "2026-07", "-1d"],
)
def test_what_is_no_time_is_said_with_what_was_expected(written: str) -> None:
    with pytest.raises(ConfigurationError, match="--since: expected a time such as"):
        written_time(written, BERLIN, NOW, "--since")
