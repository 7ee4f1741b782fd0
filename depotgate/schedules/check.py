"""`depotgate schedule check`: every problem, and what the clock changes of a year will do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from connectors.feeds import chargers_file
from connectors.feeds.chargers_file import reference_faults
from connectors.feeds.depot_folder import read_site_of
from connectors.feeds.places import Problems
from connectors.feeds.site_checks import AHEAD_DAYS, stretching
from connectors.feeds.site_file import References, SiteFile
from depotgate.schedules import wording
from depotgate.schedules.written import charger_rows, place_of
from models.errors import DepotRefusedError, Problem
from models.zones import tzdata_version


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found.

    Attributes:
        site: its id; None where the site.yaml cannot be loaded.
        problems: what keeps it from being loaded, in the order of files and lines.
        notices: what a person should know: windows that vanish, last longer or shorter.
    """

    site: str | None
    schedules_count: int
    problems: tuple[Problem, ...]
    notices: tuple[Problem, ...]


def check(file: Path, now: datetime) -> Checked:
    """Check the schedules of a site.yaml, and that the chargers beside it name some of them.

    Args:
        now: clock changes are looked for from its date on.
    """
    try:
        folder, name = place_of(file)
    except DepotRefusedError as refused:
        return Checked(None, 0, refused.problems, ())
    problems = Problems()
    found = read_site_of(folder, now, problems, name)
    if (folder / chargers_file.FILE).exists():
        _check_chargers(folder, found.references, problems)
    written = found.written
    notices = (*found.notices, *problems.notices(), *_stretching(found, now))
    return Checked(
        site=written.site if written else None,
        schedules_count=len(written.schedules) if written else 0,
        problems=_all_of(problems),
        notices=tuple(sorted(notices, key=lambda each: (each.file, each.line))),
    )


def rows(checked: Checked) -> dict[str, Any]:
    """It for programs."""
    return {
        "site": checked.site,
        "schedules": checked.schedules_count,
        "tzdata": tzdata_version(),
        "problems": [_row(each) for each in checked.problems],
        "notices": [_row(each) for each in checked.notices],
    }


def print_checked(checked: Checked, console: Console) -> None:
    """Problems in red, notices in yellow, and the count of both."""
    for style, found in (("red", checked.problems), ("yellow", checked.notices)):
        for each in found:
            console.print(str(each), style=style, markup=False, highlight=False, soft_wrap=True)
    console.print(_said(checked), markup=False, highlight=False, soft_wrap=True)


def _said(checked: Checked) -> str:
    problems, notices = len(checked.problems), len(checked.notices)
    if problems:
        return f"{problems} {'problem' if problems == 1 else 'problems'}; nothing can be loaded"
    schedules = "schedule" if checked.schedules_count == 1 else "schedules"
    noticed = f"{notices} {'notice' if notices == 1 else 'notices'}" if notices else "no notices"
    return (
        f"{checked.site}: no problems in {checked.schedules_count} {schedules}, {noticed}; clock "
        f"changes of {AHEAD_DAYS} days by {wording.database()}"
    )


def _check_chargers(folder: Path, references: References, problems: Problems) -> None:
    """What else may be wrong with a charger is for `load` to say."""
    for row in charger_rows(folder, problems):
        for fault in reference_faults(row.fields, references):
            problems.add(chargers_file.FILE, row.line, fault)


def _stretching(found: SiteFile, now: datetime) -> Iterator[Problem]:
    if found.written is None or found.document is None:
        return
    written, document = found.written, found.document
    for path, message in stretching(written.schedules, written.timezone, now.date()):
        yield Problem(document.file, document.line(path), message)


def _all_of(problems: Problems) -> tuple[Problem, ...]:
    try:
        problems.refuse()
    except DepotRefusedError as refused:
        return refused.problems
    return ()


def _row(problem: Problem) -> dict[str, Any]:
    return {"file": problem.file, "line": problem.line, "message": problem.message}
