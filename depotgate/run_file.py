"""run.json: what runs here and where, for people, tests and `depotgate`'s own tools."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson


class Run(NamedTuple):
    """What an installation on one machine consists of.

    Attributes:
        kafka: `HOST:PORT[,HOST:PORT]`.
        ocpp: address for chargers, without the charger id.
        metrics: role to the addresses of `/metrics`.
        processes: role to process ids; roles are broker, gateway, worker.
        ocpp_tls: as `ocpp`, for chargers that use TLS; None = nowhere.
    """

    kafka: str
    ocpp: str
    metrics: Mapping[str, Sequence[str]]
    processes: Mapping[str, Sequence[int]]
    ocpp_tls: str | None = None


def run_file(data: Path) -> Path:
    """Where run.json lies in a data folder."""
    return data / "run.json"


def write_run(data: Path, run: Run) -> None:
    """Replace run.json: a reader sees the old one or the new one, never half of it."""
    path = run_file(data)
    part = path.with_suffix(".part")
    fields = {name: value for name, value in run._asdict().items() if value is not None}
    part.write_bytes(orjson.dumps(fields, option=orjson.OPT_INDENT_2))
    part.replace(path)


def read_run(data: Path) -> Run | None:
    """What runs here by run.json; None when there is none, or it is not of the form."""
    try:
        fields = orjson.loads(run_file(data).read_bytes())
        return Run(**{name: fields[name] for name in Run._fields if name in fields})
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None


def remove_run(data: Path) -> None:
    """Nothing runs here any more."""
    run_file(data).unlink(missing_ok=True)


def runs(pid: int) -> bool:
    """Whether a process of this id is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
