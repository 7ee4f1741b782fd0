"""What `depotgate doctor` found: one answer a line."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from rich.console import Console

from depotgate.printing import print_json


class Health(StrEnum):
    """What an answer means."""

    GOOD = "ok"
    NOTE = "note"
    BAD = "bad"


class Finding(NamedTuple):
    """One answer.

    Attributes:
        advice: what to do; empty where nothing is to be done.
    """

    about: str
    health: Health
    seen: str
    advice: str = ""


def print_findings(findings: Sequence[Finding], console: Console, *, as_json: bool) -> bool:
    """Print what was found; whether all of it is good."""
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            _print(finding, console)
    return all(finding.health is not Health.BAD for finding in findings)


_COLOURS = {Health.GOOD: "green", Health.NOTE: "yellow", Health.BAD: "red"}


def _print(finding: Finding, console: Console) -> None:
    console.print(
        f"[{_COLOURS[finding.health]}]{finding.health:>4}[/]  [bold]{finding.about}[/]  ",
        end="",
        highlight=False,
    )
    advice = f"\n      → {finding.advice}" if finding.advice else ""
    console.print(finding.seen + advice, markup=False, highlight=False, soft_wrap=True)
