"""Apache Kafka from its published image, on a Docker engine of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, cast

from connectors.kafka.broker_files import (
    KAFKA_VERSION,
    LOOPBACK,
    BrokerFiles,
    Progress,
    cause_in,
    choose_ports,
)
from connectors.kafka.readiness import READY_S, ready
from models.errors import BrokerUnavailableError

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

IMAGE = f"apache/kafka:{KAFKA_VERSION}"

PING_TIMEOUT_S = 3
"""An engine on this machine answers in milliseconds; a hanging one is as good as none."""

STOP_S = 15
"""For a clean stop before the engine sends SIGKILL; Kafka itself takes under a second."""

SCRIPT = """\
exec 3<&0
[ -f {data}/meta.properties ] || /opt/kafka/bin/kafka-storage.sh format --standalone \
-t "$(/opt/kafka/bin/kafka-storage.sh random-uuid)" -c {settings} || exit 1
(cat <&3 >/dev/null; while kill -TERM $$; do sleep 1; done) &
exec /opt/kafka/bin/kafka-server-start.sh {settings} 3<&-
"""
"""Runs in the container. Its standard input is held open by the launcher: when the launcher ends,
however it ends, `cat` sees the end and Kafka (the same process, through exec) is told to stop; more
than once, as the first process of a container ignores SIGTERM until Java has a handler for it."""


def docker_obstacle() -> str | None:
    """What keeps a Docker engine from being used here, with what to do; None when nothing does."""
    import docker  # type: ignore[import-untyped]

    try:
        client = docker.from_env(timeout=PING_TIMEOUT_S)
    except Exception as fault:  # docker raises its own, requests' and urllib3's errors here
        return _no_engine(fault)
    try:
        if not str(client.api.base_url).startswith(("http+docker://", "unix://")):
            # Its loopback is not ours, and it cannot see our data folder.
            return (
                "unset DOCKER_HOST, which names an engine on another machine, and start Docker here"
            )
        client.ping()
    except Exception as fault:
        return _no_engine(fault)
    finally:
        client.close()
    return None


def pull_image(on_progress: Progress) -> None:
    """Have the image on this machine.

    Raises:
        BrokerUnavailableError: it cannot be had.
    """
    import docker

    try:
        client = docker.from_env()
        try:
            client.images.get(IMAGE)
        except docker.errors.ImageNotFound:
            on_progress(f"pulling the image {IMAGE} (once)")
            client.images.pull(IMAGE)
        finally:
            client.close()
    except Exception as fault:
        raise BrokerUnavailableError(
            f"Docker cannot have the image {IMAGE} ({_first_line(fault)}); "
            "check the network, or pull it by hand"
        ) from fault


class DockerBroker:
    """A Kafka in a container over a folder of ours, published on loopback only."""

    kind: Literal["docker"] = "docker"
    pid = None

    def __init__(self, files: BrokerFiles, asked_port: int | None) -> None:
        self._files = files
        self._asked_port = asked_port
        self._port = 0
        self._container: DockerContainer | None = None
        self._lifeline: Any = None

    @property
    def bootstrap(self) -> str:
        """`HOST:PORT` of this broker; the same after every start of this object."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether the engine says that the container runs; not whether Kafka answers."""
        if self._container is None:
            return False
        try:
            self._container.reload()
        except Exception:
            return False
        return self._container.status == "running"

    async def start_again(self) -> None:
        """Start over the same data and port: topics and acknowledged records are still there.

        Raises:
            BrokerUnavailableError: the port or the folder is taken, or the engine refused.
        """
        await self.stop()
        self._files.take()
        try:
            await self._start()
        except BaseException:
            self.kill()
            raise

    async def _start(self) -> None:
        await self._files.end_stale()
        await asyncio.to_thread(self._remove_left_behind)
        asked = self._port or self._asked_port
        self._port, controller_port = choose_ports(asked, self._files.last_ports())
        # All addresses of the container, of which the engine publishes one port on our loopback.
        self._files.write_settings(self._port, controller_port, bind="0.0.0.0")  # noqa: S104
        await self._ask(self._create)
        if not await ready(self.bootstrap, lambda: self.alive):
            why = await asyncio.to_thread(self._last_words)
            raise BrokerUnavailableError(
                f"Kafka in Docker did not answer in {READY_S:.0f} s: {why}"
            )

    def _create(self) -> None:
        from testcontainers.core.config import testcontainers_config
        from testcontainers.core.container import DockerContainer

        # Its reaper would be a second image, hold the engine's socket and listen on all
        # addresses; the container watches its own lifeline instead (see SCRIPT).
        testcontainers_config.ryuk_disabled = True
        folder = str(self._files.folder)
        container = (
            DockerContainer(IMAGE)
            .with_name(container_name(self._files))
            # The same path inside: both ways of running write the same settings and data.
            .with_volume_mapping(folder, folder, "rw")
            .with_env("LOG_DIR", "/tmp/kafka-logs")  # noqa: S108 - in the container
            .with_env("KAFKA_HEAP_OPTS", "-Xms128m -Xmx256m")
            .with_command(["bash", "-c", container_script(self._files)])
            .with_kwargs(stdin_open=True, user=f"{os.getuid()}:{os.getgid()}")
        )
        # Its table is typed for bare ports; the engine also takes an address of this host.
        cast("dict[str, Any]", container.ports)[f"{self._port}/tcp"] = (LOOPBACK, self._port)
        self._container = container
        container.start()
        wrapped = container.get_wrapped_container()
        self._lifeline = wrapped.attach_socket(params={"stdin": 1, "stream": 1})

    def _remove_left_behind(self) -> None:
        """Remove the container of a launcher that ended before it could attach the lifeline."""
        import docker

        client = docker.from_env()
        try:
            client.containers.get(container_name(self._files)).remove(force=True)
        except docker.errors.DockerException:
            return
        finally:
            client.close()

    def _last_words(self) -> str:
        if self._container is None:
            return "the container did not start"
        lines = self._container.get_wrapped_container().logs(tail=20).decode(errors="replace")
        return cause_in(lines.splitlines())

    async def _ask(self, question: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(question)
        except Exception as fault:
            raise BrokerUnavailableError(
                f"Docker could not start Kafka ({_first_line(fault)})"
            ) from fault

    async def stop(self) -> None:
        """End cleanly and remove the container; the data stay in the folder."""
        if self._container is not None:
            await asyncio.to_thread(self._end, STOP_S)
        self._files.release()

    def kill(self) -> None:
        """SIGKILL: what was acknowledged is on disk, and `start_again` finds it."""
        self._end(0)
        self._files.release()

    def _end(self, within_s: int) -> None:
        container, self._container = self._container, None
        lifeline, self._lifeline = self._lifeline, None
        if container is None:
            return
        from docker.errors import DockerException  # type: ignore[import-untyped]
        from testcontainers.core.exceptions import ContainerStartException

        # A container that does not run, or never did, is only removed.
        with contextlib.suppress(DockerException, ContainerStartException):
            if within_s:
                container.get_wrapped_container().stop(timeout=within_s)
            else:
                container.get_wrapped_container().kill()
        with contextlib.suppress(DockerException):
            container.stop()
        if lifeline is not None:
            lifeline.close()


def container_name(files: BrokerFiles) -> str:
    """One name per data folder, so that a start finds what an earlier one left behind."""
    return "depotgate-kafka-" + hashlib.sha256(str(files.folder).encode()).hexdigest()[:12]


def container_script(files: BrokerFiles) -> str:
    """What the container runs; see SCRIPT."""
    return SCRIPT.format(
        data=shlex.quote(str(files.data)), settings=shlex.quote(str(files.settings))
    )


def _no_engine(fault: Exception) -> str:
    if "Permission denied" in str(fault):
        return "join the group that may use Docker (its engine refuses you)"
    return "start Docker (no engine answers)"


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0]
