"""`depotgate override`."""

from __future__ import annotations

from typing import Annotated

import typer

from depotgate.commands.options import AsJson, Data, Kafka
from depotgate.commands.saying import run_until_told, sayable
from depotgate.settings import read_settings
from models.schedule import Mode

override_app = typer.Typer(
    help="Another mode than the schedule's, for a while; and safety locks.", no_args_is_help=True
)

Actor = Annotated[str | None, typer.Option(help="Who decides it; the login name if absent.")]
Reason = Annotated[str, typer.Option(help="Why, for everybody who looks at it later.")]


@override_app.command("add")
@sayable
def override_add(
    *,
    site: Annotated[str | None, typer.Option(help="Every charger of this site.")] = None,
    group: Annotated[str | None, typer.Option(help="Of this group: GROUP or SITE/GROUP.")] = None,
    charger: Annotated[str | None, typer.Option(help="This charger alone.")] = None,
    mode: Annotated[Mode | None, typer.Option(help="What they are to be.")] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help='Its end, within 72 h: "17:30", "2026-07-14 17:30" (local), 2h30m or RFC 3339.',
        ),
    ] = None,
    reason: Reason = "",
    actor: Actor = None,
    lock: Annotated[
        bool, typer.Option("--lock", help="A safety lock: managed until it is ended.")
    ] = False,
    begins: Annotated[
        str | None, typer.Option("--from", metavar="WHEN", help="Its start; now if absent.")
    ] = None,
    kafka: Kafka = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Put an override in force, at once at every charger that it is for."""
    from depotgate.installation import actor as login
    from depotgate.overriding import Wanted, Whom, add_override

    settings = read_settings(kafka=kafka, data=data)
    wanted = Wanted(mode, lock, begins, until, login() if actor is None else actor, reason)
    run_until_told(add_override(settings, Whom(site, group, charger), wanted, as_json=as_json))


@override_app.command("list")
@sayable
def override_list(
    *,
    site: Annotated[str | None, typer.Option(help="Only of this site.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that ended in the last 30 days.")
    ] = False,
    kafka: Kafka = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Overrides and locks that hold or are planned, the newest first."""
    from depotgate.overriding import list_overrides

    settings = read_settings(kafka=kafka, data=data)
    run_until_told(list_overrides(settings, site=site, everything=everything, as_json=as_json))


@override_app.command("end")
@sayable
def override_end(
    override_id: Annotated[str, typer.Argument(metavar="ID", help="As `override list` has it.")],
    *,
    reason: Reason = "",
    actor: Actor = None,
    kafka: Kafka = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """End an override before its time, or lift a safety lock."""
    from depotgate.installation import actor as login
    from depotgate.overriding import end_override

    settings = read_settings(kafka=kafka, data=data)
    by = login() if actor is None else actor
    run_until_told(end_override(settings, override_id, actor=by, reason=reason, as_json=as_json))
