"""A file of a depot folder as numbered lines of printable UTF-8, whatever it really is."""

from __future__ import annotations

import math
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from connectors.feeds.places import Problems

_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Excel's "CSV UTF-8" and some editors put one first; it is dropped."""

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""What Excel's "Unicode text" begins with."""

MEGABYTE = 1 << 20
COUNTING_BYTES = MEGABYTE


class Line(NamedTuple):
    """A line without its end; 1-based, as editors count."""

    number: int
    text: str


class NotAFileError(Exception):
    """A folder, a pipe or a device where a file was expected."""


def open_regular(path: Path) -> tuple[BinaryIO, os.stat_result]:
    """A file for reading, and what it is. A pipe would keep a load waiting for ever.

    Raises:
        OSError: it cannot be opened.
        NotAFileError: it is no regular file.
    """
    # Not blocking: opening a pipe would wait for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise NotAFileError
    return os.fdopen(descriptor, "rb"), found


def path_within(folder: Path, name: str) -> Path | None:
    """Where a name in a folder leads to, symbolic links resolved; None outside of the folder."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) else None
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name that no system takes
        return None


@contextmanager
def opened(
    folder: Path, name: str, bytes_max: int, problems: Problems
) -> Iterator[BinaryIO | None]:
    """The file, open; None where there is none that can be read, which is noted."""
    try:
        file, found = open_regular(folder / name)
    except OSError as fault:
        problems.add(
            name, 0, f"expected this file in {folder}, and it cannot be read: {fault.strerror}"
        )
        yield None
        return
    except NotAFileError:
        problems.add(name, 0, "expected a file, got a folder, a pipe or a device")
        yield None
        return
    with file:
        if found.st_size > bytes_max:
            got = _size(found.st_size)
            problems.add(name, 0, f"expected at most {_size(bytes_max)}, got {got}")
            yield None
        else:
            yield file


def count_lines(file: BinaryIO) -> int:
    """How many lines there are, quickly; the file is then at its beginning again."""
    count = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(COUNTING_BYTES), b""))
    file.seek(0)
    return count


def read_lines(
    file: BinaryIO, name: str, line_bytes_max: int, problems: Problems
) -> Iterator[Line]:
    """Every line that is printable UTF-8; what else there is, is noted.

    Lines end with LF or CR LF. A tab is let through: it separates, and is trimmed with blanks.
    """
    number = 0
    while raw := file.readline(line_bytes_max + 2):
        number += 1
        if not raw.endswith(b"\n") and len(raw) > line_bytes_max:
            while not raw.endswith(b"\n") and (raw := file.readline(line_bytes_max)):
                pass
            problems.add(name, number, f"expected a line of at most {line_bytes_max:,} bytes")
            continue
        if number == 1 and raw.startswith(_UTF16_MARKS):
            problems.add(name, 1, "expected UTF-8, got UTF-16; save it with that encoding")
            return
        text = _printable(raw, name, number, problems)
        if text is not None:
            yield Line(number, text)


def _printable(raw: bytes, name: str, number: int, problems: Problems) -> str | None:
    try:
        text = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        problems.add(name, number, "expected UTF-8, got other bytes; save it with that encoding")
        return None
    if number == 1:
        text = text.removeprefix(_BYTE_ORDER_MARK)
    if text.isprintable():
        return text
    odd = next((each for each in text if not (each.isprintable() or each == "\t")), None)
    if odd is None:
        return text
    spelled = unicodedata.name(odd, "a control character").lower()
    place = text.index(odd) + 1
    problems.add(
        name, number, f"expected printable text, got U+{ord(odd):04X} ({spelled}) at place {place}"
    )
    return None


def _size(count: int) -> str:
    """Rounded up, so that what is too much reads as more than what was expected."""
    if count < MEGABYTE:
        return f"{count:,} bytes"
    return f"{math.ceil(10 * count / MEGABYTE) / 10:,.1f}".removesuffix(".0") + " MB"
