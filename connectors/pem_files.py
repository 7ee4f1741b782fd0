"""Reading certificates and keys, and saying in a word what is wrong with them."""

from __future__ import annotations

from pathlib import Path


def no_passphrase() -> str:
    """In place of OpenSSL's question at a terminal that nobody sits at."""
    raise ValueError("the key has a passphrase")


def written_at(*paths: Path | None) -> tuple[tuple[int, int], ...]:
    """When each file was written, in nanoseconds, and which one it is; a missing one never was."""
    found = []
    for path in paths:
        try:
            stat = path.stat() if path else None
        except OSError:
            stat = None
        found.append((stat.st_mtime_ns, stat.st_ino) if stat else (0, 0))
    return tuple(found)


def cause_of(fault: Exception) -> str:
    """What OpenSSL or the system said, without numbers of lines in C."""
    reason = getattr(fault, "reason", None) or getattr(fault, "strerror", None)
    return str(reason or fault)
