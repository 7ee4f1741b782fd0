"""The worker: a Faust application wired from its parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

import faust
import uvloop
from faust.types import TP, StreamT
from faust.types.events import EventT

from connectors.kafka.producer import Producer
from connectors.kafka.replica import Replica
from connectors.kafka.topics import check_topics
from connectors.telemetry.metrics import Metrics
from models.topics import CHARGERS, EVENTS, FEEDS, IDENTITIES, OUTCOMES, REQUESTS, SITES, Topic
from streams.chargers import ChargerDesk
from streams.decisions import DecisionDesk
from streams.denials import DenialDesk
from streams.outbox import Outbox
from streams.overrides import DepotgateApp, Worker
from streams.states import ChargerStates

GROUP = "depotgate-worker"
"""Consumer group of all workers of an installation: they share the partitions."""

REPLICA_TOPICS = (SITES, CHARGERS, FEEDS, IDENTITIES)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs to know.

    Attributes:
        bootstrap: `HOST:PORT[,HOST:PORT]`.
        instance_id: static group membership; stable over restarts in place, unique among workers:
            a worker killed and back within a second keeps its partitions. None = dynamic.
        data: an existing folder for Faust's own bookkeeping.
    """

    bootstrap: str
    instance_id: str | None
    data: Path


def create_app(
    settings: WorkerSettings,
    replica: Replica,
    producer: Producer,
    metrics: Metrics,
    ready: Callable[[], None],
) -> DepotgateApp:
    """The application: three thin agents, per-charger state and its timers.

    Args:
        ready: called once partitions are assigned and the state of their chargers is loaded.
    """
    outbox = Outbox(producer, metrics)
    states = ChargerStates(settings.bootstrap, metrics)

    async def prepare() -> None:
        await check_topics(settings.bootstrap)
        await replica.load()
        await producer.start()

    app = DepotgateApp(GROUP, outbox=outbox, prepare=prepare, **_faust_settings(settings))
    chargers = ChargerDesk(replica, states, outbox, metrics)
    _add_agents(app, DecisionDesk(replica, outbox, metrics), chargers, DenialDesk(outbox, metrics))
    _follow_assignments(app, states, chargers, ready)
    app.task(replica.follow)
    app.task(chargers.keep_time)
    return app


def _faust_settings(settings: WorkerSettings) -> dict[str, object]:
    return {
        "broker": f"kafka://{settings.bootstrap.replace(',', ';kafka://')}",
        "datadir": str(settings.data),
        "consumer_group_instance_id": settings.instance_id or "",
        "consumer_auto_offset_reset": "earliest",
        # Everything on our topics is bytes that we decode ourselves: a bad record becomes a dead
        # letter instead of an exception in Faust's own decoding.
        "key_serializer": "raw",
        "value_serializer": "raw",
        # Topics are created by `depotgate topics apply`, from the one table.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
        "web_enabled": False,
        # Bounds what a crash repeats; the flush before each commit makes smaller values costly.
        "broker_commit_interval": 0.25,
        # A killed worker's partitions stand still this long (the gateway's second try goes to
        # another worker meanwhile).
        "broker_session_timeout": 10.0,
        "broker_heartbeat_interval": 1.0,
        "stream_buffer_maxsize": 16384,
        "producer_acks": -1,
        "producer_linger": 0,
        "producer_request_timeout": 10.0,
        "cython_optimizations": True,
        "worker_redirect_stdouts": False,
    }


def _add_agents(
    app: DepotgateApp, decisions: DecisionDesk, chargers: ChargerDesk, denials: DenialDesk
) -> None:
    # One agent a topic, no concurrency and no noack(): both commit past gaps
    # (faust-streaming#315, #606). Partitions are the unit of scale.
    @app.agent(_raw_topic(app, REQUESTS), name="decisions")
    async def decide_requests(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            await decisions.answer(event.message, _traceparent(event))

    @app.agent(_raw_topic(app, EVENTS), name="chargers")
    async def follow_chargers(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            await chargers.apply(event.message)

    @app.agent(_raw_topic(app, OUTCOMES), name="denials")
    async def record_denials(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            await denials.record(event.message, _traceparent(event))


def _raw_topic(app: DepotgateApp, topic: Topic) -> faust.TopicT:
    return app.topic(
        topic.name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )


def _traceparent(event: EventT[bytes]) -> str | None:
    headers = cast("list[tuple[str, bytes]]", event.message.headers or [])
    found = next((value for name, value in headers if name == "traceparent"), None)
    return found.decode("ascii", errors="replace") if found is not None else None


def _follow_assignments(
    app: DepotgateApp, states: ChargerStates, chargers: ChargerDesk, ready: Callable[[], None]
) -> None:
    async def give_away(_app: Any, revoked: set[TP], **_: Any) -> None:
        # What this worker wrote must be in the topic before the next owner loads it.
        await app.outbox.settle()
        states.drop({tp.partition for tp in revoked if tp.topic == EVENTS.name})

    # Awaited before the partitions resume: a quiet partition has its timers too.
    async def take_over(_app: Any, **_: Any) -> None:
        assigned = app.consumer.assignment()
        await states.load({tp.partition for tp in assigned if tp.topic == EVENTS.name})
        chargers.review_all()
        ready()

    app.on_partitions_revoked.connect(cast("Any", give_away))
    app.on_rebalance_complete.connect(cast("Any", take_over))


def run_worker(settings: WorkerSettings, metrics: Metrics, ready: Callable[[], None]) -> NoReturn:
    """Run a worker until it is told to stop; exits the process.

    Raises:
        DepotgateError: the broker or its topics are not as expected.
    """
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    replica = Replica(settings.bootstrap, REPLICA_TOPICS, metrics)
    producer = Producer(settings.bootstrap, f"worker/{settings.instance_id or 'dynamic'}")
    app = create_app(settings, replica, producer, metrics, ready)
    Worker(
        app, loglevel="WARNING", override_logging=False, redirect_stdouts=False, quiet=True
    ).execute_from_commandline()
