"""A gateway as `depotgate gateway` runs it, which says when chargers can connect.

`python -m benchmarks.gateway BOOTSTRAP DATA PORT KEY_FILE READY_FILE`
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

import uvloop

from benchmarks import depot
from benchmarks.attempts import DEADLINE_S, INSTANCE
from connectors.kafka.broker_files import LOOPBACK
from connectors.ocpp.gateway import GatewaySettings, run_gateway
from connectors.telemetry.metrics import Metrics
from models.ids import Slot


async def serve(settings: GatewaySettings, ready_file: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_gateway(settings, Metrics("gateway"), ready_file.touch, stop)


def main(arguments: list[str]) -> None:
    """Run it as the arguments say."""
    # aiokafka says a good deal at INFO and nothing here reads it.
    logging.basicConfig(level=logging.WARNING)
    bootstrap, data, port, key_file, ready_file = arguments
    Path(data).mkdir(parents=True, exist_ok=True)
    settings = GatewaySettings(
        bootstrap=bootstrap,
        host=LOOPBACK,
        port=int(port),
        slot=Slot(0),
        instance=INSTANCE,
        deadline_s=DEADLINE_S,
        allow_unauthenticated=False,
        pseudonymiser=depot.pseudonymiser_of(Path(key_file).read_bytes()),
        data=Path(data),
    )
    uvloop.install()
    asyncio.run(serve(settings, Path(ready_file)))


if __name__ == "__main__":
    main(sys.argv[1:])
