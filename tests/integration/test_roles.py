"""Who sees what, enforced by Kafka (rule 26): every process and person logs in as its role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from connectors.kafka.consumer import (
    partitions_of,
    read_from_beginning,
    start_consumer,
    stop_consumer,
)
from connectors.kafka.grants import give
from connectors.kafka.producer import Producer
from connectors.kafka.security import Kafka, KafkaSecurity, Mechanism, Protocol, secured
from models.errors import KafkaRefusedError, NotPermittedError
from models.roles import ResourceType, Role, grants_of, permit_of
from models.topics import (
    DECISIONS,
    DENIALS,
    IDENTITIES,
    MODE,
    REQUESTS_GROUP,
    TOPICS,
    WORKER_GROUP,
    Topic,
)
from tests.connectors.ocpp.certificates import Authority
from tests.integration.depots import CARDS, Depot, rows
from tests.integration.guarded_house import WITHIN_S, House, Started
from tests.integration.installations import DEADLINE_S, Fleet
from tests.integration.secured_broker import SecuredBroker, password_of, secured_broker_in

pytestmark = pytest.mark.integration

LOOK_MS = 2_000
"""Kafka says what it does not permit in milliseconds, unless the machine is busy."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    with secured_broker_in(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    broker: SecuredBroker, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """Loaded, running, and one card accepted and one refused."""
    depot = Depot(tmp_path_factory.mktemp("depot"), "guarded", rows("GUARDED", "reserved", 2))
    house = House(broker, tmp_path_factory.mktemp("house"), depot)
    loaded = await house.ask("load", str(depot.folder), **broker.variables("LOGIN", "load"))
    assert loaded.code == 0, loaded.err
    worker = Started("worker", (), broker.variables("TLSLOGIN", "worker"))
    at = (f"--ocpp={house.ocpp}", f"--deadline-s={DEADLINE_S}")
    gateway = Started("gateway", at, broker.variables("LOGIN", "gateway"))
    async with house.running(worker, gateway) as said:
        yield house
    for each in said:
        assert "requests.join_failed" not in each
        assert "Authorization" not in each, "something was asked for that the role has not"
        assert "the-password-of" not in each


async def test_gateway_and_worker_answer_with_the_permissions_of_their_roles(house: House) -> None:
    fleet = Fleet(house.depot, f"ws://{house.ocpp}/ocpp")
    async with fleet.connected():
        assert (await fleet["GUARDED-00"].authorize(CARDS["own fleet"])).accepted
        assert not (await fleet["GUARDED-01"].authorize(CARDS["revoked"])).accepted


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def denial(house: House) -> str:
    """The line that an operator is shown, as a program reads it, once it is there."""
    operator = house.broker.variables("TLSLOGIN", "operator")
    asked = ("tail", "denials", "--from-start", "--no-follow", "--json")
    async with asyncio.timeout(WITHIN_S):
        while True:
            said = await house.ask(*asked, **operator)
            assert said.code == 0, said.err
            if said.out:
                return said.out.splitlines()[0]


async def test_an_operator_sees_who_was_refused_and_why(denial: str) -> None:
    shown = orjson.loads(denial)
    assert shown["reason"] == "REVOKED"
    assert shown["token"].endswith(CARDS["revoked"].token[-3:])
    assert CARDS["revoked"].token not in denial


@pytest.mark.parametrize("options", [(), ("--no-follow",), ("--from-start", "--no-follow")])
async def test_an_operator_sees_no_decision(house: House, options: tuple[str, ...]) -> None:
    operator = house.broker.variables("LOGIN", "operator")
    said = await house.ask("tail", "decisions", *options, **operator)
    assert said.code == 1
    assert said.err.startswith(f"Kafka does not permit User:operator to read {DECISIONS.name}; ")
    assert said.out == ""


async def test_support_with_a_certificate_explains(house: House, denial: str) -> None:
    support = house.broker.variables("CERTIFICATE", "support")
    said = await house.ask("explain", orjson.loads(denial)["denial_id"], **support)
    assert said.code == 0, said.err
    assert "REVOKED" in said.out


async def test_a_wrong_password_is_said_in_a_sentence(house: House) -> None:
    wrong = house.broker.variables("LOGIN", "operator", "the-password-of-somebody-else")
    said = await house.ask("tail", "denials", **wrong)
    assert said.code == 1
    assert "does not let 'operator' in: the name or the password is wrong" in said.err
    assert "the-password-of" not in said.err + said.out


async def test_a_password_that_is_put_right_is_taken_at_the_next_log_in(
    broker: SecuredBroker, tmp_path: Path
) -> None:
    file = tmp_path / "operator.password"
    file.touch(mode=0o600)
    file.write_text("the-password-of-somebody-else\n")
    security = broker.security("LOGIN", "operator")._replace(password_file=file)
    kafka = secured(broker.at("LOGIN"), security)
    with pytest.raises(KafkaRefusedError, match="the name or the password is wrong"):
        await start_consumer(kafka)
    file.write_text(f"{password_of('operator')}\n")
    await stop_consumer(await start_consumer(kafka))


async def test_a_worker_that_logs_in_as_a_gateway_does_not_start(house: House) -> None:
    said = await house.ask(
        "worker", "--metrics=127.0.0.1:0", **house.broker.variables("LOGIN", "gateway")
    )
    assert said.code == 1
    assert "Kafka does not permit User:gateway to read " in said.err
    assert IDENTITIES.name in said.err


async def test_a_worker_that_may_not_join_its_groups_does_not_start(house: House) -> None:
    topics = [each for each in grants_of(Role.WORKER) if each.resource is ResourceType.TOPIC]
    await give(house.broker.administrator, "User:CN=ungrouped", topics)
    ungrouped = house.broker.variables("CERTIFICATE", "ungrouped")
    said = await house.ask("worker", "--metrics=127.0.0.1:0", **ungrouped)
    assert said.code == 1
    assert said.err.endswith(
        f"ungrouped.pem to join the consumer group {REQUESTS_GROUP}, {WORKER_GROUP}; an "
        "administrator of Kafka gives what the role may do: "
        "`depotgate acl worker --principal User:SUBJECT --apply`\n"
    )


async def _readable(kafka: Kafka, topic: Topic) -> bool:
    consumer = await start_consumer(kafka)
    try:
        await read_from_beginning(consumer, partitions_of(topic))
        await consumer.getmany(timeout_ms=LOOK_MS)
    except NotPermittedError:
        return False
    finally:
        await stop_consumer(consumer)
    return True


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_a_role_reads_the_topics_of_its_row_and_no_other(
    broker: SecuredBroker, role: Role
) -> None:
    kafka = broker.kafka("LOGIN", role)
    readable = await asyncio.gather(*(_readable(kafka, topic) for topic in TOPICS))
    found = {topic for topic, may in zip(TOPICS, readable, strict=True) if may}
    assert found == set(permit_of(role).reads)


async def test_a_viewer_writes_nothing(broker: SecuredBroker) -> None:
    with pytest.raises(NotPermittedError, match="write to any topic"):
        await Producer(broker.kafka("LOGIN", "viewer"), "tests").start()


async def test_plain_shows_a_password_to_loopback_alone(broker: SecuredBroker) -> None:
    plain = broker.security("LOGIN", "operator")._replace(mechanism=Mechanism.PLAIN)
    assert await _readable(secured(broker.at("LOGIN"), plain), DENIALS)


# fmt: off
WAYS_IN = (
    # listener       protocol                  what is said
    ("TLSLOGIN",    Protocol.PLAINTEXT,      "speaks TLS; .*=SSL or SASL_SSL, got PLAINTEXT"),
    ("TLSLOGIN",    Protocol.SASL_PLAINTEXT, "speaks TLS; .*=SASL_SSL, got SASL_PLAINTEXT"),
    ("TLSLOGIN",    Protocol.SSL,            "asks for a log-in; expected .*=SASL_SSL, got SSL"),
    ("LOGIN",       Protocol.PLAINTEXT,      "asks for a log-in; expected .*SASL_PLAINTEXT, got"),
    ("LOGIN",       Protocol.SASL_SSL,       "at the first word of TLS|ended the TLS connection"),
    ("CERTIFICATE", Protocol.SSL,            "ended the TLS connection .*CERTIFICATE_FILE"),
)
# fmt: on


@pytest.mark.parametrize(("listener", "protocol", "said"), WAYS_IN)
async def test_the_wrong_way_in_is_named_with_the_right_one(
    broker: SecuredBroker, listener: str, protocol: Protocol, said: str
) -> None:
    login = broker.security("LOGIN", "operator")._asdict()
    given = {
        **({"ca_file": broker.authority.bundle} if protocol.encrypted else {}),
        **({name: login[name] for name in ("username", "password_file")}
           if protocol.asks_for_login else {}),
    }  # fmt: skip
    kafka = secured(broker.at(listener), KafkaSecurity(protocol, **given))
    with pytest.raises(KafkaRefusedError, match=said):
        await start_consumer(kafka)


async def test_a_broker_of_an_unknown_authority_is_not_talked_to(
    broker: SecuredBroker, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    security = broker.security("TLSLOGIN", "operator")._replace(ca_file=stranger.bundle)
    with pytest.raises(KafkaRefusedError, match="a certificate that is not trusted here"):
        await start_consumer(secured(broker.at("TLSLOGIN"), security))


async def test_only_an_administrator_gives_permissions(broker: SecuredBroker) -> None:
    operator = broker.kafka("LOGIN", "operator")
    with pytest.raises(NotPermittedError, match="does not permit this user to give permissions"):
        await give(operator, "User:operator", grants_of(Role.SUPPORT))


async def test_permissions_that_are_given_add_up(house: House) -> None:
    flags = house.broker.kafka("LOGIN", "flags")
    assert not await _readable(flags, MODE)
    asked = ("acl", "operator", "--principal", "User:flags", "--apply")
    given = await house.ask(*asked, f"--kafka={house.broker.administrator}")
    assert given.code == 0, given.err
    assert "User:flags has the" in given.out
    assert await _readable(flags, MODE)
    assert not await _readable(flags, DECISIONS)
