"""Files that hold a secret: read with who else may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO


def open_to_others(mode: int) -> str | None:
    """The mode as `chmod` writes it, where group or others have any right to it; else None.

    Args:
        mode: `st_mode` of the open file, so that it is that of what is read.
    """
    return f"{stat.S_IMODE(mode):04o}" if mode & _OTHERS_MAY else None


def read_with_mode(path: Path, most_bytes: int) -> tuple[bytes, int]:
    """What a file holds, one byte more than `most_bytes` at most, and its `st_mode`.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(most_bytes + 1), os.fstat(file.fileno()).st_mode
