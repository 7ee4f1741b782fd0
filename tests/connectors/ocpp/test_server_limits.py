"""What one peer can cost: handshakes, headers, messages and connections are bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from connectors.ocpp import server as server_module
from connectors.ocpp.admission import Admission, Refusal
from connectors.ocpp.frames import FRAME_BYTES_MAX
from connectors.ocpp.server import MESSAGE_BYTES_MAX, Listener
from models.errors import ConfigurationError
from tests.connectors.ocpp.calls import until
from tests.connectors.ocpp.chargers import PSEUDONYMISER
from tests.connectors.ocpp.doors import Door, ask, dial, ends, open_door, status_of

SOON_S = 0.5
"""Enough for a handshake on a busy machine, and short to wait for where none comes."""

WITHIN_S = 8.0
"""Less than HANDSHAKE_S: what ends by then does not end because of that."""


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened


def _came(door: Door, count: int) -> bool:
    return len(door.came) == count


@pytest.mark.parametrize("request_", [b"", b"GET /ocpp/x HTTP/1.1\r\nHost: x\r\n", b"\x16\x03\x01"])
async def test_a_handshake_that_is_not_finished_in_time_is_ended(
    request_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_S", SOON_S)
    async with open_door() as door:
        reader, writer = await ask(door, request_)
        assert await ends(reader, within_s=WITHIN_S) == b""
        writer.close()
        async with await dial(door):
            await until(lambda: door.came)


async def test_a_handshake_that_drips_is_ended_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_S", SOON_S)
    async with open_door() as door:
        reader, writer = await ask(door, b"GET /ocpp/x HTTP/1.1\r\n")
        began_s = asyncio.get_running_loop().time()
        ended = asyncio.create_task(ends(reader, within_s=WITHIN_S))
        while not ended.done():
            writer.write(b"X-Drip: 1\r\n")
            await asyncio.sleep(0.02)
        assert asyncio.get_running_loop().time() - began_s < WITHIN_S
        writer.close()


async def test_connections_without_a_handshake_are_bounded_and_counted() -> None:
    async with open_door(handshakes_max=3) as door:
        held = [await ask(door, b"GET") for _ in range(3)]
        await asyncio.sleep(0)
        reader, writer = await ask(door, b"GET")
        assert await ends(reader, within_s=WITHIN_S) == b""
        assert door.refused(Refusal.TOO_MANY_HANDSHAKES) == 1
        for _, each in (*held, (reader, writer)):
            each.close()
        # Their places are free again as soon as they are gone.
        async with asyncio.timeout(WITHIN_S):
            while not door.came:
                with suppress(OSError, InvalidHandshake):
                    await dial(door)
                await asyncio.sleep(0.01)


async def test_connections_with_a_handshake_take_no_place_of_those_without() -> None:
    async with open_door(handshakes_max=1) as door:
        sockets = []
        for count in range(1, 4):
            sockets.append(await dial(door))
            await until(partial(_came, door, count))
        assert door.refused(Refusal.TOO_MANY_HANDSHAKES) == 0
        for socket in sockets:
            await socket.close()


@pytest.mark.parametrize("lines", [["X: " + "a" * 20_000], ["X: a"] * 300], ids=["long", "many"])
async def test_headers_are_bounded(door: Door, lines: list[str]) -> None:
    request = "\r\n".join(["GET /ocpp/x HTTP/1.1", *lines, "", ""]).encode()
    reader, writer = await ask(door, request)
    assert (await ends(reader, within_s=WITHIN_S))[:12] in {b"HTTP/1.1 431", b""}
    writer.close()


async def test_a_message_far_beyond_the_frame_limit_ends_the_connection_with_1009(
    door: Door,
) -> None:
    socket = await dial(door)
    await socket.send("x" * (MESSAGE_BYTES_MAX + 1))
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    assert door.received == []


async def test_fragments_add_up_to_the_same_limit(door: Door) -> None:
    socket = await dial(door)
    part = "x" * (MESSAGE_BYTES_MAX // 4)
    with suppress(ConnectionClosed):
        await socket.send([part] * 5)
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_message_a_little_beyond_the_frame_limit_is_the_sessions_to_answer(
    door: Door,
) -> None:
    async with await dial(door) as socket:
        await socket.send("x" * (FRAME_BYTES_MAX + 1))
        await until(lambda: door.received)
        assert len(door.received[0]) == FRAME_BYTES_MAX + 1


async def test_a_full_gateway_says_so_and_names_a_time() -> None:
    async with open_door(connections_max=5) as door:
        door.connections_count = 5
        with pytest.raises(InvalidStatus) as refused:
            await dial(door)
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "30"
        # Strangers learn nothing about how full it is.
        assert await status_of(door) == 401
        assert door.refused(Refusal.TOO_MANY_CONNECTIONS) == 1


async def test_a_taken_address_is_one_sentence_with_what_to_do() -> None:
    async with open_door() as door:
        listener = Listener(
            Admission({}, PSEUDONYMISER, allow_unauthenticated=False),
            door.metrics,
            door.keep,
            lambda: 0,
        )
        with pytest.raises(ConfigurationError) as refused:
            await listener.open("127.0.0.1", door.port)
    assert str(refused.value) == (
        f"cannot listen for chargers on 127.0.0.1:{door.port} (Address already in use); "
        "choose another address with --ocpp"
    )
