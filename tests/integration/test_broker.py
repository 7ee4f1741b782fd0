"""Kafka from its jars: what is kept when it dies, and what is left when its launcher dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from connectors.kafka import broker_files
from connectors.kafka.broker import Broker, start_broker
from connectors.kafka.broker_files import BrokerFiles
from connectors.kafka.broker_jars import JarsBroker, start_from_jars
from connectors.kafka.readiness import kafka_answers
from connectors.processes import command_of
from models.errors import BrokerUnavailableError
from tests.integration.marks import OWN_KAFKA
from tests.integration.own_broker import format_folder, start_own_jars

pytestmark = [*OWN_KAFKA]

TOPIC = "kept"

LAUNCHER = """
import asyncio, sys
from pathlib import Path
from connectors.kafka.broker_files import BrokerFiles
from connectors.kafka.broker_jars import start_from_jars

async def main():
    broker = await start_from_jars(BrokerFiles(Path(sys.argv[1])), None, lambda line: None)
    print(broker.pid, broker.bootstrap, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
"""What `depotgate up` does with a broker, in a process of its own that the tests can kill."""


def quiet(_line: str) -> None:
    """Progress that nobody reads."""


def holds_within(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runs_kafka(pid: int) -> bool:
    return "kafka.Kafka" in command_of(pid)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[JarsBroker, Path]]:
    """A broker that nobody ends, and its folder, which was empty."""
    folder = tmp_path_factory.mktemp("running") / "kafka"
    broker = asyncio.run(start_from_jars(BrokerFiles(folder), None, quiet))
    yield broker, folder
    broker.kill()


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[JarsBroker]:
    """A broker of this test's own, to be killed."""
    broker = await start_own_jars(tmp_path)
    yield broker
    broker.kill()


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """A launcher in a process of its own, the pid of its Kafka, and the folder."""
    folder = tmp_path / "kafka"
    asyncio.run(format_folder(folder))
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(folder)], stdout=subprocess.PIPE
    )
    assert launcher.stdout is not None
    pid = int(launcher.stdout.readline().split()[0])
    launcher.stdout.close()
    yield launcher, pid, folder
    launcher.kill()
    launcher.wait()


async def write_one(bootstrap: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait(TOPIC, value)
    await producer.stop()


async def read_one(bootstrap: str) -> bytes | None:
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        rows = await consumer.getmany(timeout_ms=30_000, max_records=1)
    finally:
        await consumer.stop()
    return next((row.value for batch in rows.values() for row in batch), None)


async def test_the_session_broker_answers(broker: Broker) -> None:
    assert broker.alive
    assert await kafka_answers(broker.bootstrap)


async def test_an_acknowledged_record_survives_kill_and_start(own: JarsBroker) -> None:
    before = own.bootstrap
    await write_one(before, b"acknowledged")
    own.kill()
    assert not own.alive
    assert own.pid is None
    await own.start_again()
    assert own.bootstrap == before
    assert await read_one(own.bootstrap) == b"acknowledged"


async def test_a_stop_leaves_no_process_and_a_later_start_finds_the_records(
    own: JarsBroker, tmp_path: Path
) -> None:
    await write_one(own.bootstrap, b"kept")
    pid = own.pid
    assert pid is not None
    await own.stop()
    assert command_of(pid) == ()
    assert not await kafka_answers(own.bootstrap)
    later = await start_from_jars(BrokerFiles(tmp_path / "kafka"), None, quiet)
    try:
        assert later.bootstrap == own.bootstrap
        assert await read_one(later.bootstrap) == b"kept"
    finally:
        await later.stop()


async def test_a_folder_in_use_is_refused(running: tuple[JarsBroker, Path]) -> None:
    broker, folder = running
    with pytest.raises(BrokerUnavailableError, match="another depotgate is running"):
        await start_from_jars(BrokerFiles(folder), None, quiet)
    assert broker.alive


async def test_a_port_that_is_asked_for_and_taken_is_refused(
    running: tuple[JarsBroker, Path], tmp_path: Path
) -> None:
    port = int(running[0].bootstrap.rpartition(":")[2])
    with pytest.raises(BrokerUnavailableError, match=f"port {port} on 127.0.0.1 is taken"):
        await start_broker(tmp_path / "other", named=None, port=port, on_progress=quiet)


async def test_a_kafka_that_dies_at_once_says_why(own: JarsBroker, tmp_path: Path) -> None:
    await own.stop()
    meta = tmp_path / "kafka" / "data" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))
    with pytest.raises(BrokerUnavailableError, match=r"Kafka did not start: .*node") as refused:
        await own.start_again()
    assert "\n" not in str(refused.value)
    assert not own.alive


def test_listeners_are_on_loopback_only(running: tuple[JarsBroker, Path]) -> None:
    links = list(Path(f"/proc/{running[0].pid}/fd").iterdir())
    owned = {str(link.readlink()) for link in links if link.is_symlink()}
    listening = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if row.split()[3] == "0A"
    ]
    addresses = {row[1].partition(":")[0] for row in listening if f"socket:[{row[9]}]" in owned}
    # 127.0.0.1, and the same mapped into IPv6, as the kernel writes them.
    assert addresses
    assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_a_killed_launcher_leaves_no_kafka(
    launched: tuple[subprocess.Popen[bytes], int, Path],
) -> None:
    launcher, pid, _folder = launched
    assert runs_kafka(pid)
    launcher.kill()
    launcher.wait()
    assert holds_within(lambda: not runs_kafka(pid), 30)


async def test_a_kafka_left_behind_is_ended_by_the_next_start(
    launched: tuple[subprocess.Popen[bytes], int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher, pid, folder = launched
    monkeypatch.setattr(broker_files, "STALE_END_S", 1.0)
    # Stopped, it cannot follow the signal that it gets when its launcher dies.
    os.kill(pid, signal.SIGSTOP)
    launcher.kill()
    launcher.wait()
    assert runs_kafka(pid)
    broker = await start_from_jars(BrokerFiles(folder), None, quiet)
    try:
        assert not runs_kafka(pid)
        assert broker.pid != pid
        assert await kafka_answers(broker.bootstrap)
    finally:
        await broker.stop()
