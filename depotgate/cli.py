"""The command line: one function a command, in families, each a few lines around what does it."""

from __future__ import annotations

import sys
from io import TextIOWrapper

import typer

from depotgate.commands.acl import acl
from depotgate.commands.charger import charger_app, chargers
from depotgate.commands.configuration import load
from depotgate.commands.explain import explain
from depotgate.commands.feed import feed_app
from depotgate.commands.keys import keys_app
from depotgate.commands.looking import doctor, tail
from depotgate.commands.override import override_app
from depotgate.commands.processes import demo, flags, gateway, up, worker
from depotgate.commands.replay import replay
from depotgate.commands.schedule import schedule_app
from depotgate.commands.topics import topics_app

app = typer.Typer(
    name="depotgate",
    help="Scheduled managed access for electric-vehicle depot chargers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
FAMILIES = {
    "override": override_app,
    "topics": topics_app,
    "schedule": schedule_app,
    "feed": feed_app,
    "charger": charger_app,
    "keys": keys_app,
}
for command in (
    up,
    demo,
    gateway,
    worker,
    flags,
    load,
    chargers,
    tail,
    explain,
    replay,
    doctor,
    acl,
):
    app.command()(command)
for name, family in FAMILIES.items():
    app.add_typer(family, name=name)


def main() -> None:
    """Run the command line; a user's mistake is one sentence, not a stack trace."""
    _use_an_encoding_that_has_every_letter()
    app()


def _use_an_encoding_that_has_every_letter() -> None:
    """Files and pipes are UTF-8 whatever the locale is, as JSON is (RFC 8259, section 8.1); a
    terminal without it shows a question mark where it has no sign."""
    out = sys.stdout
    if isinstance(out, TextIOWrapper):
        if out.isatty():
            out.reconfigure(errors="replace")
        else:
            out.reconfigure(encoding="utf-8")
