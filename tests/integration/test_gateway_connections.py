"""Who holds a charger's connection, and what ends it; what a gateway refuses to start on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from depotgate.demo.charger201 import Charger201
from depotgate.demo.session import Card
from depotgate.demo.station import SILENT
from models.errors import ConfigurationError
from models.metrics import CONNECTED, CONNECTIONS_REFUSED
from models.topics import CHARGERS
from tests.connectors.ocpp.chargers import basic
from tests.integration.gateways import CARDS, PASSWORD, House, Running
from tests.integration.records import WITHIN_S, until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@asynccontextmanager
async def dialled(
    gateway: Running, charger_id: str, password: str | None = PASSWORD
) -> AsyncIterator[ClientConnection]:
    """A socket of the charger's that does nothing by itself."""
    headers = {} if password is None else {"Authorization": basic(charger_id, password)}
    async with connect(
        f"{gateway.endpoint}/{quote(charger_id, safe='')}",
        subprotocols=[Subprotocol("ocpp2.0.1")],
        additional_headers=headers,
        compression=None,
        proxy=None,
        close_timeout=1,
        logger=SILENT,
    ) as socket:
        yield socket


async def beats(socket: ClientConnection) -> bool:
    """Whether the gateway answers on this socket."""
    await socket.send('[2,"beat","Heartbeat",{}]')
    return bool(json.loads(await socket.recv())[:2] == [3, "beat"])


async def closing(socket: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the gateway ends a connection."""
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def of_connections(house: House, charger_id: str) -> list[tuple[str, str]]:
    names = {"Connected", "Disconnected"}
    events = house.records.events(charger_id)
    return [(each.name, each.connection_id) for each in events if each.name in names]


async def test_the_newest_authenticated_connection_wins(house: House, gateway: Running) -> None:
    charger_id = await house.new_charger("closed")
    async with dialled(gateway, charger_id) as older:
        assert await beats(older)
        async with dialled(gateway, charger_id) as newer:
            assert await closing(older) == (1008, "replaced by a newer connection")
            assert await beats(newer)
            await until(lambda: len(of_connections(house, charger_id)) == 3, "three events")
    told = of_connections(house, charger_id)
    first, second = (one for name, one in told if name == "Connected")
    # By its id anybody can see which one is newer, and whose Disconnected this is.
    assert first < second
    assert ("Disconnected", first) in told


async def test_an_unauthenticated_connection_changes_nothing(
    house: House, gateway: Running
) -> None:
    async with house.charger(Charger201, "closed", gateway) as charger:
        before = await house.records.event(charger.charger_id, "Connected")
        for password in (None, "wrong"):
            with pytest.raises(InvalidStatus) as refused:
                async with dialled(gateway, charger.charger_id, password):
                    pass
            assert refused.value.response.status_code == 401
        assert (await charger.authorize(CARDS["own fleet"])).accepted
        assert charger.link.connections_count == 1
        outcome = await house.records.outcome(charger.charger_id)
    assert outcome.connection_id == before.connection_id
    assert len(house.records.events(charger.charger_id, "Connected")) == 1
    assert gateway.metric(CONNECTIONS_REFUSED.name, cause="no_credentials") >= 1
    assert gateway.metric(CONNECTIONS_REFUSED.name, cause="wrong_credentials") >= 1


async def test_a_removed_charger_is_disconnected_and_then_unknown(
    house: House, gateway: Running
) -> None:
    charger_id = await house.new_charger("closed")
    async with dialled(gateway, charger_id) as socket:
        assert await beats(socket)
        await house.write(CHARGERS, charger_id, None)
        assert await closing(socket) == (1008, "this charging station was removed")
    with pytest.raises(InvalidStatus) as refused:
        async with dialled(gateway, charger_id):
            pass
    assert refused.value.response.status_code == 404


async def test_a_charger_given_another_password_has_to_come_in_again(
    house: House, gateway: Running
) -> None:
    charger_id = await house.new_charger("closed")
    other = "another horse battery"
    async with dialled(gateway, charger_id) as socket:
        assert await beats(socket)
        verifier = house.pseudonymiser.credential_verifier(charger_id, other)
        row = house.charger_record(charger_id, "closed", verifier=verifier, revision="2")
        await house.write(CHARGERS, charger_id, row)
        assert (await closing(socket))[0] == 1008
    with pytest.raises(InvalidStatus) as refused:
        async with dialled(gateway, charger_id):
            pass
    assert refused.value.response.status_code == 401
    async with dialled(gateway, charger_id, other) as socket:
        assert await beats(socket)


async def test_a_charger_given_another_profile_stays_connected(
    house: House, gateway: Running
) -> None:
    """Rule 17: the new profile's tag is reserved from then on."""
    tag = Card("tag", "A0000000", "Local")
    async with house.charger(Charger201, "closed", gateway) as charger:
        assert (await charger.authorize(tag)).status == "Unknown"
        row = house.charger_record(charger.charger_id, "closed", profile="microocpp")
        await house.write(CHARGERS, charger.charger_id, row)
        texts: list[str | None] = [None]
        async with asyncio.timeout(WITHIN_S):
            while texts[-1] != "Please identify.":
                texts.append((await charger.authorize(tag)).text)
        assert charger.link.connections_count == 1


async def test_profile_0_needs_the_gateways_switch(house: House, gateway: Running) -> None:
    charger_id = await house.new_charger("closed", security_profile=0, verifier=None)
    with pytest.raises(InvalidStatus) as refused:
        async with dialled(gateway, charger_id, None):
            pass
    assert refused.value.response.status_code == 401
    async with (
        house.gateway(slot=6, allow_unauthenticated=True) as trusting,
        dialled(trusting, charger_id, None) as socket,
    ):
        assert await beats(socket)


async def test_a_gateway_that_ends_closes_its_connections_and_says_so(house: House) -> None:
    async with house.gateway(slot=6) as ending:
        charger_id = await house.new_charger("closed")
        async with dialled(ending, charger_id) as socket:
            assert await beats(socket)
            assert ending.metric(CONNECTED.name, site=house.site_id("closed"), ocpp="2.0.1") == 1
            ending.stop.set()
            assert (await closing(socket))[0] == 1001
    await house.records.event(charger_id, "Disconnected")
    assert ending.metric(CONNECTED.name, site=house.site_id("closed"), ocpp="2.0.1") == 0


async def test_a_taken_address_is_one_sentence_and_no_group_of_errors(
    house: House, gateway: Running
) -> None:
    port = int(gateway.endpoint.rpartition(":")[2].partition("/")[0])
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port} "):
        async with house.gateway(slot=6, port=port):
            pass


async def test_two_gateways_of_one_folder_need_two_slots(house: House, gateway: Running) -> None:
    with pytest.raises(ConfigurationError, match="DEPOTGATE_SLOT"):
        async with house.gateway(slot=gateway.slot):
            pass
    async with house.gateway(slot=6) as beside:
        assert beside.slot != gateway.slot
