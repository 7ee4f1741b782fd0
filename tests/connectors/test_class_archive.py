"""Which archive of Kafka's classes is for which Java and which jars, and when one is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.kafka.class_archive import TRY_AGAIN_S, ClassArchive, options_to_record

JAVA = 'openjdk version "17.0.15" 2025-04-15'
LATER_JAVA = 'openjdk version "17.0.16" 2025-07-15'


@pytest.fixture
def libs(tmp_path: Path) -> Path:
    """A folder with a jar in it."""
    folder = tmp_path / "libs"
    folder.mkdir()
    (folder / "kafka.jar").write_bytes(b"classes")
    return folder


def recorded(archive: ClassArchive, folder: Path) -> Path:
    """Keep something as the archive; where it is then."""
    made = folder / "made"
    made.write_bytes(b"as Java wrote it")
    archive.keep(made)
    assert not made.exists()
    assert archive.path is not None
    return archive.path


def test_a_start_without_an_archive_has_no_options_for_one(libs: Path) -> None:
    archive = ClassArchive(JAVA, libs)
    assert archive.worth_making
    assert archive.options() == ()


def test_an_archive_is_beside_the_jars_and_in_the_options_of_the_next_start(libs: Path) -> None:
    path = recorded(ClassArchive(JAVA, libs), libs.parent)
    assert path.parent == libs.parent
    later = ClassArchive(JAVA, libs)
    assert not later.worth_making
    assert later.options()[0] == f"-XX:SharedArchiveFile={path}"


def test_a_java_that_could_not_use_an_archive_cannot_record_one(libs: Path) -> None:
    """Options that a Java does not know keep it from starting: then there is no archive either."""
    archive = ClassArchive(JAVA, libs)
    recorded(archive, libs.parent)
    assert archive.options()[1:] == options_to_record(libs.parent / "made")[1:]


def test_another_java_has_another_archive(libs: Path) -> None:
    recorded(ClassArchive(JAVA, libs), libs.parent)
    other = ClassArchive(LATER_JAVA, libs)
    assert other.worth_making
    assert other.options() == ()


@pytest.mark.parametrize("change", ["added", "changed", "fetched again"])
def test_other_jars_have_another_archive(libs: Path, change: str) -> None:
    recorded(ClassArchive(JAVA, libs), libs.parent)
    jar = libs / "kafka.jar"
    match change:
        case "added":
            (libs / "more.jar").touch()
        case "changed":
            jar.write_bytes(b"more classes")
        case _:
            os.utime(jar, (1, 1))
    assert ClassArchive(JAVA, libs).options() == ()


def test_an_archive_that_was_cut_off_is_not_used_but_made_again(libs: Path) -> None:
    archive = ClassArchive(JAVA, libs)
    path = recorded(archive, libs.parent)
    path.write_bytes(path.read_bytes()[:5])
    assert archive.options() == ()
    assert archive.worth_making


def test_a_new_archive_replaces_those_of_other_javas(libs: Path) -> None:
    old = ClassArchive(JAVA, libs)
    old.give_up("it was busy")
    before = recorded(old, libs.parent)
    after = recorded(ClassArchive(LATER_JAVA, libs), libs.parent)
    assert {path.name for path in libs.parent.iterdir()} == {"libs", after.name}
    assert before != after


def test_what_could_not_be_made_is_not_tried_again_for_a_day(libs: Path) -> None:
    archive = ClassArchive(JAVA, libs)
    archive.give_up("DynamicDumpSharedSpaces is unsupported")
    assert not archive.worth_making
    assert archive.options() == ()
    assert "unsupported" in archive.failure.read_text()
    assert ClassArchive(LATER_JAVA, libs).worth_making
    a_day_ago = archive.failure.stat().st_mtime - TRY_AGAIN_S
    os.utime(archive.failure, (a_day_ago, a_day_ago))
    assert archive.worth_making
