"""Instants as people and programs write them into files."""

from __future__ import annotations

import pytest

from connectors.written_instants import written_instant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T00:00:00+11:00", "2026-02-28T13:00:00+00:00"),
    ],
)
def test_an_instant_is_taken_with_its_offset(written: str, meant: str) -> None:
    found = written_instant(written)
    assert found is not None
    assert found.isoformat() == meant


@pytest.mark.parametrize(
    "written",
    [
        None,
        20260301,
        "",
        "soon",
        "2026-03-01",
        "2026-03-01T00:00:00",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
    ],
)
def test_what_is_no_instant_is_none(written: object) -> None:
    assert written_instant(written) is None
