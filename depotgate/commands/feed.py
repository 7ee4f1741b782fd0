"""`depotgate feed`: sources of identities besides the depot folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from depotgate.commands.options import AsJson, Data, Feeds, Kafka, Keys, Tenant
from depotgate.commands.saying import run_until_told, say, sayable
from depotgate.settings import Settings, read_settings

feed_app = typer.Typer(help="Sources of identities besides the depot folder.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of a source, as in feeds.yaml.")]
Site = Annotated[
    str | None, typer.Option(help="Of the sources of that name, the one of this site.")
]


def _settings(
    kafka: str | None, data: Path | None, keys: Path | None, tenant: str | None, feeds: Path | None
) -> Settings:
    return read_settings(
        kafka=kafka, data=data, pseudonym_keys_file=keys, tenant=tenant, feeds_file=feeds
    )


@feed_app.command("run")
@sayable
def run(
    name: Annotated[str | None, typer.Argument(help="Of one source; all when left out.")] = None,
    *,
    site: Site = None,
    feeds_file: Feeds = None,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Fetch once, and publish what differs; what is refused or quarantined is exit code 1."""
    from depotgate.feed_commands import run_feeds

    settings = _settings(kafka, data, pseudonym_keys_file, tenant, feeds_file)
    if not run_until_told(run_feeds(settings, name, site, as_json=as_json)):
        raise typer.Exit(1)


@feed_app.command("follow")
@sayable
def follow(
    *,
    feeds_file: Feeds = None,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
) -> None:
    """Fetch every source on its schedule, until Ctrl-C; `depotgate up` does it too."""
    from depotgate.feed_commands import follow_feeds

    settings = _settings(kafka, data, pseudonym_keys_file, tenant, feeds_file)
    run_until_told(follow_feeds(settings, say))


@feed_app.command("load")
@sayable
def load(
    name: Name,
    file: Annotated[Path, typer.Argument(help="A .json or .csv file of the source.")],
    *,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Its content time, where it states none.", show_default="when it was written"
        ),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Though it is quarantined.")] = False,
    site: Site = None,
    feeds_file: Feeds = None,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Take a file as the newest delivery of a source, all of it or nothing."""
    from depotgate.feed_commands import Wanted, load_file

    settings = _settings(kafka, data, pseudonym_keys_file, tenant, feeds_file)
    wanted = Wanted(name, site, accept, as_of)
    if not run_until_told(load_file(settings, wanted, file, as_json=as_json)):
        raise typer.Exit(1)


@feed_app.command("accept")
@sayable
def accept(
    name: Name,
    *,
    site: Site = None,
    feeds_file: Feeds = None,
    kafka: Kafka = None,
    data: Data = None,
    pseudonym_keys_file: Keys = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a quarantined source again and take it, if no more vanishes than was seen."""
    from depotgate.feed_commands import accept_feed

    settings = _settings(kafka, data, pseudonym_keys_file, tenant, feeds_file)
    if not run_until_told(accept_feed(settings, name, site, as_json=as_json)):
        raise typer.Exit(1)


@feed_app.command("remove")
@sayable
def remove(
    name: Name,
    *,
    site: Site = None,
    feeds_file: Feeds = None,
    kafka: Kafka = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Delete what a source said that is no more in feeds.yaml: its records, and its age."""
    from depotgate.feed_commands import drop_feed

    settings = _settings(kafka, data, None, None, feeds_file)
    run_until_told(drop_feed(settings, name, site, as_json=as_json))


@feed_app.command("list")
@sayable
def list_(
    *,
    feeds_file: Feeds = None,
    kafka: Kafka = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """How old every source is, what that means, and what is quarantined."""
    from depotgate.feed_commands import list_feeds

    settings = _settings(kafka, data, None, None, feeds_file)
    run_until_told(list_feeds(settings, as_json=as_json))
