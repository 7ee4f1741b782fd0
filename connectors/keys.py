"""The pseudonym key file: a list of epochs, readable by its owner alone (rule 26)."""

from __future__ import annotations

import base64
import binascii
import fcntl
import glob
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.private_files import open_to_others, read_with_mode
from connectors.written_instants import INSTANT_EXPECTED, written_instant
from models.errors import PseudonymKeyError
from models.identifiers import KEY_BYTES_MIN, KeyEpoch

KEY_FILE_BYTES_MAX = 64 * 1024
"""Several hundred epochs; a larger file is some other file."""

FORM = 'expected a JSON list of {"kid": NAME, "key": BASE64}, newest first'

HOW_TO_MAKE = "make one with `depotgate keys new FILE` and name it in DEPOTGATE_PSEUDONYM_KEYS_FILE"

KID_CHARS_MAX = 16
"""It stands in every pseudonym, and so in every record."""

_LEFTOVER = ".new"
"""A key file that is not in its place yet ends with this."""

Rows = list[dict[str, Any]]
"""A key file as it is written: fields that this version does not know are kept."""


def read_keys(path: Path | None) -> tuple[KeyEpoch, ...]:
    """The epochs of a key file, newest first, retired ones among them.

    Raises:
        PseudonymKeyError: no file is named, or it is missing, readable by others or not of the
            form; never says what is in it.
    """
    return epochs_of(named(path), _rows(named(path)))


def file_signature(path: Path) -> tuple[int, ...]:
    """A value that differs once the file does; empty where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def named(path: Path | None) -> Path:
    """The key file of an installation.

    Raises:
        PseudonymKeyError: none is named.
    """
    if path is None:
        raise PseudonymKeyError(f"no pseudonym key file is named; {HOW_TO_MAKE}")
    return path


def _rows(path: Path) -> Rows:
    try:
        content, mode = read_with_mode(path, KEY_FILE_BYTES_MAX)
    except OSError as fault:
        raise PseudonymKeyError(
            f"cannot read the pseudonym key file {path} ({fault.strerror}); {HOW_TO_MAKE}"
        ) from fault
    if (shown := open_to_others(mode)) is not None:
        raise PseudonymKeyError(
            f"others may read the pseudonym key file {path} (mode {shown}); "
            f"expected 0600: chmod 600 {path}"
        )
    if len(content) > KEY_FILE_BYTES_MAX:
        raise PseudonymKeyError(f"{path} is larger than {KEY_FILE_BYTES_MAX} bytes; {FORM}")
    try:
        rows = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise PseudonymKeyError(f"{path} is no JSON; {FORM}") from None
    if not isinstance(rows, list) or not rows:
        raise PseudonymKeyError(f"{path} names no epoch; {FORM}")
    return rows


def epochs_of(path: Path, rows: Rows) -> tuple[KeyEpoch, ...]:
    """What the rows of a key file say.

    Raises:
        PseudonymKeyError: one of them is not of the form.
    """
    return tuple(_epoch(path, place, row) for place, row in enumerate(rows, 1))


def _epoch(path: Path, place: int, row: object) -> KeyEpoch:
    kid = row.get("kid") if isinstance(row, dict) else None
    key = row.get("key") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(key, str) or not kid_usable(kid):
        raise PseudonymKeyError(f"{path}, epoch {place}: {FORM}; a kid has letters and digits only")
    try:
        secret = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise PseudonymKeyError(f"{path}, epoch {place}: its key is no base64; {FORM}") from None
    made_at, retired_at = (_time(path, place, row, field) for field in ("made_at", "retired_at"))
    return KeyEpoch(str(kid), secret, made_at, retired_at)


def kid_usable(kid: object) -> bool:
    """Letters and digits: a pseudonym is `kid:hex`, and a topic key has bars between its parts."""
    return isinstance(kid, str) and kid.isascii() and kid.isalnum()


def _time(path: Path, place: int, row: dict[str, Any], field: str) -> datetime | None:
    written = row.get(field)
    if written is None:
        return None
    at = written_instant(written)
    if at is None:
        raise PseudonymKeyError(f"{path}, epoch {place}: {field}: expected {INSTANT_EXPECTED}")
    return at


def new_epoch(kid: str, made_at: datetime) -> dict[str, Any]:
    """A row with a fresh secret."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES_MIN)).decode("ascii")
    return {"kid": kid, "key": key, "made_at": timestamp(made_at)}


def timestamp(at: datetime) -> str:
    """As the key file has times: UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def write_new_keys(path: Path, kid: str) -> None:
    """Write a key file with one fresh epoch; an existing file is never touched.

    Raises:
        PseudonymKeyError: the file exists already or cannot be written.
    """
    content = _content([new_epoch(kid, datetime.now(UTC))])
    if path.exists():
        raise PseudonymKeyError(
            f"{path} exists already; pseudonyms made with its keys would be lost"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # O_EXCL: a file that somebody made meanwhile is not written over either.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as fault:
        raise PseudonymKeyError(f"cannot write {path} ({fault.strerror})") from fault


def _content(rows: Rows) -> bytes:
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n"


class KeyFile:
    """A key file that nobody else changes meanwhile (see `locked`)."""

    def __init__(self, path: Path, rows: Rows) -> None:
        self._path = path
        self.rows = rows

    @property
    def epochs(self) -> tuple[KeyEpoch, ...]:
        """What its rows say."""
        return epochs_of(self._path, self.rows)

    def replace(self, rows: Rows) -> None:
        """Put a whole new file in the place of the old one: a reader sees the one or the other.

        Raises:
            PseudonymKeyError: it cannot be written, or would not be read; the old one stays.
        """
        epochs_of(self._path, rows)
        content = _content(rows)
        if len(content) > KEY_FILE_BYTES_MAX:
            raise PseudonymKeyError(f"{self._path} would be larger than {KEY_FILE_BYTES_MAX} bytes")
        try:
            self._write(content)
        except OSError as fault:
            raise PseudonymKeyError(
                f"cannot replace {self._path} ({fault.strerror}); it is as it was"
            ) from fault
        self.rows = rows

    def _write(self, content: bytes) -> None:
        folder = self._path.parent
        self._remove_leftovers()
        # Mode 0600 from its first moment.
        descriptor, name = tempfile.mkstemp(
            dir=folder, prefix=f".{self._path.name}.", suffix=_LEFTOVER
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                owner = self._path.stat()
                if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                    # A gateway in a container reads it as another user than who rotates.
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)

    def _remove_leftovers(self) -> None:
        """Of whoever was killed while it wrote: copies of every key that nobody looks after."""
        for left in self._path.parent.glob(f".{glob.escape(self._path.name)}.*{_LEFTOVER}"):
            left.unlink(missing_ok=True)


@contextmanager
def locked(path: Path | None) -> Iterator[KeyFile]:
    """A key file to be changed, closed to others who would change it; anybody may read it.

    Raises:
        PseudonymKeyError: as `read_keys`, or somebody else is changing it.
    """
    # Where a link leads to is what is replaced, not the link.
    found = named(path).resolve()
    lock = found.with_name(f".{found.name}.lock")
    _rows(found)
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise PseudonymKeyError(f"cannot write beside {found} ({fault.strerror})") from fault
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise PseudonymKeyError(f"somebody else is changing {found}; try again") from None
    try:
        # Read once nobody else can change it.
        yield KeyFile(found, _rows(found))
    finally:
        os.close(descriptor)
