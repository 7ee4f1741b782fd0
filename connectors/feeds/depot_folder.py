"""A depot folder, read and checked as a whole: everything that is wrong is said at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NewType

from connectors.feeds import chargers_file, identities_file, site_file
from connectors.feeds.access_checks import access_notices
from connectors.feeds.chargers_file import ChargerRow, ChargersFile, read_chargers
from connectors.feeds.csv_rows import LINE_BYTES_MAX
from connectors.feeds.freevend_tags import ReservedTags, all_tags
from connectors.feeds.holidays import named_calendars
from connectors.feeds.identities_file import (
    IdentityRows,
    Progress,
    content_revision,
    read_identities,
)
from connectors.feeds.places import Problems, RowProblems
from connectors.feeds.site_file import SiteFile, WrittenSite, read_site
from connectors.feeds.text_file import count_lines, opened, read_lines
from connectors.feeds.yaml_lines import read_yaml
from models.errors import Problem
from models.identifiers import Pseudonymiser
from models.ids import SiteId
from models.site import SiteRecord
from models.topics import RECORD_MAX_BYTES

FILES = (site_file.FILE, chargers_file.FILE, identities_file.FILE)

SITE_BYTES_MAX = RECORD_MAX_BYTES
"""It has to fit into one record, compiled."""

CHARGERS_BYTES_MAX = 32 * 1024 * 1024
"""CHARGERS_MAX rows of 1,600 bytes."""

IDENTITIES_BYTES_MAX = 512 * 1024 * 1024
"""IDENTITIES_MAX rows of 500 bytes; usual ones have 100."""

LEFT_OUT_SHARE_MAX = 0.2
"""As of what may vanish from a feed (rule 22): more bad rows are an export that went wrong."""

COMPILED_BYTES_MAX = RECORD_MAX_BYTES - 8_192
"""Key, headers and the batch around a record come on top, and count (message.max.bytes)."""


@dataclass(frozen=True, slots=True)
class Depot:
    """A folder in which nothing is wrong.

    Attributes:
        site: with the revision of its content.
        identities: by topic key.
        left_out_count: bad rows of identities.csv, where the site leaves them out.
        identity_revision: of what they say; decisions store it (rule 10).
        notices: what a person should know and that keeps nothing from being loaded.
    """

    site: SiteRecord
    chargers: tuple[ChargerRow, ...]
    identities: IdentityRows
    identity_revision: str
    left_out_count: int
    notices: tuple[Problem, ...]


def read_depot(
    folder: Path,
    pseudonymiser: Pseudonymiser,
    loaded_at: datetime,
    on_progress: Progress | None = None,
) -> Depot:
    """Read and check a depot folder. A million identities take some 13 s and 700 MB.

    Args:
        loaded_at: now, UTC-aware; seconds count.
        on_progress: told of the rows of identities.csv.

    Raises:
        DepotRefusedError: with every problem, by file and line.
    """
    refuse_no_folder(folder)
    problems = Problems()
    at = loaded_at.astimezone(UTC).replace(microsecond=0)
    found = read_site_of(folder, at, problems)
    chargers = _read_chargers(folder, found, pseudonymiser, problems)
    own_tag = found.written.freevend_tag if found.written else None
    reserved = all_tags([own_tag], chargers.reserved)
    bad_rows = RowProblems()
    identities = _read_identities(
        folder,
        _site_id(found),
        reserved,
        pseudonymiser,
        free_types=tuple(found.written.identifier_types) if found.written else None,
        problems=problems,
        row_problems=bad_rows,
        on_progress=on_progress,
    )
    _judge_bad_rows(bad_rows, len(identities), found.written, problems)
    site = site_record(found.written, at, problems) if found.written else None
    problems.refuse()
    assert site is not None, "a site.yaml that is not loaded has a problem"
    revision = content_revision(identities)
    records = (row.record for row in chargers.rows)
    of_access = (
        Problem(site_file.FILE, found.document.line(path) if found.document else 0, message)
        for path, message in access_notices(site, records, identities.values(), at)
    )
    of_rows = (*bad_rows.all(), *bad_rows.notices())
    notices = (*found.notices, *of_access, *problems.notices(), *of_rows)
    return Depot(site, chargers.rows, identities, revision, len(bad_rows.lines), notices)


def refuse_no_folder(folder: Path) -> None:
    """Say that there is no folder, before anything takes long.

    Raises:
        DepotRefusedError: it is none.
    """
    if not _is_folder(folder):
        problems = Problems()
        problems.add(str(folder), 0, f"expected a folder with {', '.join(FILES)}, and it is none")
        problems.refuse()


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long
        return False


def read_site_of(
    folder: Path, at: datetime, problems: Problems, name: str = site_file.FILE
) -> SiteFile:
    """The site of a folder, with the files that it names; what is wrong is noted.

    Args:
        at: windows that vanish are looked for from its date on.
        name: of the site.yaml, which may be a draft of another name.
    """
    with opened(folder, name, SITE_BYTES_MAX, problems) as file:
        if file is None:
            return SiteFile()
        text = "\n".join(line.text for line in read_lines(file, name, SITE_BYTES_MAX, problems))
    # A line that cannot be read is missing: what the others mean without it says nothing.
    return (
        SiteFile() if problems.names(name) else read_site(text, at.date(), problems, folder, name)
    )


def _read_chargers(
    folder: Path, found: SiteFile, pseudonymiser: Pseudonymiser, problems: Problems
) -> ChargersFile:
    name = chargers_file.FILE
    with opened(folder, name, CHARGERS_BYTES_MAX, problems) as file:
        if file is None:
            return ChargersFile()
        lines = read_lines(file, name, LINE_BYTES_MAX, problems)
        return read_chargers(
            lines, folder, _site_id(found), found.references, pseudonymiser, problems=problems
        )


def _site_id(found: SiteFile) -> SiteId:
    """Empty for a site that is refused, and then nothing is loaded anywhere."""
    return SiteId(found.written.site if found.written else "")


def _read_identities(
    folder: Path,
    site_id: SiteId,
    reserved: ReservedTags,
    pseudonymiser: Pseudonymiser,
    *,
    free_types: tuple[str, ...] | None,
    problems: Problems,
    row_problems: Problems,
    on_progress: Progress | None,
) -> IdentityRows:
    name = identities_file.FILE
    with opened(folder, name, IDENTITIES_BYTES_MAX, problems) as file:
        if file is None:
            return {}
        count = count_lines(file)
        lines = read_lines(file, name, LINE_BYTES_MAX, row_problems)
        return read_identities(
            lines,
            count,
            site_id,
            reserved,
            pseudonymiser,
            free_types=free_types,
            problems=problems,
            row_problems=row_problems,
            on_progress=on_progress,
        )


def _judge_bad_rows(
    bad_rows: RowProblems, sound_count: int, written: WrittenSite | None, problems: Problems
) -> None:
    """Note them as problems, unless the site leaves them out and they are few."""
    if written is not None and written.identities.bad_rows == "skip":
        bad_count = len(bad_rows.lines)
        rows_count = bad_count + sound_count
        if bad_count <= LEFT_OUT_SHARE_MAX * rows_count:
            return
        problems.add(
            identities_file.FILE,
            0,
            f"expected at most {LEFT_OUT_SHARE_MAX:.0%} bad rows, which are left out, "
            f"got {bad_count:,} of {rows_count:,}",
        )
    problems.include(bad_rows)


def site_record(written: WrittenSite, at: datetime, problems: Problems) -> SiteRecord:
    """A site as it stands on the topics, with the revision of its content; too long is noted."""
    site = SiteRecord(
        site_id=SiteId(written.site),
        name=written.name or written.site,
        timezone=written.timezone,
        stage=written.stage,
        fail=written.fail,
        freevend_tag=written.freevend_tag,
        card_byte_order=written.card_byte_order,
        identifier_types=tuple(dict.fromkeys(written.identifier_types)),
        languages=written.languages,
        schedules=written.schedules,
        groups=written.groups,
        schedule=written.schedule,
        access=tuple(rule.compiled() for rule in written.access),
        overstay=written.overstay.compiled(),
        edge=written.edge,
        identify_within_s=written.identify_within_s,
        offline=written.offline,
        no_identification_after_s=written.no_identification_after_s,
        reboot=written.reboot,
        feed=written.feed.policy(),
        clock_limit_s=written.clock_limit_s,
        revision="",
        # The revision is of the content: not of when it was loaded.
        loaded_at=datetime.min.replace(tzinfo=UTC),
    )
    content = site.encode()
    if len(content) > COMPILED_BYTES_MAX:
        problems.add(
            site_file.FILE,
            0,
            f"expected at most {COMPILED_BYTES_MAX:,} bytes compiled, got {len(content):,}; "
            "take past exceptions out",
        )
    revision = hashlib.sha256(content).hexdigest()[:12]
    return site.model_copy(update={"revision": revision, "loaded_at": at})


FolderSignature = NewType("FolderSignature", str)


def folder_signature(folder: Path) -> FolderSignature:
    """A value that differs once any file differs that a load of the folder reads.

    Cheap enough for every few seconds: nothing is read but chargers.csv, for the names of the
    credential files, and a site.yaml that changed, for those of its calendars. A file that is not
    there counts as such. A changed mode counts too: it may be why the folder was refused.
    """
    digest = hashlib.sha256()
    for path in _read_by_a_load(folder):
        digest.update(f"{path}\x1f{_seen(path)}\x1e".encode(errors="surrogateescape"))
    return FolderSignature(digest.hexdigest())


def _read_by_a_load(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in FILES)
    yield from (folder / name for name in _calendars_of(folder, _seen(folder / site_file.FILE)))
    problems = Problems()
    with opened(folder, chargers_file.FILE, CHARGERS_BYTES_MAX, problems) as file:
        if file is None:
            return
        for line in read_lines(file, chargers_file.FILE, LINE_BYTES_MAX, problems):
            for field in line.text.split(","):
                name = field.strip(' "')
                if name.startswith("file:"):
                    yield folder / name.removeprefix("file:")


@lru_cache(maxsize=16)
def _calendars_of(folder: Path, seen: tuple[int, ...]) -> tuple[str, ...]:
    """The calendars that site.yaml names, as it was when it was `seen`."""
    problems = Problems()
    with opened(folder, site_file.FILE, SITE_BYTES_MAX, problems) as file:
        text = file.read().decode(errors="replace") if file is not None else ""
    document = read_yaml(site_file.FILE, text, problems) if seen else None
    return named_calendars(document.content) if document is not None else ()


def _seen(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
