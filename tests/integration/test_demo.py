"""The demo as a person starts it, and its view of the topics, on a real broker."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.kafka.broker import Broker
from connectors.kafka.producer import Producer
from connectors.kafka.topics import apply_topics
from connectors.processes import die_with_parent, ended_within, stop_child
from depotgate.demo.depot import SITE
from depotgate.demo.watch import Heard, Watch
from models.attempt import Denial, Outcome
from models.denials import denial_of
from models.ids import RequestId
from models.topics import DENIALS, OUTCOMES
from tests.depotgate.demo.histories import BUS_LANE_201, History, demo_depot

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

RUN_S = 240.0
"""A run of 20 s, up to 44 s until an edge lies inside of it, and two starts on a busy machine."""

BEGUN_S = 120.0
ENDED_S = 60.0


_end_with_us = die_with_parent()


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _end_with_us()


class Demo:
    """A running `depotgate demo` with a temporary folder and an output of its own."""

    def __init__(self, folder: Path, kafka: str, seconds: int) -> None:
        self.folder = folder / "tmp"
        self.folder.mkdir()
        self._said = folder / "said"
        env = {
            **os.environ,
            "DEMO_SECONDS": str(seconds),
            "DEPOTGATE_KAFKA": kafka,
            "TMPDIR": str(self.folder),
        }
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "depotgate", "demo"],
                stdout=said,
                stderr=subprocess.STDOUT,
                env=env,
                # Tests that run in the background have Ctrl-C ignored, and would pass that on.
                preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - plain calls between fork and exec
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def figure(self, name: str) -> int:
        """A figure of the summary."""
        found = re.search(rf"^{name}: (\d+)", self.said, flags=re.MULTILINE)
        assert found, f"no {name} in:\n{self.said}"
        return int(found[1])

    async def ended(self, within_s: float) -> int:
        """Its exit code."""
        assert await ended_within(lambda: self.process.poll() is not None, within_s), self.said
        return self.process.returncode

    def left_behind(self) -> list[str]:
        """Files in its folder, and processes that it started."""
        files = [str(path) for path in self.folder.iterdir()]
        return files + [command for command in _commands() if str(self.folder) in command]


def _commands() -> Iterator[str]:
    for process in Path("/proc").iterdir():
        try:
            yield (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue


async def test_a_run_ends_by_itself_with_everything_seen_and_nothing_lost(
    broker: Broker, tmp_path: Path
) -> None:
    demo = Demo(tmp_path, broker.bootstrap, seconds=20)
    try:
        assert await demo.ended(RUN_S) == 0, demo.said
    finally:
        await stop_child(demo.process, ENDED_S)
    assert demo.figure("lost") == 0
    assert demo.figure("attempts") == demo.figure("allowed") + demo.figure("denied")
    assert demo.figure("denied") == demo.figure("denial records") > 0
    assert demo.figure("mode edges") >= 1
    # Every switchable charger once on connecting, and those of two groups again at the edge.
    assert demo.figure("switches") >= 19 + 9
    assert demo.left_behind() == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
async def test_a_run_that_is_ended_early_leaves_nothing_behind(
    broker: Broker, tmp_path: Path, ending: signal.Signals
) -> None:
    demo = Demo(tmp_path, broker.bootstrap, seconds=600)
    try:
        assert await ended_within(lambda: "switched to" in demo.said, BEGUN_S), demo.said
        demo.process.send_signal(ending)
        assert await demo.ended(ENDED_S) != 0
    finally:
        await stop_child(demo.process, ENDED_S)
    assert "Traceback" not in demo.said
    assert demo.left_behind() == []


async def test_what_is_written_from_now_on_is_heard_once(broker: Broker, tmp_path: Path) -> None:
    await apply_topics(broker.bootstrap)
    history = History(demo_depot(tmp_path))
    before, denied, allowed = (
        _outcome(history, label) for label in ("expired", "revoked", "own fleet")
    )
    denial = denial_of(denied)
    assert denial is not None
    heard: list[Heard] = []
    producer = Producer(broker.bootstrap, "test")
    await producer.start()
    await _write(producer, before)
    async with Watch(broker.bootstrap, heard.append) as watch, asyncio.TaskGroup() as tasks:
        following = tasks.create_task(watch.follow())
        for record in (denied, denied, denial, allowed, denial):
            await _write(producer, record)
        last = _outcome(history, "unknown")
        await _write(producer, last)
        # Of one key, so in this order: behind the last one there is nothing more to come.
        assert await ended_within(lambda: last in heard and denial in heard, ENDED_S)
        following.cancel()
    await producer.stop()
    assert [record for record in heard if isinstance(record, Outcome)] == [denied, allowed, last]
    assert [record for record in heard if isinstance(record, Denial)] == [denial]
    assert watch.unread_count == 0


def _outcome(history: History, label: str) -> Outcome:
    """An outcome with an id that no other test has."""
    outcome = history.outcome(BUS_LANE_201, label)
    unique = RequestId(f"{history.depot.folder}-{outcome.request_id}")
    attempt = outcome.attempt.model_copy(update={"request_id": unique})
    return outcome.model_copy(update={"request_id": unique, "attempt": attempt})


async def _write(producer: Producer, record: Outcome | Denial) -> None:
    topic = OUTCOMES if isinstance(record, Outcome) else DENIALS
    now = datetime.now(UTC)
    await (await producer.send(topic, BUS_LANE_201, record, event_id=SITE, at=now))
