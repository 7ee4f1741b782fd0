"""The broker: a named one, one on Docker, or Apache Kafka from its jars, in this order."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from connectors.kafka.broker_docker import IMAGE, DockerBroker, docker_obstacle, pull_image
from connectors.kafka.broker_files import KAFKA_VERSION, BrokerFiles, Progress
from connectors.kafka.broker_jars import jars_obstacle, jars_present, start_from_jars
from connectors.kafka.class_recording import prepare_jars
from connectors.kafka.readiness import kafka_answers
from connectors.kafka.refusals import refusal_of
from connectors.kafka.security import Kafka
from models.errors import BrokerUnavailableError

BrokerKind = Literal["named", "docker", "jars"]

NAMED_ANSWER_S = 10.0
"""A named broker runs already; further away than this it would miss every deadline anyway."""


class Broker(Protocol):
    """A Kafka that answers. Belongs to no event loop: start it in one, stop it in another."""

    @property
    def kind(self) -> BrokerKind:
        """How it came to be."""

    @property
    def bootstrap(self) -> str:
        """`HOST:PORT[,HOST:PORT]` for clients."""

    @property
    def pid(self) -> int | None:
        """Of the process, where it is a child of ours."""

    @property
    def alive(self) -> bool:
        """Whether its process or container runs; a named one is somebody else's care."""

    async def start_again(self) -> None:
        """Start over the same data and port, after `kill`, `stop` or a death of its own.

        Raises:
            BrokerUnavailableError: it did not come back; says why.
        """

    async def stop(self) -> None:
        """End cleanly; does nothing when it does not run."""

    def kill(self) -> None:
        """SIGKILL, for a test or a broker that hangs."""


class BrokerWay(NamedTuple):
    """One way to a broker: whether it is open here, and what there is or what to do."""

    name: BrokerKind
    available: bool
    detail: str


class NamedBroker:
    """A Kafka that somebody else runs: never started, stopped or killed from here."""

    kind: Literal["named"] = "named"
    pid = None
    alive = True

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka

    @property
    def bootstrap(self) -> str:
        """As it was named."""
        return str(self._kafka)

    async def start_again(self) -> None:
        """Look whether it answers.

        Raises:
            BrokerUnavailableError: it does not.
            KafkaRefusedError: it does not let us in.
        """
        if not await kafka_answers(self._kafka, NAMED_ANSWER_S):
            refused = await refusal_of(self._kafka)
            if refused is not None:
                raise refused
            raise BrokerUnavailableError(
                f"no Kafka answers at {self._kafka}, which DEPOTGATE_KAFKA names; "
                "start it, or unset DEPOTGATE_KAFKA to have one started here"
            )

    async def stop(self) -> None:
        """It is not ours to stop."""

    def kill(self) -> None:
        """It is not ours to kill."""


def broker_ways(named: str | None) -> tuple[BrokerWay, ...]:
    """The three ways, in the order in which they are taken, each looked at (takes up to 3 s)."""
    docker = docker_obstacle()
    jars = jars_obstacle()
    fetched = "fetched" if jars_present() else "to be fetched through Maven at the first start"
    return (
        BrokerWay(
            "named", named is not None, named or "set DEPOTGATE_KAFKA=HOST:PORT to use your own"
        ),
        BrokerWay("docker", docker is None, docker or f"the engine answers, image {IMAGE}"),
        BrokerWay("jars", jars is None, jars or f"Apache Kafka {KAFKA_VERSION}, jars {fetched}"),
    )


def ways_to_take(ways: tuple[BrokerWay, ...]) -> tuple[BrokerKind, ...]:
    """The ways to try, in order: a named broker is never replaced by another.

    Raises:
        BrokerUnavailableError: none is open; names all three and what each needs.
    """
    usable = tuple(way.name for way in ways if way.available)
    if not usable:
        needs = "; or ".join(way.detail for way in ways)
        raise BrokerUnavailableError(f"there is no Kafka to use, one of three will do: {needs}")
    return ("named",) if "named" in usable else usable


async def start_broker(
    data: Path, *, named: Kafka | None, port: int | None = None, on_progress: Progress
) -> Broker:
    """Have a Kafka that answers: the named one, else one on Docker, else one from its jars.

    Call it from the main thread: a broker from jars ends with the thread that started it.

    Args:
        data: depotgate's data folder; a broker started here keeps all of its own below it, so a
            later start finds topics and records again. A broker left behind there is ended first.
        named: the broker to use (DEPOTGATE_KAFKA), None to start one.
        port: for a broker started here; None = the one it had before if free, else a free one.
        on_progress: gets a line for each step that takes time.

    Raises:
        BrokerUnavailableError: one sentence with what to do.
        KafkaRefusedError: the named one does not let us in.
    """
    if named is not None:
        broker = NamedBroker(named)
        await broker.start_again()
        return broker
    ways = ways_to_take(await asyncio.to_thread(broker_ways, named))
    files = BrokerFiles(data / "kafka")
    if "docker" in ways:
        try:
            return await _start_on_docker(files, port, on_progress)
        except BrokerUnavailableError as fault:
            if "jars" not in ways:
                raise
            on_progress(f"{fault}; going on with Kafka's jars")
    return await start_from_jars(files, port, on_progress)


async def _start_on_docker(
    files: BrokerFiles, port: int | None, on_progress: Progress
) -> DockerBroker:
    await asyncio.to_thread(pull_image, on_progress)
    on_progress(f"starting Apache Kafka {KAFKA_VERSION} in Docker")
    broker = DockerBroker(files, port)
    await broker.start_again()
    return broker


async def prepare_broker(named: str | None, on_progress: Progress) -> str:
    """Have what the first start will need; says in a few words what was found.

    Raises:
        BrokerUnavailableError: no way is open, or the fetch failed.
    """
    if named is not None:
        return f"the Kafka at {named}, named by DEPOTGATE_KAFKA"
    ways = ways_to_take(await asyncio.to_thread(broker_ways, named))
    if "docker" in ways:
        try:
            await asyncio.to_thread(pull_image, on_progress)
            return f"Apache Kafka {KAFKA_VERSION} in Docker"
        except BrokerUnavailableError as fault:
            if "jars" not in ways:
                raise
            on_progress(f"{fault}; going on with Kafka's jars")
    await prepare_jars(on_progress)
    return f"Apache Kafka {KAFKA_VERSION} from its jars"


def main(arguments: list[str]) -> int:
    """`python -m connectors.kafka.broker [HOST:PORT]`: the broker's part of `make setup`."""
    named = arguments[0] if arguments and arguments[0] else None
    try:
        said = asyncio.run(prepare_broker(named, lambda line: print(f"    {line}", flush=True)))
    except BrokerUnavailableError as fault:
        print(f"    {fault}", file=sys.stderr)
        return 1
    print(f"    {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
