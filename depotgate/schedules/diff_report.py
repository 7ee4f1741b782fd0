"""What `depotgate schedule diff` and `tz-diff` found, for people and for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from depotgate.schedules import wording
from depotgate.schedules.columns import Column, print_rows
from depotgate.schedules.diff import Compared, Followed, Part, Side
from depotgate.schedules.edge_changes import Difference, EdgeChange, Kind
from depotgate.schedules.period import rfc3339
from models.schedule import Schedule

CHANGES_SHOWN = 40
"""Of one schedule, on a terminal: a window that moves every day fills a screen; --json has all."""

_STYLES = {Kind.MOVED: "yellow", Kind.APPEARED: "green", Kind.VANISHED: "red"}


def rows(compared: Compared) -> dict[str, Any]:
    """It for programs."""
    return {
        "from": rfc3339(compared.period.start),
        "to": rfc3339(compared.period.end),
        "old": _side(compared.old),
        "new": _side(compared.new),
        "schedules": [_part(part) for part in compared.parts],
        "changes": [
            _change(part.followed, each)
            for part in compared.parts
            if part.difference
            for each in part.difference.changes
        ],
    }


def print_compared(compared: Compared, console: Console) -> None:
    """A heading and a table for each schedule that changes, and one line for all others."""
    old, new, (start, end) = compared.old, compared.new, compared.period
    zone = new.database.zone(new.draft.site.timezone)
    same_database = old.database == new.database
    console.print(
        f"{wording.local(start, zone)} to {wording.local(end, zone)}, {zone.key}"
        + (f", {wording.database()}" if same_database else ""),
        highlight=False,
    )
    if not same_database:
        console.print(
            f"tz database {old.database.said} to {new.database.said}", highlight=False, markup=False
        )
    alike = 0
    for part in compared.parts:
        if part.difference and not _differs(part.difference):
            alike += 1
            continue
        _print_part(part, zone, console, in_utc=not same_database)
    if alike:
        said = "1 schedule says" if alike == 1 else f"{alike} schedules say"
        console.print(f"{said} the same", highlight=False)


def _differs(found: Difference) -> bool:
    return bool(found.changes) or found.began[0] is not found.began[1]


def _print_part(part: Part, zone: ZoneInfo, console: Console, *, in_utc: bool) -> None:
    console.print()
    found = part.difference
    console.print(Text.assemble((_schedules(part.followed), "bold"), _whom(part.followed)))
    if found is None:
        return
    old_mode, new_mode = found.began
    if old_mode is not new_mode:
        console.print(f"the period begins {new_mode} instead of {old_mode}", style="yellow")
    counts = {kind: sum(each.kind is kind for each in found.changes) for kind in Kind}
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    differing = wording.length(found.differing)
    console.print(f"edges: {said or 'none'}; another mode for {differing} in all", highlight=False)
    if found.changes:
        _print_changes(found.changes[:CHANGES_SHOWN], zone, console, in_utc=in_utc)
    hidden = len(found.changes) - CHANGES_SHOWN
    if hidden > 0:
        console.print(f"and {hidden:,} more; see --from, --to and --json", highlight=False)


def _print_changes(
    changes: tuple[EdgeChange, ...], zone: ZoneInfo, console: Console, *, in_utc: bool
) -> None:
    headings = ("edge", "to", "UTC" if in_utc else "local", "")
    rows = [
        (
            Text(each.kind, style=_STYLES[each.kind]),
            Text(each.mode, style=wording.STYLES[each.mode]),
            _places(each, zone, in_utc=in_utc),
            _moved_by(each),
            wording.source(each.source),
        )
        for each in changes
    ]
    print_rows([*map(Column, headings)], "by", rows, console)


def _places(each: EdgeChange, zone: ZoneInfo, *, in_utc: bool) -> str:
    def said(at: datetime) -> str:
        return wording.utc(at) if in_utc else wording.local(at, zone)

    places = [said(at) for at in (each.before, each.after) if at]
    if len(places) == 1:
        return places[0]
    before, after = (place.rsplit(" ", 1) for place in places)
    # Of the second, what differs: mostly the time of the same day.
    return f"{' '.join(before)} → {after[1] if before[0] == after[0] else ' '.join(after)}"


def _moved_by(each: EdgeChange) -> str:
    if each.before is None or each.after is None:
        return ""
    sign = "+" if each.after > each.before else "−"
    return sign + wording.length(abs(each.after - each.before))


def _schedules(followed: Followed) -> str:
    old, new = followed.old, followed.new
    if old is None or new is None:
        only = old or new
        assert only is not None, "a pair has a schedule on one side at least"
        return f"{only.id} {'is new' if old is None else 'is gone'}"
    return new.id if old.id == new.id else f"{old.id} → {new.id}"


def _whom(followed: Followed) -> str:
    return f" for {', '.join(followed.whom)}" if followed.whom else ""


def _side(side: Side) -> dict[str, Any]:
    return {
        "site": side.draft.site.site_id,
        "revision": side.draft.site.revision,
        "timezone": side.draft.site.timezone,
        "tzdata": side.database.version,
        "tz_database": side.database.name,
    }


def _part(part: Part) -> dict[str, Any]:
    found = part.difference
    return {
        **_names(part.followed),
        "began": [str(mode) for mode in found.began] if found else None,
        "differing_s": found.differing.total_seconds() if found else None,
    }


def _change(followed: Followed, each: EdgeChange) -> dict[str, Any]:
    moved = (each.after - each.before).total_seconds() if each.before and each.after else None
    return {
        "change": each.kind.value,
        "mode": each.mode.value,
        "before": rfc3339(each.before) if each.before else None,
        "after": rfc3339(each.after) if each.after else None,
        "moved_s": moved,
        **_names(followed),
        "source": {
            "layer": each.source.layer,
            "window": each.source.name,
            "date": each.source.date.isoformat() if each.source.date else None,
        },
    }


def _names(followed: Followed) -> dict[str, Any]:
    def named(schedule: Schedule | None) -> str | None:
        return schedule.id if schedule else None

    return {
        "old_schedule": named(followed.old),
        "new_schedule": named(followed.new),
        "whom": list(followed.whom),
    }
