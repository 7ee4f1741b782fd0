"""Reading certificates and keys, and saying in a word what is wrong with them."""

from __future__ import annotations


def no_passphrase() -> str:
    """In place of OpenSSL's question at a terminal that nobody sits at."""
    raise ValueError("the key has a passphrase")


def cause_of(fault: Exception) -> str:
    """What OpenSSL or the system said, without numbers of lines in C."""
    reason = getattr(fault, "reason", None) or getattr(fault, "strerror", None)
    return str(reason or fault)
