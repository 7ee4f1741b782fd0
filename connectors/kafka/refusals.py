"""Why a Kafka that is there does not let a client in, in one sentence."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from connectors.kafka.security import Kafka, SecuredKafka, addresses_of, security_options, setting
from connectors.pem_files import cause_of
from models.errors import KafkaRefusedError

ASK_WITHIN_S = 3.0
"""Whoever refuses a client does so at once: half a second at most for a wrong password."""

_TLS_ALERT = 0x1503
"""Content type and major version with which a TLS record begins that says what went wrong."""


async def refusal_of(kafka: Kafka) -> KafkaRefusedError | None:
    """Why the first address that takes a connection does not let this client in.

    aiokafka logs what it met at each address, and raises the same for all of it; so one more
    connection is made, whose failure can be looked at.

    Returns:
        None where nobody answers, or nothing stands in the way any more.
    """
    for host, port in addresses_of(kafka):
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                await _knock(kafka, host, port)
        except (OSError, KafkaError) as fault:  # SSLError and TimeoutError are OSErrors
            said = _said(kafka, fault)
            if said is not None:
                return KafkaRefusedError(f"the Kafka at {host}:{port} {said}")
        else:
            return None
    return None


class _HungUpError(KafkaConnectionError):  # type: ignore[misc]  # aiokafka ships no types
    """It told its versions, as a listener that asks for a log-in does to anybody, and no more."""


async def _knock(kafka: Kafka, host: str, port: int) -> None:
    options: dict[str, Any] = security_options(kafka)
    connection = await create_conn(host, port, request_timeout_ms=ASK_WITHIN_S * 1000, **options)
    try:
        await connection.send(MetadataRequest([]))
    except KafkaConnectionError as fault:
        raise _HungUpError from fault
    finally:
        connection.close()


def _said(kafka: Kafka, fault: OSError | KafkaError) -> str | None:
    security = kafka if isinstance(kafka, SecuredKafka) else SecuredKafka(kafka, None, None)
    said = _of_login(security, fault) or _of_tls(security, fault)
    if said is None and isinstance(fault, _HungUpError) and security.login is None:
        fitting = "SASL_SSL" if security.tls else "SASL_SSL or SASL_PLAINTEXT"
        return f"hung up, as one does that asks for a log-in; {_expected(fitting, security)}"
    return said


def _of_login(security: SecuredKafka, fault: OSError | KafkaError) -> str | None:
    if security.login is None:
        return None
    match fault:
        case SaslAuthenticationFailed():
            return (
                f"does not let {security.login.username!r} in: the name or the password is wrong; "
                f"see {setting('username')} and {setting('password_file')}"
            )
        case UnsupportedSaslMechanismError():
            return (
                f"takes no log-in by {security.login.mechanism}; "
                f"name another with {setting('mechanism')}"
            )
        case IllegalSaslStateError():
            return (
                f"asks for no log-in; {_expected('SSL' if security.tls else 'PLAINTEXT', security)}"
            )
    return None


def _of_tls(security: SecuredKafka, fault: OSError | KafkaError) -> str | None:
    met: BaseException | None = fault
    while isinstance(met, KafkaConnectionError):
        met = met.__cause__
    if security.tls is None:
        if not _tls_answered(met):
            return None
        fitting = "SASL_SSL" if security.login else "SSL or SASL_SSL"
        return f"speaks TLS; {_expected(fitting, security)}"
    match met:
        case ssl.SSLCertVerificationError():
            return (
                f"has a certificate that is not trusted here ({met.verify_message}); "
                f"see {setting('ca_file')}, and the name by which it is called"
            )
        case ssl.SSLError():
            return f"ended the TLS connection ({cause_of(met)}); {_CLIENT_TLS}"
        case ConnectionResetError():
            return f"hung up at the first word of TLS; {_CLIENT_TLS}"
    return None


def _expected(fitting: str, security: SecuredKafka) -> str:
    return f"expected {setting('protocol')}={fitting}, got {security.protocol}"


_CLIENT_TLS = (
    f"see {setting('protocol')}, and {setting('certificate_file')} if it asks for a certificate"
)


def _tls_answered(met: BaseException | None) -> bool:
    """Whether a TLS record was read as a Kafka frame: its first four bytes would be the length."""
    expected = met.expected if isinstance(met, asyncio.IncompleteReadError) else None
    return expected is not None and expected >> 16 == _TLS_ALERT
