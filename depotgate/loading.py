"""`depotgate load` and `depotgate topics apply`: what they do and what they say."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import typer

from connectors.feeds.depot_folder import read_depot
from connectors.feeds.publish import Loaded, load_depot
from connectors.kafka.topics import apply_topics
from depotgate.installation import actor, pseudonymiser_of
from depotgate.printing import print_json
from depotgate.progress import Step, progress_bar
from depotgate.reaching import reachable_kafka
from depotgate.settings import Settings
from models.errors import Problem
from models.identifiers import Pseudonymiser


async def load_folder(settings: Settings, folder: Path, *, check: bool, as_json: bool) -> None:
    """Check a depot folder, and publish it unless only asked to check.

    Raises:
        DepotRefusedError: naming every problem; nothing was loaded.
    """
    pseudonymiser = pseudonymiser_of(settings)
    with progress_bar("identities") as step:
        if check:
            _print_checked(folder, pseudonymiser, step, as_json=as_json)
            return
        loaded = await load_depot(
            reachable_kafka(settings), folder, pseudonymiser, actor=actor(), on_progress=step
        )
    _print_loaded(loaded, as_json=as_json)


def _print_checked(
    folder: Path, pseudonymiser: Pseudonymiser, step: Step, *, as_json: bool
) -> None:
    depot = read_depot(folder, pseudonymiser, datetime.now(UTC), step)
    if as_json:
        print_json(
            {
                "site": depot.site.site_id,
                "chargers": len(depot.chargers),
                "identities": len(depot.identities),
                "left_out": depot.left_out_count,
                "notices": [str(notice) for notice in depot.notices],
            }
        )
        return
    _print_notices(depot.notices)
    typer.echo(
        f"{depot.site.site_id}: no problems in {len(depot.chargers)} chargers and "
        f"{len(depot.identities):,} identities{_left_out(depot.left_out_count)}; nothing was loaded"
    )


def _print_loaded(loaded: Loaded, *, as_json: bool) -> None:
    if as_json:
        print_json(loaded_fields(loaded))
        return
    _print_notices(loaded.notices)
    typer.echo(said(loaded))


def loaded_fields(loaded: Loaded) -> dict[str, object]:
    """A load for programs."""
    return {
        **asdict(loaded),
        "revisions": loaded.revisions._asdict(),
        "chargers": loaded.chargers._asdict(),
        "identities": loaded.identities._asdict(),
        "notices": [str(notice) for notice in loaded.notices],
    }


def _print_notices(notices: tuple[Problem, ...]) -> None:
    for notice in notices:
        typer.echo(str(notice), err=True)


def said(loaded: Loaded) -> str:
    """A load in one sentence."""
    if not loaded.changed:
        return f"{loaded.site_id}: nothing has changed since revision {loaded.revision}"
    tables = (
        ("chargers", loaded.chargers_count, loaded.chargers),
        ("identities", loaded.identities_count, loaded.identities),
    )
    counts = ", ".join(
        f"{count:,} {name} ({change.added:,} new, {change.changed:,} changed, "
        f"{change.removed:,} gone)"
        for name, count, change in tables
    )
    left_out = _left_out(loaded.left_out_count)
    took = f"in {loaded.took_s:g} s"
    return f"{loaded.site_id}: loaded revision {loaded.revision}, {counts}{left_out}, {took}"


def _left_out(count: int) -> str:
    return f", {count:,} bad {'row' if count == 1 else 'rows'} left out" if count else ""


async def apply_table(settings: Settings, *, dry_run: bool, as_json: bool) -> None:
    """Apply the topic table to the broker, or say what that would change."""
    changes = await apply_topics(reachable_kafka(settings), dry_run=dry_run)
    if as_json:
        print_json([change._asdict() for change in changes])
        return
    for change in changes:
        typer.echo(f"{change.topic}: {change.change}")
    verb = "would change" if dry_run else "changed"
    typer.echo(f"{len(changes)} settings {verb}" if changes else "every topic is as it should be")
