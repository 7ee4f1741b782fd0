"""What each version of OCPP carries of an answer, row by row, over real sockets (rules 24, 25, 30).

A row is a reason of the reason table and how a token comes to it. It is presented in every message
of its version that can carry a token: live, within a transaction, and told of later. Between the
socket and the rules is all of the product but Kafka.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from connectors.ocpp.table import Version
from connectors.ocpp.wire import wire_time
from models.reasons import REASON_TABLE, OcppVersion, Reason
from models.site import ChargerRecord
from tests.connectors.ocpp.calls import Wire, until
from tests.connectors.ocpp.deciding import FREEVEND_TAG, gateway_of
from tests.connectors.ocpp.doors import dial, open_door

NO_TOKEN = FREEVEND_TAG
"""The freevend tag of 1.6; 2.x has the type NoAuthorization."""

WITHIN_S = 30.0

OK, BLOCKED, EXPIRED, INVALID = "Accepted", "Blocked", "Expired", "Invalid"
UNKNOWN, NOT_NOW, NOT_HERE = "Unknown", "NotAtThisTime", "NotAtThisLocation"


class Row(NamedTuple):
    """One row of the table.

    Attributes:
        token: an idTag, or an idToken of type ISO14443.
        site: one of `depot_of`.
        stops: the gateway ends a session that has begun so, once it knows that it runs.
    """

    name: str
    reason: Reason
    token: str
    site: str
    status_16: str
    status_2x: str
    stops: bool = False


# fmt: off
ROWS = (
    #   name           reason                          token        site         1.6      2.x
    Row("own fleet",   Reason.OWN_FLEET,               "04000001",  "wire",      OK,      OK),
    Row("agreement",   Reason.AGREEMENT_ACTIVE,        "04000002",  "wire",      OK,      OK),
    Row("freevend",    Reason.FREEVEND_OPEN,           "04C0FFEE",  "freevend",  OK,      OK),
    Row("unknown",     Reason.UNKNOWN_ID,              "04C0FFEE",  "wire",      INVALID, UNKNOWN),
    Row("revoked",     Reason.REVOKED,                 "04000003",  "wire",      BLOCKED, BLOCKED),
    Row("suspended",   Reason.SUSPENDED,               "04000004",  "wire",      BLOCKED, BLOCKED),
    Row("conflict",    Reason.IDENTITY_CONFLICT,       "04000005",  "wire",      BLOCKED, BLOCKED),
    Row("expired",     Reason.AGREEMENT_EXPIRED,       "04000006",  "wire",      EXPIRED, EXPIRED),
    Row("not yet",     Reason.AGREEMENT_NOT_YET,       "04000007",  "wire",      BLOCKED, BLOCKED),
    Row("other hours", Reason.NOT_ENTITLED_NOW,        "04000008",  "wire",      BLOCKED, NOT_NOW),
    Row("other group", Reason.NOT_ENTITLED_HERE,       "04000009",  "wire",      BLOCKED, NOT_HERE),
    Row("uncertain",   Reason.IDENTITY_UNCERTAIN,      "04C0FFEE",  "uncertain", INVALID, UNKNOWN),
    Row("unreadable",  Reason.UNREADABLE_ID,           " ",         "wire",      INVALID, INVALID),
    Row("no token",    Reason.FREEVEND_TAG_IN_MANAGED, NO_TOKEN,    "wire",      INVALID, OK,
        stops=True),
    Row("no decision", Reason.DECISION_TIMED_OUT,      "04000001",  "silent",    INVALID, UNKNOWN),
    Row("no decision where that is open",
                       Reason.DECISION_TIMED_OUT,      "04C0FFEE",  "open",      OK,      OK),
)
# fmt: on

NOT_ON_THE_WIRE = {Reason.DECISION_ERROR, Reason.NO_IDENTIFICATION}
"""An error is told as a missed deadline is; nobody presented anything for the other."""

CHARS_MAX = {"2.0.1": 512, "2.1": 1024}


def test_every_reason_of_the_table_has_a_row() -> None:
    assert {row.reason for row in ROWS} | NOT_ON_THE_WIRE == {row.reason for row in REASON_TABLE}


# A charger that says what the test says


class Plug:
    """A charger's end of a socket.

    Attributes:
        stops: transactions that the gateway had it stop.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.stops: list[int | str] = []
        self._socket = socket
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def follow(self) -> None:
        """Take answers, and accept what the gateway asks for."""
        async for text in self._socket:
            kind, message_id, *rest = json.loads(text)
            if kind == 2:
                action, payload = rest
                assert action in {"RemoteStopTransaction", "RequestStopTransaction"}
                self.stops.append(payload["transactionId"])
                await self._socket.send(json.dumps([3, message_id, {"status": "Accepted"}]))
            else:
                self._waiting.pop(message_id).set_result(rest[0])

    async def ask(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The answer to a call."""
        message_id = f"m{secrets.token_hex(4)}"
        self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(WITHIN_S):
            return await self._waiting[message_id]


@asynccontextmanager
async def charger_of(ocpp: OcppVersion, row: Row) -> AsyncIterator[Plug]:
    """A charger of the row's site, connected; every outcome has the row's reason."""
    stand, kafka = gateway_of(row.site)

    async def serve(socket: ServerConnection, _: ChargerRecord, version: Version) -> None:
        await stand.connection(version.name, cast("Wire", socket)).run()

    async with open_door(stand.charger, on_connected=serve) as door:
        charger_id = str(stand.charger.charger_id)
        socket = await dial(door, charger_id, subprotocols=(f"ocpp{ocpp}",))
        plug = Plug(socket)
        following = asyncio.create_task(plug.follow())
        yield plug
        await socket.close()
        await following
    assert {outcome.reason for outcome in kafka.outcomes} == {row.reason}


HOUR = timedelta(hours=1)


def at(ago: timedelta = timedelta()) -> str:
    return wire_time(datetime.now(UTC) - ago)


# OCPP 1.6


def start_16(row: Row, connector: int, ago: timedelta = timedelta()) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": row.token, "meterStart": 0, "timestamp": at(ago)}


def values_16(connector: int, transaction_id: int, ago: timedelta) -> dict[str, Any]:
    value = {"timestamp": at(ago), "sampledValue": [{"value": "7"}]}
    return {"connectorId": connector, "transactionId": transaction_id, "meterValue": [value]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_row_over_1_6(row: Row) -> None:
    async with charger_of("1.6", row) as wire:
        authorized = await wire.ask("Authorize", {"idTag": row.token})
        live = await wire.ask("StartTransaction", start_16(row, 1))
        replayed = await wire.ask("StartTransaction", start_16(row, 2, HOUR))
        for answer in (authorized, live, replayed):
            assert answer["idTagInfo"]["status"] == row.status_16
            # No text in this version.
            assert answer["idTagInfo"].keys() <= {"status", "expiryDate"}
            assert_not_kept(row, answer["idTagInfo"].get("expiryDate"))
        ids = [answer["transactionId"] for answer in (live, replayed)]
        assert len(set(ids)) == 2
        assert 0 not in ids
        # Neither the answer nor what is told of another time says that energy flows.
        await wire.ask("MeterValues", values_16(2, ids[1], HOUR / 2))
        assert wire.stops == []
        for connector in (1, 2):
            charging = {"connectorId": connector, "errorCode": "NoError", "status": "Charging"}
            await wire.ask("StatusNotification", charging)
        await stopped(wire, ids if row.stops else [])
        for transaction_id in ids:
            # A token that stops is an event: 1.6 omits idTagInfo (rule 30).
            ended = {"transactionId": transaction_id, "meterStop": 1, "timestamp": at()}
            assert await wire.ask("StopTransaction", ended | {"idTag": row.token}) == {}
        await stopped(wire, ids if row.stops else [])


# OCPP 2.x


def token_2x(row: Row) -> dict[str, Any]:
    if row.stops:
        return {"idToken": "", "type": "NoAuthorization"}
    return {"idToken": row.token, "type": "ISO14443"}


def event_2x(
    transaction_id: str, kind: str, number: int, ago: timedelta = timedelta(), **fields: Any
) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": at(ago),
        "triggerReason": "Authorized" if "idToken" in fields else "ChargingStateChanged",
        "seqNo": number,
        "transactionInfo": {"transactionId": transaction_id, "chargingState": "Charging"},
    } | fields


@pytest.mark.parametrize("ocpp", ["2.0.1", "2.1"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_row_over_2_x(row: Row, ocpp: OcppVersion) -> None:
    async with charger_of(ocpp, row) as wire:
        token = token_2x(row)
        if not row.stops:
            # Nobody authorizes what has no token.
            answer = await wire.ask("Authorize", {"idToken": token})
            assert_told(row, ocpp, answer)
            assert "updatedPersonalMessage" not in answer

        async def tell(name: str, kind: str, number: int, **fields: Any) -> dict[str, Any]:
            return await wire.ask("TransactionEvent", event_2x(name, kind, number, **fields))

        assert_told(row, ocpp, await tell("live", "Started", 0, idToken=token))
        assert await tell("within", "Started", 0) == {}
        assert_told(row, ocpp, await tell("within", "Updated", 1, idToken=token))
        replay = await tell("later", "Started", 0, ago=HOUR, offline=True, idToken=token)
        assert_told(row, ocpp, replay)
        assert await tell("later", "Updated", 1, ago=HOUR / 2, offline=True) == {}
        await stopped(wire, ["live", "within"] if row.stops else [])
        # Now it says that it still runs.
        assert await tell("later", "Updated", 2) == {}
        everyone = ["live", "within", "later"] if row.stops else []
        await stopped(wire, everyone)
        # A token that stops is an event, and answered Accepted (rule 30).
        stop = {"triggerReason": "StopAuthorized", "idToken": token}
        for answer in (
            await tell("live", "Updated", 1, **stop),
            await tell("live", "Ended", 2, idToken=token),
            await tell("within", "Ended", 2, idToken=token),
        ):
            assert answer == {"idTokenInfo": {"status": OK}}
        await stopped(wire, everyone)


def assert_told(row: Row, ocpp: OcppVersion, answer: dict[str, Any]) -> None:
    """Status and text as the version carries them."""
    info = answer["idTokenInfo"]
    assert info["status"] == row.status_2x
    assert_not_kept(row, info.get("cacheExpiryDateTime"))
    refused = row.status_2x != OK or row.stops
    text = info.get("personalMessage")
    assert (text is not None) or not refused
    if text is not None:
        assert text["format"] == "UTF8"
        assert 0 < len(text["content"]) <= CHARS_MAX[ocpp]
        assert 0 < len(text["language"]) <= 8
        assert row.token.strip() == "" or row.token not in text["content"]
    # TransactionEvent has a second field for it, which some firmware shows.
    assert answer.get("updatedPersonalMessage", text) == text


def assert_not_kept(row: Row, expiry: str | None) -> None:
    """What does not rest on the identity ends at once in a cache (rule 23, finding 5)."""
    passing = {Reason.FREEVEND_OPEN, Reason.DECISION_TIMED_OUT, Reason.FREEVEND_TAG_IN_MANAGED}
    if row.reason in passing:
        assert expiry is not None
        assert datetime.fromisoformat(expiry) <= datetime.now(UTC)


async def stopped(wire: Plug, transactions: Sequence[int | str]) -> None:
    """These and no others, so far; what a message led to is sent before the next is answered."""
    await until(lambda: set(wire.stops) >= set(transactions), WITHIN_S)
    await wire.ask("DataTransfer", {"vendorId": "tests"})
    assert set(wire.stops) == set(transactions)
