"""How Kafka is reached: in the clear, over TLS, with a log-in. All clients are configured here."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from connectors.kafka.current_files import ClientTlsFiles, CurrentPassword, CurrentTls
from connectors.pem_files import cause_of
from connectors.private_files import open_to_others, read_with_mode
from models.errors import ConfigurationError

PASSWORD_BYTES_MAX = 4096
"""A longer file is some other file."""


class Protocol(StrEnum):
    """What a listener of Kafka speaks, in Kafka's own words."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def encrypted(self) -> bool:
        return self in {Protocol.SSL, Protocol.SASL_SSL}

    @property
    def asks_for_login(self) -> bool:
        return self in {Protocol.SASL_PLAINTEXT, Protocol.SASL_SSL}


class Mechanism(StrEnum):
    """How a name and its password are proven."""

    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"
    PLAIN = "PLAIN"
    """Shows the password to whoever is asked for it, and on the way there."""


class KafkaSecurity(NamedTuple):
    """How to reach a Kafka, as an installation sets it.

    Attributes:
        ca_file: PEM bundle that signs the brokers' certificates; None = the system's.
        certificate_file, key_file: PEM files of this client, the key without a passphrase.
        mechanism: of the log-in; None = SCRAM-SHA-512.
        password_file: holds the password and nothing else, readable by its owner alone.
    """

    protocol: Protocol = Protocol.PLAINTEXT
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    mechanism: Mechanism | None = None
    username: str | None = None
    password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """Who a client says it is, and its proof, which is never printed."""

    mechanism: Mechanism
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """A Kafka that is reached over TLS, with a log-in, or both.

    As text it is its address alone.

    Attributes:
        certificate_file: of this client, where it has one.
    """

    bootstrap: str
    tls: ssl.SSLContext | None
    login: Login | None
    certificate_file: Path | None = None

    def __str__(self) -> str:
        return self.bootstrap

    @property
    def protocol(self) -> Protocol:
        if self.login is None:
            return Protocol.SSL if self.tls else Protocol.PLAINTEXT
        return Protocol.SASL_SSL if self.tls else Protocol.SASL_PLAINTEXT


Kafka = str | SecuredKafka
"""Where Kafka is. A bare `HOST:PORT[,HOST:PORT]` is spoken to in the clear and without a log-in."""


def security_options(kafka: Kafka) -> dict[str, Any]:
    """What aiokafka's clients and connections are told, without the addresses."""
    if isinstance(kafka, str):
        return {}
    options: dict[str, Any] = {
        "security_protocol": kafka.protocol.value,
        "ssl_context": kafka.tls,
    }
    if kafka.login is not None:
        options["sasl_mechanism"] = kafka.login.mechanism.value
        options["sasl_plain_username"] = kafka.login.username
        options["sasl_plain_password"] = kafka.login.password
    return options


def client_options(kafka: Kafka) -> dict[str, Any]:
    """Where Kafka is and how to get in: the same for every producer, consumer and admin client."""
    return {"bootstrap_servers": str(kafka), **security_options(kafka)}


def principal_of(kafka: Kafka) -> str:
    """Whom Kafka takes this client for, by its own rules, as `depotgate acl` expects it.

    What a broker makes of a certificate is for its settings to say (ssl.principal.mapping.rules),
    so that it is named by its file.
    """
    if isinstance(kafka, SecuredKafka):
        if kafka.login is not None:
            return f"User:{kafka.login.username}"
        if kafka.certificate_file is not None:
            return f"the subject of {kafka.certificate_file}"
    return "User:ANONYMOUS"


def addresses_of(kafka: Kafka) -> list[tuple[str, int]]:
    """Host and port of each address; those that are none are left out."""
    found = []
    for address in str(kafka).split(","):
        host, _, port = address.strip().rpartition(":")
        if host and port.isdigit():
            found.append((host.strip("[]"), int(port)))
    return found


def secured(bootstrap: str, security: KafkaSecurity) -> Kafka:
    """A Kafka with its certificates and password read.

    Raises:
        ConfigurationError: a setting is missing, contradicts the protocol or would show the
            password to the network; a file is missing, unusable or readable by others.
    """
    _refuse_contradictions(security)
    if security.protocol is Protocol.PLAINTEXT:
        return bootstrap
    return SecuredKafka(
        bootstrap,
        tls=_tls(security) if security.protocol.encrypted else None,
        login=_login(bootstrap, security) if security.protocol.asks_for_login else None,
        certificate_file=security.certificate_file,
    )


_OF_TLS = ("ca_file", "certificate_file", "key_file")
_OF_LOGIN = ("mechanism", "username", "password_file")


def setting(name: str) -> str:
    """The environment variable of one of the settings above."""
    return f"DEPOTGATE_KAFKA_{name.upper()}"


def _refuse_contradictions(security: KafkaSecurity) -> None:
    given = security._asdict()
    unused = [
        *(name for name in _OF_TLS if given[name] and not security.protocol.encrypted),
        *(name for name in _OF_LOGIN if given[name] and not security.protocol.asks_for_login),
    ]
    if unused:
        fitting = Protocol.SASL_SSL if unused[0] in _OF_LOGIN else Protocol.SSL
        raise ConfigurationError(
            f"{setting(unused[0])} is set and {setting('protocol')} is {security.protocol}, which "
            f"has no use for it; expected {fitting}, or no {setting(unused[0])}"
        )
    if (security.certificate_file is None) != (security.key_file is None):
        raise ConfigurationError(
            f"expected both of {setting('certificate_file')} and {setting('key_file')}, or "
            "neither; one is not set"
        )


def _tls(security: KafkaSecurity) -> ssl.SSLContext:
    authorities = ClientTlsFiles(security.ca_file, None, None)
    try:
        context = CurrentTls.of(authorities)
    except (OSError, ValueError) as fault:  # SSLError is an OSError
        raise ConfigurationError(
            f"cannot use {security.ca_file} ({cause_of(fault)}); {setting('ca_file')} expects a "
            "PEM bundle of the authorities that sign the brokers' certificates"
        ) from None
    certificate, key = security.certificate_file, security.key_file
    if certificate is not None and key is not None:
        try:
            context = CurrentTls.of(authorities._replace(certificate=certificate, key=key))
        except (OSError, ValueError) as fault:
            raise ConfigurationError(
                f"cannot use the certificate {certificate} with the key {key} for Kafka "
                f"({cause_of(fault)}); expected PEM files that belong together, the key without a "
                "passphrase"
            ) from None
    return context


def _login(bootstrap: str, security: KafkaSecurity) -> Login:
    mechanism = security.mechanism or Mechanism.SCRAM_SHA_512
    for name in ("username", "password_file"):
        if not security._asdict()[name]:
            raise ConfigurationError(
                f"{setting('protocol')} is {security.protocol}, which asks for a log-in, and "
                f"{setting(name)} is not set"
            )
    assert security.username is not None
    assert security.password_file is not None
    if mechanism is Mechanism.PLAIN and not security.protocol.encrypted and not _local(bootstrap):
        raise ConfigurationError(
            f"PLAIN over {security.protocol} would show the password to the network between here "
            f"and {bootstrap}; expected SASL_SSL, or the mechanism SCRAM-SHA-512"
        )
    password = CurrentPassword(partial(_password, security.password_file))
    return Login(mechanism, security.username, password)


def _local(bootstrap: str) -> bool:
    """Whether every address is this machine's own; brokers are expected to advertise the same."""
    hosts = [host for host, _port in addresses_of(bootstrap)]
    return bool(hosts) and all(map(_loopback, hosts))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _password(path: Path) -> str:
    named = setting("password_file")
    try:
        content, mode = read_with_mode(path, PASSWORD_BYTES_MAX)
        password = content.decode().rstrip("\r\n")
    except OSError as fault:
        raise ConfigurationError(
            f"cannot read {path}, which {named} names ({fault.strerror})"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}, which {named} names, is no UTF-8 text") from None
    if (shown := open_to_others(mode)) is not None:
        raise ConfigurationError(
            f"others may read {path}, which {named} names (mode {shown}); "
            f"expected 0600: chmod 600 {path}"
        )
    if not password or len(content) > PASSWORD_BYTES_MAX or "\n" in password:
        raise ConfigurationError(
            f"{path}, which {named} names, expected one line with the password, and no more"
        )
    return password
