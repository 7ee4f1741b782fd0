"""Times on a command line, as people write them: with an offset, in a zone, or as a duration."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from depotgate.written_times import calendar_time, time_ahead, written_time
from models.errors import ConfigurationError
from models.zones import zone

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
"""14:00 in Berlin."""
BERLIN = zone("Europe/Berlin")

EVERYWHERE = [
    ("2026-07-14T18:05:00+02:00", "2026-07-14T16:05:00+00:00"),
    ("2026-07-14T18:05:00Z", "2026-07-14T18:05:00+00:00"),
    ("2026-07-14t18:05z", "2026-07-14T18:05:00+00:00"),
    ("2026-07-14 18:05", "2026-07-14T16:05:00+00:00"),
    ("2026-07-14T18:05:30", "2026-07-14T16:05:30+00:00"),
    (" 2026-07-16 8:00 ", "2026-07-16T06:00:00+00:00"),
    # Rule 4: what does not exist is the change itself, what comes twice the first of the two.
    ("2026-03-29 02:30", "2026-03-29T01:00:00+00:00"),
    ("2026-10-25 02:30", "2026-10-25T00:30:00+00:00"),
]

NOWHERE = [
    "",
    "noon",
    "2026-13-01",
    "2026-02-30 12:00",
    "2026-07",
    "20260714",
    "2026-07-14 18:05 CET",
    "2026-07-14T18:05:00+25:00",
    "25:00",
    "12:60",
    "24:00",
    "-1d",
    "2.5h",
    "h",
]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *EVERYWHERE,
        ("18:05", "2026-07-14T16:05:00+00:00"),
        ("2026-07-14", "2026-07-13T22:00:00+00:00"),
        (" 2026-07-14 ", "2026-07-13T22:00:00+00:00"),
        ("30d", "2026-06-14T12:00:00+00:00"),
        ("12h ago", "2026-07-14T00:00:00+00:00"),
        ("5m", "2026-07-14T11:55:00+00:00"),
    ],
)
def test_a_time_means_what_a_person_means_who_looks_back(written: str, meant: str) -> None:
    assert written_time(written, BERLIN, NOON, "--at") == datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *EVERYWHERE,
        ("17:30", "2026-07-14T15:30:00+00:00"),
        ("9:05", "2026-07-15T07:05:00+00:00"),
        ("14:00", "2026-07-15T12:00:00+00:00"),
        ("00:00", "2026-07-14T22:00:00+00:00"),
        ("2h30m", "2026-07-14T14:30:00+00:00"),
        ("45m", "2026-07-14T12:45:00+00:00"),
        ("1d12h", "2026-07-16T00:00:00+00:00"),
        ("90s", "2026-07-14T12:01:30+00:00"),
    ],
)
def test_a_time_means_what_a_person_means_who_plans(written: str, meant: str) -> None:
    assert time_ahead(written, BERLIN, NOON, "--until") == datetime.fromisoformat(meant)


@pytest.mark.parametrize("written", NOWHERE)
def test_what_is_no_time_is_said_with_what_was_expected(written: str) -> None:
    with pytest.raises(ConfigurationError, match="--since: expected a time such as"):
        written_time(written, BERLIN, NOON, "--since")


@pytest.mark.parametrize("written", [*NOWHERE, "soon", "12h ago", "99999999h", "2026-07-14"])
def test_what_is_no_time_ahead_is_said_with_what_was_expected(written: str) -> None:
    with pytest.raises(ConfigurationError, match="--until: expected a time as"):
        time_ahead(written, BERLIN, NOON, "--until")


@pytest.mark.parametrize("written", ["0001-01-01", "2200-01-01 00:00", "9999-12-31T23:59:59-12:00"])
def test_a_year_that_no_calendar_has_is_said_to_be_one(written: str) -> None:
    with pytest.raises(ConfigurationError, match="--from: expected a year from 1970 to 2199"):
        calendar_time(written, BERLIN, "--from")
