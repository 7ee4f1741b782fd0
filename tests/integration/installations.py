"""A whole installation as a user has it: `depotgate up`, its chargers and what it recorded."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import orjson
from prometheus_client.parser import text_string_to_metric_families

from connectors.kafka.broker_files import free_port
from connectors.keys import write_new_keys
from connectors.processes import command_of, die_with_parent
from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger21 import Charger21
from depotgate.demo.charger201 import Charger201
from depotgate.demo.link import BackOff
from depotgate.demo.session import Attempted, Behaviour
from depotgate.supervisor import Child
from models.attempt import Outcome
from models.record import Record
from tests.integration.commands import depotgate
from tests.integration.depots import Depot
from tests.integration.own_broker import format_folder
from tests.integration.written import FOLLOWS_WITHIN_S
from tests.said import Said

Found = TypeVar("Found")

UP_WITHIN_S = 150.0
DOWN_WITHIN_S = 60.0

DEADLINE_S = 6.0
"""Of an answer. A decision takes milliseconds; where a machine stood still for longer than this,
the posture would answer, and not what a test waits for."""

CONNECTS_WITHIN_S = 60.0

POLL_S, POLL_MAX_S = 0.05, 1.0
"""Between two looks at what a test waits for."""

PAGE_WITHIN_S = 30.0
"""For a page of metrics: its process may be in the midst of other work."""

QUICK = Behaviour(
    response_timeout_s=25.0,
    validate=False,
    back_off=BackOff(0.1, 0.5),
    retry_interval_s=0.2,
    meter_interval_s=0.5,
)
"""A charger that comes back soon and waits longer than the gateway waits for Kafka."""


async def holds_within(condition: Callable[[], Any], within_s: float, what: str) -> None:
    """Poll a condition; fails the test by name when it never holds."""

    async def ask() -> Any:
        return condition()

    await until_holds(ask, bool, what, within_s)


async def until_holds(
    ask: Callable[[], Awaitable[Found]],
    holds: Callable[[Found], Any],
    what: str,
    within_s: float = FOLLOWS_WITHIN_S,
) -> Found:
    """Ask again until something holds of the answer, and return it; fails the test by name.

    Between two answers it rests for as long as one takes: the other tests need the machine too.
    """
    time_s = asyncio.get_running_loop().time
    deadline_s = time_s() + within_s
    while True:
        asked_s = time_s()
        found = await ask()
        if holds(found):
            return found
        assert time_s() < deadline_s, f"not within {within_s:.0f} s: {what}"
        await asyncio.sleep(min(max(POLL_S, time_s() - asked_s), POLL_MAX_S))


class Up:
    """`depotgate up` in a process of its own."""

    def __init__(self, folder: Path, depot: Depot, *options: str) -> None:
        self.data = folder / "data"
        self.keys = folder / "keys.json"
        self._said = folder / "up.out"
        self._depot = depot
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        if not self.keys.exists():
            write_new_keys(self.keys, "k1")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self._said.read_text(errors="replace")

    @property
    def run(self) -> dict[str, Any]:
        """run.json; empty while there is none."""
        try:
            return dict(orjson.loads((self.data / "run.json").read_bytes()))
        except FileNotFoundError:
            return {}

    @property
    def ocpp(self) -> str:
        return str(self.run["ocpp"])

    @property
    def kafka(self) -> str:
        return str(self.run["kafka"])

    def pid(self, role: str) -> int:
        return int(self.run["processes"][role][0])

    async def start(self) -> None:
        """Start it and wait for run.json."""
        self._process = self._launch()
        await holds_within(
            lambda: self.run or self.process.poll() is not None, UP_WITHIN_S, "run.json"
        )
        assert self.run, f"up ended:\n{self.said}"

    async def start_sooner(self) -> None:
        """As `start`, over a folder of a broker that needs not be formatted any more."""
        await format_folder(self.data / "kafka")
        await self.start()

    def _launch(self) -> subprocess.Popen[bytes]:
        places = (f"--data={self.data}", "--ocpp=127.0.0.1:0", "--metrics=127.0.0.1:0")
        command = [sys.executable, "-m", "depotgate", "up", str(self._depot.folder), *places]
        command.append(f"--pseudonym-keys-file={self.keys}")
        with self._said.open("ab") as said:
            return subprocess.Popen(
                [*command, f"--deadline-s={DEADLINE_S}", *self._options],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=environment(),
                # It and its own children end with a test run that is killed.
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - plain calls only, see there
            )

    @asynccontextmanager
    async def one_more(self, role: str, slot: int = 0) -> AsyncIterator[Process]:
        """Another gateway or worker of this installation, started as on another machine."""
        process = Process(role, self.data.parent / f"{role}-more", self.kafka, self.keys, slot)
        try:
            await process.start()
            yield process
        finally:
            await process.stop()

    async def ask(self, *arguments: str) -> str:
        """What a `depotgate` command says about this installation; it has to end well."""
        said = await self.command(*arguments)
        assert said.code == 0, said.text
        return said.text

    async def until_says(self, *wanted: str, command: tuple[str, ...]) -> str:
        """What a command says once all that is wanted is in it: tools read what is written."""
        return await until_holds(
            lambda: self.says(*command),
            lambda said: all(each in said for each in wanted),
            f"{' '.join(command)} says {' and '.join(wanted)}",
        )

    async def says(self, *arguments: str) -> str:
        """What a `depotgate` command says, whatever it thinks of what else is on the broker."""
        said = (await self.command(*arguments)).text
        assert "Traceback" not in said
        return said

    async def refused(self, *arguments: str) -> str:
        """The sentence of a `depotgate` command that has to end with 1."""
        said = await self.command(*arguments)
        assert said.code == 1, said.text
        assert "Traceback" not in said.text
        return said.text

    async def command(self, *arguments: str, stdin: str = "", **variables: str) -> Said:
        """How a `depotgate` command about this installation ends, and all that it says."""
        variables["DEPOTGATE_PSEUDONYM_KEYS_FILE"] = str(self.keys)
        return await depotgate(
            *(*arguments, f"--data={self.data}"), environment=environment() | variables, stdin=stdin
        )

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        await holds_within(lambda: self.process.poll() is not None, DOWN_WITHIN_S, "up has ended")
        return self.process.returncode

    def end(self) -> None:
        """Whatever happened, nothing stays behind."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Process:
    """A gateway or a worker by itself, on a data folder of its own."""

    def __init__(self, role: str, data: Path, kafka: str, keys: Path, slot: int) -> None:
        metrics_port = free_port()
        ocpp_port = free_port(metrics_port)
        self.metrics = f"http://127.0.0.1:{metrics_port}/metrics"
        self.ocpp = f"ws://127.0.0.1:{ocpp_port}/ocpp"
        options = [f"--kafka={kafka}", f"--metrics=127.0.0.1:{metrics_port}"]
        if role == "gateway":
            options += [f"--ocpp=127.0.0.1:{ocpp_port}", f"--slot={slot}"]
            options += [f"--pseudonym-keys-file={keys}"]
        self._child = Child(role, [*options, f"--data={data}"], data)

    async def start(self) -> None:
        self._child.start()
        await self._child.until_ready()

    async def stop(self) -> None:
        await self._child.stop()


def environment() -> dict[str, str]:
    """This environment without settings of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DEPOTGATE_")}


def processes_on(data: Path) -> list[int]:
    """Processes of any role that run on a data folder."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in numbers if any(str(data) in part for part in command_of(pid))]


KINDS: dict[str, type[Charger16 | Charger201]] = {
    "1.6": Charger16,
    "2.0.1": Charger201,
    "2.1": Charger21,
}


class Fleet:
    """The chargers of a depot, and the account of every token presented at them."""

    def __init__(self, depot: Depot, endpoint: str) -> None:
        self.attempts: list[Attempted] = []
        self.chargers: dict[str, Charger] = {
            row.charger_id: KINDS[row.ocpp](
                row.charger_id,
                endpoint,
                password=depot.password,
                behaviour=QUICK,
                on_attempt=self.attempts.append,
            )
            for row in depot.chargers
        }

    def __getitem__(self, charger_id: str) -> Charger:
        return self.chargers[charger_id]

    def of(self, prefix: str) -> list[Charger]:
        """The chargers whose ids begin so."""
        return [each for name, each in self.chargers.items() if name.startswith(prefix)]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Self]:
        """All of them connected and booted."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(each.run()) for each in self.chargers.values()]
            for each in self.chargers.values():
                await each.connected(CONNECTS_WITHIN_S)
            yield self
            for task in running:
                task.cancel()

    def answers(self) -> Counter[tuple[str, str]]:
        """(charger, status) of every attempt that was answered."""
        return Counter(
            (each.charger_id, each.result.status) for each in self.attempts if each.result
        )


def told(outcomes: Iterable[Record]) -> Counter[tuple[str, str]]:
    """(charger, status told) of outcomes, each id once."""
    by_id = {each.request_id: each for each in outcomes if isinstance(each, Outcome)}
    return Counter(
        (str(each.attempt.charger_id), each.told.status) for each in by_id.values() if each.told
    )


def metric(url: str, name: str, **labels: str) -> float:
    """A metric of a process, summed over the labels that are not named."""
    with urllib.request.urlopen(url, timeout=PAGE_WITHIN_S) as page:  # noqa: S310 - from run.json
        text = page.read().decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


class Series(NamedTuple):
    """A name that a process serves; before anything happened to it, without sample and labels."""

    name: str
    labels: frozenset[str]
    sampled: bool


def series_of(url: str) -> list[Series]:
    """Every series of a `/metrics` page."""
    with urllib.request.urlopen(url, timeout=PAGE_WITHIN_S) as page:  # noqa: S310 - from run.json
        families = list(text_string_to_metric_families(page.read().decode()))
    found = {
        Series(sample.name, frozenset(sample.labels), sampled=True)
        for family in families
        for sample in family.samples
    }
    # Counters are families without their `_total` (prometheus-client's parser).
    empty = [family for family in families if not family.samples]
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    found |= {
        Series(family.name + suffix, frozenset(), sampled=False)
        for family in empty
        for suffix in suffixes.get(family.type, ("",))
    }
    return list(found)
