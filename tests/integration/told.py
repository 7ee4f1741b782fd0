"""What `depotgate` commands tell people, without a process for each: ten at once on two cores take
longer than anybody waits."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from connectors.feeds.publish import load_depot
from connectors.keys import read_keys
from depotgate.chargers_shown import PIPE_COLUMNS, in_full, one_of, read_chargers
from models.identifiers import Pseudonymiser
from tests.integration.installations import Up


async def charger_told(up: Up, charger_id: str) -> str:
    """`depotgate chargers ID`."""
    console = Console(file=StringIO(), width=PIPE_COLUMNS)
    console.print(in_full(one_of(await read_chargers(up.kafka), charger_id)))
    said = console.file
    assert isinstance(said, StringIO)
    return said.getvalue()


async def load(up: Up, folder: Path) -> None:
    """`depotgate load FOLDER`."""
    pseudonymiser = Pseudonymiser(read_keys(up.keys), "default")
    await load_depot(up.kafka, folder, pseudonymiser, actor="test")
