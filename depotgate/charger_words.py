"""What people are told of a charger's connection, clock and running sessions."""

from __future__ import annotations

from datetime import UTC, datetime

from models.charger import ChargerState
from models.sessions import Session

NOBODY_KNOWS = "–"

_WHOLE_SECONDS_FROM_S = 10.0
"""A measurement is uncertain by two seconds at least: decimals of more would say nothing."""


def written(at: datetime) -> str:
    """A time, in UTC and to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def last_seen(row: ChargerState | None) -> str:
    """Now for a charger that is connected, else when its last connection ended."""
    if row is None:
        return "never"
    link = row.connection
    if link:
        return f"now, by {link.ocpp} since {written(link.since)}"
    return written(row.disconnected_at) if row.disconnected_at else NOBODY_KNOWS


def clock_words(
    row: ChargerState | None, limit_s: float | None = None, *, in_full: bool = False
) -> str:
    """How far its clock is off; in full, how well that is known too.

    Args:
        limit_s: how far it may be off, by its site; None where that is not known.
    """
    clock = row.clock if row else None
    if clock is None:
        return "not measured" if in_full else NOBODY_KNOWS
    off_s = clock.offset_s
    # What rounds to nothing is neither ahead nor behind.
    way = "" if abs(off_s) < 0.05 else " ahead" if off_s > 0 else " behind"
    said = f"{_seconds(off_s)}{way}"
    beyond = ""
    if limit_s is not None and clock.off_by_more_than(limit_s):
        beyond = f"; off by more than the site's clock_limit_s ({limit_s:,.0f} s)"
    if not in_full:
        return f"{said} (!)" if beyond else said
    of = f"{said}, ± {_seconds(clock.uncertainty_s)}, from {clock.readings_count} messages"
    if not clock.usable:
        return f"{of}; off by more than a day, so its times are not used"
    return f"{of}{beyond}"


def _seconds(seconds: float) -> str:
    amount = abs(seconds)
    return f"{amount:,.0f} s" if amount >= _WHOLE_SECONDS_FROM_S else f"{amount:.1f} s"


def running_sessions(row: ChargerState | None) -> int:
    """How many sessions run; one that was refused, and has no energy, does not."""
    running = row.sessions.running if row else ()
    return sum(each.energy_at is not None or each.refused_at is None for each in running)


def session_lines(row: ChargerState | None) -> list[tuple[str, str]]:
    """How many sessions run, and one line for each that has not ended."""
    open_ones = row.sessions.running if row else ()
    count = running_sessions(row)
    refused = len(open_ones) - count
    said = f"{count or 'none'} running" + (f", {refused} refused" if refused else "")
    return [("sessions", said), *((" session", _session(each)) for each in open_ones)]


def _session(session: Session) -> str:
    told = [
        f"place {session.place}" if session.place is not None else "place not told",
        f"since {written(session.began_at)}",
        f"began in {session.began_in}" if session.began_in else None,
        f"token {session.token}" if session.token else "no token",
        f"energy since {written(session.energy_at)}" if session.energy_at else "no energy yet",
        f"refused {written(session.refused_at)}" if session.refused_at else None,
        f"overstays since {written(session.overstay_at)}" if session.overstay_at else None,
        _stop(session),
    ]
    said = ", ".join(each for each in told if each)
    return f"{said} ({session.session_id})" if session.session_id else said


def _stop(session: Session) -> str | None:
    stop = session.stop
    if stop is None:
        return None
    if stop.given_up:
        return f"could not be stopped: {stop.cause}"
    return f"{'stop sent' if stop.sent_at else 'stop due'}: {stop.cause}"
