"""The listener on a real socket: who comes in, who is told what, and what never gets logged."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import pytest
import structlog
import uvloop
from websockets.exceptions import ConnectionClosed, InvalidStatus

from connectors.ocpp.admission import WRONG_CREDENTIALS_BURST, Admission, Refusal
from connectors.ocpp.server import Listener
from connectors.telemetry.metrics import Metrics
from models.errors import ConfigurationError
from tests.connectors.ocpp.calls import until
from tests.connectors.ocpp.chargers import PASSWORD, PSEUDONYMISER, basic, charger_record
from tests.connectors.ocpp.doors import CHARGER_ID, Door, ask, dial, ends, open_door, status_of

WRONG = "wrong horse battery"


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened


# Who comes in


async def test_a_percent_encoded_charger_comes_in_with_the_version_it_offered(door: Door) -> None:
    async with await dial(door) as socket:
        await until(lambda: door.came)
        assert socket.subprotocol == "ocpp2.0.1"
        assert socket.response is not None
        # Nothing tells a stranger what runs here.
        assert "Server" not in socket.response.headers
    ((charger, version),) = door.came
    assert (charger.charger_id, version.name) == (CHARGER_ID, "2.0.1")


async def test_the_newest_common_version_is_agreed(door: Door) -> None:
    async with await dial(door, subprotocols=("ocpp1.6", "ocpp2.1", "ocpp2.0.1")) as socket:
        assert socket.subprotocol == "ocpp2.1"


async def test_profile_0_needs_no_credentials_where_both_say_so() -> None:
    row = charger_record(CHARGER_ID, password=None)
    async with open_door(row, allow_unauthenticated=True) as door:
        await dial(door, password=None)
        await until(lambda: door.came)
    async with open_door(row) as door:
        assert await status_of(door) == 401
        assert door.refused(Refusal.UNAUTHENTICATED) == 1


# Who does not


@pytest.mark.parametrize("offered", [("ocpp2.2",), ("ocpp1.5", "soap"), ()])
async def test_an_unknown_subprotocol_is_refused_as_ocpp_j_says(
    door: Door, offered: tuple[str, ...]
) -> None:
    """OCPP-J 1.6 section 3.1.2: complete the handshake without the header, then close at once."""
    socket = await dial(door, subprotocols=offered)
    assert socket.subprotocol is None
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1002
    assert door.came == []
    assert door.refused(Refusal.SUBPROTOCOL) == 1


async def test_a_version_that_the_chargers_row_forbids_is_an_unknown_subprotocol() -> None:
    async with open_door(charger_record(CHARGER_ID, ocpp="1.6")) as door:
        socket = await dial(door, subprotocols=("ocpp2.0.1",))
        assert socket.subprotocol is None
        await socket.wait_closed()
        assert door.came == []


async def test_an_unauthenticated_charger_does_not_even_learn_about_subprotocols(
    door: Door,
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await dial(door, password=WRONG, subprotocols=("ocpp2.2",))
    assert refused.value.response.status_code == 401


async def test_unknown_chargers_get_404_wrong_credentials_401_and_both_are_counted(
    door: Door,
) -> None:
    assert await status_of(door, "CP-2", PASSWORD) == 404
    assert await status_of(door) == 401
    assert await status_of(door, password=WRONG) == 401
    causes = (Refusal.UNKNOWN_CHARGER, Refusal.NO_CREDENTIALS, Refusal.WRONG_CREDENTIALS)
    assert [door.refused(cause) for cause in causes] == [1, 1, 1]
    assert door.came == []


async def test_guessing_gets_429_and_a_time_to_come_back(door: Door) -> None:
    for _ in range(WRONG_CREDENTIALS_BURST):
        assert await status_of(door, password=WRONG) == 401
    with pytest.raises(InvalidStatus) as refused:
        await dial(door)
    assert refused.value.response.status_code == 429
    assert int(refused.value.response.headers["Retry-After"]) >= 1
    assert door.refused(Refusal.RATE_LIMITED) == 1


def test_refusals_reach_the_charger_on_uvloop_too() -> None:
    """A refused connection is aborted right after its answer; on uvloop the answer must be out."""

    async def refuse_often() -> set[int]:
        async with open_door() as door:
            return {await status_of(door, f"CP-{number}") for number in range(25)}

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(refuse_often()) == {404}


async def test_a_taken_address_is_one_sentence_with_what_to_do(door: Door) -> None:
    listener = Listener(
        Admission({}, PSEUDONYMISER, allow_unauthenticated=False),
        Metrics("gateway"),
        door.keep,
        int,
    )
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{door.port} .*--ocpp"):
        await listener.open("127.0.0.1", door.port)


# Logs


async def test_an_owner_that_fails_ends_its_own_connection_and_says_nothing_of_the_charger(
    log: Log,
) -> None:
    async def fail(*_: object) -> None:
        raise ValueError(f"{CHARGER_ID} {PASSWORD}")

    async with open_door(on_connected=fail) as door:
        socket = await dial(door)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
    assert "ValueError" in log.text
    assert log.secrets == []


async def test_no_credential_and_no_charger_id_is_ever_logged(log: Log, door: Door) -> None:
    async with await dial(door) as socket:
        await until(lambda: door.came)
        await socket.send(f'[2,"1","Authorize",{{"idTag":"{PASSWORD}"}}]')
    assert await status_of(door, password=WRONG) == 401
    assert await status_of(door, "UNKNOWN-9", PASSWORD) == 404
    await (await dial(door, subprotocols=("ocpp2.2",))).wait_closed()
    credentials = basic(CHARGER_ID, PASSWORD).encode()
    path = quote(CHARGER_ID, safe="").encode()
    for request in (
        b"GET /ocpp/" + path + b" HTTP/1.1\r\nAuthorization " + credentials + b"\r\n\r\n",
        b"GET /ocpp/" + path + b" HTTP/1.1\r\nAuthorization: \x01" + credentials + b"\r\n\r\n",
        b"GET /ocpp/" + path + b" HTTP/1.1\r\nAuthorization: " + credentials + b"\r\n\r\n",
        b"POST /ocpp/" + path + b" HTTP/1.1\r\nAuthorization: " + credentials + b"\r\n\r\n",
        b"GET /ocpp/" + path + b" " + credentials + b"\r\n\r\n",
        credentials + b"\r\n\r\n",
    ):
        reader, writer = await ask(door, request)
        await ends(reader, within_s=8.0)
        writer.close()
    assert log.secrets == []


SECRETS = (
    CHARGER_ID,
    quote(CHARGER_ID, safe=""),
    PASSWORD,
    WRONG,
    "UNKNOWN-9",
    basic(CHARGER_ID, PASSWORD).removeprefix("Basic "),
    basic(CHARGER_ID, WRONG).removeprefix("Basic "),
    base64.b64encode(PASSWORD.encode()).decode(),
)


class Log(logging.Handler):
    """Everything said at any level, by this code and by its libraries, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.own: list[structlog.typing.EventDict] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        # The formatter adds the traceback, where a secret would hide.
        self.lines.append(self.format(record))

    @property
    def text(self) -> str:
        return "\n".join([*self.lines, *map(str, self.own)])

    @property
    def secrets(self) -> list[str]:
        return [secret for secret in SECRETS if secret in self.text]


@pytest.fixture
def log() -> Iterator[Log]:
    said, root, configured = Log(), logging.getLogger(), structlog.get_config()
    level = root.level
    root.addHandler(said)
    root.setLevel(logging.DEBUG)
    # What depotgate itself says goes through structlog, as whoever ran before has set it up.
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as said.own:
        yield said
    structlog.configure(**configured)
    root.removeHandler(said)
    root.setLevel(level)
