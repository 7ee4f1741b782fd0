"""What `depotgate feed` does and says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.table import Table

from connectors.feeds.feed_load import Asked, FeedLoaded, load_feed
from connectors.feeds.feed_removal import remove_feed
from connectors.feeds.feed_standing import read_tables
from connectors.feeds.feeds_file import FeedSource, read_feeds
from connectors.written_instants import INSTANT_EXPECTED, written_instant
from depotgate.feeding import FeedFollower, Say, chosen, feeds_path, of_file, said
from depotgate.installation import actor, pseudonymiser_of
from depotgate.printing import print_json, table_console
from depotgate.progress import progress_bar
from depotgate.reaching import reachable_kafka
from depotgate.settings import Settings
from models.errors import ConfigurationError, DepotgateError
from models.feed_age import FeedState
from models.feed_states import FeedStanding, standings
from models.identifiers import Pseudonymiser
from models.ids import SiteId
from models.site import FOLDER_SOURCE, feed_key
from models.texts import age_in_words


class Wanted(NamedTuple):
    """A file that is to be loaded: as which source, and how."""

    name: str
    site: str | None
    accept: bool
    as_of: str | None


async def run_feeds(
    settings: Settings, name: str | None, site: str | None, *, as_json: bool
) -> bool:
    """Fetch every chosen source once; whether all of them were taken."""
    feeds = chosen(read_feeds(feeds_path(settings)), name, site)
    loads: list[FeedLoaded] = []
    failures: list[DepotgateError] = []
    for feed in feeds:
        try:
            loads.append(await _load(settings, feed, Asked(actor())))
        except DepotgateError as fault:
            if len(feeds) == 1:
                raise
            # The others are fetched all the same: each source stands for itself.
            failures.append(fault)
            typer.echo(str(fault), err=True)
    _print_loads(loads, as_json=as_json)
    return not failures and not any(loaded.quarantined for loaded in loads)


async def load_file(settings: Settings, wanted: Wanted, file: Path, *, as_json: bool) -> bool:
    """Load a file as a source's newest delivery; whether it was taken."""
    path = feeds_path(settings)
    known = read_feeds(path) if path.exists() or settings.feeds_file else ()
    feed = of_file(known, wanted.name, wanted.site, file)
    asked = Asked(actor(), _instant(wanted.as_of), wanted.accept)
    loaded = await _load(settings, feed, asked)
    return _told(loaded, "the same command and --accept", as_json=as_json)


async def accept_feed(settings: Settings, name: str, site: str | None, *, as_json: bool) -> bool:
    """Fetch a quarantined source again, and take it; whether it was taken."""
    feeds = chosen(read_feeds(feeds_path(settings)), name, site)
    if len(feeds) > 1:
        keys = ", ".join(feed.key for feed in feeds)
        raise ConfigurationError(f"{name} is there for several sites ({keys}); choose with --site")
    loaded = await _load(settings, feeds[0], Asked(actor(), accept=True))
    return _told(loaded, as_json=as_json)


async def drop_feed(settings: Settings, name: str, site: str | None, *, as_json: bool) -> None:
    """Remove a source that feeds.yaml does not have, with all that it said.

    Raises:
        ConfigurationError: it is the depot folder, of two sites, or feeds.yaml has it: it would
            come back.
        NotFoundError: nothing of it stands.
    """
    source, _, of_site = name.partition("/")
    if of_site and site not in {None, of_site}:
        raise ConfigurationError(f"{name} is a source of site {of_site}, and --site says {site}")
    site = site or of_site or None
    if source == FOLDER_SOURCE:
        raise ConfigurationError(
            f"{FOLDER_SOURCE} is the depot folder itself: take rows out of its identities.csv"
        )
    path = feeds_path(settings)
    known = read_feeds(path) if path.exists() or settings.feeds_file else ()
    key = feed_key(source, SiteId(site) if site else None)
    if key in {feed.key for feed in known}:
        raise ConfigurationError(f"{key} is in {path} and would come back; take it out there first")
    kafka = reachable_kafka(settings)
    removed = await remove_feed(kafka, source, SiteId(site) if site else None, actor())
    if as_json:
        print_json({"source": source, "site": site, "removed": removed.removed_count})
    else:
        typer.echo(f"{removed.key} is removed, {removed.removed_count:,} records gone")


async def follow_feeds(settings: Settings, say: Say) -> None:
    """Fetch on schedule until cancelled."""
    path = feeds_path(settings)
    count = len(read_feeds(path))
    say(f"following {count} sources of {path}; Ctrl-C stops")

    def keys() -> Pseudonymiser:
        return pseudonymiser_of(settings)

    follower = FeedFollower(reachable_kafka(settings), path, keys, actor(), say)
    await follower.follow()


async def _load(settings: Settings, feed: FeedSource, asked: Asked) -> FeedLoaded:
    pseudonymiser = pseudonymiser_of(settings)
    with progress_bar(feed.key) as step:
        return await load_feed(reachable_kafka(settings), feed, pseudonymiser, asked, step)


def _instant(written: str | None) -> datetime | None:
    if written is None:
        return None
    at = written_instant(written)
    if at is None:
        raise ConfigurationError(f"--as-of: expected {INSTANT_EXPECTED}, got {written!r}")
    return at


def _told(loaded: FeedLoaded, accepted_by: str | None = None, *, as_json: bool) -> bool:
    _print_loads([loaded], accepted_by, as_json=as_json)
    return not loaded.quarantined


def _print_loads(
    loads: Sequence[FeedLoaded], accepted_by: str | None = None, *, as_json: bool
) -> None:
    if as_json:
        print_json([_load_fields(loaded) for loaded in loads])
        return
    for loaded in loads:
        for problem in loaded.skipped:
            typer.echo(f"left out: {problem}", err=True)
        typer.echo(said(loaded, accepted_by))


def _load_fields(loaded: FeedLoaded) -> dict[str, Any]:
    return {
        **loaded.receipt.model_dump(mode="json", exclude={"validators"}),
        "added": loaded.change.added,
        "changed": loaded.change.changed,
        "removed": loaded.change.removed,
        "unchanged": loaded.unchanged,
        "taken": not loaded.quarantined,
        "skipped": [str(problem) for problem in loaded.skipped],
        "took_s": loaded.took_s,
    }


async def list_feeds(settings: Settings, *, as_json: bool) -> None:
    """Every source at every site, with those of feeds.yaml that never came."""
    tables = await read_tables(reachable_kafka(settings))
    now = datetime.now(UTC)
    found = [*standings(tables.sites.values(), tables.receipts.values(), now)]
    path = feeds_path(settings)
    known = read_feeds(path) if path.exists() else ()
    missing = [feed for feed in known if feed.key not in tables.receipts]
    if as_json:
        print_json([*map(_listed, found), *map(_never, missing)])
        return
    if not found and not missing:
        typer.echo("no source of identities but depot folders")
        return
    table_console().print(_table(found, missing))


def _listed(standing: FeedStanding) -> dict[str, Any]:
    receipt = standing.receipt
    quarantined = receipt.quarantined
    return {
        "source": receipt.source,
        "site": standing.site_id,
        "state": standing.state,
        "age_s": standing.age.total_seconds(),
        "content_at": receipt.content_at,
        "stale_at": standing.stale_at,
        "expires_at": standing.expires_at,
        "loaded_at": receipt.loaded_at,
        "revision": receipt.revision,
        "rows": receipt.rows_count,
        "skipped": receipt.skipped_count,
        "quarantined": quarantined.model_dump(mode="json") if quarantined else None,
    }


def _never(feed: FeedSource) -> dict[str, Any]:
    return {"source": feed.name, "site": feed.site, "state": None, "rows": 0, "quarantined": None}


_COLOURS = {FeedState.FRESH: "green", FeedState.STALE: "yellow", FeedState.EXPIRED: "red"}


def _table(found: Sequence[FeedStanding], missing: Sequence[FeedSource]) -> Table:
    table = Table("source", "site", "state", "age", "records", "left out", "quarantined")
    for each in found:
        receipt = each.receipt
        state = f"[{_COLOURS[each.state]}]{each.state}[/]" + (", nearly stale" if each.near else "")
        counts = (f"{receipt.rows_count:,}", f"{receipt.skipped_count:,}")
        age = age_in_words(each.age)
        table.add_row(
            receipt.source, each.site_id or "all", state, age, *counts, _quarantined(each)
        )
    for feed in missing:
        table.add_row(feed.name, feed.site or "all", "[red]never loaded[/]", "", "", "", "")
    return table


def _quarantined(standing: FeedStanding) -> str:
    seen = standing.receipt.quarantined
    if seen is None:
        return ""
    return f"{seen.vanishing_count:,} of {seen.standing_count:,} would vanish"
