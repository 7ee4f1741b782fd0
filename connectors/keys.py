"""The pseudonym key file: a list of epochs, readable by its owner alone (rule 26)."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

import orjson

from models.errors import PseudonymKeyError
from models.identifiers import KEY_BYTES_MIN, KeyEpoch

KEY_FILE_BYTES_MAX = 64 * 1024
"""Several hundred epochs; a larger file is some other file."""

OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO

FORM = 'expected a JSON list of {"kid": NAME, "key": BASE64}, newest first'

HOW_TO_MAKE = "make one with `depotgate keys new FILE` and name it in DEPOTGATE_PSEUDONYM_KEYS_FILE"


def read_keys(path: Path | None) -> tuple[KeyEpoch, ...]:
    """The epochs of a key file, newest first.

    Raises:
        PseudonymKeyError: no file is named, or it is missing, readable by others or not of the
            form; never says what is in it.
    """
    if path is None:
        raise PseudonymKeyError(f"no pseudonym key file is named; {HOW_TO_MAKE}")
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(KEY_FILE_BYTES_MAX + 1)
    except OSError as fault:
        raise PseudonymKeyError(
            f"cannot read the pseudonym key file {path} ({fault.strerror}); {HOW_TO_MAKE}"
        ) from fault
    if mode & OTHERS_MAY:
        raise PseudonymKeyError(
            f"others may read the pseudonym key file {path} (mode {stat.S_IMODE(mode):04o}); "
            f"expected 0600: chmod 600 {path}"
        )
    if len(content) > KEY_FILE_BYTES_MAX:
        raise PseudonymKeyError(f"{path} is larger than {KEY_FILE_BYTES_MAX} bytes; {FORM}")
    return _epochs(path, content)


def _epochs(path: Path, content: bytes) -> tuple[KeyEpoch, ...]:
    try:
        rows = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise PseudonymKeyError(f"{path} is no JSON; {FORM}") from None
    if not isinstance(rows, list) or not rows:
        raise PseudonymKeyError(f"{path} names no epoch; {FORM}")
    return tuple(_epoch(path, place, row) for place, row in enumerate(rows, 1))


def _epoch(path: Path, place: int, row: object) -> KeyEpoch:
    kid = row.get("kid") if isinstance(row, dict) else None
    key = row.get("key") if isinstance(row, dict) else None
    # A pseudonym is `kid:hex` and a topic key has bars between its parts.
    named = isinstance(kid, str) and kid.isascii() and kid.isalnum()
    if not named or not isinstance(kid, str) or not isinstance(key, str):
        raise PseudonymKeyError(f"{path}, epoch {place}: {FORM}; a kid has letters and digits only")
    try:
        return KeyEpoch(kid, base64.b64decode(key, validate=True))
    except binascii.Error:
        raise PseudonymKeyError(f"{path}, epoch {place}: its key is no base64; {FORM}") from None


def write_new_keys(path: Path, kid: str) -> None:
    """Write a key file with one fresh epoch; an existing file is never touched.

    Raises:
        PseudonymKeyError: the file exists already or cannot be written.
    """
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES_MIN)).decode("ascii")
    content = orjson.dumps([{"kid": kid, "key": key}], option=orjson.OPT_INDENT_2)
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
