"""The settings that faust-streaming really runs with."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from connectors.kafka.producer import Producer
from connectors.kafka.replica import Replica
from connectors.kafka.security import Kafka, Login, Mechanism, SecuredKafka, security_options
from connectors.telemetry.metrics import Metrics
from models.topics import EVENTS, OUTCOMES, WORKER_GROUP
from streams.app import GIVE_WAY_EVERY, REPLICA_TOPICS, Pauses, WorkerSettings, create_app
from streams.overrides import DepotgateApp

# fmt: off
SETTINGS = (
    # Why each has this value is said beside it in streams/app.py.
    ("broker_commit_interval",     0.25),
    ("broker_session_timeout",     10.0),
    ("broker_heartbeat_interval",  1.0),
    ("producer_acks",              -1),
    ("producer_linger",            0),
    ("producer_max_batch_size",    131_072),
    ("producer_request_timeout",   10.0),
    ("stream_buffer_maxsize",      16_384),
    ("topic_disable_leader",       True),
    ("topic_allow_declare",        False),
    ("table_standby_replicas",     0),
    ("web_enabled",                False),
    ("key_serializer",             "raw"),
    ("value_serializer",           "raw"),
    ("consumer_auto_offset_reset", "earliest"),
    ("worker_redirect_stdouts",    False),
    # Faust's defaults that the crash tests rely on: agents finish before partitions go.
    ("stream_wait_empty",          True),
    ("processing_guarantee",       "at_least_once"),
)
# fmt: on


def app_of(
    folder: Path, *, bootstrap: Kafka = "one:9092", member: str | None = None
) -> DepotgateApp:
    settings = WorkerSettings(bootstrap=bootstrap, instance_id=member, data=folder)
    metrics = Metrics("worker")
    replica = Replica(bootstrap, REPLICA_TOPICS, metrics)
    return create_app(settings, replica, Producer(bootstrap, "tests"), metrics, lambda: None)


@pytest.mark.parametrize(("name", "value"), SETTINGS)
async def test_a_setting_is_in_force(tmp_path: Path, name: str, value: Any) -> None:
    found = getattr(app_of(tmp_path).conf, name)
    assert getattr(found, "value", found) == value


async def test_a_worker_without_an_id_is_no_static_member(tmp_path: Path) -> None:
    # "" would be a membership that all such workers claim from each other.
    assert app_of(tmp_path).conf.consumer_group_instance_id is None
    assert app_of(tmp_path, member="w-1").conf.consumer_group_instance_id == "w-1"


async def test_every_broker_of_the_bootstrap_is_known_to_faust(tmp_path: Path) -> None:
    app = app_of(tmp_path, bootstrap="one:9092,two:9093")
    assert [(url.host, url.port) for url in app.conf.broker] == [("one", 9092), ("two", 9093)]
    assert app.conf.id == WORKER_GROUP


async def test_there_is_one_agent_a_topic_and_no_table(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    topics = {name: list(agent.get_topic_names()) for name, agent in app.agents.items()}
    assert topics == {
        "chargers": [EVENTS.name],
        "denials": [OUTCOMES.name],
    }
    # Concurrency would commit past gaps; a table would lose events when partitions are taken over.
    assert {agent.concurrency for agent in app.agents.values()} == {1}
    assert not app.tables


async def test_faust_keeps_its_files_in_the_folder_it_is_given(tmp_path: Path) -> None:
    assert app_of(tmp_path / "faust").conf.datadir == tmp_path / "faust"


# fmt: off
WAYS_IN = (
    SecuredKafka("one:1", ssl.create_default_context(), None),
    SecuredKafka("one:1", None, Login(Mechanism.SCRAM_SHA_256, "worker", "secret")),
    SecuredKafka("one:1,two:2", ssl.create_default_context(),
                 Login(Mechanism.PLAIN, "worker", "secret")),
)
# fmt: on


@pytest.mark.parametrize("kafka", WAYS_IN, ids=lambda kafka: str(kafka.protocol))
async def test_faust_comes_in_as_our_own_clients_do(tmp_path: Path, kafka: SecuredKafka) -> None:
    app = app_of(tmp_path, bootstrap=kafka)
    told = credentials_to_aiokafka_auth(app.conf.broker_credentials, app.conf.ssl_context)
    assert dict(told) == security_options(kafka)
    assert [f"{url.host}:{url.port}" for url in app.conf.broker] == str(kafka).split(",")


async def test_requests_have_their_turn_among_many_events() -> None:
    """A backlog that is handled without a wait must not keep a driver waiting."""
    ran: list[str] = []
    pauses = Pauses()
    asyncio.get_running_loop().call_soon(ran.append, "a request")
    for _ in range(GIVE_WAY_EVERY):
        assert not ran
        await pauses.give_way()
    assert ran
