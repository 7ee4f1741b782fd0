"""A central system of a few lines, on the server side of the `ocpp` package: it validates what
the simulated chargers send and answers from a dictionary."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import ocpp.v16
import ocpp.v201
from ocpp.v16 import call_result as result16
from ocpp.v201 import call_result as result201
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from depotgate.demo.station import SILENT, answers

PASSWORD = "correct horse battery"  # noqa: S105 - of simulated chargers
TRANSACTION_ID = 4711


@dataclass
class Central:
    """What the central system heard, and how it answers.

    Attributes:
        heard: (action, payload in snake case), oldest first.
        verdicts: token → (status, text); any other token is Accepted.
        start_verdicts: the same for starts, before `verdicts`.
        silent: actions that it leaves unanswered.
        silent_once: the same for the next message only.
    """

    endpoint: str = ""
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    start_verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    silent_once: set[str] = field(default_factory=set)
    stations: dict[str, Any] = field(default_factory=dict)
    heartbeat_s: int = 300

    def actions(self, *names: str) -> list[str]:
        """The actions heard, or those of the given names."""
        return [action for action, _ in self.heard if not names or action in names]

    def payloads(self, action: str) -> list[dict[str, Any]]:
        """What was heard under one action."""
        return [payload for name, payload in self.heard if name == action]

    def verdict(self, token: str, start: bool) -> tuple[str, str]:
        """Status and text for a token."""
        first = self.start_verdicts if start else {}
        return first.get(token) or self.verdicts.get(token) or ("Accepted", "Welcome.")

    def refuse(self, request: Request) -> HTTPStatus | None:
        """Who may not connect: a wrong user or password."""
        charger_id = unquote(request.path.removeprefix("/ocpp/"))
        expected = base64.b64encode(f"{charger_id}:{PASSWORD}".encode()).decode()
        right = request.headers.get("Authorization") == f"Basic {expected}"
        return None if right else HTTPStatus.UNAUTHORIZED

    async def serve(self, socket: ServerConnection) -> None:
        """One charger's connection."""
        assert socket.request is not None
        charger_id = unquote(socket.request.path.removeprefix("/ocpp/"))
        station = (_Central16 if socket.subprotocol == "ocpp1.6" else _Central201)(
            charger_id, socket, self
        )
        self.stations[charger_id] = station
        try:
            await station.start()
        except ConnectionClosed:
            return


@asynccontextmanager
async def central_system() -> AsyncIterator[Central]:
    """A central system on a port of its own."""
    central = Central()

    def authenticate(connection: ServerConnection, request: Request) -> Response | None:
        status = central.refuse(request)
        return None if status is None else connection.respond(status, "")

    async with serve(
        central.serve,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol(f"ocpp{version}") for version in ("1.6", "2.0.1", "2.1")],
        process_request=authenticate,
        compression=None,
        close_timeout=1,
        logger=SILENT,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        central.endpoint = f"ws://127.0.0.1:{port}/ocpp"
        yield central


async def until(holds: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Poll a condition until it holds."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - any condition, without an event of its own
            await asyncio.sleep(0.005)


def _now() -> str:
    return datetime.now(UTC).isoformat()


class _Heard:
    """Records what comes, and leaves unanswered what it is told to."""

    def __init__(self, charger_id: str, socket: ServerConnection, central: Central) -> None:
        super().__init__(charger_id, socket, 5, SILENT)  # type: ignore[call-arg]
        self.central = central

    async def _handle_call(self, msg: Any) -> None:
        if msg.action in self.central.silent | self.central.silent_once:
            self.central.silent_once.discard(msg.action)
            self.central.heard.append((f"{msg.action} (unanswered)", msg.payload))
            return
        await super()._handle_call(msg)  # type: ignore[misc]

    def hear(self, action: str, payload: dict[str, Any]) -> None:
        self.central.heard.append((action, payload))


class _Central16(_Heard, ocpp.v16.ChargePoint):  # type: ignore[misc]
    @answers("BootNotification")
    def on_boot_notification(self, **payload: Any) -> Any:
        self.hear("BootNotification", payload)
        return result16.BootNotification(
            current_time=_now(), interval=self.central.heartbeat_s, status="Accepted"
        )

    @answers("Heartbeat")
    def on_heartbeat(self, **payload: Any) -> Any:
        self.hear("Heartbeat", payload)
        return result16.Heartbeat(current_time=_now())

    @answers("StatusNotification")
    def on_status_notification(self, **payload: Any) -> Any:
        self.hear("StatusNotification", payload)
        return result16.StatusNotification()

    @answers("Authorize")
    def on_authorize(self, **payload: Any) -> Any:
        self.hear("Authorize", payload)
        status, _ = self.central.verdict(payload["id_tag"], start=False)
        return result16.Authorize(id_tag_info={"status": status})

    @answers("StartTransaction")
    def on_start_transaction(self, **payload: Any) -> Any:
        self.hear("StartTransaction", payload)
        status, _ = self.central.verdict(payload["id_tag"], start=True)
        return result16.StartTransaction(
            transaction_id=TRANSACTION_ID, id_tag_info={"status": status}
        )

    @answers("StopTransaction")
    def on_stop_transaction(self, **payload: Any) -> Any:
        self.hear("StopTransaction", payload)
        return result16.StopTransaction()

    @answers("MeterValues")
    def on_meter_values(self, **payload: Any) -> Any:
        self.hear("MeterValues", payload)
        return result16.MeterValues()


class _Central201(_Heard, ocpp.v201.ChargePoint):  # type: ignore[misc]
    @answers("BootNotification")
    def on_boot_notification(self, **payload: Any) -> Any:
        self.hear("BootNotification", payload)
        return result201.BootNotification(
            current_time=_now(), interval=self.central.heartbeat_s, status="Accepted"
        )

    @answers("Heartbeat")
    def on_heartbeat(self, **payload: Any) -> Any:
        self.hear("Heartbeat", payload)
        return result201.Heartbeat(current_time=_now())

    @answers("StatusNotification")
    def on_status_notification(self, **payload: Any) -> Any:
        self.hear("StatusNotification", payload)
        return result201.StatusNotification()

    @answers("Authorize")
    def on_authorize(self, **payload: Any) -> Any:
        self.hear("Authorize", payload)
        return result201.Authorize(id_token_info=self._info(payload["id_token"], start=False))

    @answers("TransactionEvent")
    def on_transaction_event(self, **payload: Any) -> Any:
        self.hear("TransactionEvent", payload)
        token = payload.get("id_token")
        info = self._info(token, start=True) if token else None
        return result201.TransactionEvent(id_token_info=info)

    def _info(self, id_token: dict[str, str], start: bool) -> dict[str, Any]:
        status, text = self.central.verdict(id_token["id_token"], start)
        return {"status": status, "personal_message": {"format": "UTF8", "content": text}}
