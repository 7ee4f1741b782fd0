"""The pseudonym key file: a list of epochs, for its owner's eyes only (rule 26)."""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from connectors.keys import KeyFile, locked, new_epoch, read_keys, write_new_keys
from models.errors import PseudonymKeyError

SECRET = base64.b64encode(b"s" * 32).decode()


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "keys.json"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_new_file_is_read_back_and_differs_each_time(tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "keys.json", tmp_path / "b" / "keys.json"
    write_new_keys(one, "k1")
    write_new_keys(other, "k1")
    (epoch,), (another,) = read_keys(one), read_keys(other)
    assert epoch.kid == "k1"
    assert len(epoch.key) == 32
    assert epoch.key != another.key
    assert one.stat().st_mode & 0o777 == 0o600


def test_a_file_that_exists_is_never_written_over(tmp_path: Path) -> None:
    path = key_file(tmp_path, b"precious")
    with pytest.raises(PseudonymKeyError, match="exists already"):
        write_new_keys(path, "k1")
    assert path.read_bytes() == b"precious"


def test_epochs_stay_in_their_order(tmp_path: Path) -> None:
    rows = [{"kid": kid, "key": SECRET} for kid in ("new", "old")]
    path = key_file(tmp_path, orjson.dumps(rows))
    assert [epoch.kid for epoch in read_keys(path)] == ["new", "old"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON"),
        (b"{}", "names no epoch"),
        (b"[]", "names no epoch"),
        (b"[1]", "epoch 1"),
        (orjson.dumps([{"kid": "a|b", "key": SECRET}]), "letters and digits"),
        (orjson.dumps([{"kid": "", "key": SECRET}]), "letters and digits"),
        (orjson.dumps([{"kid": "k1", "key": SECRET}, {"kid": "k2"}]), "epoch 2"),
        (orjson.dumps([{"kid": "k1", "key": "not base64!"}]), "no base64"),
        (b" " * 70_000, "larger than"),
    ],
)
def test_what_is_wrong_is_said_without_the_keys(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(PseudonymKeyError, match=said) as fault:
        read_keys(key_file(tmp_path, content))
    assert SECRET not in str(fault.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    rows = [{"kid": "k1", "key": SECRET}]
    with pytest.raises(PseudonymKeyError, match="chmod 600"):
        read_keys(key_file(tmp_path, orjson.dumps(rows), mode))


def test_a_missing_file_and_no_file_say_how_to_make_one(tmp_path: Path) -> None:
    for path in (None, tmp_path / "nowhere.json"):
        with pytest.raises(PseudonymKeyError, match="depotgate keys new"):
            read_keys(path)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PseudonymKeyError, match="cannot write"):
        write_new_keys(tmp_path / "file" / "keys.json", "k1")


NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def changed(path: Path) -> KeyFile:
    with locked(path) as file:
        return file


def test_a_file_without_times_is_read_as_before(tmp_path: Path) -> None:
    path = key_file(tmp_path, orjson.dumps([{"kid": "k1", "key": SECRET}]))
    (epoch,) = read_keys(path)
    assert (epoch.made_at, epoch.retired_at) == (None, None)


@pytest.mark.parametrize(
    "written", ["yesterday", "2026-07-01T12:00:00", "0001-01-01T00:00:00+05:00", 5, ["x"]]
)
@pytest.mark.parametrize("field", ["made_at", "retired_at"])
def test_a_time_that_is_none_is_refused_by_its_field(
    tmp_path: Path, field: str, written: object
) -> None:
    path = key_file(tmp_path, orjson.dumps([{"kid": "k1", "key": SECRET, field: written}]))
    with pytest.raises(
        PseudonymKeyError, match=f"epoch 1: {field}: expected a time with its offset"
    ):
        read_keys(path)


def test_a_replaced_file_keeps_its_other_fields_and_its_mode(tmp_path: Path) -> None:
    path = key_file(tmp_path, orjson.dumps([{"kid": "k1", "key": SECRET, "note": "from the safe"}]))
    with locked(path) as file:
        file.replace([new_epoch("k2", NOW), *file.rows])
    newest, oldest = read_keys(path)
    assert (newest.kid, newest.made_at, oldest.kid) == ("k2", NOW, "k1")
    assert orjson.loads(path.read_bytes())[1]["note"] == "from the safe"
    assert path.stat().st_mode & 0o777 == 0o600
    assert {each.name for each in tmp_path.iterdir()} == {"keys.json", ".keys.json.lock"}


KILLED_WHILE_IT_WRITES = """
import os, pathlib, signal, sys
from connectors.keys import locked
os.fsync = lambda _file: os.kill(os.getpid(), signal.SIGKILL)
with locked(pathlib.Path(sys.argv[1])) as file:
    file.replace(file.rows)
"""


def test_what_somebody_who_was_killed_left_goes_with_the_next_change(tmp_path: Path) -> None:
    """A copy of every key that nobody would look after."""
    path = key_file(tmp_path, orjson.dumps([{"kid": "k1", "key": SECRET}]))
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_IT_WRITES, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [epoch.kid for epoch in read_keys(path)] == ["k1"]
    assert len({*tmp_path.iterdir()}) == 3
    with locked(path) as file:
        file.replace([new_epoch("k2", NOW), *file.rows])
    assert {each.name for each in tmp_path.iterdir()} == {"keys.json", ".keys.json.lock"}


def test_a_link_leads_to_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "safe").mkdir()
    path = key_file(tmp_path / "safe", orjson.dumps([{"kid": "k1", "key": SECRET}]))
    link = tmp_path / "keys.json"
    link.symlink_to(path)
    with locked(link) as file:
        file.replace([new_epoch("k2", NOW), *file.rows])
    assert link.is_symlink()
    assert [epoch.kid for epoch in read_keys(path)] == ["k2", "k1"]


def test_two_do_not_change_one_file_at_a_time(tmp_path: Path) -> None:
    path = key_file(tmp_path, orjson.dumps([{"kid": "k1", "key": SECRET}]))
    with locked(path), pytest.raises(PseudonymKeyError, match="somebody else is changing"):
        changed(path)
    assert changed(path).epochs[0].kid == "k1"


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    content = orjson.dumps([{"kid": "k1", "key": SECRET}])
    path = key_file(tmp_path, content)
    with locked(path) as file, pytest.raises(PseudonymKeyError):
        file.replace([{"kid": "no bars|please", "key": SECRET}])
    with locked(path) as file, pytest.raises(PseudonymKeyError, match="would be larger"):
        file.replace([new_epoch("k2", NOW)] * 1_000)
    assert path.read_bytes() == content
