"""How clients are told to reach Kafka, and what is refused before any of them tries."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.security import (
    KafkaSecurity,
    Mechanism,
    Protocol,
    SecuredKafka,
    client_options,
    secured,
)
from models.errors import ConfigurationError
from tests.connectors.ocpp.certificates import Authority

AT = "kafka.example:9094"
PHRASE = "correct horse battery staple"


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(f"{PHRASE}\n")
    return path


def login(password: Path, protocol: Protocol = Protocol.SASL_SSL, **others: Any) -> KafkaSecurity:
    return KafkaSecurity(protocol, username="anna", password_file=password, **others)


def test_without_settings_clients_are_told_the_address_alone() -> None:
    assert secured(AT, KafkaSecurity()) == AT
    assert client_options(AT) == {"bootstrap_servers": AT}


def test_a_login_over_tls(password: Path) -> None:
    options = client_options(secured(AT, login(password)))
    assert isinstance(options.pop("ssl_context"), ssl.SSLContext)
    assert options == {
        "bootstrap_servers": AT,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "anna",
        "sasl_plain_password": PHRASE,
    }


def test_tls_checks_the_certificate_and_the_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("anna")
    options = client_options(
        secured(AT, KafkaSecurity(Protocol.SSL, authority.bundle, certificate, key))
    )
    context = options["ssl_context"]
    assert options["security_protocol"] == "SSL"
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_password_is_never_shown(password: Path) -> None:
    kafka = secured(AT, login(password))
    assert isinstance(kafka, SecuredKafka)
    assert PHRASE not in f"{kafka!r} {kafka.login!r}"
    assert str(kafka) == AT


@pytest.mark.parametrize("local", ["127.0.0.1:9092", "[::1]:9092", "localhost:1,127.0.0.2:2"])
def test_plain_in_the_clear_is_for_loopback(password: Path, local: str) -> None:
    plain = login(password, Protocol.SASL_PLAINTEXT, mechanism=Mechanism.PLAIN)
    assert client_options(secured(local, plain))["sasl_mechanism"] == "PLAIN"
    for elsewhere in (AT, f"{local},{AT}"):
        with pytest.raises(ConfigurationError, match="would show the password to the network"):
            secured(elsewhere, plain)


def test_plain_over_tls_goes_anywhere(password: Path) -> None:
    plain = login(password, mechanism=Mechanism.PLAIN)
    assert client_options(secured(AT, plain))["security_protocol"] == "SASL_SSL"


NOWHERE = Path("/nowhere")

# fmt: off
REFUSED = (
    # settings, and what is said
    (KafkaSecurity(username="anna"),
     "USERNAME is set and DEPOTGATE_KAFKA_PROTOCOL is PLAINTEXT, .* expected SASL_SSL"),
    (KafkaSecurity(ca_file=NOWHERE),
     "CA_FILE is set and DEPOTGATE_KAFKA_PROTOCOL is PLAINTEXT, .* expected SSL"),
    (KafkaSecurity(Protocol.SSL, mechanism=Mechanism.PLAIN), "MECHANISM is set and .* SSL"),
    (KafkaSecurity(Protocol.SASL_SSL, password_file=NOWHERE), "USERNAME is not set"),
    (KafkaSecurity(Protocol.SASL_SSL, username="anna"), "PASSWORD_FILE is not set"),
    (KafkaSecurity(Protocol.SSL, certificate_file=NOWHERE), "expected both of .*KEY_FILE"),
    (KafkaSecurity(Protocol.SSL, ca_file=NOWHERE), r"cannot use /nowhere \(No such file"),
    (KafkaSecurity(Protocol.SSL, None, NOWHERE, NOWHERE), "cannot use the certificate /nowhere"),
    (KafkaSecurity(Protocol.SASL_SSL, username="anna", password_file=NOWHERE),
     r"cannot read /nowhere, which DEPOTGATE_KAFKA_PASSWORD_FILE names \(No such file"),
)
# fmt: on


@pytest.mark.parametrize(("security", "said"), REFUSED)
def test_settings_that_do_not_fit_are_named(security: KafkaSecurity, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        secured(AT, security)


def test_a_password_file_that_others_may_read_is_refused(password: Path) -> None:
    password.chmod(0o640)
    with pytest.raises(ConfigurationError, match=r"mode 0640\); expected 0600"):
        secured(AT, login(password))


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"x" * 5_000, b"\xff\xfe"])
def test_a_password_file_holds_a_password_and_no_more(password: Path, content: bytes) -> None:
    password.write_bytes(content)
    with pytest.raises(ConfigurationError, match="PASSWORD_FILE"):
        secured(AT, login(password))
