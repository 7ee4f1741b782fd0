"""The `ocpp` package's own central-system loop, answering from a dict: a baseline.

`python -m benchmarks.ocpp_central PORT KNOWN_CARDS`
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import uvloop
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call_result, datatypes, enums
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks import depot
from benchmarks.stations import SUBPROTOCOL

# The package logs each frame at INFO; a baseline should not pay for that.
SILENT = logging.Logger("benchmarks.frames", level=logging.CRITICAL)


class Central(ChargePoint):  # type: ignore[misc]  # the package ships no types
    """Answers Authorize from a dict, with the package's own validation."""

    statuses: dict[str, str]

    @on("Authorize")  # type: ignore[untyped-decorator]
    async def on_authorize(self, id_token: dict[str, Any], **_: Any) -> object:
        status = self.statuses.get(id_token["id_token"], "Unknown")
        return call_result.Authorize(
            id_token_info=datatypes.IdTokenInfoType(
                status=enums.AuthorizationStatusEnumType(status)
            )
        )


async def serve_central(port: int, known_cards: int) -> None:
    """Serve until cancelled."""
    cards = (depot.card(number, known_cards) for number in range(known_cards))
    Central.statuses = {card.serial: card.status for card in cards}

    async def handle(socket: ServerConnection) -> None:
        path = socket.request.path if socket.request else ""
        try:
            await Central(path.rpartition("/")[2], socket, logger=SILENT).start()
        except ConnectionClosed:
            return

    async with serve(
        handle, "127.0.0.1", port, subprotocols=[SUBPROTOCOL], compression=None
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(serve_central(int(sys.argv[1]), int(sys.argv[2])))
