"""`depotgate override`: whom it is for, what it says, and what a person is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from connectors.feeds.overrides import publish_override, read_overrides
from connectors.feeds.places import near
from connectors.kafka.replica import Replica
from depotgate.printing import print_json, table_console
from depotgate.reaching import reachable_kafka
from depotgate.settings import Settings
from depotgate.written_times import time_ahead
from models.errors import OverrideRefusedError
from models.ids import ChargerId, OverrideId, SiteId
from models.overridden import winning
from models.overrides import (
    OverrideRecord,
    OverrideRequest,
    OverrideTable,
    Phase,
    Scope,
    Target,
    begun,
    check_room,
    ended,
)
from models.schedule import Mode
from models.zones import zone

PIPE_COLUMNS = 400
"""An override with its reason a line."""

TABLE_COLUMNS = 72
"""For an id and a dozen of each other column; in fewer its words come apart."""

NAMED_MAX = 3
"""Stronger overrides that a person is told of; one explains most of it."""


class Whom(NamedTuple):
    """What was given of --site, --group and --charger."""

    site: str | None
    group: str | None
    charger: str | None


class Wanted(NamedTuple):
    """What was given of everything else, times as they were written."""

    mode: Mode | None
    lock: bool
    begins: str | None
    until: str | None
    actor: str
    reason: str


async def add_override(settings: Settings, whom: Whom, wanted: Wanted, *, as_json: bool) -> None:
    """Put an override in force.

    Raises:
        OverrideRefusedError: it breaks rule 9, or speaks for nothing that is there.
        ConfigurationError: a time cannot be read.
    """
    kafka = reachable_kafka(settings)
    standing = await read_overrides(kafka)
    target = target_of(whom, standing)
    now = datetime.now(UTC)
    record = begun(_request(target, wanted, standing, now), now)
    check_room(standing.overrides.values(), target.site_id, now)
    await publish_override(kafka, standing, None, record, now)
    if as_json:
        print_json(_fields(record, now))
        return
    typer.echo(f"{record.override_id}: {_sentence(record, standing)}")
    for line in outranked(record, standing):
        typer.echo(line, err=True)


async def end_override(
    settings: Settings, override_id: str, *, actor: str, reason: str, as_json: bool
) -> None:
    """End an override or lift a lock.

    Raises:
        OverrideRefusedError: there is none of that id, or it has ended already.
    """
    kafka = reachable_kafka(settings)
    standing = await read_overrides(kafka)
    before = standing.overrides.get(OverrideId(override_id))
    if before is None:
        unended = _phase_is_not(Phase.ENDED, standing, datetime.now(UTC))
        hint = near(override_id, (record.override_id for record in unended))
        raise OverrideRefusedError(
            f"expected the id of an override, got {override_id!r}{hint}; "
            "`depotgate override list` has them"
        )
    now = datetime.now(UTC)
    after = ended(before, now, actor, reason)
    await publish_override(kafka, standing, before, after, now)
    if as_json:
        print_json(_fields(after, now))
        return
    typer.echo(f"{after.override_id}: ended; it was {_sentence(before, standing)}")


async def list_overrides(
    settings: Settings, *, site: str | None, everything: bool, as_json: bool
) -> None:
    """Print overrides in force and planned, the newest first; `everything`: ended ones too."""
    standing = await read_overrides(reachable_kafka(settings))
    if site is not None:
        _known("site", site, standing.sites)
    now = datetime.now(UTC)
    chosen = (
        standing.overrides.values() if everything else _phase_is_not(Phase.ENDED, standing, now)
    )
    found = [record for record in chosen if site in {None, record.site_id}]
    found.sort(key=lambda record: record.created_at, reverse=True)
    if as_json:
        print_json([_fields(record, now) for record in found])
        return
    if not found:
        kept = "" if everything else "; --all shows those that have ended"
        typer.echo(f"no overrides{kept}", err=True)
        return
    print_overrides(found, standing, now, table_console(PIPE_COLUMNS))


def _phase_is_not(phase: Phase, standing: Replica, now: datetime) -> list[OverrideRecord]:
    return [each for each in standing.overrides.values() if each.phase(now) is not phase]


# Whom it is for.


def target_of(whom: Whom, standing: Replica) -> Target:
    """Whom the options name: a charger, a group, or else a whole site."""
    if whom.charger is not None and whom.group is None:
        return _charger(whom.charger, whom.site, standing)
    if whom.group is not None and whom.charger is None:
        return _group(whom.group, whom.site, standing)
    if whom.site is not None and whom.charger is None:
        _known("site", whom.site, standing.sites)
        return Target(SiteId(whom.site), Scope.SITE, whom.site)
    raise OverrideRefusedError(
        "expected one of --site ID, --group ID and --charger ID (--site may stand beside the "
        "others), to say whom the override is for"
    )


def _charger(name: str, site: str | None, standing: Replica) -> Target:
    _known("charger", name, standing.chargers)
    charger = standing.chargers[ChargerId(name)]
    if site not in {None, charger.site_id}:
        raise OverrideRefusedError(
            f"expected a charger of site {site}, got {name}, which is at site {charger.site_id}"
        )
    return Target(charger.site_id, Scope.CHARGER, name)


def _group(name: str, site: str | None, standing: Replica) -> Target:
    """A group by its id, or as SITE/GROUP where several sites have one of that id."""
    if site is None and "/" in name:
        site, _, name = name.partition("/")
    if site is not None:
        _known("site", site, standing.sites)
    searched = [each for each in standing.sites.values() if site in {None, each.site_id}]
    known = {group.id for each in searched for group in each.groups}
    having = [each.site_id for each in searched if name in {group.id for group in each.groups}]
    if not having:
        _known("group", name, known)
    if len(having) > 1:
        raise OverrideRefusedError(
            f"expected a group of one site, got {name}, which is at {', '.join(sorted(having))}; "
            "say SITE/GROUP"
        )
    return Target(having[0], Scope.GROUP, name)


def _known(what: str, name: str, known: Iterable[str]) -> None:
    names = set(known)
    if name not in names:
        hint = near(name, sorted(names)) or f"; {_counted(names)} loaded"
        raise OverrideRefusedError(f"expected a {what} that is loaded, got {name!r}{hint}")


def _counted(names: set[str]) -> str:
    return "1 is" if len(names) == 1 else f"{len(names):,} are"


# What it says.


def _request(target: Target, wanted: Wanted, standing: Replica, now: datetime) -> OverrideRequest:
    """What is asked for, local times read in the site's zone."""
    if wanted.mode is None and not wanted.lock:
        raise OverrideRefusedError("expected --mode freevend or --mode managed, got none")
    _known("site", target.site_id, standing.sites)
    here = zone(standing.sites[target.site_id].timezone)
    begins, until = wanted.begins, wanted.until
    starts_at = time_ahead(begins, here, now, "--from") if begins is not None else None
    ends_at = time_ahead(until, here, starts_at or now, "--until") if until is not None else None
    return OverrideRequest(
        target=target,
        mode=wanted.mode or Mode.MANAGED,
        lock=wanted.lock,
        starts_at=starts_at,
        ends_at=ends_at,
        actor=wanted.actor,
        reason=wanted.reason,
    )


# What a person is told.


def _sentence(record: OverrideRecord, standing: Replica) -> str:
    begins = _local(record.starts_at, record, standing)
    until = f" until {_local(record.ends_at, record, standing)}" if record.ends_at else ""
    return (
        f"{_what(record)} at {record.whom} from {begins}{until}, by {record.actor}: {record.reason}"
    )


def _what(record: OverrideRecord) -> str:
    return f"{record.mode}, locked," if record.lock else str(record.mode)


def _local(at: datetime, record: OverrideRecord, standing: Replica) -> str:
    site = standing.sites.get(record.site_id)
    here = zone(site.timezone) if site else UTC
    return f"{at.astimezone(here):%a %d %b %H:%M %Z}"


def outranked(record: OverrideRecord, standing: Replica) -> list[str]:
    """Where others win over a new one, at its beginning or later, a line each (rule 7)."""
    table = OverrideTable([*standing.overrides.values(), record])
    speaking = (table.of(each) for each in standing.chargers.values())
    alike = Counter(each for each in speaking if record in each)
    stronger: Counter[OverrideId] = Counter()
    for overrides, count in alike.items():
        stronger.update(dict.fromkeys(_stronger(record, overrides), count))
    named = {each.override_id: each for each in standing.overrides.values()}
    lines = [
        f"at {count} of {alike.total()} chargers {id_} wins: {_sentence(named[id_], standing)}"
        for id_, count in list(stronger.items())[:NAMED_MAX]
    ]
    if not alike:
        lines.append("no charger is there that it would govern")
    return lines


def _stronger(record: OverrideRecord, overrides: Sequence[OverrideRecord]) -> Iterator[OverrideId]:
    """Those of a charger that win when the record begins, or begin over it while it lasts."""
    begin = sorted(
        each.starts_at
        for each in overrides
        if each.starts_at >= record.starts_at
        and (record.stops_at is None or each.starts_at < record.stops_at)
    )
    for at in begin:
        winner = winning(overrides, at)
        if winner is not None and winner != record:
            yield winner.override_id


def print_overrides(
    found: Sequence[OverrideRecord], standing: Replica, now: datetime, console: Console
) -> None:
    """A table, and where the terminal is too narrow for one a paragraph an override."""
    rows = [(_cells(record, standing, now), _style(record, now)) for record in found]
    if console.width < TABLE_COLUMNS:
        for (first, *more), style in rows:
            console.print(first, *(Padding(each, (0, 0, 0, 2)) for each in more), style=style)
        return
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("override", no_wrap=True)
    for name in ("what", "when", "why"):
        table.add_column(name, overflow="fold")
    for cells, style in rows:
        table.add_row(*cells, style=style)
    console.print(table)


def _cells(record: OverrideRecord, standing: Replica, now: datetime) -> list[Text]:
    """Id, what, when and why; what people wrote is no markup."""
    what = f"{_what(record)} at {record.whom}"
    when = f"{record.phase(now)}: {_when(record, standing)}"
    return [*map(Text, (record.override_id, what, when, f"{record.reason} ({record.actor})"))]


def _style(record: OverrideRecord, now: datetime) -> str | None:
    return "bold" if record.lock and record.phase(now) is not Phase.ENDED else None


def _when(record: OverrideRecord, standing: Replica) -> str:
    begins = _local(record.starts_at, record, standing)
    if record.stops_at is None:
        return f"{begins} until it is ended"
    never = record.stops_at <= record.starts_at
    until = f"{begins} – {_local(record.stops_at, record, standing)}"
    by = f", ended: {record.ended_reason} ({record.ended_by})" if record.ended_at else ""
    return (f"{begins}, not begun" if never else until) + by


def _fields(record: OverrideRecord, now: datetime) -> dict[str, object]:
    return {**record.model_dump(mode="json"), "phase": record.phase(now)}
