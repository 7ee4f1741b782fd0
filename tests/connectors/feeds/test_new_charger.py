"""`charger add`: a row that loads, a password nobody chose, refusals that leave nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.feeds.depot_folder import read_depot
from connectors.feeds.new_charger import add_charger
from models.errors import ConfigurationError, DepotRefusedError
from tests.connectors.feeds.folders import KEYS, NOW, ROOT, with_secrets

AT = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "depot"
    return with_secrets(ROOT / "examples" / "first-depot", own, ["FD-001", "FD-002", "FD-003"])


def fields(charger_id: str = "NEW-1", **others: str) -> dict[str, str]:
    return {"charger_id": charger_id, "security_profile": "1"} | others


def test_a_new_charger_loads_with_a_password_of_128_bits(folder: Path) -> None:
    added = add_charger(folder, fields(ocpp="2.1", security_profile="2"), AT)
    assert added.password_file is not None
    assert added.password_file.stat().st_mode & 0o777 == 0o600
    password = added.password_file.read_text().strip()
    assert len(bytes.fromhex(password)) * 8 >= 128
    (row,) = (r for r in read_depot(folder, KEYS, NOW).chargers if r.record.charger_id == "NEW-1")
    assert row.line == added.line
    assert row.record.verifier is not None
    assert KEYS.verify_credential("NEW-1", password, row.record.verifier)


def test_profiles_without_a_password_get_none(folder: Path) -> None:
    assert add_charger(folder, fields(security_profile="3"), AT).password_file is None
    assert len(read_depot(folder, KEYS, NOW).chargers) == 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"charger_id": "FD-001"}, "there already"),
        ({"charger_id": "a/b"}, "charger_id"),
        ({"group": "nowhere"}, "group"),
        ({"profile": "nobody"}, "profile"),
        ({"security_profile": "7"}, "security_profile"),
        ({"ocpp": "1.5"}, "ocpp"),
    ],
)
def test_what_a_load_would_refuse_is_refused_and_leaves_nothing(
    folder: Path, wrong: dict[str, str], said: str
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(DepotRefusedError, match=said):
        add_charger(folder, fields() | wrong, AT)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_password_of_another_is_never_written_over(folder: Path) -> None:
    (folder / "secrets" / "NEW-1").write_text("kept")
    with pytest.raises(ConfigurationError, match="there already"):
        add_charger(folder, fields(), AT)
    assert (folder / "secrets" / "NEW-1").read_text() == "kept"


def test_a_file_without_a_last_line_end_gets_one(folder: Path) -> None:
    path = folder / "chargers.csv"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    add_charger(folder, fields(), AT)
    assert len(read_depot(folder, KEYS, NOW).chargers) == 4
