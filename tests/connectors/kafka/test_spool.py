"""Outcomes on disk: whole, durable and bounded, whatever the disk and a crash do to them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from connectors.kafka.spool import Spool, Spooled

FIRST = Spooled("CP-1", "id-1", b'{"one":1}\n\x00\xff')
SECOND = Spooled("CP/2 \u00fc", "id-2", b"two")
THIRD = Spooled("CP-3", "id-3", b"three")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "outcomes-0.jsonl"


def kept(path: Path) -> list[Spooled]:
    return list(Spool(path).read())


def test_what_was_appended_is_read_in_order_also_by_the_next_process(path: Path) -> None:
    spool = Spool(path)
    assert spool.append(FIRST)
    assert spool.append(SECOND, THIRD)
    assert list(spool.read()) == [FIRST, SECOND, THIRD]
    assert kept(path) == [FIRST, SECOND, THIRD]
    assert Spool(path).size_bytes == spool.size_bytes == path.stat().st_size


def test_an_empty_spool_reads_nothing_and_takes_no_file(path: Path) -> None:
    spool = Spool(path)
    assert list(spool.read()) == []
    assert spool.size_bytes == 0
    spool.clear()
    assert not path.exists()


def test_clear_forgets_everything_and_the_next_record_is_taken(path: Path) -> None:
    spool = Spool(path)
    spool.append(FIRST)
    spool.clear()
    assert (spool.size_bytes, list(spool.read())) == (0, [])
    assert spool.append(SECOND)
    assert kept(path) == [SECOND]


def test_only_the_owner_may_read_it(path: Path) -> None:
    Spool(path).append(FIRST)
    assert path.stat().st_mode & 0o777 == 0o600


# Bounds


def test_a_full_spool_refuses_and_keeps_what_it_has(path: Path) -> None:
    measured = Spool(path)
    measured.append(FIRST)
    spool = Spool(path, limit_bytes=2 * measured.size_bytes)
    assert spool.append(FIRST)
    assert not spool.append(FIRST)
    assert kept(path) == [FIRST, FIRST]
    assert spool.size_bytes == path.stat().st_size


def test_a_batch_is_kept_whole_or_not_at_all(path: Path) -> None:
    measured = Spool(path)
    measured.append(FIRST)
    spool = Spool(path, limit_bytes=2 * measured.size_bytes)
    assert not spool.append(FIRST, FIRST)
    assert kept(path) == [FIRST]
    assert spool.append(FIRST)


# Durability


def test_a_batch_costs_one_fsync_and_it_comes_after_the_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Spool(path).append(FIRST)
    sizes: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    spool = Spool(path)
    assert spool.append(*[SECOND] * 100)
    assert sizes == [spool.size_bytes]


def test_a_new_file_is_in_its_folder_before_a_record_counts_as_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    spool = Spool(path)
    assert spool.append(FIRST)
    assert set(synced) == {path.stat().st_ino, path.parent.stat().st_ino}


# Crashes and disks


def test_a_line_cut_short_by_a_crash_is_passed_over(path: Path) -> None:
    Spool(path).append(FIRST, SECOND)
    path.write_bytes(path.read_bytes()[:-5])
    assert kept(path) == [FIRST]


def test_the_next_record_does_not_run_into_a_line_cut_short(path: Path) -> None:
    Spool(path).append(FIRST, SECOND)
    path.write_bytes(path.read_bytes()[:-5])
    spool = Spool(path)
    assert spool.append(THIRD)
    assert spool.append(SECOND)
    assert kept(path) == [FIRST, THIRD, SECOND]
    assert spool.size_bytes == path.stat().st_size


@pytest.mark.parametrize(
    "garbage", [b"\n", b"[1]\n", b"{}\n", b'{"key":"a","id":"b","value":"?"}\n']
)
def test_a_line_that_is_no_record_hides_no_other(path: Path, garbage: bytes) -> None:
    Spool(path).append(FIRST)
    path.write_bytes(garbage + path.read_bytes() + garbage)
    assert kept(path) == [FIRST]


def test_a_disk_that_fills_up_in_the_middle_of_a_batch_keeps_none_of_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(path)
    spool.append(FIRST)
    real = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: real(descriptor, data[:9]))
    assert not spool.append(SECOND)
    monkeypatch.undo()
    assert kept(path) == [FIRST]
    assert spool.append(THIRD)
    assert kept(path) == [FIRST, THIRD]


def test_a_disk_that_does_not_take_the_fsync_keeps_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(path)
    spool.append(FIRST)

    def fsync(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", fsync)
    assert not spool.append(SECOND)
    monkeypatch.undo()
    assert kept(path) == [FIRST]


def test_a_folder_that_cannot_be_made_refuses_the_record(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    spool = Spool(tmp_path / "data" / "outcomes-0.jsonl")
    assert not spool.append(FIRST)


def test_a_spool_taken_away_is_begun_anew(path: Path) -> None:
    spool = Spool(path)
    spool.append(FIRST)
    path.unlink()
    assert spool.append(SECOND)
    assert kept(path) == [SECOND]
