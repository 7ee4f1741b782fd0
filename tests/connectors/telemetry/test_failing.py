"""What fails again and again is said once for each cause, and once when it works."""

from __future__ import annotations

from structlog.testing import capture_logs

from connectors.telemetry.failing import Failing
from models.errors import NotPermittedError


def test_the_same_cause_is_said_once_and_the_end_of_it_too() -> None:
    fetch = Failing("sink.fetch")
    with capture_logs() as said:
        fetch.worked()
        for fault in (TimeoutError("1"), TimeoutError("2"), NotPermittedError("not to read it")):
            fetch.failed(fault)
        for _ in range(2):
            fetch.worked()
    assert [(line["event"], line.get("cause")) for line in said] == [
        ("sink.fetch_failed", "TimeoutError"),
        ("sink.fetch_failed", "not to read it"),
        ("sink.fetch_works", None),
    ]


def test_what_fails_anew_is_said_anew() -> None:
    fetch = Failing("sink.fetch")
    with capture_logs() as said:
        for _ in range(2):
            fetch.failed(TimeoutError())
            fetch.worked()
    assert [line["event"] for line in said] == ["sink.fetch_failed", "sink.fetch_works"] * 2
