"""A sound depot folder, to be spoilt in one place at a time."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.feeds.depot_folder import Depot, read_depot
from models.errors import DepotRefusedError
from models.identifiers import KeyEpoch, Pseudonymiser

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEYS = Pseudonymiser((KeyEpoch("k1", b"k" * 32),), "default")
PASSWORD = "correct-horse-battery"  # noqa: S105 - of nothing but these tests
CARD = "04A1B2C3D4E5F6"

SITE = """\
site: depot
timezone: Europe/Berlin
stage: enforce
freevend_tag: DEPOTGATEFREE
schedules:
  - id: nights
    default: freevend
    windows:
      - {name: night, days: [mon], from: "18:00", to: "06:00", mode: managed}
    exceptions:
      - {name: party, date: 2026-12-18, from: "16:00", to: "23:00", mode: freevend}
  - {id: always, default: managed}
groups:
  - {id: buses, schedule: always}
schedule: nights
"""

CHARGERS = """\
charger_id,group,ocpp,security_profile,credential,profile,schedule
CP-1,buses,1.6,1,file:secrets/CP-1,microocpp,
CP-2,,2.0.1,1,file:secrets/CP-1,standard,always
CP-3,,,0,,,
"""

IDENTITIES = f"""\
type,identifier,class,reference,valid_from,valid_to,state
ISO14443,{CARD},own_fleet,bus-17,2025-03-01T00:00:00+11:00,,active
eMAID,DE-8AA-C12345678-D,agreement,courier/77,2026-01-01T00:00:00Z,2026-12-31T00:00:00Z,active
"""


def write(
    folder: Path, *, site: str = SITE, chargers: str = CHARGERS, identities: str = IDENTITIES
) -> Path:
    """A folder with these contents."""
    (folder / "secrets").mkdir(exist_ok=True)
    secret = folder / "secrets" / "CP-1"
    secret.touch(mode=0o600)
    secret.write_text(PASSWORD + "\n")
    (folder / "site.yaml").write_text(site, newline="")
    (folder / "chargers.csv").write_text(chargers, newline="")
    (folder / "identities.csv").write_text(identities, newline="")
    return folder


def read(folder: Path) -> Depot:
    return read_depot(folder, KEYS, NOW)


def problems_of(folder: Path) -> list[str]:
    """Every problem, as `file:line: message`."""
    with pytest.raises(DepotRefusedError) as refused:
        read(folder)
    said = [str(problem) for problem in refused.value.problems]
    assert not any(CARD in line or PASSWORD in line for line in said), "no secret is quoted"
    return said


def spoilt(text: str, instead_of: str, written: str) -> str:
    """A sound text with one place written otherwise."""
    assert text.count(instead_of) >= 1, f"{instead_of!r} is not there"
    return text.replace(instead_of, written, 1)


def begin_with(found: list[str], expected: list[str]) -> bool:
    """Whether these and no other problems were found; of each the beginning is expected."""
    return len(found) == len(expected) and all(
        line.startswith(start) for line, start in zip(found, expected, strict=True)
    )


def with_secrets(example: Path, folder: Path, names: list[str]) -> Path:
    """A copy of an example, with the passwords that its chargers name."""
    shutil.copytree(example, folder)
    (folder / "secrets").mkdir()
    for name in names:
        path = folder / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(PASSWORD)
    return folder
