"""`depotgate schedule import` and `export`: iCalendar in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from depotgate.commands.options import AsJson
from depotgate.commands.saying import errors, say, sayable
from models.errors import Problem
from models.schedule import Mode


@sayable
def schedule_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An iCalendar file (.ics).")],
    *,
    timezone: Annotated[
        str, typer.Option("--zone", metavar="ZONE", help="The site's IANA time zone.")
    ],
    mode: Annotated[Mode, typer.Option(help="What the chargers are during its events.")],
    holidays: Annotated[
        bool, typer.Option("--holidays", help="Read the events as holidays, date by date.")
    ] = False,
    schedule_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", show_default="the file's name")
    ] = None,
    default: Annotated[
        Mode | None, typer.Option(help="Outside of its events.", show_default="the other mode")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print an iCalendar file as YAML for a site.yaml; what is not understood is refused."""
    from depotgate.schedules.calendar_in import Wanted, as_document, as_yaml, import_calendar

    imported = import_calendar(file, Wanted(timezone, mode, holidays, default, schedule_id))
    if as_json:
        notices = [_notice(each) for each in imported.notices]
        say(orjson.dumps({**as_document(imported), "notices": notices}).decode())
        return
    for each in imported.notices:
        errors().print(str(each), style="yellow", markup=False, highlight=False, soft_wrap=True)
    say(as_yaml(imported))


@sayable
def schedule_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A site.yaml, or its folder.")],
    *,
    charger: Annotated[
        str | None, typer.Option("--charger", metavar="ID", help="What a charger follows.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="ID", help="What a group's chargers follow.")
    ] = None,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DATE",
            help="Where windows begin without a date.",
            show_default="today",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Instead of printing it.")
    ] = None,
) -> None:
    """Print a schedule as an iCalendar file, for Outlook, Google Calendar and Apple Calendar."""
    from depotgate.schedules.calendar_out import (
        GOOGLE_BYTES_MAX,
        export_calendar,
        write_calendar,
    )

    content = export_calendar(file, datetime.now(UTC), charger=charger, group=group, first=first)
    if len(content) > GOOGLE_BYTES_MAX:
        said = (
            f"the calendar has {len(content):,} bytes; Google Calendar takes {GOOGLE_BYTES_MAX:,}"
        )
        errors().print(said, style="yellow", soft_wrap=True)
    if out is None:
        typer.echo(content, nl=False)
    else:
        write_calendar(out, content)
        say(f"wrote {out}: {content.count(b'BEGIN:VEVENT'):,} events")


def _notice(said: Problem) -> dict[str, str | int]:
    return {"file": said.file, "line": said.line, "message": said.message}
