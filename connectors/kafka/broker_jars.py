"""Apache Kafka from its published jars: found or fetched once, run as a child process."""

from __future__ import annotations

import asyncio
import base64
import functools
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Literal

from connectors.kafka.broker_files import (
    KAFKA_VERSION,
    LOOPBACK,
    BrokerFiles,
    Progress,
    cause_in,
    choose_ports,
    unwritable,
)
from connectors.kafka.class_archive import ClassArchive
from connectors.kafka.readiness import READY_S, ready
from connectors.processes import ended_within, kill_child, start_child, stop_child
from models.errors import BrokerUnavailableError

SERVER = "kafka.Kafka"
"""The main class of a broker."""

JAVA_NEEDED = 17
JARS_BYTES = 200 * 1024 * 1024
"""44 MB of jars, as much again in Maven's own cache, and room for the plugins that copy them."""

FETCH_S = 15 * 60.0
"""For Maven: 13 s on a good line; a depot's line may be a hundred times slower."""

FORMAT_S = 60.0
"""For Kafka's storage tool, which takes 1 s."""

STOP_S = 15.0
"""For a clean stop, 0.2–0.6 s measured; more while a busy disk is written to."""

PROGRESS_EVERY_S = 5.0

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
CAUSE_MAX_CHARS = 300
"""Of what Maven says: the rest repeats addresses."""

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>depotgate</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""

COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
"""Pinned: without a version Maven asks for whatever is newest."""


def cache_folder() -> Path:
    """Where the jars are kept: per user, shared by every clone."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "depotgate" / f"kafka-{KAFKA_VERSION}"


def jars_present() -> bool:
    """Whether the jars were fetched: the folder appears whole or not at all."""
    return (cache_folder() / "libs").is_dir()


def java_path() -> str | None:
    """The `java` to run: JAVA_HOME's, else the one on the PATH."""
    home = os.environ.get("JAVA_HOME")
    in_home = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    return in_home or shutil.which("java")


def java_needed() -> str:
    """The `java` to run.

    Raises:
        BrokerUnavailableError: there is none.
    """
    java = java_path()
    if java is None:
        raise BrokerUnavailableError(f"install Java {JAVA_NEEDED} or newer (Java is missing)")
    return java


@functools.cache
def java_says(java: str) -> str:
    """What a Java says of its version and build, asked once by each process; empty when nothing."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stderr.decode(errors="replace")


def java_major(java: str) -> int:
    """The major version of a Java; 0 when it does not say."""
    return major_in(java_says(java))


def major_in(text: str) -> int:
    """17 of `openjdk version "17.0.15"`, 8 of `java version "1.8.0_402"`, 0 of anything else."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found.group(1)) if found else 0


def jars_obstacle() -> str | None:
    """What keeps Kafka from running from its jars here, with what to do; None when nothing does."""
    java = java_path()
    if java is None:
        return f"install Java {JAVA_NEEDED} or newer (Java is missing)"
    major = java_major(java)
    if major < JAVA_NEEDED:
        return f"install Java {JAVA_NEEDED} or newer (Java {major} is too old)"
    if not jars_present() and shutil.which("mvn") is None:
        return "install Maven, which fetches Kafka's jars once (Maven is missing)"
    return None


async def fetch_jars(on_progress: Progress) -> Path:
    """The folder of the jars, fetched through Maven unless it is there.

    Raises:
        BrokerUnavailableError: Java or Maven is missing, the disk is full, or the fetch failed.
    """
    libs = cache_folder() / "libs"
    obstacle = jars_obstacle()
    if obstacle:
        raise BrokerUnavailableError(obstacle)
    if jars_present():
        return libs
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(cache_folder()).free < JARS_BYTES:
            raise BrokerUnavailableError(
                f"{cache_folder()} has less than {JARS_BYTES >> 20} MB free, which Kafka's jars "
                "need; make room, or set XDG_CACHE_HOME to a folder on a larger disk"
            )
        on_progress(f"fetching Apache Kafka {KAFKA_VERSION} through Maven (46 jars, 44 MB, once)")
        # In a folder of its own until it is whole; the rename at the end is atomic.
        with tempfile.TemporaryDirectory(dir=cache_folder()) as work:
            await _run_maven(Path(work), on_progress)
            if not jars_present():
                (Path(work) / "libs").rename(libs)
    except OSError as fault:
        # Another launcher may have renamed its own between the look and the rename.
        if not jars_present():
            raise unwritable(cache_folder(), fault) from fault
    return libs


async def _run_maven(work: Path, on_progress: Progress) -> None:
    (work / "pom.xml").write_text(POM)
    output = work / "maven.log"
    command = [
        "mvn",
        "--batch-mode",
        "--quiet",
        "--strict-checksums",
        "-Dstyle.color=never",
        f"--file={work / 'pom.xml'}",
        COPY_GOAL,
        f"-DoutputDirectory={work / 'libs'}",
        "-DincludeScope=runtime",
    ]
    code = await _run(command, output, FETCH_S, on_progress)
    if code != 0:
        # Maven says the cause in its first error line and general advice after it.
        said = output.read_text(errors="replace").splitlines()
        errors = [COLOURS.sub("", line) for line in said if "ERROR" in line]
        cause = cause_in(errors[:1])[:CAUSE_MAX_CHARS]
        raise BrokerUnavailableError(
            f"Maven could not fetch Kafka's jars ({cause}); check the network and Maven's proxy "
            "settings and start again, or name a broker with DEPOTGATE_KAFKA"
        )


async def _run(command: list[str], output: Path, within_s: float, on_progress: Progress) -> int:
    """Run to the end, saying every few seconds that it still runs; 124 when out of time."""
    child = start_child(command, output)
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        while not await ended_within(lambda: child.poll() is not None, PROGRESS_EVERY_S):
            elapsed = loop.time() - began
            if elapsed > within_s:
                return 124
            on_progress(f"… {elapsed:.0f} s")
    finally:
        kill_child(child)
    return child.returncode


def new_cluster_id() -> str:
    """A random Kafka Uuid, which never begins with a dash: its tools would take it for an option.

    Kafka's own `Uuid.randomUuid` draws again too.
    """
    while True:
        drawn = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not drawn.startswith("-"):
            return drawn


class JarsBroker:
    """A Kafka that runs as our child, over a folder that outlives it."""

    kind: Literal["jars"] = "jars"

    def __init__(self, files: BrokerFiles, asked_port: int | None, libs: Path) -> None:
        self._files = files
        self._asked_port = asked_port
        self._libs = libs
        self._port = 0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """`HOST:PORT` of this broker; the same after every start of this object."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Of the Java process while it runs."""
        return self._child.pid if self._child and self.alive else None

    @property
    def alive(self) -> bool:
        """Whether the process runs; not whether it answers."""
        return self._child is not None and self._child.poll() is None

    async def start_again(self) -> None:
        """Start over the same data and port: topics and acknowledged records are still there.

        Raises:
            BrokerUnavailableError: the port or the folder is taken, or Kafka died; says why.
        """
        await self.stop()
        self._files.take()
        try:
            await self._start()
        except BaseException as fault:
            # Cancelled as well: nothing that was started here may stay behind.
            self.kill()
            if isinstance(fault, OSError):
                raise unwritable(self._files.folder, fault) from fault
            raise

    async def _start(self) -> None:
        await self._files.end_stale()
        last = self._files.last_ports()
        port, controller_port = choose_ports(self._port or self._asked_port, last)
        self._port = port
        self._files.write_settings(port, controller_port)
        if not self._files.formatted:
            await self._format()
        self._child = start_child(
            self._java(256, SERVER, str(self._files.settings)), self._files.log
        )
        self._files.write_pid(self._child.pid)
        if not await ready(self.bootstrap, lambda: self.alive):
            why = self._files.why() if not self.alive else f"no answer within {READY_S:.0f} s"
            raise BrokerUnavailableError(
                f"Kafka did not start: {why}; its whole log is {self._files.log}"
            )

    async def _format(self) -> None:
        """Make the data folder a cluster of one, with an id of its own."""
        settings = str(self._files.settings)
        arguments = ("format", "--standalone", "-t", new_cluster_id(), "-c", settings)
        command = self._java(128, "kafka.tools.StorageTool", *arguments)
        code = await _run(command, self._files.log, FORMAT_S, lambda _said: None)
        if code != 0:
            # Half a format would look like a broker's data at the next start.
            shutil.rmtree(self._files.data, ignore_errors=True)
            raise BrokerUnavailableError(
                f"Kafka could not prepare its data folder: {self._files.why()}; "
                f"its whole log is {self._files.log}"
            )

    def _java(self, heap_mb: int, main_class: str, *arguments: str) -> list[str]:
        java = java_needed()
        return [
            java,
            f"-Xmx{heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            *self._class_options(java, main_class),
            "-cp",
            f"{self._libs}/*",
            main_class,
            *arguments,
        ]

    def _class_options(self, java: str, _main_class: str) -> tuple[str, ...]:
        """How this Java comes to its classes."""
        return ClassArchive(java_says(java), self._libs).options()

    async def stop(self) -> None:
        """End cleanly, or with SIGKILL after a while; does nothing when it does not run."""
        if self._child is not None:
            await stop_child(self._child, STOP_S)
        self._files.release()

    def kill(self) -> None:
        """SIGKILL: what was acknowledged is on disk, and `start_again` finds it."""
        if self._child is not None:
            kill_child(self._child)
        self._files.release()


async def start_from_jars(
    files: BrokerFiles, asked_port: int | None, on_progress: Progress
) -> JarsBroker:
    """Start Kafka from its jars, fetching them first where needed.

    Raises:
        BrokerUnavailableError: something is missing or in the way; the message says what to do.
    """
    libs = await fetch_jars(on_progress)
    on_progress(f"starting Apache Kafka {KAFKA_VERSION} from its jars")
    broker = JarsBroker(files, asked_port, libs)
    await broker.start_again()
    return broker
