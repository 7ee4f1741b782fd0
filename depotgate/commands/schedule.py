"""`depotgate schedule`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from depotgate.commands.calendars import schedule_export, schedule_import
from depotgate.commands.options import AsJson
from depotgate.commands.saying import sayable
from depotgate.printing import print_json, table_console
from models.errors import ConfigurationError

if TYPE_CHECKING:
    from depotgate.schedules.diff import Compared

schedule_app = typer.Typer(
    help="Schedules of a site.yaml: checked, shown, compared.", no_args_is_help=True
)
schedule_app.command("import")(schedule_import)
schedule_app.command("export")(schedule_export)

WIDTH_PIPED = 120
"""Columns of a timetable in a file or a pipe."""

SiteFile = Annotated[Path, typer.Argument(metavar="FILE", help="A site.yaml, or its folder.")]
OfCharger = Annotated[
    str | None, typer.Option("--charger", metavar="ID", help="What a charger follows.")
]
OfGroup = Annotated[
    str | None, typer.Option("--group", metavar="ID", help="What a group's chargers follow.")
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="2026-10-03, 2026-10-03T18:00 (local) or 2026-10-03T08:00:00Z.",
        show_default="today",
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", help="Likewise, and not within.", show_default="a week later"
    ),
]
ToInAYear = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", help="Likewise, and not within.", show_default="400 days later"
    ),
]


@schedule_app.command("check")
@sayable
def schedule_check(file: SiteFile, *, as_json: AsJson = False) -> None:
    """Name every problem, and the dates on which a clock change alters a window."""
    from depotgate.schedules.check import check, print_checked, rows

    checked = check(file, datetime.now(UTC))
    if as_json:
        print_json(rows(checked))
    else:
        print_checked(checked, table_console(WIDTH_PIPED))
    if checked.problems:
        raise typer.Exit(1)


@schedule_app.command("show")
@sayable
def schedule_show(
    file: SiteFile,
    *,
    charger: OfCharger = None,
    group: OfGroup = None,
    start: From = None,
    end: To = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="One interval a mode, whatever says so.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Which mode holds when, and what says so; with neither charger nor group, for the site."""
    from depotgate.schedules.show import look, print_shown, rows

    shown = look(
        file, datetime.now(UTC), charger=charger, group=group, start=start, end=end, merge=merge
    )
    if as_json:
        print_json(rows(shown))
    else:
        print_shown(shown, table_console(WIDTH_PIPED))


@schedule_app.command("diff")
@sayable
def schedule_diff(
    old: Annotated[Path, typer.Argument(help="A site.yaml, or its folder.")],
    new: Annotated[Path, typer.Argument(help="Another one.")],
    *,
    charger: OfCharger = None,
    group: OfGroup = None,
    start: From = None,
    end: ToInAYear = None,
    as_json: AsJson = False,
) -> None:
    """Which mode edges move, appear and vanish from one site.yaml to another."""
    from depotgate.schedules.diff import compare

    now = datetime.now(UTC)
    compared = compare(old, new, now, charger=charger, group=group, start=start, end=end)
    _say_compared(compared, as_json=as_json)


@schedule_app.command("tz-diff")
@sayable
def schedule_tz_diff(
    file: SiteFile,
    *,
    from_tz: Annotated[
        Path | None,
        typer.Option(
            help="Compiled zones, or a tzdata package: folder or wheel.",
            show_default="the pinned one",
        ),
    ] = None,
    to_tz: Annotated[
        Path | None, typer.Option(help="Likewise.", show_default="the pinned one")
    ] = None,
    charger: OfCharger = None,
    group: OfGroup = None,
    start: From = None,
    end: ToInAYear = None,
    as_json: AsJson = False,
) -> None:
    """Which mode edges move, appear and vanish from one tz database to another."""
    from depotgate.schedules.diff import compare

    if from_tz is None and to_tz is None:
        raise ConfigurationError("expected --from-tz or --to-tz: both default to the pinned one")
    compared = compare(
        file,
        file,
        datetime.now(UTC),
        charger=charger,
        group=group,
        start=start,
        end=end,
        old_database=from_tz,
        new_database=to_tz,
    )
    _say_compared(compared, as_json=as_json)


def _say_compared(compared: Compared, *, as_json: bool) -> None:
    from depotgate.schedules.diff_report import print_compared, rows

    if as_json:
        print_json(rows(compared))
    else:
        print_compared(compared, table_console(WIDTH_PIPED))
