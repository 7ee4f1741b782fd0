"""What OCPP 2.x actions do here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ocpp.v201 import call as calls201

from connectors.ocpp.handlers import (
    FREEVEND_TAG,
    authorize,
    boot,
    data_transfer,
    expiry_of,
    heartbeat,
    received,
    words_of,
)
from connectors.ocpp.incoming import Handler, IncomingCall
from connectors.ocpp.presenting import (
    ChargerTime,
    Transaction,
    clock_of,
    live,
    presented_to_start,
    read_token,
    replayed,
    settle_start,
    time_of,
)
from connectors.ocpp.stopping import stop_session
from connectors.ocpp.table import TransactionEventResponse
from models.attempt import AttemptKind, Token

_ACCEPTED = "Accepted"


async def transaction_event(call: IncomingCall) -> object | None:
    """An attempt when it presents a token to start, else an event (rule 30)."""
    _stop_replayed(call)
    token = read_token(call)
    if token is None:
        return _response(call)(None) if await call.deliver() else None
    if not presented_to_start(call.row.action, call.payload):
        delivered = await call.deliver(token.kind)
        return _response(call)(_ACCEPTED) if delivered else None
    return await _attempt(call, token)


def _stop_replayed(call: IncomingCall) -> None:
    """A session that was told of later may only be stopped while it runs (rule 15): what it tells
    as it happens says that it does."""
    payload, memory = call.payload, call.services.memory
    charger_id = call.connection.charger.charger_id
    transaction_id = str(payload["transactionInfo"]["transactionId"])
    if payload["eventType"] == "Ended":
        memory.forget_replayed(charger_id, transaction_id, call.received_s)
    elif payload.get("offline") is not True and memory.refused_replay(
        charger_id, transaction_id, call.received_s
    ):
        request = calls201.RequestStopTransaction(transaction_id=transaction_id)
        call.after = partial(stop_session, call.connection, request, FREEVEND_TAG)


def _response(call: IncomingCall) -> TransactionEventResponse:
    build = call.version.transaction_event_response
    assert build is not None, "these are the handlers of OCPP 2.x"
    return build


async def _attempt(call: IncomingCall, token: Token) -> object | None:
    transaction = _transaction(call)
    settled = await settle_start(call, token, transaction)
    if settled is None:
        return None
    if settled.stop and transaction.time.replayed:
        charger_id = call.connection.charger.charger_id
        wire_id = str(transaction.wire_id)
        call.services.memory.refuse_replayed(charger_id, wire_id, call.received_s)
    elif settled.stop:
        # C02.FR.02 has the freevend tag answered Accepted; the session is ended instead.
        call.after = partial(stop_session, call.connection, transaction.stop, FREEVEND_TAG)
    told = settled.told
    return _response(call)(told.status, expiry_of(settled), words_of(call, told))


def _transaction(call: IncomingCall) -> Transaction:
    payload = call.payload
    transaction_id = str(payload["transactionInfo"]["transactionId"])
    evse = payload.get("evse")
    return Transaction(
        kind=AttemptKind.TRANSACTION_EVENT,
        wire_id=transaction_id,
        connector=int(evse["id"]) if evse else None,
        time=_time(call),
        natural_key=(transaction_id, int(payload["seqNo"])),
        session_key=(transaction_id,),
        stop=calls201.RequestStopTransaction(transaction_id=transaction_id),
    )


def _time(call: IncomingCall) -> ChargerTime:
    charger_at = time_of(call.payload["timestamp"])
    if call.payload.get("offline") is True:
        return replayed(charger_at, call.received_at, clock_of(call))
    return live(charger_at, call.received_at)


async def notify_report(call: IncomingCall) -> object:
    """A part of a report: who waits for it has it before its answer brings the next one."""
    parts = call.connection.report_parts
    if parts is not None:
        parts.take(call.payload)
    return await received(call)


HANDLERS: Mapping[str, Handler] = {
    "Authorize": authorize,
    "BootNotification": boot,
    "DataTransfer": data_transfer,
    "FirmwareStatusNotification": received,
    "Heartbeat": heartbeat,
    "LogStatusNotification": received,
    "MeterValues": received,
    "NotifyDisplayMessages": received,
    "NotifyEvent": received,
    "NotifyReport": notify_report,
    "SecurityEventNotification": received,
    "StatusNotification": received,
    "TransactionEvent": transaction_event,
}
