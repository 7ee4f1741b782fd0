"""`depotgate schedule diff` and `tz-diff`: which mode edges another site.yaml, or another tz
database, moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from depotgate.schedules.edge_changes import Difference, difference
from depotgate.schedules.period import Period, period
from depotgate.schedules.tz_databases import TzDatabase, tz_database
from depotgate.schedules.written import Draft, governed, read_draft
from models.schedule import Schedule
from models.timeline import Timeline

AHEAD_DAYS = 400
"""Compared without --to: each clock change and holiday of a year, and a bit."""


class Side(NamedTuple):
    """A site.yaml under a tz database."""

    draft: Draft
    database: TzDatabase

    def timeline(self, schedule: Schedule) -> Timeline:
        """A schedule compiled in the site's zone of that database."""
        return Timeline(schedule, self.database.zone(self.draft.site.timezone))


class Followed(NamedTuple):
    """The schedules that somebody follows, old and new; None = none on that side.

    Attributes:
        whom: `the site`, `group visitors`; empty for a schedule that only chargers may name.
    """

    old: Schedule | None
    new: Schedule | None
    whom: tuple[str, ...]


class Part(NamedTuple):
    """What changes for those who follow one pair of schedules.

    Attributes:
        difference: None where one side has no schedule to compare.
    """

    followed: Followed
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Two sides over a period."""

    old: Side
    new: Side
    period: Period
    parts: tuple[Part, ...]


def compare(
    old_file: Path,
    new_file: Path,
    now: datetime,
    *,
    charger: str | None,
    group: str | None,
    start: str | None,
    end: str | None,
    old_database: Path | None = None,
    new_database: Path | None = None,
) -> Compared:
    """Compare what two site.yaml say, each under its tz database, for all who follow schedules.

    Args:
        charger, group: only for these.
        start, end: as `period` reads them, in the new site's zone.

    Raises:
        ConfigurationError: the question names something that there is not.
        DepotRefusedError: a site.yaml has problems.
    """
    old = Side(read_draft(old_file, now), tz_database(old_database))
    new = Side(read_draft(new_file, now), tz_database(new_database))
    zone = new.database.zone(new.draft.site.timezone)
    asked = period(start, end, zone, now, usual_days=AHEAD_DAYS)
    if charger or group:
        whom = f"charger {charger}" if charger else f"group {group}"
        before, after = (governed(side.draft, charger, group) for side in (old, new))
        found = [Followed(before.schedule, after.schedule, (whom,))]
    else:
        found = [*_followed(old.draft, new.draft)]
    parts = (Part(each, _difference(old, new, each, asked)) for each in found)
    return Compared(old, new, asked, tuple(parts))


def _difference(old: Side, new: Side, each: Followed, asked: Period) -> Difference | None:
    if each.old is None or each.new is None:
        return None
    return difference(old.timeline(each.old), new.timeline(each.new), asked)


def _followed(old: Draft, new: Draft) -> Iterator[Followed]:
    """Each pair of schedules once, with the site and the groups that follow it; then the rest."""
    pairs: dict[tuple[str | None, str | None], list[str]] = {}
    pairs.setdefault((old.site.schedule, new.site.schedule), []).append("the site")
    groups = dict.fromkeys(each.id for side in (old, new) for each in side.site.groups)
    for group in groups:
        pair = (_of_group(old, group), _of_group(new, group))
        pairs.setdefault(pair, []).append(f"group {group}")
    seen = [{pair[side] for pair in pairs} for side in (0, 1)]
    ids = [{each.id for each in side.site.schedules} for side in (old, new)]
    for id_ in dict.fromkeys(each.id for side in (old, new) for each in side.site.schedules):
        if not (id_ in seen[0] and id_ in seen[1]):
            pair = (id_ if id_ in ids[0] else None, id_ if id_ in ids[1] else None)
            pairs.setdefault(pair, [])
    for (old_id, new_id), whom in pairs.items():
        if old_id or new_id:
            yield Followed(_named(old, old_id), _named(new, new_id), tuple(whom))


def _of_group(draft: Draft, group: str) -> str | None:
    """The schedule that a group's chargers follow (rule 7); None where there is no such group."""
    found = next((each for each in draft.site.groups if each.id == group), None)
    return (found.schedule or draft.site.schedule) if found else None


def _named(draft: Draft, id_: str | None) -> Schedule | None:
    return next((each for each in draft.site.schedules if each.id == id_), None)
