"""A run of the demo: chargers and drivers against a real gateway, watched through the topics."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from connectors.kafka.security import Kafka
from connectors.processes import ended_within
from depotgate.demo.depot import DemoDepot
from depotgate.demo.events import Event, Listener
from depotgate.demo.expectations import Expectations
from depotgate.demo.fleet import Fleet
from depotgate.demo.lines import Lines
from depotgate.demo.odd.notices import Notices
from depotgate.demo.picture import Pictures
from depotgate.demo.session import Attempted
from depotgate.demo.summary import print_summary
from depotgate.demo.tally import Tally
from depotgate.demo.timetable import Span, span_around_an_edge
from depotgate.demo.view import Screen
from depotgate.demo.voice import Voice
from depotgate.demo.watch import Heard, Watch
from models.attempt import Outcome
from models.ids import SiteId

SECONDS = 60.0
"""Of a run without an end of its own."""

SECONDS_MIN = 20.0
"""A shorter run is made this long: every card has to be seen, and an edge from both sides."""

CONNECT_WITHIN_S = 30.0
SETTLE_WITHIN_S = 15.0
"""For what has been begun to end on the topics: a switch that has to be repeated takes 10 s."""


@dataclass(frozen=True)
class _Run:
    """The parts of one run; `listeners` are told of everything, in their order."""

    depot: DemoDepot
    fleet: Fleet
    watch: Watch
    tally: Tally
    expectations: Expectations
    notices: Notices
    listeners: list[Listener]


async def run_demo(
    kafka: Kafka,
    ocpp: str,
    metrics: Mapping[str, Sequence[str]],
    depot: DemoDepot,
    *,
    seconds: float | None,
    live: bool,
    console: Console,
    voice: Voice | None = None,
) -> bool:
    """Run the demo against processes that are up and have loaded the depot's folder.

    Args:
        kafka, ocpp, metrics: where the broker, the gateway and the metrics of each role are.
        seconds: how long to run once an edge lies well inside; None = SECONDS. A live run goes on
            until Ctrl-C.
        live: draw on the terminal; otherwise print lines.
        voice: says what there is to say of the processes; None = nobody does.

    Returns:
        Whether everything happened that had to. How long a live run is, is up to its watcher:
        there it is enough that nothing went wrong.

    Raises:
        BrokerUnavailableError: Kafka does not answer.
    """
    run = _parts(kafka, ocpp, depot)
    for line in _introduction(kafka, ocpp, metrics, depot):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    async with run.watch, _staffed(run) as tasks:
        if live:
            faults = await _live(run, tasks, console, voice or Voice(console))
        else:
            faults = await _counted(run, tasks, console, max(SECONDS_MIN, seconds or SECONDS))
    print_summary(console, depot, run.tally, faults)
    return not faults


def _parts(kafka: Kafka, ocpp: str, depot: DemoDepot) -> _Run:
    tally, expectations = Tally(depot), Expectations(depot)
    notices = Notices(depot.odd)
    listeners: list[Listener] = [tally, expectations, notices]

    def hear(event: Event) -> None:
        # On a broker that is not the demo's own, other sites are not its business.
        if isinstance(event, Attempted) or _site_of(event) == depot.site.site_id:
            for listener in listeners:
                listener.hear(event)

    fleet = Fleet(depot, ocpp, hear, rng=random.Random())
    return _Run(depot, fleet, Watch(kafka, hear), tally, expectations, notices, listeners)


def _site_of(record: Heard) -> SiteId:
    return record.attempt.site_id if isinstance(record, Outcome) else record.site_id


def _introduction(
    kafka: Kafka, ocpp: str, metrics: Mapping[str, Sequence[str]], depot: DemoDepot
) -> Iterator[str]:
    yield f"{len(depot.chargers)} simulated chargers at {ocpp}, Kafka at {kafka}"
    yield f"depot folder {depot.folder}"
    yield from (f"{role} metrics {url}" for role, urls in metrics.items() for url in urls)


@asynccontextmanager
async def _staffed(run: _Run) -> AsyncIterator[asyncio.TaskGroup]:
    """The topics are followed and the chargers are on; both end with the block."""
    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(run.watch.follow()), tasks.create_task(run.fleet.run())]
        try:
            yield tasks
        finally:
            for task in work:
                task.cancel()


async def _counted(
    run: _Run, tasks: asyncio.TaskGroup, console: Console, seconds: float
) -> tuple[str, ...]:
    """Run for so long around an edge, in lines; what did not happen as it must."""
    lines = Lines(run.depot, console)
    run.listeners.append(lines)
    run.notices.tell = lines.notice
    absent = await _begin(run, tasks)
    now = datetime.now(UTC)
    span = span_around_an_edge(now, seconds, run.depot.edges_after(now))
    if absent or span is None:
        return (*absent, *([] if span else ["the timetable of the folder is over"]))
    lines.say(now, "DEMO", _said(span, run.depot))
    await asyncio.sleep((span.ends_at - now).total_seconds())
    lines.say(datetime.now(UTC), "DEMO", "the last drivers leave")
    faults = await _end(run)
    unseen = run.expectations.unseen(run.tally, span.edge_at)
    return (*faults, *unseen, *run.notices.missing())


def _said(span: Span, depot: DemoDepot) -> str:
    edge_at, ends_at = (f"{at.astimezone(depot.zone):%H:%M:%S}" for at in span[1:])
    return f"drivers come; the next mode edge is at {edge_at}, the end at {ends_at}"


async def _live(
    run: _Run, tasks: asyncio.TaskGroup, console: Console, voice: Voice
) -> tuple[str, ...]:
    """Run until Ctrl-C, on the screen; what went wrong."""
    pictures = Pictures(run.depot, run.fleet.chargers, run.tally, voice, run.notices)
    run.listeners.append(pictures)
    with _ctrl_c() as told_to_end, voice.beside_a_screen():
        screen = tasks.create_task(Screen(console, pictures.take).show())
        absent = await _begin(run, tasks)
        if not absent:
            await told_to_end.wait()
        screen.cancel()
        await asyncio.wait({screen})
    console.print(Text("the last drivers leave", "dim"))
    return absent or await _end(run)


async def _begin(run: _Run, tasks: asyncio.TaskGroup) -> tuple[str, ...]:
    """Have all chargers connected and in their mode, then let drivers come; who is absent."""
    absent = await run.fleet.absent(CONNECT_WITHIN_S)
    if absent:
        return tuple(f"{charger_id}: {why}" for charger_id, why in absent.items())
    await ended_within(run.expectations.settled, SETTLE_WITHIN_S)
    run.expectations.begun_at = datetime.now(UTC)
    run.fleet.open(tasks)
    return ()


async def _end(run: _Run) -> tuple[str, ...]:
    """Send the drivers home and wait for the books to come out even; what went wrong."""
    dropped_count = await run.fleet.close()
    tally, expectations = run.tally, run.expectations
    await ended_within(
        lambda: (
            not tally.lost
            and not tally.denials_missing_count
            and expectations.settled()
            and not [*run.notices.missing()]
        ),
        SETTLE_WITHIN_S,
    )
    faults = expectations.broken(tally, datetime.now(UTC))
    dropped = [f"drivers who did not leave in time: {dropped_count}"] if dropped_count else []
    unread_count = run.watch.unread_count
    unread = [f"records that could not be read: {unread_count}"] if unread_count else []
    return (*faults, *dropped, *unread)


@contextmanager
def _ctrl_c() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C sets, once; the second one ends the program as it always does."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)

    def tell() -> None:
        told.set()
        restore()

    def restore() -> None:
        if loop.remove_signal_handler(signal.SIGINT):
            signal.signal(signal.SIGINT, before)

    loop.add_signal_handler(signal.SIGINT, tell)
    try:
        yield told
    finally:
        restore()
