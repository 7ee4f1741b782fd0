"""tz databases other than the pinned one: a folder of compiled zones, or a tzdata package."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from models.errors import ConfigurationError
from models.zones import tzdata_version
from models.zones import zone as pinned_zone

ZONE_BYTES_MAX = 1 << 20
"""Of one compiled zone; the longest of 2026 has 4 kB."""

TEXT_BYTES_MAX = 4096
"""Of a file that names its version, which is at its beginning."""

_VERSION = re.compile(r"""IANA_VERSION\s*=\s*["'](\d{4}[a-z]{1,2})["']""")
_NAMED = re.compile(r"(?:# version )?(\d{4}[a-z]{1,2})\b")

_INNER = ("zoneinfo", "tzdata/zoneinfo", "")
"""Where compiled zones are in what is given: a tzdata package, what it is installed or unpacked
into, or nothing but zones."""

_VERSION_FILES = ("tzdata.zi", "+VERSION", "version")
"""Beside compiled zones, where a system says which version they are."""


class TzDatabase(NamedTuple):
    """A tz database.

    Attributes:
        version: `2026f`; `unknown` where nothing beside the zones names one.
        files: where its compiled zones are; None = the pinned one.
    """

    name: str
    version: str
    files: Files | None

    def zone(self, name: str) -> ZoneInfo:
        """The zone of an IANA name.

        Raises:
            ConfigurationError: it is not in there, or is no compiled zone.
        """
        if self.files is None:
            return pinned_zone(name)
        data = self.files.read(name, ZONE_BYTES_MAX)
        if data is None:
            raise ConfigurationError(f"the tz database {self.said} has no zone {name!r}")
        try:
            return ZoneInfo.from_file(io.BytesIO(data), key=name)
        except (ValueError, EOFError, IndexError) as fault:
            raise ConfigurationError(
                f"zone {name!r} of the tz database {self.said} is no compiled zone (RFC 9636)"
            ) from fault

    @property
    def said(self) -> str:
        """`2025b (/usr/share/zoneinfo)`."""
        return f"{self.version} ({self.name})"


class Files(Protocol):
    """Files under a folder, wherever it is."""

    def read(self, name: str, bytes_max: int) -> bytes | None:
        """At most so many bytes of a file; None where there is none."""


class _Folder(NamedTuple):
    folder: Path

    def read(self, name: str, bytes_max: int) -> bytes | None:
        try:
            with (self.folder / name).open("rb") as file:
                return file.read(bytes_max)
        except OSError:
            return None


class _Wheel(NamedTuple):
    wheel: Path
    prefix: str

    def read(self, name: str, bytes_max: int) -> bytes | None:
        try:
            with zipfile.ZipFile(self.wheel) as opened, opened.open(self.prefix + name) as file:
                return file.read(bytes_max)
        except (KeyError, OSError, zipfile.BadZipFile):
            return None


def tz_database(place: Path | None) -> TzDatabase:
    """The tz database in a folder or wheel; None = the pinned one.

    Raises:
        ConfigurationError: there are no compiled zones.
    """
    if place is None:
        return TzDatabase("pinned", tzdata_version(), None)
    for files in _candidates(place):
        # Every database has it, however small it was compiled.
        if (files.read("UTC", 4) or files.read("Etc/UTC", 4)) == b"TZif":
            return TzDatabase(str(place), _version(place, files), files)
    raise ConfigurationError(
        "expected a tz database: a folder of compiled zones, or a tzdata package as folder or "
        f"wheel, got {str(place)!r}"
    )


def _candidates(place: Path) -> Iterator[Files]:
    if place.is_file():
        yield from (_Wheel(place, f"{inner}/" if inner else "") for inner in _INNER)
    else:
        yield from (_Folder(place / inner) for inner in _INNER)


def _version(place: Path, files: Files) -> str:
    for name in _VERSION_FILES:
        text = (files.read(name, TEXT_BYTES_MAX) or b"").decode(errors="replace")
        found = _NAMED.match(text)
        if found:
            return found[1]
    package = _Wheel(place, "") if place.is_file() else _Folder(place)
    for name in ("__init__.py", "tzdata/__init__.py", "../__init__.py"):
        # Read and not run: it may be anybody's.
        text = (package.read(name, TEXT_BYTES_MAX) or b"").decode(errors="replace")
        found = _VERSION.search(text)
        if found:
            return found[1]
    return "unknown"
