"""The process that keeps stages as flags say them, and the way back to site.yaml."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import structlog
import uvloop

from connectors.flags.flags_file import read_flags_file
from connectors.flags.resolving import resolve_stages, return_to_sites
from connectors.telemetry.metrics import Metrics
from depotgate.installation import actor
from depotgate.reaching import reachable_kafka
from depotgate.roles import begin, teller
from depotgate.settings import Settings

log = structlog.get_logger()

ROLE = "flags"


def flags_main(settings: Settings, *, ready_file: Path | None, log_file: Path | None) -> None:
    """Resolve stages until SIGTERM or SIGINT; without a flags file give them back to site.yaml.

    Raises:
        DepotgateError: flags file, broker, topics or address are not as expected.
    """
    bootstrap = reachable_kafka(settings)
    if settings.flags is None:
        changed_count = asyncio.run(return_to_sites(bootstrap, Metrics(ROLE), actor()))
        print(f"site.yaml says the stages; {changed_count} chargers changed by that")
        return
    source = read_flags_file(settings.flags)
    metrics = begin(ROLE, settings, ready_file=ready_file, log_file=log_file)

    async def resolve() -> None:
        stop = asyncio.Event()
        for ending in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(ending, stop.set)
        await resolve_stages(bootstrap, source, metrics, teller(ready_file), stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(resolve())
