"""Rows that a worker writes late which was thought dead: its successor writes its own behind them.

A load finds them, but compaction may come before the next load, and knows nothing of ownerships
(docs/decisions/0009).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog
from aiokafka.errors import KafkaError

from connectors.telemetry.failing import Failing
from models.errors import DepotgateError
from models.ids import ChargerId
from streams.states import ChargerStates

log = structlog.get_logger()

LOOK_BACK_EVERY_S = 30.0
"""Each look reads our own rows of that time once more. However soon compaction comes, our rows are
in memory: it is only to be found before the partition is somebody else's."""


async def look_back(
    states: ChargerStates,
    write_again: Callable[[Collection[ChargerId]], None],
    every_s: float = LOOK_BACK_EVERY_S,
) -> None:
    """Have rows written again that a late one lies behind, until cancelled."""
    looking = Failing("state.look_back")
    while True:
        await asyncio.sleep(every_s)
        try:
            late = await states.written_over()
        except (KafkaError, DepotgateError) as fault:
            looking.failed(fault)
            continue
        looking.worked()
        if late:
            log.warning("state.written_late", chargers_count=len(late))
            write_again(late)
