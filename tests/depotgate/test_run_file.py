"""run.json is whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from depotgate.run_file import Run, read_run, remove_run, run_file, runs, write_run

RUN = Run(
    kafka="127.0.0.1:20001",
    ocpp="ws://127.0.0.1:9000/ocpp",
    metrics={"gateway": ["http://127.0.0.1:9400/metrics"]},
    processes={"broker": [1], "gateway": [2], "worker": [3]},
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_run(tmp_path, RUN)
    assert read_run(tmp_path) == RUN
    assert orjson.loads(run_file(tmp_path).read_bytes()).keys() == {
        "kafka",
        "ocpp",
        "metrics",
        "processes",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"], "no part of it is left"


def test_none_or_a_broken_one_is_none(tmp_path: Path) -> None:
    assert read_run(tmp_path) is None
    run_file(tmp_path).write_text('{"kafka": ')
    assert read_run(tmp_path) is None
    run_file(tmp_path).write_text("{}")
    assert read_run(tmp_path) is None


def test_removing_it_twice_is_harmless(tmp_path: Path) -> None:
    write_run(tmp_path, RUN)
    remove_run(tmp_path)
    remove_run(tmp_path)
    assert read_run(tmp_path) is None


def test_whether_a_process_runs() -> None:
    assert runs(os.getpid())
    assert not runs(2**22 + 1), "above Linux's highest process id"
