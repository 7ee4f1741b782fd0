"""The worker: a Faust application wired from its parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, cast

import faust
import uvloop
from aiokafka.errors import KafkaError
from faust.types import TP, StreamT

from connectors.collector import collect_seldom
from connectors.kafka.permission_watch import PATIENCE_S, PermissionWatch
from connectors.kafka.permissions import refuse_lacking
from connectors.kafka.producer import BATCH_MAX_BYTES, ConsumedMessage, Producer
from connectors.kafka.replica import Replica
from connectors.kafka.security import Kafka
from connectors.kafka.topics import check_topics
from connectors.telemetry.metrics import Metrics
from connectors.telemetry.trace import traceparent_in
from models.errors import BrokerUnavailableError, DepotgateError
from models.roles import Role, permit_of
from models.topics import (
    CHARGERS,
    EVENTS,
    FEEDS,
    IDENTITIES,
    OUTCOMES,
    OVERRIDES,
    REQUESTS,
    SITES,
    STAGES,
    WORKER_GROUP,
    Topic,
)
from models.turns import SWITCHES_PER_S
from streams.chargers import ChargerDesk
from streams.decisions import DecisionDesk
from streams.denials import DenialDesk
from streams.looking_back import look_back
from streams.outbox import Outbox
from streams.overrides import DepotgateApp, RawSchema, Worker
from streams.requests import COMMIT_EVERY_S, HEARTBEAT_S, SESSION_S, follow_requests
from streams.states import ChargerStates

GIVE_WAY_EVERY = 8
"""Messages handled before requests have their turn: a millisecond at most."""

REPLICA_TOPICS = (SITES, CHARGERS, OVERRIDES, STAGES, FEEDS, IDENTITIES)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs to know.

    Attributes:
        bootstrap: `HOST:PORT[,HOST:PORT]`.
        instance_id: static group membership; stable over restarts in place, unique among workers:
            a worker killed and back within a second keeps its partitions. None = dynamic.
        data: an existing folder for Faust's own bookkeeping.
        switches_per_s: mode commands to one gateway in a second, of all workers together.
    """

    bootstrap: Kafka
    instance_id: str | None
    data: Path
    switches_per_s: float = SWITCHES_PER_S


def create_app(
    settings: WorkerSettings,
    replica: Replica,
    producer: Producer,
    metrics: Metrics,
    ready: Callable[[], None],
) -> DepotgateApp:
    """The application: thin agents, requests in batches, per-charger state and its timers.

    Args:
        replica: loaded; the application follows it.
        producer: started; the application stops it at its end.
        ready: called once partitions are assigned and the state of their chargers is loaded; again
            after each change of that.
    """
    outbox = Outbox(producer, metrics)
    states = ChargerStates(settings.bootstrap, metrics)
    chargers = ChargerDesk(replica, states, outbox, metrics, settings.switches_per_s)
    app = DepotgateApp(
        WORKER_GROUP,
        outbox=outbox,
        settle=chargers.settle,
        finish=producer.stop,
        **_faust_settings(settings),
    )
    decisions = DecisionDesk(replica, outbox, metrics)
    _add_agents(app, chargers, DenialDesk(outbox, metrics))
    awaited = {EVENTS, REQUESTS}

    def assigned(topic: Topic) -> None:
        awaited.discard(topic)
        if not awaited:
            ready()

    _follow_assignments(app, states, chargers, partial(assigned, EVENTS))

    async def decide_requests() -> None:
        await follow_requests(
            settings.bootstrap,
            settings.instance_id,
            outbox,
            lambda message: decisions.answer(message, traceparent_in(message.headers)),
            partial(assigned, REQUESTS),
        )

    async def watch_permissions() -> None:
        permit = permit_of(Role.WORKER)
        await PermissionWatch(settings.bootstrap, permit, metrics, patience_s=PATIENCE_S).run()

    async def look_back_at_rows() -> None:
        await look_back(states, chargers.write_again)

    app.task(decide_requests)
    app.task(watch_permissions)
    app.task(look_back_at_rows)
    app.task(replica.follow)
    app.task(chargers.keep_time)
    return app


def _faust_settings(settings: WorkerSettings) -> dict[str, object]:
    return {
        "broker": ";".join(f"kafka://{each}" for each in str(settings.bootstrap).split(",")),
        "broker_credentials": _credentials(settings.bootstrap),
        "datadir": str(settings.data),
        # None is no membership at all; "" would be one that all workers claim from each other.
        "consumer_group_instance_id": settings.instance_id,
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
        # As for the requests, and for the same reasons.
        "broker_commit_interval": COMMIT_EVERY_S,
        "broker_session_timeout": SESSION_S,
        "broker_heartbeat_interval": HEARTBEAT_S,
        "stream_buffer_maxsize": 16384,
        "producer_acks": -1,
        "producer_linger": 0,
        "producer_max_batch_size": BATCH_MAX_BYTES,
        "producer_request_timeout": 10.0,
        "cython_optimizations": True,
        "worker_redirect_stdouts": False,
    }


def _credentials(kafka: Kafka) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """The log-in and TLS of Faust's own consumer and producer: the same as those of our clients."""
    if isinstance(kafka, str):
        return None
    if kafka.login is None:
        return faust.SSLCredentials(context=kafka.tls)
    return faust.SASLCredentials(
        username=kafka.login.username,
        password=kafka.login.password,
        mechanism=kafka.login.mechanism.value,
        ssl_context=kafka.tls,
    )


def _add_agents(app: DepotgateApp, chargers: ChargerDesk, denials: DenialDesk) -> None:
    # One agent a topic, no concurrency and no noack(): both commit past gaps
    # (faust-streaming#315, #606). Partitions are the unit of scale. `handled` lets no exception
    # out: Faust would acknowledge the event all the same, and it would be gone.
    pauses = Pauses()

    @app.agent(_raw_topic(app, EVENTS), name="chargers")
    async def follow_chargers(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            handling = chargers.apply(event.message)
            await app.outbox.handled(EVENTS, event.message, handling)
            await pauses.give_way()

    # Topics with as many partitions go to the same worker: an outcome finds its charger's row.
    async def take_outcome(message: ConsumedMessage, traceparent: str | None) -> None:
        await chargers.hear(await denials.record(message, traceparent))

    @app.agent(_raw_topic(app, OUTCOMES), name="denials")
    async def record_denials(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            handling = take_outcome(event.message, traceparent_in(event.message.headers or ()))
            await app.outbox.handled(OUTCOMES, event.message, handling)
            await pauses.give_way()


class Pauses:
    """Lets requests have their turn between events: a fetch brings a hundred and more of these at
    once, Faust hands them over without a pause, and a driver would wait for all of them."""

    def __init__(self) -> None:
        self._handled_count = 0

    async def give_way(self) -> None:
        """To be awaited when a message has been handled."""
        self._handled_count += 1
        if self._handled_count % GIVE_WAY_EVERY == 0:
            await asyncio.sleep(0)


def _raw_topic(app: DepotgateApp, topic: Topic) -> faust.TopicT:
    return app.topic(topic.name, schema=RawSchema(key_type=bytes, value_type=bytes))


def _follow_assignments(
    app: DepotgateApp, states: ChargerStates, chargers: ChargerDesk, ready: Callable[[], None]
) -> None:
    async def give_away(_app: Any, revoked: set[TP], **_: Any) -> None:
        # What this worker wrote must be in the topic before the next owner loads it.
        await chargers.give_away({tp.partition for tp in revoked if tp.topic == EVENTS.name})

    # Awaited before the partitions resume: a quiet partition has its timers too.
    async def take_over(_app: Any, **_: Any) -> None:
        assigned = app.consumer.assignment()
        partitions = {tp.partition for tp in assigned if tp.topic == EVENTS.name}
        if await states.load(partitions, app.consumer_generation_id):
            chargers.take_over()
            ready()

    app.on_partitions_revoked.connect(cast("Any", give_away))
    app.on_rebalance_complete.connect(cast("Any", take_over))


def run_worker(settings: WorkerSettings, metrics: Metrics, ready: Callable[[], None]) -> NoReturn:
    """Run a worker until it is told to stop; exits the process.

    Raises:
        BrokerUnavailableError: nothing answers at the bootstrap address.
        TopicMismatchError: the broker's topics are not those of the table.
        NotPermittedError: Kafka does not permit this user what a worker does, or has not for some
            time.
        DeliveryFailedError: Kafka did not take a record.
    """
    # The policy, too: Faust's consumer has a thread and a loop of its own.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    replica = Replica(settings.bootstrap, REPLICA_TOPICS, metrics)
    producer = Producer(settings.bootstrap, f"worker/{settings.instance_id or 'dynamic'}")
    loop.run_until_complete(_prepare(settings, replica, producer))
    app = create_app(settings, replica, producer, metrics, ready)
    collect_seldom()
    worker = Worker(app, loop)
    try:
        worker.execute_from_commandline()
    except SystemExit:
        _say_why(settings, worker.crash_reason)
        raise


def _say_why(settings: WorkerSettings, reason: BaseException | None) -> None:
    """Raise what a person can act on; the log has where it came from."""
    if isinstance(reason, DepotgateError):
        raise reason from None
    if isinstance(reason, KafkaError):
        # Faust ends in many ways over one permission that was taken away, and names none.
        asyncio.run(refuse_lacking(settings.bootstrap, permit_of(Role.WORKER)))


async def _prepare(settings: WorkerSettings, replica: Replica, producer: Producer) -> None:
    """Have everything a decision needs before Faust joins the group.

    A worker that joined first would take partitions from healthy ones, and their drivers would
    wait for its load. Services of the application start too late: only after Faust's recovery.
    """
    try:
        await check_topics(settings.bootstrap)
        await refuse_lacking(settings.bootstrap, permit_of(Role.WORKER))
        await replica.load()
        await producer.start()
    except (KafkaError, DepotgateError) as fault:
        await replica.close()
        if isinstance(fault, DepotgateError):
            raise
        raise BrokerUnavailableError(
            f"the Kafka at {settings.bootstrap} stopped answering while the worker started "
            f"({type(fault).__name__}); start the worker again when it is back"
        ) from fault
