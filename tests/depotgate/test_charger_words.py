"""What people are told of a charger's connection, clock and running sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from depotgate.charger_words import (
    NOBODY_KNOWS,
    clock_words,
    last_seen,
    running_sessions,
    session_lines,
)
from depotgate.chargers_shown import Shown, in_full, table_of
from models.attempt import TokenKind
from models.capability import Claims
from models.charger import ChargerState
from models.clocks import ClockOffset
from models.mode_events import apply_event
from models.schedule import Mode
from models.sessions import Session, Sessions, SessionStop
from models.site import ChargerRecord
from tests.models.samples import SAMPLES
from tests.models.test_proofs import event, row

AT = datetime(2026, 7, 14, 10, tzinfo=UTC)


def clock(offset_s: float) -> ChargerState:
    return row(clock=ClockOffset(offset_s=offset_s, uncertainty_s=2.0, readings_count=15))


def session(**fields: Any) -> Session:
    given: dict[str, Any] = {
        "session_id": "s1",
        "transaction_id": "7",
        "place": 1,
        "began_at": AT,
        "seen_at": AT,
    }
    return Session(**given | fields)


def test_a_charger_is_last_seen_now_while_it_is_connected_then_when_it_left_and_not_later() -> None:
    assert last_seen(None) == "never"
    there = row()
    assert last_seen(there).startswith("now, by 1.6 since ")
    left = apply_event(there, event("Disconnected"), there.offset + 1)
    at = left.disconnected_at
    assert at is not None
    # A timetable that moves on writes its row again, and is no sign of life.
    later = left.model_copy(update={"updated_at": at + timedelta(hours=3)})
    assert last_seen(later) == f"{at:%Y-%m-%d %H:%M:%S}Z"
    back = apply_event(later, event("Connected"), later.offset + 1)
    assert back.connection is not None
    assert back.disconnected_at is None


@pytest.mark.parametrize(
    ("offset_s", "words"),
    [
        (3.24, "3.2 s ahead"),
        (-3_605.0, "3,605 s behind"),
        (0.01, "0.0 s"),
    ],
)
def test_a_clock_is_said_with_its_way(offset_s: float, words: str) -> None:
    assert clock_words(clock(offset_s)) == words
    assert clock_words(clock(offset_s), in_full=True) == f"{words}, ± 2.0 s, from 15 messages"


def test_a_clock_that_was_not_measured_or_is_off_by_days_says_so() -> None:
    assert clock_words(row()) == NOBODY_KNOWS
    assert clock_words(None, in_full=True) == "not measured"
    assert "its times are not used" in clock_words(clock(200_000.0), in_full=True)


def test_a_clock_beyond_the_limit_of_its_site_is_said_so() -> None:
    assert clock_words(clock(62.5), 60) == "62 s ahead (!)"
    assert "more than the site's clock_limit_s (60 s)" in clock_words(clock(62.5), 60, in_full=True)
    # Measured with an uncertainty of two seconds.
    assert clock_words(clock(61.5), 60) == "62 s ahead"
    assert "limit" not in clock_words(clock(61.5), 60, in_full=True)


def test_a_refused_session_without_energy_is_told_and_does_not_run() -> None:
    refused = session(session_id="s2", refused_at=AT)
    runs = session(
        energy_at=AT,
        began_in=Mode.FREEVEND,
        token=TokenKind.FREEVEND_TAG,
        stop=SessionStop(cause="EDGE", at=AT),
    )
    state = row(sessions=Sessions(running=(runs, refused)))
    assert running_sessions(state) == 1
    count, *lines = session_lines(state)
    assert count == ("sessions", "1 running, 1 refused")
    assert lines[0][1] == (
        "place 1, since 2026-07-14 10:00:00Z, began in freevend, token freevend_tag, "
        "energy since 2026-07-14 10:00:00Z, stop due: EDGE (s1)"
    )
    assert "refused 2026-07-14 10:00:00Z" in lines[1][1]
    assert session_lines(None) == [("sessions", "none running")]


def _on_screen(table: Table) -> str:
    screen = StringIO()
    Console(width=400, file=screen).print(table)
    return screen.getvalue()


def test_the_screens_have_clock_sessions_and_last_seen() -> None:
    charger = SAMPLES[ChargerRecord]
    assert isinstance(charger, ChargerRecord)
    shown = Shown(charger, clock(-12.5).model_copy(update={"sessions": Sessions()}))
    claims = Claims(token_types=("ISO14443", "VIN"), probed_at=AT)
    claimed = Shown(charger, row(claims=claims))
    assert "it presents ISO14443, VIN (2026-07-14 10:00:00Z)" in _on_screen(in_full(claimed))
    for table in (table_of([shown, Shown(charger, None)]), in_full(shown)):
        text = _on_screen(table)
        for words in ("clock", "12 s behind", "sessions", "last seen", "now, by 1.6"):
            assert words in text


def _profile_line(charger: ChargerRecord, state: ChargerState | None) -> str:
    lines = _on_screen(in_full(Shown(charger, state))).splitlines()
    (found,) = (line for line in lines if line.startswith("profile"))
    return " ".join(found.split()[1:])


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            {"vendor": "Stegen Electronics", "model": "SmartEVSE"},
            "microocpp (found by its BootNotification; "
            "nothing is set by it before its key was read)",
        ),
        (
            {
                "vendor": "Stegen Electronics",
                "model": "SmartEVSE",
                "claims": Claims(profile="microocpp", mode=Mode.MANAGED),
            },
            "microocpp (found by its BootNotification)",
        ),
        ({}, "standard (assumed: none is named, and it has not booted yet)"),
        (
            {"vendor": "ABB", "model": "Terra"},
            "standard (assumed: none is found by its BootNotification; "
            "its make hints at abb: name it (docs/profiles.md))",
        ),
        (
            {"vendor": "Acme", "model": "One"},
            "standard (assumed: none is found by its BootNotification)",
        ),
        (
            {"vendor": "Hager Bender", "model": "One"},
            "standard (assumed: its BootNotification fits bender and hager: "
            "name one (docs/profiles.md))",
        ),
    ],
)
def test_a_profile_is_said_with_where_it_is_from(said: dict[str, Any], line: str) -> None:
    known = SAMPLES[ChargerRecord]
    assert isinstance(known, ChargerRecord)
    unnamed = known.model_copy(update={"profile": "standard", "profile_named": False})
    assert _profile_line(unnamed, row(**said)) == line
    assert _profile_line(unnamed, None).startswith("standard (assumed")
    named = known.model_copy(update={"profile": "easee"})
    assert _profile_line(named, row(**said)) == "easee (named in chargers.csv)"


def test_over_ocpp_2_nothing_has_to_be_found() -> None:
    known = SAMPLES[ChargerRecord]
    assert isinstance(known, ChargerRecord)
    unnamed = known.model_copy(update={"profile": "standard", "profile_named": False})
    state = row(vendor="Keba AG", model="KC-P30", booted_over="2.0.1", connection=None)
    assert _profile_line(unnamed, state) == (
        "standard (assumed: it goes for every make over OCPP 2.x)"
    )
