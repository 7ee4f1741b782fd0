"""A depot folder is read whole or refused with every problem of every file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.feeds.depot_folder import folder_signature, read_depot
from models.site import Stage
from tests.connectors.feeds.folders import (
    CARD,
    CHARGERS,
    IDENTITIES,
    KEYS,
    NOW,
    ROOT,
    SITE,
    begin_with,
    problems_of,
    read,
    spoilt,
    with_secrets,
    write,
)


def test_a_sound_folder_is_read_whole(tmp_path: Path) -> None:
    depot = read(write(tmp_path))
    assert (depot.site.site_id, depot.site.stage) == ("depot", Stage.ENFORCE)
    assert [row.record.charger_id for row in depot.chargers] == ["CP-1", "CP-2", "CP-3"]
    assert [row.line for row in depot.chargers] == [2, 3, 4]
    assert [row.reference for row in depot.identities.values()] == ["bus-17", "courier/77"]
    assert depot.notices == ()


def test_every_problem_of_every_file_is_said_at_once(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        site=spoilt(SITE, "enforce", "enforced"),
        chargers=spoilt(CHARGERS, "microocpp", "x"),
        identities=spoilt(IDENTITIES, "own_fleet", "x"),
    )
    found = problems_of(folder)
    assert begin_with(found, ["site.yaml:3: ", "chargers.csv:2: ", "identities.csv:2: "]), found


def test_files_as_other_systems_write_them_are_read(tmp_path: Path) -> None:
    """With a byte order mark, CRLF, blank lines, quoted fields, columns in another order."""
    swapped = "\ufeffidentifier,type,class,reference,valid_from,valid_to,state\r\n\r\n"
    swapped += f'"{CARD}",ISO14443, own_fleet ,"bus, 17",2025-03-01T00:00:00Z,,active\r\n,,,,,,\r\n'
    site = "\ufeff" + SITE.replace("\n", "\r\n")
    depot = read(write(tmp_path, site=site, identities=swapped))
    assert [row.reference for row in depot.identities.values()] == ["bus, 17"]


def test_a_last_line_without_an_end_is_read(tmp_path: Path) -> None:
    depot = read(write(tmp_path, chargers=CHARGERS.strip(), identities=IDENTITIES.strip()))
    assert (len(depot.chargers), len(depot.identities)) == (3, 2)


def missing(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def no_utf8(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\nm\xfcnchen\n", 1))


def utf16(path: Path) -> None:
    path.write_text(path.read_text(), encoding="utf-16")


def too_large(path: Path) -> None:
    os.truncate(path, 1 << 30)  # sparse: nothing is written


# fmt: off
SPOILT: list[tuple[Callable[[Path], None], str]] = [
    (missing,   ": expected this file in {folder}, and it cannot be read: No such file"),
    (a_folder,  ": expected a file, got a folder, a pipe or a device"),
    (a_pipe,    ": expected a file, got a folder, a pipe or a device"),
    (no_utf8,   ":2: expected UTF-8, got other bytes; save it with that encoding"),
    (utf16,     ":1: expected UTF-8, got UTF-16; save it with that encoding"),
    (too_large, ": expected at most "),
]
# fmt: on


@pytest.mark.parametrize("name", ["site.yaml", "chargers.csv", "identities.csv"])
@pytest.mark.parametrize(("spoil", "said"), SPOILT)
def test_what_is_no_text_file_is_said_in_a_sentence(
    tmp_path: Path, name: str, spoil: Callable[[Path], None], said: str
) -> None:
    folder = write(tmp_path)
    spoil(folder / name)
    assert begin_with(problems_of(folder), [name + said.format(folder=folder)])


@pytest.mark.parametrize("name", ["nowhere", "site.yaml", "site.yaml/below", "x" * 300])
def test_what_is_no_folder_is_said_in_a_sentence(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path) / name
    assert problems_of(folder) == [
        f"{folder}: expected a folder with site.yaml, chargers.csv, identities.csv, and it is none"
    ]


def test_the_revision_is_one_of_content(tmp_path: Path) -> None:
    folder = write(tmp_path)
    first = read(folder).site
    later = read_depot(folder, KEYS, datetime(2027, 1, 1, 0, 0, 0, 5, tzinfo=UTC)).site
    assert later.revision == first.revision
    assert later.loaded_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert read(write(folder, site=f"# A comment\n{SITE}")).site.revision == first.revision
    assert read(write(folder, site=spoilt(SITE, "18:00", "19:00"))).site.revision != first.revision


def appended(path: Path) -> None:
    path.write_text(path.read_text() + "\n")


def replaced(path: Path) -> None:
    before = path.stat()
    part = path.with_suffix(".part")
    shutil.copyfile(path, part)
    os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))
    part.replace(path)


def mode_changed(path: Path) -> None:
    path.chmod(0o640)


@pytest.mark.parametrize("name", ["site.yaml", "chargers.csv", "identities.csv", "secrets/CP-1"])
@pytest.mark.parametrize("change", [appended, replaced, mode_changed, missing])
def test_the_signature_changes_with_each_file_that_is_read(
    tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    folder = write(tmp_path)
    seen = folder_signature(folder)
    assert folder_signature(folder) == seen
    change(folder / name)
    assert folder_signature(folder) != seen


def test_the_signature_does_not_change_with_other_files(tmp_path: Path) -> None:
    folder = write(tmp_path)
    seen = folder_signature(folder)
    (folder / "site.yaml.swp").write_text("an editor's")
    (folder / "secrets" / "CP-9").write_text("nobody's")
    assert folder_signature(folder) == seen


def test_the_signature_of_what_is_not_there_is_one_too(tmp_path: Path) -> None:
    folder = tmp_path / "depot"
    before = folder_signature(folder)
    folder.mkdir()
    write(folder)
    assert folder_signature(folder) != before


def test_north_depot_loads_whole(tmp_path: Path) -> None:
    folder = with_secrets(
        ROOT / "tests" / "examples" / "north-depot",
        tmp_path / "north-depot",
        ["ND-001", "ND-002", "ND-003", "ND-005", "ND-006"],
    )
    depot = read_depot(folder, KEYS, NOW)
    assert (len(depot.chargers), len(depot.identities)) == (6, 8)
    assert depot.site.stage is Stage.ENFORCE


def test_the_first_depot_of_the_examples_is_sound(tmp_path: Path) -> None:
    folder = with_secrets(
        ROOT / "examples" / "first-depot",
        tmp_path / "first-depot",
        ["FD-001", "FD-002", "FD-003"],
    )
    depot = read_depot(folder, KEYS, NOW)
    assert (len(depot.chargers), len(depot.identities), depot.notices) == (3, 3, ())
    assert depot.site.stage is Stage.SHADOW
