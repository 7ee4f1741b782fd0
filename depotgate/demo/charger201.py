"""A simulated OCPP 2.0.1 charger, on the client side of the `ocpp` package."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp.v201 import call
from websockets.asyncio.client import ClientConnection

from depotgate.demo.charger import Charger
from depotgate.demo.link import Answer
from depotgate.demo.local_list import LocalList
from depotgate.demo.session import (
    ACCEPTED,
    AttemptResult,
    Card,
    Plug,
    Session,
    Started,
    Stop,
    wire_time,
)
from depotgate.demo.station import Station
from depotgate.demo.station201 import Station201
from models.schedule import Mode

Names = tuple[str, str]
"""Component and variable, casefolded: case has no meaning (ComponentType, VariableType)."""


@dataclass
class Variable:
    """One variable's actual value."""

    value: str
    read_only: bool = True


_AUTH_ENABLED = ("authctrlr", "enabled")
_NO_TOKEN = {"id_token": "", "type": "NoAuthorization"}

_ITEMS_MAX, _BYTES_MAX = 32, 8192
"""ItemsPerMessage and BytesPerMessage: more than is ever asked for at once."""

_TRIGGER_OF_START = {
    Started.CARD: "Authorized",
    Started.CABLE: "CablePluggedIn",
    Started.REMOTE: "RemoteStart",
}

_TRIGGER_OF_STOP = {
    Stop.LOCAL: "StopAuthorized",
    Stop.REMOTE: "RemoteStop",
    Stop.EV_DISCONNECTED: "EVCommunicationLost",
    Stop.DEAUTHORIZED: "Deauthorized",
    Stop.REBOOT: "ResetCommand",
}


class Charger201(Charger):
    """A charger that speaks OCPP 2.0.1, with TxStartPoint and TxStopPoint PowerPathClosed.

    Args:
        missing: variables that it lacks, as `("AuthCtrlr", "Enabled")`; the others as `Speaker`.

    Attributes:
        variables: what it has; each read-only one is true to what the charger does.
        display: what it shows, by the message's id; None while it has no display.
    """

    subprotocol = "ocpp2.0.1"

    def __init__(
        self, charger_id: str, endpoint: str, *, missing: Iterable[Names] = (), **options: Any
    ) -> None:
        super().__init__(charger_id, endpoint, **options)
        managed = str(self.mode is Mode.MANAGED).lower()
        self.local_list = LocalList()
        self.variables: dict[Names, Variable] = {
            _AUTH_ENABLED: Variable(managed, read_only=False),
            ("authctrlr", "authorizeremotestart"): Variable("true"),
            ("authctrlr", "localauthorizeoffline"): Variable("false"),
            ("authctrlr", "localpreauthorize"): Variable("false"),
            # Required variables; their instances, one for each message, are all alike here.
            ("devicedatactrlr", "itemspermessage"): Variable(str(_ITEMS_MAX)),
            ("devicedatactrlr", "bytespermessage"): Variable(str(_BYTES_MAX)),
            ("txctrlr", "txstartpoint"): Variable("PowerPathClosed"),
            ("txctrlr", "txstoppoint"): Variable("PowerPathClosed"),
            ("txctrlr", "stoptxoninvalidid"): Variable(
                str(self.behaviour.stops_on_invalid).lower()
            ),
        }
        self.display: dict[int, dict[str, Any]] | None = None
        for component, variable in missing:
            del self.variables[component.casefold(), variable.casefold()]

    def add_display(self, formats: str = "ASCII,UTF8") -> None:
        """Give it a display for text."""
        self.display = {}
        for name, value in (
            ("available", "true"),
            ("enabled", "true"),
            ("personalmessagesize", "512"),
            ("supportedformats", formats),
        ):
            self.variables["displaymessagectrlr", name] = Variable(value)

    def find(self, asked: dict[str, Any]) -> Variable | str:
        """The variable that a request names, or the attributeStatus that says why there is none."""
        names = _names(asked)
        if asked.get("attribute_type") not in (None, "Actual"):
            return "NotSupportedAttributeType"
        if names in self.variables:
            return self.variables[names]
        known = {component for component, _ in self.variables}
        return "UnknownVariable" if names[0] in known else "UnknownComponent"

    def set_variable(self, asked: dict[str, Any]) -> str:
        """Answer to one entry of SetVariables: its attributeStatus."""
        found = self.find(asked)
        if isinstance(found, str):
            return found
        if found.read_only:
            return "Rejected"
        status = self.behaviour.switch_status
        if status in (ACCEPTED, "RebootRequired"):
            found.value = asked["attribute_value"]
        return status

    def read(self, asked: dict[str, Any]) -> dict[str, str]:
        """Answer to one entry of GetVariables: its attributeStatus, and its value if it has one."""
        found = self.find(asked)
        if isinstance(found, str):
            return {"attribute_status": found}
        return {"attribute_status": ACCEPTED, "attribute_value": found.value}

    def obey(self, asked: dict[str, Any]) -> None:
        """Act on one entry of SetVariables, if it was accepted and sets the mode."""
        stored = isinstance(self.find(asked), Variable) and _names(asked) == _AUTH_ENABLED
        if stored and self.behaviour.switch_status == ACCEPTED:
            self.switch_to(self._configured_mode())

    def _configured_mode(self) -> Mode:
        enabled = self.variables.get(_AUTH_ENABLED)
        if enabled is None:
            return self.mode
        return Mode.FREEVEND if enabled.value.casefold() == "false" else Mode.MANAGED

    @property
    def _asks_first(self) -> bool:
        # AuthCtrlr.Enabled = false: a presented token is passed on in the TransactionEvent.
        return self.mode is Mode.MANAGED

    def _station(self, socket: ClientConnection) -> Station:
        return Station201(self, socket)

    def _boot(self, restarted: bool) -> Any:
        if restarted and self.display is not None:
            # Its messages are in memory only.
            self.display.clear()
        return call.BootNotification(
            charging_station={
                "vendor_name": "depotgate",
                "model": "Simulated 2.0.1",
                "firmware_version": "1.0.0",
            },
            reason="LocalReset" if restarted else "PowerUp",
        )

    def _heartbeat(self) -> Any:
        return call.Heartbeat()

    def _authorize(self, card: Card) -> Any:
        return call.Authorize(id_token=_id_token(card))

    def _status(self, plug: Plug) -> tuple[str, Any]:
        status = "Occupied" if plug.plugged else "Available"
        return status, call.StatusNotification(
            timestamp=wire_time(self._clock()),
            connector_status=status,
            evse_id=plug.evse,
            connector_id=1,
        )

    def _verdict(self, action: str, answer: Answer) -> AttemptResult:
        info = answer.payload.id_token_info or {}
        message = info.get("personal_message") or _updated_message(answer.payload) or {}
        return AttemptResult(
            action, info.get("status", ""), message.get("content"), answer.latency_s
        )

    async def _send_start(self, plug: Plug, session: Session, by: Started) -> AttemptResult:
        session.transaction_id = str(uuid.uuid4())
        answer = await self._tell(
            "Started",
            session,
            trigger_reason=_TRIGGER_OF_START[by],
            at=session.started_at,
            charging_state="EVConnected",
            id_token=_NO_TOKEN if session.card is None else _id_token(session.card),
            meter_wh=plug.meter_wh,
        )
        return self._verdict("TransactionEvent", answer)

    async def _send_energised(self, plug: Plug, session: Session) -> None:
        await self._tell(
            "Updated",
            session,
            trigger_reason="ChargingStateChanged",
            at=self._clock(),
            charging_state="Charging",
        )

    async def _send_meter(self, plug: Plug, session: Session) -> None:
        await self._tell(
            "Updated",
            session,
            trigger_reason="MeterValuePeriodic",
            at=self._clock(),
            charging_state="Charging",
            meter_wh=plug.meter_wh,
        )

    async def _send_stop(
        self, plug: Plug, session: Session, why: Stop, card: Card | None, at: datetime
    ) -> None:
        await self._tell(
            "Ended",
            session,
            trigger_reason=_TRIGGER_OF_STOP[why],
            at=at,
            charging_state="EVConnected",
            stopped_reason=why.value,
            id_token=None if card is None else _id_token(card),
            meter_wh=plug.meter_wh,
        )

    async def _identify(self, session: Session, card: Card) -> AttemptResult | None:
        return await self._present(card, self._ask_identify(session, card))

    async def _ask_identify(self, session: Session, card: Card) -> AttemptResult:
        answer = await self._tell(
            "Updated",
            session,
            trigger_reason="Authorized",
            at=self._clock(),
            charging_state="Charging",
            id_token=_id_token(card),
        )
        return self._verdict("TransactionEvent", answer)

    async def _tell(
        self,
        event_type: str,
        session: Session,
        *,
        trigger_reason: str,
        at: datetime,
        charging_state: str,
        stopped_reason: str | None = None,
        id_token: dict[str, str] | None = None,
        meter_wh: float | None = None,
    ) -> Answer:
        event = call.TransactionEvent(
            event_type=event_type,
            timestamp=wire_time(at),
            trigger_reason=trigger_reason,
            seq_no=session.seq_no,
            transaction_info={
                "transaction_id": session.transaction_id,
                "charging_state": charging_state,
                "stopped_reason": stopped_reason,
            },
            meter_value=None if meter_wh is None else [_meter_value(at, meter_wh)],
            # Told later than it happened: from memory, or because there is no connection now.
            offline=True if session.replayed or not self.link.open else None,
            evse={"id": session.evse, "connector_id": 1},
            id_token=id_token,
        )
        session.seq_no += 1
        return await self._deliver(event)


def _id_token(card: Card) -> dict[str, str]:
    return {"id_token": card.token, "type": card.id_type}


def _meter_value(at: datetime, meter_wh: float) -> dict[str, Any]:
    return {"timestamp": wire_time(at), "sampled_value": [{"value": round(meter_wh, 1)}]}


def _names(asked: dict[str, Any]) -> Names:
    return asked["component"]["name"].casefold(), asked["variable"]["name"].casefold()


def _updated_message(payload: Any) -> dict[str, Any] | None:
    """Only a TransactionEvent's answer can carry one."""
    message: dict[str, Any] | None = getattr(payload, "updated_personal_message", None)
    return message
