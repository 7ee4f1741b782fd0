"""A simulated OCPP 1.6 charger, on the client side of the `ocpp` package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Self

import ocpp.v16
from ocpp.v16 import call, call_result
from ocpp.v16.datatypes import KeyValue
from ocpp.v16.enums import Action
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
from depotgate.demo.station import Station, answers, then
from models.makes import Boot
from models.profiles import Profile
from models.schedule import Mode

_KEYS_MAX = 50
"""GetConfigurationMaxKeys: more than any profile names at once."""


SIMULATED = Boot("1.6", "depotgate", "Simulated 1.6", "1.0.0")


@dataclass(frozen=True)
class FreevendKeys:
    """How a make of charger is switched: its vendor keys, as spelt, and their values.

    The defaults are MicroOcpp's. A make that is on when its key holds anything (a tag) has
    `freevend_value` None.

    Attributes:
        tag_key: holds the idTag of sessions that start by themselves; None = it has none, or
            it is the mode's own key.
        tag: used while the tag key is blank.
        others: further keys and their first values, all writable.
    """

    mode_key: str = "Cst_FreeVendActive"
    freevend_value: str | None = "true"
    managed_value: str = "false"
    tag_key: str | None = "Cst_FreeVendIdTag"
    tag: str = "A0000000"
    others: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """A charger of the make that a row of the profile table describes.

        Raises:
            ValueError: the row has no mode key for OCPP 1.6.
        """
        if profile.ocpp != "1.6" or profile.mode_key is None:
            raise ValueError(f"profile {profile.name} has no setting in OCPP 1.6")
        return cls(
            mode_key=profile.mode_key,
            freevend_value=profile.freevend,
            managed_value=profile.managed or "",
            tag_key=profile.tag_key,
            tag=profile.default_tag or cls.tag,
        )

    def mode_of(self, value: str) -> Mode:
        """The mode that a value of the mode's key asks for; makes differ in case only by habit."""
        if self.freevend_value is None:
            return Mode.FREEVEND if value else Mode.MANAGED
        on = value.casefold() == self.freevend_value.casefold()
        return Mode.FREEVEND if on else Mode.MANAGED

    def first_values(self, mode: Mode) -> dict[str, str]:
        """The writable keys as a charger in that mode holds them."""
        on = self.tag if self.freevend_value is None else self.freevend_value
        off = "" if self.freevend_value is None else self.managed_value
        values = {self.mode_key: on if mode is Mode.FREEVEND else off}
        if self.tag_key is not None:
            values[self.tag_key] = ""
        return values | dict(self.others)


class Charger16(Charger):
    """A charger that speaks OCPP 1.6. Arguments as `Speaker` has them, and `keys`.

    Attributes:
        boots_as: what it calls itself in BootNotification.
        configuration: writable keys and their values.
        fixed: read-only keys, each true to what the charger does.
    """

    subprotocol = "ocpp1.6"

    def __init__(
        self, charger_id: str, endpoint: str, *, keys: FreevendKeys | None = None, **options: Any
    ) -> None:
        super().__init__(charger_id, endpoint, **options)
        self.keys = keys or FreevendKeys()
        self.boots_as = SIMULATED
        self.configuration = self.keys.first_values(self.mode)
        self.local_list = LocalList()
        self.fixed = {
            "AuthorizeRemoteTxRequests": "false",
            "GetConfigurationMaxKeys": str(_KEYS_MAX),
            "LocalAuthorizeOffline": "false",
            "LocalPreAuthorize": "false",
            "NumberOfConnectors": str(len(self.plugs)),
            "StopTransactionOnInvalidId": str(self.behaviour.stops_on_invalid).lower(),
        }

    @property
    def freevend_tag(self) -> str:
        """The idTag of sessions that start by themselves."""
        tag_key = self.keys.tag_key or self.keys.mode_key
        holds_a_tag = self.keys.tag_key is not None or self.keys.freevend_value is None
        return (self.configuration[tag_key] if holds_a_tag else "") or self.keys.tag

    def change(self, key: str, value: str) -> str:
        """Answer to ChangeConfiguration: its status."""
        if key in self.fixed:
            return "Rejected"
        if key not in self.configuration:
            return "NotSupported"
        status = self.behaviour.switch_status if key == self.keys.mode_key else ACCEPTED
        if status in (ACCEPTED, "RebootRequired"):
            self.configuration[key] = value
        return status

    def read(self, keys: list[str] | None) -> tuple[dict[str, tuple[str, bool]], list[str]]:
        """Answer to GetConfiguration: values and whether they are fixed, and what is not known."""
        held = {k: (v, False) for k, v in self.configuration.items()}
        held |= {k: (v, True) for k, v in self.fixed.items()}
        named = keys or list(held)
        return {k: held[k] for k in named if k in held}, [k for k in named if k not in held]

    def _configured_mode(self) -> Mode:
        return self.keys.mode_of(self.configuration[self.keys.mode_key])

    @property
    def _asks_first(self) -> bool:
        return True

    def _station(self, socket: ClientConnection) -> Station:
        return _Station16(self, socket)

    def _boot(self, restarted: bool) -> Any:
        return call.BootNotification(
            charge_point_model=self.boots_as.model or "",
            charge_point_vendor=self.boots_as.vendor or "",
            firmware_version=self.boots_as.firmware,
        )

    def _heartbeat(self) -> Any:
        return call.Heartbeat()

    def _authorize(self, card: Card) -> Any:
        return call.Authorize(id_tag=card.token)

    def _status(self, plug: Plug) -> tuple[str, Any]:
        status = _status_of(plug)
        return status, call.StatusNotification(
            connector_id=plug.evse,
            error_code="NoError",
            status=status,
            timestamp=wire_time(self._clock()),
        )

    def _verdict(self, action: str, answer: Answer) -> AttemptResult:
        info = answer.payload.id_tag_info or {}
        return AttemptResult(action, info.get("status", ""), None, answer.latency_s)

    async def _send_start(self, plug: Plug, session: Session, by: Started) -> AttemptResult:
        answer = await self._deliver(
            call.StartTransaction(
                connector_id=plug.evse,
                id_tag=self.freevend_tag if session.card is None else session.card.token,
                meter_start=int(plug.meter_wh),
                timestamp=wire_time(session.started_at),
            )
        )
        session.transaction_id = answer.payload.transaction_id
        return self._verdict("StartTransaction", answer)

    async def _send_energised(self, plug: Plug, session: Session) -> None:
        """Nothing to send: the status says it."""

    async def _send_meter(self, plug: Plug, session: Session) -> None:
        value = {"value": str(int(plug.meter_wh)), "unit": "Wh"}
        sample = {"timestamp": wire_time(self._clock()), "sampled_value": [value]}
        await self._deliver(
            call.MeterValues(
                connector_id=plug.evse,
                transaction_id=session.transaction_id,
                meter_value=[sample],
            )
        )

    async def _send_stop(
        self, plug: Plug, session: Session, why: Stop, card: Card | None, at: datetime
    ) -> None:
        await self._deliver(
            call.StopTransaction(
                meter_stop=int(plug.meter_wh),
                timestamp=wire_time(at),
                transaction_id=session.transaction_id,
                reason=why.value,
                id_tag=card.token if card is not None else None,
            )
        )

    async def _identify(self, session: Session, card: Card) -> AttemptResult | None:
        return None


def _status_of(plug: Plug) -> str:
    if plug.session is not None and plug.session.energised:
        return "Charging"
    if not plug.plugged:
        return "Available"
    return "Finishing" if plug.finished else "Preparing"


class _Station16(Station, ocpp.v16.ChargePoint):  # type: ignore[misc]  # no types
    known_actions = frozenset(Action)

    def __init__(self, charger: Charger16, socket: ClientConnection) -> None:
        timeout_s = charger.behaviour.response_timeout_s
        super().__init__(charger.charger_id, socket, timeout_s, charger.mute)
        self._charger = charger

    @answers(Action.change_configuration)
    def on_change_configuration(self, key: str, value: str) -> Any:
        """Store it if the key is known and writable."""
        self._status = self._charger.change(key, value)
        return call_result.ChangeConfiguration(status=self._status)

    @then(Action.change_configuration)
    def after_change_configuration(self, key: str, value: str) -> None:
        """Obey it if it was the mode's key."""
        if key == self._charger.keys.mode_key and self._status == ACCEPTED:
            self._charger.switch_to(self._charger.keys.mode_of(value))

    @answers(Action.get_configuration)
    def on_get_configuration(self, key: list[str] | None = None) -> Any:
        """The named keys, or all of them; those it does not know by name."""
        held, unknown = self._charger.read(key)
        return call_result.GetConfiguration(
            configuration_key=[
                KeyValue(key=k, readonly=fixed, value=value) for k, (value, fixed) in held.items()
            ],
            unknown_key=unknown,
        )

    @answers(Action.clear_cache)
    def on_clear_cache(self) -> Any:
        """Always possible."""
        self._charger.clear_cache()
        return call_result.ClearCache(status=ACCEPTED)

    @answers(Action.remote_start_transaction)
    def on_remote_start_transaction(self, id_tag: str, connector_id: int = 1) -> Any:
        """Accepted where a vehicle waits."""
        self._starts = self._charger.startable(connector_id)
        return call_result.RemoteStartTransaction(status=ACCEPTED if self._starts else "Rejected")

    @then(Action.remote_start_transaction)
    def after_remote_start_transaction(self, id_tag: str, connector_id: int = 1) -> None:
        """Start it."""
        if self._starts:
            card = Card("remote", id_tag)
            self._charger.later(partial(self._charger.start_remotely, card, connector_id))

    @answers(Action.get_local_list_version)
    def on_get_local_list_version(self) -> Any:
        """0 = it is empty."""
        return call_result.GetLocalListVersion(list_version=self._charger.local_list.version)

    @answers(Action.send_local_list)
    def on_send_local_list(
        self,
        list_version: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
    ) -> Any:
        """Keep it."""
        rows = local_authorization_list or []
        status = self._charger.local_list.take(list_version, update_type, rows)
        return call_result.SendLocalList(status=status)

    @answers(Action.remote_stop_transaction)
    def on_remote_stop_transaction(self, transaction_id: int) -> Any:
        """Accepted for a session that runs."""
        known = self._charger.running(transaction_id)
        return call_result.RemoteStopTransaction(status=ACCEPTED if known else "Rejected")

    @then(Action.remote_stop_transaction)
    def after_remote_stop_transaction(self, transaction_id: int) -> None:
        """Stop it."""
        self._charger.later(partial(self._charger.stop_remotely, transaction_id))

    @answers(Action.reset)
    def on_reset(self, type: str) -> Any:
        """Always possible, hard or soft."""
        return call_result.Reset(status=ACCEPTED)

    @then(Action.reset)
    def after_reset(self, type: str) -> None:
        """Restart."""
        self._charger.reset()

    @answers(Action.trigger_message)
    def on_trigger_message(self, requested_message: str, **_: Any) -> Any:
        """Accepted for what it can tell at any time."""
        known = self._charger.can_tell(requested_message)
        return call_result.TriggerMessage(status=ACCEPTED if known else "NotImplemented")

    @then(Action.trigger_message)
    def after_trigger_message(self, requested_message: str, **_: Any) -> None:
        """Tell it."""
        if self._charger.can_tell(requested_message):
            self._charger.later(partial(self._charger.tell, requested_message))
