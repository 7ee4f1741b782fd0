"""What becomes of a process that Kafka does not permit what its role does, at start and later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from connectors.kafka.grants import give
from connectors.kafka.permission_watch import PATIENCE_S
from connectors.kafka.security import principal_of
from connectors.kafka.topics import apply_topics, check_topics
from connectors.processes import kill_child
from connectors.telemetry.metrics import Metrics
from models.errors import NotPermittedError
from models.metrics import PERMISSIONS_LACKING
from models.roles import Grant, Operation, ResourceType, Role, grants_of
from models.topics import (
    AUDIT,
    DECISIONS,
    EVENTS,
    IDENTITIES,
    MODE,
    OUTCOMES,
    STAGES,
    STATE,
    TOPICS,
    Topic,
)
from streams.states import ChargerStates
from tests.integration.depots import CARDS, Depot, rows
from tests.integration.guarded_house import WITHIN_S, House, Started
from tests.integration.installations import DEADLINE_S, Fleet, holds_within, until_holds
from tests.integration.secured_broker import SecuredBroker, secured_broker_in
from tests.said import Said

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    with secured_broker_in(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(broker: SecuredBroker, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Loaded; nothing runs."""
    depot = Depot(tmp_path_factory.mktemp("depot"), "guarded", rows("GUARDED", "reserved", 1))
    house = House(broker, tmp_path_factory.mktemp("house"), depot)
    loaded = await house.ask("load", str(depot.folder), **broker.variables("LOGIN", "load"))
    assert loaded.code == 0, loaded.err
    return house


def permission(topic: Topic, operation: Operation) -> Grant:
    return Grant(ResourceType.TOPIC, topic.name, operation)


@asynccontextmanager
async def lacking(
    broker: SecuredBroker, role: Role, topic: Topic, operation: Operation
) -> AsyncIterator[None]:
    """Kafka shows the topic to the user of a role all the same, as another role of theirs would."""
    user = f"User:{role}"
    await give(broker.administrator, user, [permission(topic, Operation.DESCRIBE)])
    await broker.withdraw(user, topic, operation)
    try:
        yield
    finally:
        await give(broker.administrator, user, [permission(topic, operation)])


def sentence(role: Role, deed: str, topic: Topic) -> str:
    return (
        f"Kafka does not permit User:{role} to {deed} {topic.name}; an administrator of Kafka "
        f"gives what the role may do: `depotgate acl {role} --principal User:{role} --apply`"
    )


def dead_letters(origin: Topic) -> Topic:
    return next(topic for topic in TOPICS if topic.name == origin.dead_letter_name)


NEEDED = (
    (Role.GATEWAY, OUTCOMES, Operation.WRITE),
    (Role.GATEWAY, dead_letters(DECISIONS), Operation.WRITE),
    (Role.GATEWAY, STAGES, Operation.READ),
    (Role.WORKER, DECISIONS, Operation.WRITE),
    (Role.WORKER, dead_letters(EVENTS), Operation.WRITE),
    (Role.FLAGS, STAGES, Operation.WRITE),
)
DEEDS = {Operation.READ: "read", Operation.WRITE: "write to"}


async def start(house: House, role: Role, tmp_path: Path) -> Said:
    flags = tmp_path / "flags.toml"
    flags.write_text('provider = "openfeature.provider.no_op_provider:NoOpProvider"\n')
    options = {Role.FLAGS: [f"--flags={flags}"], Role.GATEWAY: [f"--ocpp={house.ocpp}"]}.get(
        role, []
    )
    files = (f"--data={tmp_path}", "--metrics=127.0.0.1:0")
    return await house.ask(role, *options, *files, **house.broker.variables("LOGIN", role))


@pytest.mark.parametrize(("role", "topic", "operation"), NEEDED)
async def test_a_process_that_lacks_a_permission_of_its_role_does_not_start(
    house: House, role: Role, topic: Topic, operation: Operation, tmp_path: Path
) -> None:
    async with lacking(house.broker, role, topic, operation):
        said = await start(house, role, tmp_path)
    assert said.code == 1
    assert said.err.splitlines()[-1] == sentence(role, DEEDS[operation], topic)


def worker(house: House) -> Started:
    return Started(Role.WORKER, (), house.broker.variables("LOGIN", Role.WORKER))


def gateway(house: House) -> Started:
    at = (f"--ocpp={house.ocpp}", f"--deadline-s={DEADLINE_S}")
    return Started(Role.GATEWAY, at, house.broker.variables("LOGIN", Role.GATEWAY))


async def shows(house: House, role: Role, lacking_count: int) -> None:
    async def lacks() -> float:
        return await asyncio.to_thread(house.metric, role, PERMISSIONS_LACKING)

    what = f"{role} lacks {lacking_count} permissions"
    await until_holds(lacks, lambda found: found == lacking_count, what, WITHIN_S)


async def test_who_gets_a_permission_back_in_time_goes_on(house: House) -> None:
    fleet = Fleet(house.depot, f"ws://{house.ocpp}/ocpp")
    async with house.running(worker(house), gateway(house)) as said, fleet.connected():
        await shows(house, Role.WORKER, 0)
        async with (
            lacking(house.broker, Role.WORKER, IDENTITIES, Operation.READ),
            lacking(house.broker, Role.GATEWAY, STAGES, Operation.READ),
        ):
            await shows(house, Role.WORKER, 1)
            await shows(house, Role.GATEWAY, 1)
            assert (await fleet["GUARDED-00"].authorize(CARDS["own fleet"])).accepted
        await shows(house, Role.WORKER, 0)
        await shows(house, Role.GATEWAY, 0)
        assert (await fleet["GUARDED-00"].authorize(CARDS["own fleet"])).accepted
    for role, topic, log in zip(
        (Role.WORKER, Role.GATEWAY), (IDENTITIES, STAGES), said, strict=True
    ):
        told = [line for line in log.splitlines() if '"permissions.' in line]
        assert len(told) == 2, "once that it is lacking, and once that it is not"
        assert sentence(role, "read", topic) in told[0]


async def test_a_worker_that_goes_on_lacking_one_ends_with_a_sentence(house: House) -> None:
    process = house.launch(worker(house))
    try:
        await house.until_ready(Role.WORKER, process)
        async with lacking(house.broker, Role.WORKER, STATE, Operation.READ):
            await holds_within(lambda: process.poll() is not None, PATIENCE_S + WITHIN_S, "its end")
    finally:
        kill_child(process)
    assert process.returncode == 1
    last = house.said(Role.WORKER).read_text().splitlines()[-1]
    assert last == sentence(Role.WORKER, "read", STATE)


async def test_a_gateway_that_may_write_no_more_ends_with_a_sentence(house: House) -> None:
    process = house.launch(gateway(house))
    fleet = Fleet(house.depot, f"ws://{house.ocpp}/ocpp")
    try:
        await house.until_ready(Role.GATEWAY, process)
        async with lacking(house.broker, Role.GATEWAY, EVENTS, Operation.WRITE):
            # A charger that connects is the first event.
            dialling = asyncio.create_task(fleet["GUARDED-00"].run())
            await holds_within(lambda: process.poll() is not None, WITHIN_S, "its end")
            dialling.cancel()
            await asyncio.wait({dialling})
    finally:
        kill_child(process)
    assert process.returncode == 1
    last = house.said(Role.GATEWAY).read_text().splitlines()[-1]
    assert "records can no longer be delivered (Kafka does not permit User:gateway to write" in last
    assert EVENTS.name in last


async def test_rows_are_loaded_when_they_may_be_read_again(broker: SecuredBroker) -> None:
    states = ChargerStates(broker.kafka("LOGIN", Role.WORKER), Metrics("worker"))
    async with lacking(broker, Role.WORKER, STATE, Operation.READ):
        loading = asyncio.create_task(states.load({0}))
        done, _pending = await asyncio.wait({loading}, timeout=2.0)
        assert not done
    assert await asyncio.wait_for(loading, WITHIN_S)


async def test_a_load_that_may_not_write_all_writes_nothing(house: House) -> None:
    asked = house.broker.variables("LOGIN", Role.LOAD)
    site = house.depot.folder / "site.yaml"
    before = site.read_text()
    site.write_text(before.replace("name: ", "name: New ", 1))
    async with lacking(house.broker, Role.LOAD, AUDIT, Operation.WRITE):
        said = await house.ask("load", str(house.depot.folder), **asked)
    assert said.code == 1
    assert said.err.startswith(f"Kafka does not permit User:load to write to {AUDIT.name}; ")
    site.write_text(before)
    again = await house.ask("load", str(house.depot.folder), **asked)
    assert "nothing has changed" in again.out


async def test_doctor_names_what_its_user_lacks(house: House) -> None:
    asked = house.broker.variables("LOGIN", Role.WORKER)
    async with lacking(house.broker, Role.WORKER, MODE, Operation.WRITE):
        said = await house.ask("doctor", "--json", **asked)
    assert sentence(Role.WORKER, "write to", MODE) in said.out
    assert "User:worker has the permissions of worker" in (await house.ask("doctor", **asked)).out


async def test_who_is_shown_nothing_is_not_told_that_topics_are_missing(
    broker: SecuredBroker,
) -> None:
    stranger = broker.kafka("CERTIFICATE", "stranger")
    assert principal_of(stranger).endswith("stranger.pem")
    hidden = f"does not show {len(TOPICS)} of the {len(TOPICS)} topics, be they there or not"
    with pytest.raises(NotPermittedError, match=hidden):
        await check_topics(stranger)
    with pytest.raises(NotPermittedError, match=f"{hidden}.*for an administrator"):
        await apply_topics(stranger, dry_run=True)


async def test_what_is_given_is_in_force_at_once(broker: SecuredBroker) -> None:
    newcomer = broker.kafka("CERTIFICATE", "newcomer")
    told: list[tuple[int, int]] = []

    def progress(done: int, all_: int) -> None:
        told.append((done, all_))

    grants = grants_of(Role.WORKER)
    await give(broker.administrator, "User:CN=newcomer", grants, progress)
    assert told[-1] == (len(grants), len(grants))
    await check_topics(newcomer)
