"""A depot folder, written as an operator writes one."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import yaml

from depotgate.demo.cards import CARD_TYPE, DemoCard
from models.ids import ChargerId
from models.schedule import Schedule, Window
from models.site import ChargerRecord, SiteRecord

HEADING = """\
# The depot of `depotgate demo`. A real timetable changes a few times a day; this one changes every
# minute for two hours, so that there is something to see.
"""

LINE_CHARS = 100

CHARGER_COLUMNS = (
    "charger_id", "group", "ocpp", "security_profile", "credential", "profile", "schedule",
)  # fmt: skip
IDENTITY_COLUMNS = (
    "type", "identifier", "class", "reference", "valid_from", "valid_to", "state", "state_since",
)  # fmt: skip


def write_folder(
    folder: Path,
    site: SiteRecord,
    chargers: Sequence[ChargerRecord],
    passwords: Mapping[ChargerId, str],
    cards: Iterable[DemoCard],
) -> None:
    """Write site.yaml, chargers.csv, identities.csv and a secret for each charger."""
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    (folder / "site.yaml").write_text(HEADING + _site_yaml(site), encoding="utf-8")
    _write_csv(folder / "chargers.csv", CHARGER_COLUMNS, map(_charger_row, chargers))
    known = (_identity_row(card) for card in cards if card.row is not None)
    _write_csv(folder / "identities.csv", IDENTITY_COLUMNS, known)
    for charger_id, password in passwords.items():
        _write_secret(secrets / charger_id, password)


def _site_yaml(site: SiteRecord) -> str:
    written = {
        "site": str(site.site_id),
        "name": site.name,
        "timezone": site.timezone,
        "stage": str(site.stage),
        "fail": str(site.fail),
        "edge": "finish",
        "freevend_tag": site.freevend_tag,
        "schedules": [_schedule(schedule) for schedule in site.schedules],
        "groups": [_OneLine(group.model_dump(mode="json")) for group in site.groups],
        "schedule": site.schedule,
    }
    return yaml.dump(written, Dumper=_Dumper, sort_keys=False, width=LINE_CHARS)


def _schedule(schedule: Schedule) -> dict[str, object]:
    """What a person would write of it: nothing that holds anyway."""
    written: dict[str, object] = {"id": schedule.id, "default": str(schedule.default)}
    if schedule.valid_from and schedule.valid_to:
        written |= {"valid_from": schedule.valid_from, "valid_to": schedule.valid_to}
    if schedule.windows:
        written["windows"] = [_window(window) for window in schedule.windows]
    return written


def _window(window: Window) -> _OneLine:
    return _OneLine(
        {
            "days": [str(day) for day in window.days],
            "from": _Quoted(window.start),
            "to": _Quoted(window.end),
            "mode": str(window.mode),
        }
    )


class _OneLine(dict[str, object]):
    """A mapping that people write on one line."""


class _Quoted(str):
    """A text that people quote: YAML 1.1 reads some times of day as numbers."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes the two above as people do."""


_Dumper.add_representer(
    _OneLine,
    lambda dumper, line: dumper.represent_mapping("tag:yaml.org,2002:map", line, flow_style=True),
)
_Dumper.add_representer(
    _Quoted,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'),
)


def _charger_row(charger: ChargerRecord) -> tuple[str, ...]:
    return (
        charger.charger_id,
        charger.group or "",
        charger.ocpp or "",
        str(charger.security_profile),
        f"file:secrets/{charger.charger_id}",
        charger.profile if charger.profile_named else "",
        charger.schedule or "",
    )


def _identity_row(card: DemoCard) -> tuple[str, ...]:
    row = card.row
    assert row is not None, "a card in no record has no row"
    return (
        CARD_TYPE,
        card.card.token,
        row.identity_class.value,
        row.reference,
        _written(row.valid_from),
        _written(row.valid_to),
        row.state.value,
        _written(row.state_since),
    )


def _written(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _write_secret(path: Path, password: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(password + "\n")
