"""A new row in chargers.csv, with a password that nobody has to think of."""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from connectors.feeds.chargers_file import CHARGERS_MAX, COLUMNS, FILE, read_chargers
from connectors.feeds.credentials import WITHOUT_PASSWORD
from connectors.feeds.csv_rows import read_rows
from connectors.feeds.depot_folder import CHARGERS_BYTES_MAX, read_site_of
from connectors.feeds.places import Problems
from connectors.feeds.text_file import Line, opened, read_lines
from models.errors import ConfigurationError
from models.identifiers import KEY_BYTES_MIN, KeyEpoch, Pseudonymiser
from models.ids import SiteId

PASSWORD_HEX_DIGITS = 32
"""128 bits, which a fast keyed hash keeps safe; every OCPP version takes 32 characters."""

SECRETS = "secrets"


class NewCharger(NamedTuple):
    """A charger that was added.

    Attributes:
        line: of chargers.csv.
        password_file: where its password is; None where its profile needs none.
    """

    line: int
    password_file: Path | None


def add_charger(folder: Path, fields: Mapping[str, str], now: datetime) -> NewCharger:
    """Add a row to chargers.csv, checked as a load checks it, and make its password.

    Args:
        fields: by column; `credential` is made here, and what is absent is empty.
        now: UTC-aware.

    Raises:
        DepotRefusedError: the row, or what stands in the folder, is not as expected.
        ConfigurationError: the folder cannot be written to.
    """
    problems = Problems()
    site = read_site_of(folder, now, problems)
    header, taken, last_line = _standing(folder, problems)
    charger_id = fields["charger_id"]
    if charger_id in taken:
        problems.add(FILE, taken[charger_id], "this charger_id is there already; expected another")
    problems.refuse()
    password_file = _make_password(folder, fields)
    try:
        row = {column: fields.get(column, "") for column in header}
        if password_file is not None:
            row["credential"] = f"file:{password_file.relative_to(folder).as_posix()}"
        written = (Line(1, _csv(header)), Line(last_line + 1, _csv(row.values())))
        name = SiteId(site.written.site if site.written else "")
        read_chargers(written, folder, name, site.references, _any_key(), problems=problems)
        problems.refuse()
        _append(folder / FILE, written[1].text)
    except BaseException:
        if password_file is not None:
            password_file.unlink(missing_ok=True)
        raise
    return NewCharger(last_line + 1, password_file)


def _standing(folder: Path, problems: Problems) -> tuple[list[str], dict[str, int], int]:
    """Columns as the file has them, the line of each charger, and the last line."""
    with opened(folder, FILE, CHARGERS_BYTES_MAX, problems) as file:
        lines = [] if file is None else list(read_lines(file, FILE, CHARGERS_BYTES_MAX, problems))
    rows = list(read_rows(FILE, lines, COLUMNS, problems, rows_max=CHARGERS_MAX - 1))
    header = next(csv.reader([lines[0].text])) if lines else []
    taken = {row.fields["charger_id"]: row.line for row in rows}
    return [name.strip() for name in header], taken, lines[-1].number if lines else 0


def _make_password(folder: Path, fields: Mapping[str, str]) -> Path | None:
    if fields["security_profile"] in WITHOUT_PASSWORD:
        return None
    # An id may hold a bar or a blank, which are awkward in a file's name; those are left out.
    safe = "".join(char for char in fields["charger_id"] if char.isalnum() or char in "-_.")
    path = folder / SECRETS / (safe.lstrip(".") or secrets.token_hex(4))
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(PASSWORD_HEX_DIGITS // 2) + "\n")
    except FileExistsError:
        raise ConfigurationError(
            f"{path} is there already and may be another charger's password; move it away first"
        ) from None
    except OSError as fault:
        raise ConfigurationError(f"cannot write {path} ({fault.strerror})") from None
    return path


def _any_key() -> Pseudonymiser:
    """A row is checked by the same code as at a load, which needs some key; nothing is kept."""
    return Pseudonymiser((KeyEpoch("check", secrets.token_bytes(KEY_BYTES_MIN)),), "check")


def _csv(fields: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()


def _append(path: Path, row: str) -> None:
    """Replace the file by one with a row more: a reader sees the old one or the new one."""
    part = path.with_suffix(".part")
    try:
        content = path.read_bytes()
        end = b"" if content.endswith(b"\n") else b"\n"
        part.write_bytes(content + end + row.encode() + b"\n")
        part.replace(path)
    except OSError as fault:
        raise ConfigurationError(f"cannot write {path} ({fault.strerror})") from None
