"""A depot folder, read and checked as a whole: everything that is wrong is said at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors.feeds import chargers_file, identities_file, site_file
from connectors.feeds.chargers_file import ChargerRow, read_chargers
from connectors.feeds.identities_file import IdentityRow, Progress, read_identities
from connectors.feeds.places import Problems
from connectors.feeds.site_file import SiteFile, read_site
from models.errors import Problem
from models.identifiers import Pseudonymiser
from models.ids import SiteId
from models.profiles import PROFILES, reserved_tags
from models.site import SiteRecord
from models.topics import RECORD_MAX_BYTES

SITE_BYTES_MAX = RECORD_MAX_BYTES
"""It has to fit into one record, compiled."""

CSV_BYTES_MAX = 512 * 1024 * 1024
"""Two million rows of 250 bytes; all of it is held in memory while it is checked."""

FILES = {
    site_file.FILE: SITE_BYTES_MAX,
    chargers_file.FILE: CSV_BYTES_MAX,
    identities_file.FILE: CSV_BYTES_MAX,
}


@dataclass(frozen=True, slots=True)
class Depot:
    """A folder in which nothing is wrong.

    Attributes:
        site: with the revision of its content.
        notices: what a person should know and that keeps nothing from being loaded.
    """

    site: SiteRecord
    chargers: tuple[ChargerRow, ...]
    identities: tuple[IdentityRow, ...]
    notices: tuple[Problem, ...]


def read_depot(
    folder: Path,
    pseudonymiser: Pseudonymiser,
    loaded_at: datetime,
    on_progress: Progress | None = None,
) -> Depot:
    """Read and check a depot folder.

    Args:
        loaded_at: now, UTC.
        on_progress: told of the rows of identities.csv.

    Raises:
        DepotRefusedError: with every problem, by file and line.
    """
    problems = Problems()
    texts = {name: _text(folder, name, problems) for name in FILES}
    site_text, chargers_text, identities_text = texts.values()
    found = read_site(site_text, problems, loaded_at.date()) if site_text is not None else None
    chargers: tuple[ChargerRow, ...] = ()
    if chargers_text is not None:
        written = found.written if found else None
        chargers = read_chargers(chargers_text, folder, written, pseudonymiser, problems)
    identities: tuple[IdentityRow, ...] = ()
    if identities_text is not None:
        identities = read_identities(
            identities_text, _reserved(found), pseudonymiser, problems, on_progress
        )
    site = _site_record(found, loaded_at) if found else None
    if site is not None and len(site.encode()) > RECORD_MAX_BYTES:
        problems.add(site_file.FILE, 0, "compiled it is larger than 1 MB; use fewer exceptions")
    problems.refuse()
    assert found is not None, "a site that cannot be read is a problem"
    assert site is not None
    return Depot(site, chargers, identities, found.notices)


def _text(folder: Path, name: str, problems: Problems) -> str | None:
    """A file's text without its byte order mark; None when it cannot be read, which is noted."""
    try:
        with (folder / name).open("rb") as file:
            content = file.read(FILES[name] + 1)
    except OSError as fault:
        problems.add(name, 0, f"cannot be read in {folder} ({fault.strerror})")
        return None
    if len(content) > FILES[name]:
        problems.add(name, 0, f"is larger than {FILES[name] >> 20} MB")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        problems.add(name, line, "expected UTF-8; save it with that encoding")
        return None


def _reserved(found: SiteFile | None) -> frozenset[str]:
    """Freevend tags that are nobody's identity: the site's, and every profile's default."""
    own = found.written.freevend_tag if found else None
    tags = [tag for profile in PROFILES.values() for tag in reserved_tags(profile)]
    return frozenset(tag.casefold() for tag in (own, *tags) if tag)


def _site_record(found: SiteFile, loaded_at: datetime) -> SiteRecord:
    written = found.written
    site = SiteRecord(
        site_id=SiteId(written.site),
        name=written.name or written.site,
        timezone=written.timezone,
        stage=written.stage,
        fail=written.fail,
        freevend_tag=written.freevend_tag,
        schedules=written.schedules,
        groups=written.groups,
        schedule=written.schedule,
        revision="",
        loaded_at=loaded_at.replace(microsecond=0),
    )
    content = site.model_copy(update={"loaded_at": datetime.min.replace(tzinfo=loaded_at.tzinfo)})
    revision = hashlib.sha256(content.encode()).hexdigest()[:12]
    return site.model_copy(update={"revision": revision})


Signature = tuple[tuple[str, int, int, int], ...]


def folder_signature(folder: Path) -> Signature:
    """A value that changes whenever a file below the folder does; cheap enough to ask often."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            seen = path.stat()
        except OSError:
            continue
        found.append((str(path), seen.st_mtime_ns, seen.st_size, seen.st_ino))
    return tuple(found)
