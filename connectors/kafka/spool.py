"""Outcomes on disk while Kafka is away: JSON lines, on the platter before the driver is told."""

from __future__ import annotations

import base64
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import structlog

log = structlog.get_logger()

SPOOL_MAX_BYTES = 64 * 1024 * 1024
"""About 30,000 outcomes: an outage of hours at a busy depot. When it is full, Authorize stays
unanswered rather than unrecorded."""


class Spooled(NamedTuple):
    """One line: topic key and the record's own bytes."""

    key: str
    event_id: str
    value: bytes


class Spool:
    """An append-only file of records that Kafka has not acknowledged yet.

    Args:
        path: created with its folder when the first record comes.
        limit_bytes: a record that would pass it is refused.
    """

    def __init__(self, path: Path, limit_bytes: int = SPOOL_MAX_BYTES) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self.size_bytes = path.stat().st_size if path.exists() else 0

    def append(self, *spooled: Spooled) -> bool:
        """Write records and wait for the disk (one fsync). False, and none is kept, when spool or
        disk is full."""
        try:
            return self._append(b"".join(_line(each) for each in spooled))
        except OSError as fault:
            log.error("spool.write_failed", error=fault.strerror)
            return False

    def _append(self, lines: bytes) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size_bytes = os.fstat(descriptor).st_size
            if _cut_short(descriptor, size_bytes):
                lines = b"\n" + lines
            if size_bytes + len(lines) > self._limit_bytes:
                return False
            self._write(descriptor, size_bytes, lines)
            self.size_bytes = size_bytes + len(lines)
            return True
        finally:
            os.close(descriptor)

    def _write(self, descriptor: int, size_bytes: int, lines: bytes) -> None:
        try:
            _write_whole(descriptor, lines)
            os.fsync(descriptor)
            if not size_bytes:
                # A new file that its folder does not know after a power cut holds nothing.
                _sync_folder(self._path.parent)
        except OSError:
            # Half a line would run into the next one.
            os.ftruncate(descriptor, size_bytes)
            raise

    def read(self) -> Iterator[Spooled]:
        """Everything spooled, oldest first. A line cut short by a crash is said and passed over."""
        if not self._path.exists():
            return
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    fields = orjson.loads(line)
                    value = base64.b64decode(fields["value"], validate=True)
                    yield Spooled(fields["key"], fields["id"], value)
                except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                    # Only the last line of a crashed process can be short: its answer was not
                    # given, because the answer waits for fsync.
                    log.error("spool.bad_line", line=number, size_bytes=len(line))

    def clear(self) -> None:
        """Forget everything, once Kafka has acknowledged all of it."""
        self._path.unlink(missing_ok=True)
        self.size_bytes = 0


def _cut_short(descriptor: int, size_bytes: int) -> bool:
    """Whether a crash left half a line at the end, into which the next one would run."""
    return size_bytes > 0 and os.pread(descriptor, 1, size_bytes - 1) != b"\n"


def _write_whole(descriptor: int, lines: bytes) -> None:
    """Write all of it at once; a nearly full disk takes a part and calls that a success."""
    if os.write(descriptor, lines) < len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(spooled: Spooled) -> bytes:
    return orjson.dumps(
        {
            "key": spooled.key,
            "id": spooled.event_id,
            "value": base64.b64encode(spooled.value).decode(),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
