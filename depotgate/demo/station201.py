"""What a simulated OCPP 2.x charger answers to the calls of its central system."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import ocpp.v201
from ocpp.v201 import call_result
from ocpp.v201.enums import Action
from websockets.asyncio.client import ClientConnection

from depotgate.demo.session import ACCEPTED, Card
from depotgate.demo.station import Station, answers, then

if TYPE_CHECKING:
    from depotgate.demo.charger201 import Charger201


class Station201(Station, ocpp.v201.ChargePoint):  # type: ignore[misc]  # no types
    """One connection of a charger: each call is answered by what the charger has and does."""

    known_actions = frozenset(Action)

    def __init__(self, charger: Charger201, socket: ClientConnection) -> None:
        timeout_s = charger.behaviour.response_timeout_s
        super().__init__(charger.charger_id, socket, timeout_s, charger.mute)
        self._charger = charger

    @answers(Action.set_variables)
    def on_set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        """One result per variable, in their order."""
        return call_result.SetVariables(
            set_variable_result=[
                _echo(asked) | {"attribute_status": self._charger.set_variable(asked)}
                for asked in set_variable_data
            ]
        )

    @then(Action.set_variables)
    def after_set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> None:
        """Obey what sets the mode."""
        for asked in set_variable_data:
            self._charger.obey(asked)

    @answers(Action.get_variables)
    def on_get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        """One result per variable, in their order."""
        return call_result.GetVariables(
            get_variable_result=[
                _echo(asked) | self._charger.read(asked) for asked in get_variable_data
            ]
        )

    @answers(Action.clear_cache)
    def on_clear_cache(self, **_: Any) -> Any:
        """Always possible."""
        self._charger.clear_cache()
        return call_result.ClearCache(status=ACCEPTED)

    @answers(Action.request_start_transaction)
    def on_request_start_transaction(self, evse_id: int = 1, **_: Any) -> Any:
        """Accepted where a vehicle waits."""
        self._starts = self._charger.startable(evse_id)
        return call_result.RequestStartTransaction(status=ACCEPTED if self._starts else "Rejected")

    @then(Action.request_start_transaction)
    def after_request_start_transaction(
        self, id_token: dict[str, str], evse_id: int = 1, **_: Any
    ) -> None:
        """Start it."""
        if self._starts:
            card = Card("remote", id_token["id_token"], id_token["type"])
            self._charger.later(partial(self._charger.start_remotely, card, evse_id))

    @answers(Action.get_local_list_version)
    def on_get_local_list_version(self, **_: Any) -> Any:
        """0 = it is empty."""
        return call_result.GetLocalListVersion(version_number=self._charger.local_list.version)

    @answers(Action.send_local_list)
    def on_send_local_list(
        self,
        version_number: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
        **_: Any,
    ) -> Any:
        """Keep it."""
        rows = local_authorization_list or []
        status = self._charger.local_list.take(version_number, update_type, rows)
        return call_result.SendLocalList(status=status)

    @answers(Action.request_stop_transaction)
    def on_request_stop_transaction(self, transaction_id: str, **_: Any) -> Any:
        """Accepted for a session that runs."""
        known = self._charger.running(transaction_id)
        return call_result.RequestStopTransaction(status=ACCEPTED if known else "Rejected")

    @then(Action.request_stop_transaction)
    def after_request_stop_transaction(self, transaction_id: str, **_: Any) -> None:
        """Stop it."""
        self._charger.later(partial(self._charger.stop_remotely, transaction_id))

    @answers(Action.set_display_message, newer=True)
    def on_set_display_message(self, message: dict[str, Any], **_: Any) -> Any:
        """Shown instead of the one with its id."""
        if self._charger.display is None:
            return call_result.SetDisplayMessage(status="Rejected")
        self._charger.display[message["id"]] = message
        return call_result.SetDisplayMessage(status=ACCEPTED)

    @answers(Action.clear_display_message)
    def on_clear_display_message(self, id: int, **_: Any) -> Any:
        """Accepted for one that is there."""
        known = (self._charger.display or {}).pop(id, None)
        return call_result.ClearDisplayMessage(status=ACCEPTED if known else "Unknown")

    @answers(Action.reset)
    def on_reset(self, type: str, **_: Any) -> Any:
        """At once; `OnIdle` only where nothing runs (B12): it keeps no reset for later."""
        self._resets = type == "Immediate" or self._charger.idle
        return call_result.Reset(status=ACCEPTED if self._resets else "Rejected")

    @then(Action.reset)
    def after_reset(self, type: str, **_: Any) -> None:
        """Restart."""
        if self._resets:
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


def _echo(asked: dict[str, Any]) -> dict[str, Any]:
    return {
        name: asked[name] for name in ("component", "variable", "attribute_type") if name in asked
    }
