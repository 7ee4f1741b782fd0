"""A site.yaml that is not loaded yet, and the schedule in it that a question is about (rule 7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connectors.feeds import chargers_file, site_file
from connectors.feeds.chargers_file import reference_faults
from connectors.feeds.csv_rows import LINE_BYTES_MAX, CsvRow, read_rows
from connectors.feeds.depot_folder import CHARGERS_BYTES_MAX, read_site_of, site_record
from connectors.feeds.places import Problems, near
from connectors.feeds.site_file import References
from connectors.feeds.text_file import opened, read_lines
from models.errors import ConfigurationError, DepotRefusedError, Problem
from models.governing import governing_schedule
from models.ids import ChargerId
from models.schedule import Schedule
from models.site import ChargerRecord, SiteRecord
from models.zones import zone


class Draft(NamedTuple):
    """A site.yaml in which nothing is wrong.

    Attributes:
        folder: where chargers.csv and the files that it names are.
        name: of the file.
        references: what rows of chargers.csv may name.
    """

    folder: Path
    name: str
    site: SiteRecord
    references: References

    @property
    def zone(self) -> ZoneInfo:
        """In which its local times are."""
        return zone(self.site.timezone)


class Governed(NamedTuple):
    """The schedule that a charger, a group or a site follows.

    Attributes:
        scope: `charger`, `group` or `site`: whose schedule it is.
    """

    schedule: Schedule
    scope: str


def place_of(file: Path) -> tuple[Path, str]:
    """The folder and the name of a site.yaml, given as itself or as its folder.

    Raises:
        DepotRefusedError: there is nothing of that name.
    """
    try:
        folder, there = file.is_dir(), file.exists()
    except OSError:  # a name that is too long
        folder, there = False, False
    if not there:
        said = f"expected a {site_file.FILE} or a folder with one, and there is nothing so named"
        raise DepotRefusedError((Problem(str(file), 0, said),))
    return (file, site_file.FILE) if folder else (file.parent, file.name)


def read_draft(file: Path, now: datetime) -> Draft:
    """Read a site.yaml, given as itself or as its folder.

    Raises:
        DepotRefusedError: with every problem, by file and line.
    """
    folder, name = place_of(file)
    problems = Problems()
    found = read_site_of(folder, now, problems, name)
    site = site_record(found.written, now, problems) if found.written else None
    problems.refuse()
    assert site is not None, "a site.yaml that is not loaded has a problem"
    return Draft(folder, name, site, found.references)


def governed(draft: Draft, charger: str | None, group: str | None) -> Governed:
    """The schedule of a charger or of a group's chargers; with neither, the site's own.

    Raises:
        ConfigurationError: there is no such charger or group, or nothing governs it.
        DepotRefusedError: chargers.csv cannot be read.
    """
    if charger is not None and group is not None:
        raise ConfigurationError("expected --charger or --group, got both")
    groups = [each.id for each in draft.site.groups]
    if group is not None and group not in groups:
        raise ConfigurationError(
            f"there is no group {group!r} in {draft.name}{near(group, groups)}"
        )
    if charger is not None:
        asked, what = _charger(draft, charger), f"charger {charger!r}"
    else:
        asked, what = _any_of(draft, group), f"group {group!r}" if group else "the site"
    found = governing_schedule(asked, draft.site)
    if found is None:
        hint = "" if charger or group else "; name a --charger or a --group"
        raise ConfigurationError(f"no schedule governs {what} (rule 7){hint}")
    scope, schedule = found
    return Governed(schedule, scope)


def _any_of(draft: Draft, group: str | None) -> ChargerRecord:
    """A charger of a group, or of none, without a schedule of its own."""
    return ChargerRecord(
        charger_id=ChargerId("any"),
        site_id=draft.site.site_id,
        group=group,
        security_profile=0,
        revision="",
    )


def _charger(draft: Draft, charger: str) -> ChargerRecord:
    """As much of a row as rule 7 asks for: a credential that is missing hinders nobody here."""
    problems = Problems()
    row = next(
        (each for each in charger_rows(draft.folder, problems) if _id_of(each) == charger), None
    )
    if row is None:
        # A row that cannot be read may have been the one.
        problems.refuse()
        name = chargers_file.FILE
        raise ConfigurationError(f"expected a charger_id of {name}, got {charger!r}")
    faults = Problems()
    for fault in reference_faults(row.fields, draft.references):
        faults.add(chargers_file.FILE, row.line, fault)
    faults.refuse()
    governed = _any_of(draft, row.fields["group"] or None)
    return governed.model_copy(update={"schedule": row.fields["schedule"] or None})


def charger_rows(folder: Path, problems: Problems) -> Iterator[CsvRow]:
    """The rows of a folder's chargers.csv that can be read; what else there is, is noted."""
    name = chargers_file.FILE
    with opened(folder, name, CHARGERS_BYTES_MAX, problems) as file:
        if file is not None:
            yield from read_rows(
                name,
                read_lines(file, name, LINE_BYTES_MAX, problems),
                chargers_file.COLUMNS,
                problems,
                rows_max=chargers_file.CHARGERS_MAX,
            )


def _id_of(row: CsvRow) -> str:
    return row.fields["charger_id"]
