"""A Kafka that asks who is there: log-ins, certificates, and an authorizer that permits nothing.

Its listeners, all on loopback: one in the clear for the broker's own administrator, which only the
test uses; LOGIN (SASL_PLAINTEXT), TLSLOGIN (SASL_SSL), CERTIFICATE (SSL, client certificates).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiokafka.protocol.admin import DeleteAclsRequest, DescribeAclsRequest

from connectors.kafka.broker_files import LOOPBACK, BrokerFiles, free_port
from connectors.kafka.broker_jars import JarsBroker, fetch_jars
from connectors.kafka.grants import ACTED_WITHIN_S, give
from connectors.kafka.security import Kafka, KafkaSecurity, Mechanism, Protocol, secured
from connectors.kafka.shown import OPERATION_CODES
from connectors.kafka.topics import admin_client, apply_topics
from models.roles import Operation, Role, grants_of
from models.topics import Topic
from tests.connectors.ocpp.certificates import Authority

SETTINGS = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
listener.name.login.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.tlslogin.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.login.scram-sha-512.sasl.jaas.config={scram} required;
listener.name.tlslogin.scram-sha-512.sasl.jaas.config={scram} required;
listener.name.login.plain.sasl.jaas.config={plain} required user_operator="{password}";
listener.name.certificate.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
"""
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

_TOPIC, _LITERAL, _ALLOW = 2, 3, 3
"""Codes of Kafka's protocol: type of resource, pattern of its name, kind of permission."""

PROTOCOLS = {
    "LOGIN": Protocol.SASL_PLAINTEXT,
    "TLSLOGIN": Protocol.SASL_SSL,
    "CERTIFICATE": Protocol.SSL,
}


def password_of(user: str) -> str:
    """Of a user of this broker, which lives for one test module."""
    return f"the-password-of-{user}"


class _Files(BrokerFiles):
    """server.properties with the other listeners."""

    def __init__(self, folder: Path, keystore: Path, truststore: Path) -> None:
        super().__init__(folder)
        self._keystore, self._truststore = keystore, truststore
        self.ports: dict[str, int] = {}

    def write_settings(self, port: int, controller_port: int, *, bind: str = LOOPBACK) -> None:
        super().write_settings(port, controller_port, bind=bind)
        for name in PROTOCOLS:
            self.ports[name] = free_port(port, controller_port, *self.ports.values())
        listeners = "".join(f",{name}://{LOOPBACK}:{at}" for name, at in self.ports.items())
        protocols = "".join(f",{name}:{protocol}" for name, protocol in PROTOCOLS.items())
        in_the_clear = f"listeners=PLAINTEXT://{LOOPBACK}:{port}"
        text = self.settings.read_text().replace(in_the_clear, in_the_clear + listeners)
        text = text.replace("CONTROLLER:PLAINTEXT\n", f"CONTROLLER:PLAINTEXT{protocols}\n")
        self.settings.write_text(
            text
            + SETTINGS.format(
                scram=SCRAM,
                plain=PLAIN,
                password=password_of("operator"),
                keystore=self._keystore,
                truststore=self._truststore,
            )
        )


class _Broker(JarsBroker):
    """Formatted with a log-in for each role."""

    def _java(self, heap_mb: int, main_class: str, *arguments: str) -> list[str]:
        if arguments[0] == "format":
            for role in Role:
                login = f"[name={role},password={password_of(role)}]"
                arguments = (*arguments, "--add-scram", f"SCRAM-SHA-512={login}")
        return super()._java(heap_mb, main_class, *arguments)


class SecuredBroker:
    """The broker, and the ways in for its users."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self._folder = folder
        certificate, key = self.authority.issue("gateway")
        keystore = folder / "keystore.pem"
        chain = (key, certificate, self.authority.bundle)
        keystore.write_text("".join(part.read_text() for part in chain))
        self._files = _Files(folder / "kafka", keystore, self.authority.bundle)
        self._broker: JarsBroker | None = None

    async def start(self) -> None:
        """With the topics of the table, and with each role's permissions for its user.

        Support logs in by certificate.
        """
        self._broker = _Broker(self._files, None, await fetch_jars(print))
        await self._broker.start_again()
        await apply_topics(self._broker.bootstrap)
        for role in Role:
            user = "User:CN=support" if role is Role.SUPPORT else f"User:{role}"
            await give(self._broker.bootstrap, user, grants_of(role))

    async def withdraw(self, principal: str, topic: Topic, operation: Operation) -> None:
        """Take one permission away from a user who has it; returns when Kafka acts by that."""
        rule = (
            *(_TOPIC, topic.name, _LITERAL, principal, None),
            *(OPERATION_CODES[operation], _ALLOW),
        )
        asked, still = DeleteAclsRequest(*rule), DescribeAclsRequest(*rule)
        async with admin_client(self.administrator) as admin:
            told = await admin._send_to_controller(asked)
            ((_code, _message, withdrawn),) = told.filter_responses
            assert len(withdrawn) == 1, f"{principal} had no {operation} on {topic.name}"
            deadline_s = asyncio.get_running_loop().time() + ACTED_WITHIN_S
            while (await admin._send_request(still)).resources:
                assert asyncio.get_running_loop().time() < deadline_s, "it still is permitted"
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self._broker is not None:
            await self._broker.stop()

    @property
    def administrator(self) -> str:
        """Where everything is permitted to whoever comes."""
        assert self._broker is not None
        return self._broker.bootstrap

    def at(self, listener: str) -> str:
        """Address of a listener."""
        return f"{LOOPBACK}:{self._files.ports[listener]}"

    def security(self, listener: str, user: str, password: str | None = None) -> KafkaSecurity:
        """How a user comes in at a listener."""
        protocol = PROTOCOLS[listener]
        ca_file = self.authority.bundle if protocol.encrypted else None
        if protocol is Protocol.SSL:
            certificate, key = self.authority.issue(user)
            return KafkaSecurity(protocol, ca_file, certificate, key)
        file = self._folder / f"{user}.password"
        file.touch(mode=0o600)
        file.write_text((password or password_of(user)) + "\n")
        return KafkaSecurity(
            protocol, ca_file, username=user, password_file=file, mechanism=Mechanism.SCRAM_SHA_512
        )

    def kafka(self, listener: str, user: str) -> Kafka:
        """This broker as one of its users has it."""
        return secured(self.at(listener), self.security(listener, user))

    def variables(self, listener: str, user: str, password: str | None = None) -> dict[str, str]:
        """The environment of a process that comes in so."""
        security = self.security(listener, user, password)._asdict()
        given = {
            f"DEPOTGATE_KAFKA_{name.upper()}": str(value)
            for name, value in security.items()
            if value
        }
        return {"DEPOTGATE_KAFKA": self.at(listener), **given}


@contextmanager
def secured_broker_in(folder: Path) -> Iterator[SecuredBroker]:
    """The broker with its data in a folder."""
    broker = SecuredBroker(folder)
    asyncio.run(broker.start())
    try:
        yield broker
    finally:
        asyncio.run(broker.stop())
