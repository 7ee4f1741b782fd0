"""A new password or certificate is taken by whoever connects next, without a restart."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.kafka.current_files import CurrentPassword
from connectors.kafka.security import (
    KafkaSecurity,
    Protocol,
    SecuredKafka,
    client_options,
    secured,
)
from tests.connectors.ocpp.certificates import Authority

AT = "127.0.0.1:1"
FIRST, SECOND = "correct horse", "battery staple"
WITHIN_S = 30.0


def written(folder: Path, password: str) -> Path:
    path = folder / "password"
    path.touch(mode=0o600)
    path.write_text(f"{password}\n")
    return path


def password_of(path: Path) -> Any:
    security = KafkaSecurity(Protocol.SASL_SSL, username="anna", password_file=path)
    return client_options(secured(AT, security))["sasl_plain_password"]


def test_a_log_in_takes_the_password_that_the_file_has_then(tmp_path: Path) -> None:
    password = password_of(written(tmp_path, FIRST))
    assert password.encode("utf-8") == FIRST.encode()
    written(tmp_path, SECOND)
    assert password.encode("utf-8") == SECOND.encode()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.chmod(0o644)])
def test_while_the_file_cannot_be_used_the_last_password_is(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = written(tmp_path, FIRST)
    password = password_of(path)
    written(tmp_path, SECOND)
    assert password.encode("utf-8") == SECOND.encode()
    spoil(path)
    assert password.encode("utf-8") == SECOND.encode()


def test_clients_take_it_for_the_text_that_it_was(tmp_path: Path) -> None:
    password = password_of(written(tmp_path, FIRST))
    assert isinstance(password, CurrentPassword)
    assert "\0".join(["anna", password]) == f"anna\0{FIRST}"


@asynccontextmanager
async def server_of(
    authority: Authority,
) -> AsyncIterator[Callable[[ssl.SSLContext], Awaitable[str]]]:
    """Something that asks for a certificate; connecting gives the common name that it was shown."""
    shown: asyncio.Queue[str] = asyncio.Queue()

    async def met(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        subject = writer.get_extra_info("peercert")["subject"]
        await shown.put(dict(field for names in subject for field in names)["commonName"])
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("gateway"))
    context.load_verify_locations(cafile=authority.bundle)
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(met, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    async def connect(tls: ssl.SSLContext) -> str:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        async with asyncio.timeout(WITHIN_S):
            name = await shown.get()
        writer.close()
        return name

    async with server:
        yield connect


async def test_a_connection_shows_the_certificate_that_the_files_have_then(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    anna, berta = authority.issue("anna"), authority.issue("berta")
    files = tmp_path / "mine.pem", tmp_path / "mine.key"

    def put(*parts: Path) -> None:
        for place, part in zip(files, parts, strict=True):
            place.write_bytes(part.read_bytes())

    put(*anna)
    kafka = secured(AT, KafkaSecurity(Protocol.SSL, authority.bundle, *files))
    assert isinstance(kafka, SecuredKafka)
    assert kafka.tls is not None
    async with server_of(authority) as connect:
        assert await connect(kafka.tls) == "anna"
        put(berta[0], anna[1])
        assert await connect(kafka.tls) == "anna", "the key does not fit the new certificate yet"
        put(*berta)
        assert await connect(kafka.tls) == "berta"


async def test_an_authority_that_cannot_be_read_is_said_and_the_last_one_holds(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(authority.bundle.read_bytes())
    kafka = secured(AT, KafkaSecurity(Protocol.SSL, bundle))
    assert isinstance(kafka, SecuredKafka)
    assert kafka.tls is not None
    bundle.write_text("spoilt")
    trusted = kafka.tls.get_ca_certs()
    with capture_logs() as said:
        for _ in range(2):
            kafka.tls.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="kafka")
    (line,) = said
    assert line["event"] == "kafka.certificate_read_failed"
    assert line["cause"].startswith(f"{bundle}: ")
    assert kafka.tls.get_ca_certs() == trusted != []
