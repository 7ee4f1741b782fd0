"""Kafka with the archive of its classes: it is used, and a bad one is in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.kafka.broker_files import BrokerFiles
from connectors.kafka.broker_jars import cache_folder, fetch_jars, start_from_jars
from connectors.kafka.class_recording import prepare_jars
from tests.integration.marks import OWN_KAFKA

pytestmark = [*OWN_KAFKA]


@contextmanager
def cache_in(root: Path) -> Iterator[Path]:
    """A cache of its own with the jars of the user's, until left."""
    libs = asyncio.run(fetch_jars(print))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root))
        cache_folder().mkdir(parents=True)
        (cache_folder() / "libs").symlink_to(libs)
        yield cache_folder()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The archive as `make setup` has it made."""
    with cache_in(tmp_path_factory.mktemp("cache")) as cache:
        said: list[str] = []
        asyncio.run(prepare_jars(said.append))
        assert said == ["recording Kafka's classes, for faster starts (once, 15 s)"]
        (made,) = cache.glob("classes-*")
        yield made


def started_with(archive: Path, folder: Path) -> tuple[bool, str]:
    """Whether a Kafka that was formatted and answers has an archive mapped, and its log."""
    files = BrokerFiles(folder)

    async def start_and_stop() -> bool:
        broker = await start_from_jars(files, None, lambda _line: None)
        try:
            return str(archive) in maps_of(broker.pid)
        finally:
            await broker.stop()

    return asyncio.run(start_and_stop()), files.log.read_text()


def maps_of(pid: int | None) -> str:
    """What a process has mapped."""
    return Path(f"/proc/{pid}/maps").read_text()


def test_a_start_uses_the_archive(archive: Path, tmp_path: Path) -> None:
    mapped, log = started_with(archive, tmp_path)
    assert mapped
    assert "cds" not in log


def test_preparing_again_leaves_the_archive_as_it_is(archive: Path) -> None:
    before = archive.stat()
    said: list[str] = []
    asyncio.run(prepare_jars(said.append))
    assert said == []
    assert archive.stat() == before


@pytest.mark.parametrize("damage", ["changed", "cut off"])
def test_a_damaged_archive_hinders_no_start(archive: Path, tmp_path: Path, damage: str) -> None:
    whole = archive.read_bytes()
    half = whole[: len(whole) // 2]
    # Java writes it so that nobody may write to it, which a broken disk does not heed.
    archive.chmod(0o644)
    archive.write_bytes(half if damage == "cut off" else half + bytes(len(whole) - len(half)))
    try:
        mapped, log = started_with(archive, tmp_path)
    finally:
        archive.write_bytes(whole)
    assert not mapped
    assert "cds" not in log
    assert "shared archive" not in log


def test_a_java_that_cannot_record_is_said_once_and_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xshare:off")
    with cache_in(tmp_path) as cache:
        said: list[str] = []
        asyncio.run(prepare_jars(said.append))
        (failure,) = cache.glob("classes-*")
        assert said[1:] == [f"not recorded, Kafka starts without; why is in {failure}"]
        assert "DynamicDumpSharedSpaces" in failure.read_text()
        asyncio.run(prepare_jars(said.append))
        assert len(said) == 2
