"""Charging stations of the load generator: bare websockets and JSON, so that they cost little."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.depot import CARD_TYPE
from benchmarks.drive import Drive, Question

SUBPROTOCOL = Subprotocol("ocpp2.0.1")
CONNECTS_AT_ONCE = 50
"""Handshakes in flight: a thousand at once would measure the listener's backlog."""

POSTURE_TEXT = "Please contact the depot."
"""What a driver is told when no decision was made in time: never a good answer here."""

CALL, CALLRESULT = 2, 3

MODE_VARIABLE = "AuthCtrlr.Enabled"


class Station:
    """One charging station: presents cards, and obeys mode switches as a real one does.

    Attributes:
        read_back: value of the mode's variable when it was last asked for.
    """

    def __init__(self, number: int, socket: ClientConnection) -> None:
        self._number = number
        self._socket = socket
        self._asked = 0
        self._expected: str | None = None
        self._variables: dict[str, str] = {}
        self.drive: Drive | None = None
        self.called_count = 0
        self.read_back: str | None = None

    async def ask(self, question: Question) -> None:
        """Send one Authorize."""
        self._asked += 1
        self._expected = f"{self._asked}"
        token = {"idToken": question.card.serial, "type": CARD_TYPE}
        frame = [CALL, self._expected, "Authorize", {"idToken": token}]
        await self._socket.send(orjson.dumps(frame).decode())

    async def listen(self) -> None:
        """Take frames until the connection ends."""
        async for text in self._socket:
            frame = orjson.loads(text)
            if frame[0] == CALL:
                self.called_count += 1
                answer = self._obey(frame[2], frame[3])
                # One that is told to leave may be asked something on its way out.
                with suppress(ConnectionClosed):
                    await self._socket.send(orjson.dumps([CALLRESULT, frame[1], answer]).decode())
            elif frame[1] == self._expected and self.drive is not None:
                self._expected = None
                following = self.drive.answered(self._number, *_answer(frame))
                if following is not None:
                    await self.ask(following)

    async def tell(self, action: str, payload: dict[str, Any]) -> None:
        """Send a call whose answer says nothing."""
        self._asked += 1
        frame = [CALL, f"{self._asked}", action, payload]
        with suppress(ConnectionClosed):
            await self._socket.send(orjson.dumps(frame).decode())

    def forget(self) -> None:
        """An answer that comes after its load is nobody's."""
        self._expected = None

    def _obey(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        match action:
            case "SetVariables":
                return {"setVariableResult": [self._set(row) for row in payload["setVariableData"]]}
            case "GetVariables":
                return {"getVariableResult": [self._get(row) for row in payload["getVariableData"]]}
            case "ClearCache":
                return {"status": "Accepted"}
            case _:
                return {"status": "Rejected"}

    def _set(self, row: dict[str, Any]) -> dict[str, Any]:
        self._variables[_name(row)] = row["attributeValue"]
        return {"attributeStatus": "Accepted", **_address(row)}

    def _get(self, row: dict[str, Any]) -> dict[str, Any]:
        value = self._variables.get(_name(row), "false")
        if _name(row) == MODE_VARIABLE:
            self.read_back = value
        return {"attributeStatus": "Accepted", "attributeValue": value, **_address(row)}


def _address(row: dict[str, Any]) -> dict[str, Any]:
    return {"component": row["component"], "variable": row["variable"]}


def _name(row: dict[str, Any]) -> str:
    return f"{row['component']['name']}.{row['variable']['name']}"


def _answer(frame: list[Any]) -> tuple[str | None, str | None]:
    """The status of an answer, and what is wrong with it."""
    if frame[0] != CALLRESULT:
        return None, f"CALLERROR {frame[2]}"
    info = frame[2]["idTokenInfo"]
    text = info.get("personalMessage", {}).get("content")
    return info["status"], "posture" if text == POSTURE_TEXT else None


async def connect_stations(
    url: str, charger_ids: Sequence[str], password: str, open_sockets: AsyncExitStack
) -> list[Station]:
    """Connect every station, a few at a time; `open_sockets` closes them."""
    gate = asyncio.Semaphore(CONNECTS_AT_ONCE)

    async def one(number: int, charger_id: str) -> Station:
        credential = base64.b64encode(f"{charger_id}:{password}".encode()).decode()
        async with gate:
            socket = await connect(
                f"{url}/{charger_id}",
                subprotocols=[SUBPROTOCOL],
                additional_headers={"Authorization": f"Basic {credential}"},
                compression=None,
                ping_interval=None,
                open_timeout=30,
                # Only this machine is measured, so nothing in between is ever asked.
                proxy=None,
            )
        open_sockets.push_async_callback(socket.close)
        return Station(number, socket)

    return await asyncio.gather(*(one(*each) for each in enumerate(charger_ids)))
