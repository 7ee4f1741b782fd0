"""`depotgate schedule show`: what holds when, in local time and UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from depotgate.schedules import wording
from depotgate.schedules.columns import Column, print_rows
from depotgate.schedules.grid import print_grid
from depotgate.schedules.period import Period, period, rfc3339
from depotgate.schedules.written import Governed, governed, read_draft
from models.timeline import Stretch, Timeline

_COLUMNS = (Column("from, local"), Column("from, UTC"), Column("for", right=True), Column("mode"))


@dataclass(frozen=True, slots=True)
class Shown:
    """Which schedule holds for whom, and its stretches over a period."""

    governed: Governed
    whom: str
    zone: ZoneInfo
    period: Period
    stretches: tuple[Stretch, ...]


def look(
    file: Path,
    now: datetime,
    *,
    charger: str | None,
    group: str | None,
    start: str | None,
    end: str | None,
    merge: bool,
) -> Shown:
    """Compile what a site.yaml says of a charger, a group or the site itself over a period.

    Args:
        start, end: as `period` reads them.
        merge: one stretch a mode; its source is what brought it.

    Raises:
        ConfigurationError: the question names something that there is not.
        DepotRefusedError: the site.yaml has problems.
    """
    draft = read_draft(file, now)
    found = governed(draft, charger, group)
    asked = period(start, end, draft.zone, now)
    stretches = Timeline(found.schedule, draft.zone).intervals(*asked)
    return Shown(
        found,
        _whom(found, charger, group),
        draft.zone,
        asked,
        merged(stretches) if merge else stretches,
    )


def merged(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Same-mode stretches that touch, as one (rule 6)."""
    runs = (tuple(run) for _, run in groupby(stretches, key=lambda each: each.mode))
    return tuple(
        run[0]._replace(end=run[-1].end, conflict=any(each.conflict for each in run))
        for run in runs
    )


def rows(shown: Shown) -> list[dict[str, Any]]:
    """The stretches for programs: adjoining, clipped to the period."""
    return [
        {
            "from": rfc3339(each.start),
            "to": rfc3339(each.end),
            "mode": each.mode.value,
            "source": {
                "layer": each.source.layer,
                "scope": shown.governed.scope,
                "schedule": shown.governed.schedule.id,
                "window": each.source.name,
                "date": each.source.date.isoformat() if each.source.date else None,
            },
            "conflict": each.conflict,
        }
        for each in shown.stretches
    ]


def print_shown(shown: Shown, console: Console) -> None:
    """A table, and on a terminal the week grid above it."""
    heading = Text.assemble(
        (shown.governed.schedule.id, "bold"),
        f" governs {shown.whom}; {shown.zone.key}, {wording.database()}",
    )
    console.print(heading)
    if console.is_terminal:
        print_grid(shown.stretches, shown.period, shown.zone, console)
    print_rows(_COLUMNS, "by", _rows(shown), console)


def _whom(found: Governed, charger: str | None, group: str | None) -> str:
    """`charger C1 (by its group)`: whom the question is about, and whose schedule it follows."""
    scope, name = ("charger", charger) if charger else ("group", group)
    if name is None:
        return "the site"
    return f"{scope} {name}" + ("" if found.scope == scope else f" (by its {found.scope})")


def _rows(shown: Shown) -> list[tuple[Text | str, ...]]:
    rows: list[tuple[Text | str, ...]] = [
        (
            wording.local(each.start, shown.zone),
            wording.utc(each.start),
            wording.length(each.end - each.start),
            Text(each.mode, style=wording.STYLES[each.mode]),
            _by(each, shown.zone),
        )
        for each in shown.stretches
    ]
    end = shown.period.end
    rows.append((wording.local(end, shown.zone), wording.utc(end), "", "", "end of the period"))
    return rows


def _by(each: Stretch, zone: ZoneInfo) -> Text:
    clock = wording.clock_set(each.start, each.end, zone)
    return Text.assemble(
        wording.source(each.source),
        (f"  {clock}" if clock else "", "yellow"),
        ("  both modes are said, managed wins" if each.conflict else "", "yellow"),
    )
