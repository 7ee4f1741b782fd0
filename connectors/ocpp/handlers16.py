"""What OCPP 1.6 actions do here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ocpp.v16 import call as calls16

from connectors.ocpp.commands import stop_session
from connectors.ocpp.connection import Handler, IncomingCall
from connectors.ocpp.handlers import (
    authorize,
    boot,
    data_transfer,
    expiry_of,
    heartbeat,
    received,
)
from connectors.ocpp.presenting import (
    ChargerTime,
    Transaction,
    live,
    older_than,
    read_token,
    replayed,
    settle_start,
    time_of,
)
from connectors.ocpp.v16 import start_transaction_response, stop_transaction_response
from models.attempt import AttemptKind, Token
from models.ids import wire_transaction_id


async def start_transaction(call: IncomingCall) -> object | None:
    """An attempt. A repeat gets the same transaction id from any gateway, also a denied one."""
    token = read_token(call)
    assert token is not None, "the schema requires a tag"
    transaction = _transaction(call, token)
    settled = await settle_start(call, token, transaction)
    if settled is None:
        return None
    if settled.stop:
        call.after = partial(stop_session, call.connection, transaction.stop, "freevend tag")
    wire_id = transaction.wire_id
    assert isinstance(wire_id, int)
    return start_transaction_response(wire_id, settled.told.status, expiry_of(settled))


def _transaction(call: IncomingCall, token: Token) -> Transaction:
    payload = call.payload
    connector = int(payload["connectorId"])
    charger_id = call.connection.charger.charger_id
    natural_key = (
        connector,
        str(payload["timestamp"]),
        int(payload["meterStart"]),
        token.pseudonym or "",
    )
    wire_id = wire_transaction_id(charger_id, *natural_key)
    return Transaction(
        kind=AttemptKind.START_TRANSACTION,
        wire_id=wire_id,
        connector=connector,
        time=_time(call),
        natural_key=natural_key,
        session_key=natural_key,
        stop=calls16.RemoteStopTransaction(transaction_id=wire_id),
    )


def _time(call: IncomingCall) -> ChargerTime:
    """1.6 replays carry no flag: a start before this connection is one (finding 8)."""
    charger_at = time_of(call.payload["timestamp"])
    if charger_at is not None and older_than(charger_at, call.connection.since):
        return replayed(charger_at, call.received_at)
    return live(charger_at, call.received_at)


async def stop_transaction(call: IncomingCall) -> object | None:
    """An event: a token that stops is not judged, and 1.6 then omits idTagInfo (rule 30)."""
    token = read_token(call)
    if not await call.deliver(token.kind if token else None):
        return None
    return stop_transaction_response()


HANDLERS: Mapping[str, Handler] = {
    "Authorize": authorize,
    "BootNotification": boot,
    "DataTransfer": data_transfer,
    "DiagnosticsStatusNotification": received,
    "FirmwareStatusNotification": received,
    "Heartbeat": heartbeat,
    "MeterValues": received,
    "StartTransaction": start_transaction,
    "StatusNotification": received,
    "StopTransaction": stop_transaction,
}
