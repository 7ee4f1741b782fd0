"""A depot folder with a bus and a courier, for asking what would be answered."""

from __future__ import annotations

from pathlib import Path

from connectors.keys import write_new_keys

SUSPENDED_CARD = "0BADCAFE"
OWN_CARD = "04A1B2C3D4E5F6"
UNKNOWN_CARD = "04C0FFEE"

SITE = """
site: yard
timezone: Europe/Berlin
stage: enforce
freevend_tag: YARDISOPEN
schedules:
  - id: nights
    default: freevend
    windows:
      - {name: night, days: [mon, tue, wed, thu, fri], from: "18:00", to: "06:00", mode: managed}
schedule: nights
"""
CHARGERS = """charger_id,group,ocpp,security_profile,credential,profile,schedule
YARD-001,,2.0.1,0,,standard,
YARD-002,,1.6,0,,microocpp,
"""
IDENTITIES = f"""type,identifier,class,reference,valid_from,valid_to,state
ISO14443,{OWN_CARD},own_fleet,bus-17,2026-01-01T00:00:00+01:00,,active
ISO14443,{SUSPENDED_CARD},own_fleet,bus-03,2026-01-01T00:00:00+01:00,,suspended
"""


def write_depot(folder: Path, site: str = SITE, identities: str = IDENTITIES) -> Path:
    """A folder that `load` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_text(site)
    (folder / "chargers.csv").write_text(CHARGERS)
    (folder / "identities.csv").write_text(identities)
    return folder


def write_keys(folder: Path) -> Path:
    """A key file with one epoch."""
    path = folder / "keys.json"
    write_new_keys(path, "k1")
    return path
