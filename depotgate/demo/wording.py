"""How the demo says things, on every face of it: words, colours, and times at the site."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from rich.text import Text

from models.attempt import Outcome
from models.reasons import Answer
from models.schedule import Mode

ANSWERS: dict[str, tuple[str, str, str]] = {
    #              word         mark  style
    Answer.ALLOW: ("allowed",   "✓", "green"),
    Answer.DENY:  ("denied",    "✗", "red"),
    Answer.ERROR: ("undecided", "?", "yellow"),
}  # fmt: skip

MODE_STYLES: dict[str, str] = {Mode.MANAGED: "magenta", Mode.FREEVEND: "cyan"}


def local(at: datetime, zone: ZoneInfo) -> str:
    """A time of day at the site, to the second."""
    return f"{at.astimezone(zone):%H:%M:%S}"


def answer_of(outcome: Outcome) -> Answer:
    """What was decided; without a decision in time that is an error, not a denial (rule 24)."""
    answer = outcome.verdict.answer if outcome.verdict else Answer.ERROR
    return answer if isinstance(answer, Answer) else Answer.ERROR


def mode(value: Mode | str) -> Text:
    """A mode in its colour."""
    return Text(str(value), MODE_STYLES.get(value, ""))


def turns_text(turns: dict[str, Mode]) -> Text:
    """Which groups change at an edge, and what to."""
    parts = [Text.assemble(group, " ", mode(to)) for group, to in sorted(turns.items())]
    return Text(", ").join(parts)


def milliseconds(latency_s: float | None) -> str:
    """A latency as people read it."""
    if latency_s is None:
        return "–"
    ms = latency_s * 1000
    return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms"
