"""Security profiles 2 and 3 over real sockets: who comes in, with what, and new certificates."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake, InvalidStatus

from connectors.ocpp.admission import Refusal
from connectors.ocpp.tls import Tls, TlsFiles, names_of
from models.errors import ConfigurationError
from models.site import ChargerRecord
from tests.connectors.ocpp.calls import until
from tests.connectors.ocpp.certificates import Authority
from tests.connectors.ocpp.chargers import charger_record
from tests.connectors.ocpp.doors import Door, dial, open_door

WRONG = "wrong horse battery"

ROWS = (
    charger_record("CP-1"),
    charger_record("CP-2", security_profile=2),
    charger_record("CP-3", security_profile=3, verifier=None),
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def secure_door(
    authority: Authority, *rows: ChargerRecord, client_ca: bool = True
) -> AsyncIterator[tuple[Door, Tls]]:
    certificate, key = authority.issue("gateway")
    tls = Tls(TlsFiles(certificate, key, authority.bundle if client_ca else None))
    async with open_door(*(rows or ROWS), tls=tls.context) as door:
        yield door, tls


async def refused(door: Door, *args: object, **options: object) -> int:
    with pytest.raises(InvalidStatus) as fault:
        await dial(door, *args, **options)  # type: ignore[arg-type]
    return int(fault.value.response.status_code)


def certificate_of(socket: ClientConnection) -> bytes:
    shown: bytes = socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return shown


async def test_profile_2_comes_in_over_tls_with_its_password(authority: Authority) -> None:
    async with secure_door(authority) as (door, _tls):
        async with await dial(door, "CP-2", tls=authority.trusting()) as socket:
            await until(lambda: door.came)
            used = socket.transport.get_extra_info("ssl_object")
            assert used.version() in {"TLSv1.2", "TLSv1.3"}
        assert await refused(door, "CP-2", WRONG, tls=authority.trusting()) == 401


async def test_a_charger_above_plain_is_refused_below_its_profile() -> None:
    async with open_door(*ROWS) as door:
        assert await refused(door, "CP-2") == 403
        assert await refused(door, "CP-3", None) == 403
        async with await dial(door, "CP-1"):
            await until(lambda: door.came)


async def test_profile_1_may_use_tls_as_well(authority: Authority) -> None:
    async with (
        secure_door(authority) as (door, _tls),
        await dial(door, "CP-1", tls=authority.trusting()),
    ):
        await until(lambda: door.came)
        assert [row.charger_id for row, _version in door.came] == ["CP-1"]


@pytest.mark.parametrize("names", [("CP-3",), ("cp-3",), ("maker-7", "CP-3")])
async def test_profile_3_comes_in_by_the_name_in_its_certificate(
    authority: Authority, names: tuple[str, ...]
) -> None:
    own = authority.issue(*names)
    async with (
        secure_door(authority) as (door, _tls),
        await dial(door, "CP-3", None, tls=authority.trusting(own)),
    ):
        await until(lambda: door.came)
        assert [row.charger_id for row, _version in door.came] == ["CP-3"]


async def test_profile_3_needs_a_certificate_of_its_own(authority: Authority) -> None:
    another = authority.issue("CP-4")
    async with secure_door(authority) as (door, _tls):
        assert await refused(door, "CP-3", tls=authority.trusting()) == 403
        assert await refused(door, "CP-3", None, tls=authority.trusting(another)) == 403
        assert door.refused(Refusal.CERTIFICATE) == 2


async def test_a_certificate_of_another_authority_is_none(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    foreign = Authority(tmp_path / "elsewhere", "foreign").issue("CP-3")
    async with secure_door(authority) as (door, _tls):
        with pytest.raises((ssl.SSLError, ConnectionError, InvalidHandshake)):
            await dial(door, "CP-3", None, tls=authority.trusting(foreign))
        assert not door.came


async def test_tls_older_than_1_2_is_refused(authority: Authority) -> None:
    old = authority.trusting()
    with pytest.deprecated_call():
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with secure_door(authority) as (door, _tls):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await dial(door, "CP-2", tls=old)


async def test_a_new_certificate_serves_the_next_charger_and_drops_none(
    authority: Authority,
) -> None:
    async with (
        secure_door(authority) as (door, tls),
        await dial(door, "CP-2", tls=authority.trusting()) as before,
    ):
        certificate, _key = authority.issue("gateway")
        os.utime(certificate, ns=(1, 1))
        assert tls.renew()
        assert not tls.renew(), "they were read"
        async with await dial(door, "CP-1", tls=authority.trusting()) as after:
            assert certificate_of(before) != certificate_of(after)
        await before.ping()


async def test_files_that_cannot_be_used_leave_those_of_before(
    authority: Authority, tmp_path: Path
) -> None:
    async with secure_door(authority) as (door, tls):
        (tmp_path / "gateway.pem").write_text("nothing")
        with pytest.raises(ConfigurationError, match="cannot use the TLS certificate"):
            tls.renew()
        async with await dial(door, "CP-2", tls=authority.trusting()):
            await until(lambda: door.came)


def test_a_listener_without_usable_files_does_not_start(
    authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue("gateway")
    _other, other_key = authority.issue("other")
    for files in (
        TlsFiles(tmp_path / "none.pem", key, None),
        TlsFiles(certificate, other_key, None),
        TlsFiles(certificate, key, key),
    ):
        with pytest.raises(ConfigurationError, match="cannot use"):
            Tls(files)


def test_a_certificate_names_its_common_name_and_its_dns_names() -> None:
    certificate = {
        "subject": ((("organizationName", "maker"),), (("commonName", "CP-3"),)),
        "subjectAltName": (("DNS", "Charger.Example"), ("IP Address", "10.0.0.1")),
    }
    assert names_of(certificate) == {"cp-3", "charger.example"}
    assert names_of({}) == frozenset()
