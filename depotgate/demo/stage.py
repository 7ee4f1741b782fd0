"""`depotgate demo`: an installation of its own in a folder that goes when it ends."""

from __future__ import annotations

import asyncio
import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from connectors.keys import write_new_keys
from depotgate.demo.depot import DemoDepot, write_demo_depot
from depotgate.demo.run import run_demo
from depotgate.demo.voice import Voice
from depotgate.settings import Address, read_settings
from depotgate.up import Running, keep_up, running

ANY_PORT = Address("127.0.0.1", 0)
"""Whatever else runs on this machine, the demo finds room beside it."""

SECONDS_WITHOUT_TERMINAL = 60.0
"""Nobody could press Ctrl-C."""


async def perform(seconds: float | None, console: Console) -> bool:
    """Run the demo; whether everything expected happened.

    Args:
        seconds: how long, then a summary; None = until Ctrl-C, where there is a terminal.
    """
    live = seconds is None and console.is_terminal
    if seconds is None and not live:
        seconds = SECONDS_WITHOUT_TERMINAL
    with tempfile.TemporaryDirectory(prefix="depotgate-demo-") as name:
        folder = Path(name)
        keys = folder / "keys.json"
        write_new_keys(keys, "demo")
        settings = read_settings(
            data=folder / "data",
            # Not those of the environment: a demo asks nobody else's systems.
            feeds_file=folder / "depot" / "feeds.yaml",
            pseudonym_keys_file=keys,
            ocpp=ANY_PORT,
            metrics=ANY_PORT,
        )
        depot = write_demo_depot(folder / "depot", datetime.now(UTC), rng=random.Random())
        voice = Voice(console)
        async with running(settings, folder / "depot", voice.say) as installation:
            return await _watch(
                installation, depot, seconds=seconds, live=live, console=console, voice=voice
            )


async def _watch(
    installation: Running,
    depot: DemoDepot,
    *,
    seconds: float | None,
    live: bool,
    console: Console,
    voice: Voice,
) -> bool:
    async with asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(keep_up(installation))
        happened = await run_demo(
            installation.kafka,
            installation.ocpp,
            installation.metrics,
            depot,
            seconds=seconds,
            live=live,
            console=console,
            voice=voice,
        )
        keeping.cancel()
    return happened
