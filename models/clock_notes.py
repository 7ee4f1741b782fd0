"""What an explanation says of a charger's clock (rule 11)."""

from __future__ import annotations

from collections.abc import Mapping

from models.attempt import Attempt
from models.clocks import OLDEST_REPLAY, TimeDoubt

_DOUBTS: Mapping[str, str] = {
    TimeDoubt.NO_CLOCK: "its clock is not set",
    TimeDoubt.AHEAD: "its timestamp lies ahead of its arrival",
    TimeDoubt.TOO_OLD: f"its timestamp is older than {OLDEST_REPLAY.days} days",
    TimeDoubt.OFF_BY_DAYS: "its clock is off by more than a day",
}


def clock_notes(attempt: Attempt) -> list[str]:
    """What was made of the charger's timestamp (rule 11)."""
    if attempt.time_doubt is not None:
        doubt = _DOUBTS.get(attempt.time_doubt, str(attempt.time_doubt))
        return [f"Judged at its arrival: {doubt}."]
    if attempt.clock_offset_s:
        way = "ahead" if attempt.clock_offset_s > 0 else "behind"
        return [
            f"The charger's clock was {abs(attempt.clock_offset_s):.0f} s {way}, and its time is "
            "corrected by that."
        ]
    return []
