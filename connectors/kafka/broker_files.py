"""What a local broker keeps in its folder: settings, port, pid, lock, log and data."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO

from connectors.processes import end_stranger
from models.errors import BrokerUnavailableError

KAFKA_VERSION = "4.3.1"
LOOPBACK = "127.0.0.1"

Progress = Callable[[str], None]
"""Takes a line for the person who waits."""

PORTS = range(20_000, 32_768)
"""Below Linux's ephemeral ports: a poll on one of those can be answered by its own socket."""

PORT_TRIES = 50
"""Random ports looked at; if none of 50 is free something other than a busy port is wrong."""

DISK_NEEDED_BYTES = 512 * 1024 * 1024
"""Kafka maps two index files of up to 1 MB per partition and dies where a page finds no room."""

STALE_END_S = 10.0
"""For each signal to a broker left behind: SIGTERM takes 0.3–0.6 s, more on a busy machine."""

LOG_TAIL_BYTES = 64 * 1024
"""Of the log that is looked at for a cause: Kafka says why it dies in its last lines."""

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
listeners=PLAINTEXT://{bind}:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
log.dirs={log_dirs}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=129600
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
min.insync.replicas=1
log.cleaner.dedupe.buffer.size=2097152
log.cleaner.threads=1
num.network.threads=2
num.io.threads=2
background.threads=2
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=200
controller.quorum.fetch.timeout.ms=400
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
"""
"""server.properties of a single small node. Session time-out 3 s: after kill -9 the broker may
come back once its old session ended, 12 s later with the default; 1.5 s was too tight under load.
Group offsets are kept 90 days (129,600 minutes)."""


class BrokerFiles:
    """The folder of one local broker.

    Args:
        folder: absolute after construction, as it is looked for in command lines.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.settings = self.folder / "server.properties"
        self.data = self.folder / "data"
        self.log = self.folder / "broker.log"
        self._pid = self.folder / "broker.pid"
        self._lock: IO[str] | None = None

    @property
    def formatted(self) -> bool:
        """Whether Kafka's storage tool has been here."""
        return (self.data / "meta.properties").exists()

    def take(self) -> None:
        """Make the folder and hold it: one launcher at a time.

        The kernel drops the lock when this process ends, however it ends.

        Raises:
            BrokerUnavailableError: not writable, nearly full, or in use by another process.
        """
        if self._lock is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
            lock = (self.folder / "lock").open("w")
        except OSError as fault:
            raise unwritable(self.folder, fault) from fault
        if free < DISK_NEEDED_BYTES:
            lock.close()
            raise BrokerUnavailableError(
                f"{self.folder} has {free >> 20} MB free and Kafka needs "
                f"{DISK_NEEDED_BYTES >> 20} MB; make room, or choose another folder with --data"
            )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            lock.close()
            raise BrokerUnavailableError(
                f"another depotgate is running on {self.folder}; "
                "stop it, or choose another folder with --data"
            ) from fault
        self._lock = lock

    def release(self) -> None:
        """Let another launcher have the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def write_settings(self, port: int, controller_port: int, *, bind: str = LOOPBACK) -> None:
        """Write server.properties for this start.

        Raises:
            BrokerUnavailableError: the folder cannot be written to.
        """
        text = render_settings(self.data, port, controller_port, bind=bind)
        try:
            self.settings.write_text(text)
            # The log of the start before is kept, and no more, so that it cannot grow for ever.
            if self.log.exists():
                self.log.replace(self.log.with_suffix(".log.1"))
        except OSError as fault:
            raise unwritable(self.folder, fault) from fault

    def last_ports(self) -> tuple[int, int] | None:
        """Broker and controller port of the start before: clients may still know them."""
        try:
            lines = self.settings.read_text().splitlines()
            line = next(row for row in lines if row.startswith("listeners="))
            broker, controller = (int(part.rpartition(":")[2]) for part in line.split(","))
        except (OSError, StopIteration, ValueError):
            return None
        return broker, controller

    def write_pid(self, pid: int) -> None:
        """Remember the broker, so that a later start can end it if it is left behind."""
        self._pid.write_text(str(pid))

    async def end_stale(self) -> bool:
        """End a broker that an earlier launcher left behind; the lock must be held.

        Only a process whose command line is Kafka on this very folder is touched.

        Returns:
            whether there was one.
        """
        try:
            pid = int(self._pid.read_text())
        except (OSError, ValueError):
            return False

        def ours(command: tuple[str, ...]) -> bool:
            return "kafka.Kafka" in command and command[-1] == str(self.settings)

        return await end_stranger(pid, ours, STALE_END_S)

    def why(self) -> str:
        """Why Kafka died, from its log: the last line that names a fault, in one line."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return "it left no log"
        return cause_in(lines)


def render_settings(data: Path, port: int, controller_port: int, *, bind: str = LOOPBACK) -> str:
    """The text of server.properties; `bind` differs from loopback only inside a container."""
    return SETTINGS.format(bind=bind, port=port, controller_port=controller_port, log_dirs=data)


def cause_in(lines: list[str]) -> str:
    """The line of a log that says why: a full disk or a taken port first, else the last fault."""
    for sign, sentence in (
        ("No space left on device", "the disk is full; make room and start again"),
        ("Address already in use", "its port is taken; start again, or choose another port"),
        ("OutOfMemoryError", "the machine has too little memory left; close something"),
    ):
        if any(sign in line for line in lines):
            return sentence
    faults = [line for line in lines if "Exception" in line or "ERROR" in line or "Error" in line]
    return (faults or lines or ["its log is empty"])[-1].strip()


def unwritable(folder: Path, fault: OSError) -> BrokerUnavailableError:
    """One sentence for a folder that cannot be used."""
    return BrokerUnavailableError(
        f"cannot write to {folder} ({fault.strerror}); "
        "make room or give yourself the right to write there, or choose another folder with --data"
    )


def choose_ports(asked: int | None, last: tuple[int, int] | None) -> tuple[int, int]:
    """Broker and controller port: the asked one, else those of the start before, else free ones.

    Raises:
        BrokerUnavailableError: the asked port is taken.
    """
    if asked is not None and not port_free(asked):
        raise BrokerUnavailableError(
            f"port {asked} on {LOOPBACK} is taken; stop what listens there, or choose another port"
        )
    broker_before, controller_before = last or (None, None)
    broker = asked or free_port(wanted=broker_before)
    return broker, free_port(broker, wanted=controller_before)


def port_free(port: int) -> bool:
    """Whether a listener could have this port on loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Java's listeners do: connections of a killed broker in TIME_WAIT do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return False
    return True


def free_port(*taken: int, wanted: int | None = None) -> int:
    """The wanted port if nothing listens on it, else a random one of PORTS that is free.

    Args:
        taken: ports that are promised to somebody who does not listen yet.

    Raises:
        BrokerUnavailableError: none of those that were tried is free.
    """
    if wanted is not None and wanted not in taken and port_free(wanted):
        return wanted
    for _ in range(PORT_TRIES):
        port = random.choice(PORTS)
        if port not in taken and port_free(port):
            return port
    raise BrokerUnavailableError(
        f"no free port between {PORTS.start} and {PORTS.stop - 1} on {LOOPBACK}; "
        "name a broker with DEPOTGATE_KAFKA"
    )
