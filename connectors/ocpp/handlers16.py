"""What OCPP 1.6 actions do here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ocpp.v16 import call as calls16

from connectors.ocpp.handlers import (
    FREEVEND_TAG,
    authorize,
    boot,
    data_transfer,
    expiry_of,
    heartbeat,
    received,
)
from connectors.ocpp.incoming import Handler, IncomingCall
from connectors.ocpp.presenting import (
    ChargerTime,
    Transaction,
    clock_of,
    live,
    read_token,
    replayed,
    settle_start,
    time_of,
)
from connectors.ocpp.stopping import stop_session
from connectors.ocpp.v16 import (
    sign_certificate_response,
    start_transaction_response,
    stop_transaction_response,
)
from models.attempt import AttemptKind, Token
from models.clocks import before
from models.ids import wire_transaction_id

_CHARGING, _AVAILABLE = "Charging", "Available"


async def start_transaction(call: IncomingCall) -> object | None:
    """An attempt. A repeat gets the same transaction id from any gateway, also a denied one."""
    token = read_token(call)
    assert token is not None, "the schema requires a tag"
    transaction = _transaction(call, token)
    settled = await settle_start(call, token, transaction)
    if settled is None:
        return None
    wire_id = transaction.wire_id
    assert isinstance(wire_id, int)
    _keep_refused(call, wire_id if settled.stop else None)
    return start_transaction_response(wire_id, settled.told.status, expiry_of(settled))


def _keep_refused(call: IncomingCall, transaction_id: int | None) -> None:
    memory, charger_id = call.services.memory, call.connection.charger.charger_id
    connector = int(call.payload["connectorId"])
    memory.forget_refused(charger_id, connector, call.received_s)
    if transaction_id is not None:
        memory.refuse(charger_id, connector, transaction_id, call.received_s)


async def status_notification(call: IncomingCall) -> object:
    """Taken note of; a connector that charges in spite of Invalid is stopped."""
    status, connector = call.payload["status"], int(call.payload["connectorId"])
    if status == _CHARGING:
        _stop_refused(call, connector)
    elif status == _AVAILABLE:
        charger_id = call.connection.charger.charger_id
        call.services.memory.forget_refused(charger_id, connector, call.received_s)
    return await received(call)


async def meter_values(call: IncomingCall) -> object:
    """Taken note of; meter values of a refused transaction say that energy flows, unless they are
    told of later (rule 15)."""
    transaction_id = call.payload.get("transactionId")
    if transaction_id is not None and not _values_replayed(call):
        _stop_refused(call, int(call.payload["connectorId"]), of=int(transaction_id))
    return await received(call)


def _values_replayed(call: IncomingCall) -> bool:
    values = call.payload["meterValue"]
    measured_at = time_of(values[-1]["timestamp"]) if values else None
    since = call.connection.since
    return measured_at is not None and before(measured_at, since, clock_of(call))


def _stop_refused(call: IncomingCall, connector: int, of: int | None = None) -> None:
    """Answering Invalid is no dependable gate (finding 1): the remote stop is the backup.

    Sent at each sign of energy until another session begins or the vehicle goes, because the stop
    itself may fail.
    """
    charger_id = call.connection.charger.charger_id
    refused = call.services.memory.refused(charger_id, connector, call.received_s)
    if refused is not None and of in {None, refused}:
        request = calls16.RemoteStopTransaction(transaction_id=refused)
        call.after = partial(stop_session, call.connection, request, FREEVEND_TAG)


def _transaction(call: IncomingCall, token: Token) -> Transaction:
    payload = call.payload
    connector = int(payload["connectorId"])
    charger_id = call.connection.charger.charger_id
    natural_key = (
        connector,
        str(payload["timestamp"]),
        int(payload["meterStart"]),
        token.lasting_pseudonym or "",
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
    clock = clock_of(call)
    if charger_at is not None and before(charger_at, call.connection.since, clock):
        return replayed(charger_at, call.received_at, clock)
    return live(charger_at, call.received_at)


async def sign_certificate(call: IncomingCall) -> object:
    """Taken note of and refused."""
    await call.report()
    return sign_certificate_response()


async def stop_transaction(call: IncomingCall) -> object | None:
    """An event: a token that stops is not judged, and 1.6 then omits idTagInfo (rule 30)."""
    token = read_token(call)
    if not await call.deliver(token.kind if token else None):
        return None
    call.services.memory.forget_refused_transaction(
        call.connection.charger.charger_id, int(call.payload["transactionId"]), call.received_s
    )
    return stop_transaction_response()


HANDLERS: Mapping[str, Handler] = {
    "Authorize": authorize,
    "BootNotification": boot,
    "DataTransfer": data_transfer,
    "DiagnosticsStatusNotification": received,
    "FirmwareStatusNotification": received,
    "Heartbeat": heartbeat,
    "LogStatusNotification": received,
    "MeterValues": meter_values,
    "SecurityEventNotification": received,
    "SignCertificate": sign_certificate,
    "SignedFirmwareStatusNotification": received,
    "StartTransaction": start_transaction,
    "StatusNotification": status_notification,
    "StopTransaction": stop_transaction,
}
