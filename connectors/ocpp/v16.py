"""OCPP 1.6: what a charger may call, what the gateway may call, and the answers."""

from __future__ import annotations

from datetime import datetime

from ocpp.v16 import call, call_result, datatypes, enums

from connectors.ocpp.frames import CODES_16, Json
from connectors.ocpp.schemas import Schema
from connectors.ocpp.security_events import SECURITY_EVENT_TYPES
from connectors.ocpp.table import SILENT, OwnCall, PresentedToken, Row, Version, Words
from connectors.ocpp.wire import wire_time


def _schema(name: str) -> Schema:
    return Schema("v16", name)


# fmt: off
ROWS = (
    #   action                 kind           request schema            response
    #                          event fields
    Row("Authorize",           "authorize",   _schema("Authorize"),     call_result.Authorize,
                               ()),
    Row("BootNotification",    "status",      _schema("BootNotification"),
                               call_result.BootNotification,
                               ("chargePointVendor", "chargePointModel", "firmwareVersion")),
    Row("DataTransfer",        "status",      _schema("DataTransfer"),
                               call_result.DataTransfer,
                               ("vendorId.length", "messageId.length", "data.length")),
    Row("DiagnosticsStatusNotification",
                               "status",      _schema("DiagnosticsStatusNotification"),
                               call_result.DiagnosticsStatusNotification,
                               ("status",)),
    Row("FirmwareStatusNotification",
                               "status",      _schema("FirmwareStatusNotification"),
                               call_result.FirmwareStatusNotification,
                               ("status",)),
    Row("Heartbeat",           "always",      _schema("Heartbeat"),     call_result.Heartbeat,
                               ()),
    # The next, and three more below: OCPP 1.6 security whitepaper, edition 3.
    Row("LogStatusNotification",
                               "status",      _schema("LogStatusNotification"),
                               call_result.LogStatusNotification,
                               ("status", "requestId")),
    Row("MeterValues",         "status",      _schema("MeterValues"),   call_result.MeterValues,
                               ("connectorId", "transactionId", "meterValue.count")),
    Row("SecurityEventNotification",
                               "status",      _schema("SecurityEventNotification"),
                               call_result.SecurityEventNotification,
                               ("type", "timestamp", "techInfo.length"),
                               {"type": SECURITY_EVENT_TYPES}),
    Row("SignCertificate",     "status",      _schema("SignCertificate"),
                               call_result.SignCertificate,
                               ("csr.length",)),
    Row("SignedFirmwareStatusNotification",
                               "status",      _schema("SignedFirmwareStatusNotification"),
                               call_result.SignedFirmwareStatusNotification,
                               ("status", "requestId")),
    Row("StartTransaction",    "transaction", _schema("StartTransaction"),
                               call_result.StartTransaction,
                               ("connectorId", "meterStart", "timestamp")),
    Row("StatusNotification",  "status",      _schema("StatusNotification"),
                               call_result.StatusNotification,
                               ("connectorId", "status", "errorCode", "timestamp",
                                "info.length", "vendorErrorCode.length")),
    Row("StopTransaction",     "transaction", _schema("StopTransaction"),
                               call_result.StopTransaction,
                               ("transactionId", "meterStop", "timestamp", "reason",
                                "transactionData.count")),
)

CALLS = (
    #       action                   request                     result schema
    OwnCall("ChangeConfiguration",   call.ChangeConfiguration,
            _schema("ChangeConfigurationResponse")),
    OwnCall("ClearCache",            call.ClearCache,            _schema("ClearCacheResponse")),
    OwnCall("GetConfiguration",      call.GetConfiguration,
            _schema("GetConfigurationResponse")),
    OwnCall("GetLocalListVersion",   call.GetLocalListVersion,
            _schema("GetLocalListVersionResponse")),
    OwnCall("RemoteStartTransaction", call.RemoteStartTransaction,
            _schema("RemoteStartTransactionResponse")),
    OwnCall("RemoteStopTransaction", call.RemoteStopTransaction,
            _schema("RemoteStopTransactionResponse")),
    OwnCall("Reset",                 call.Reset,                 _schema("ResetResponse")),
    OwnCall("SendLocalList",         call.SendLocalList,         _schema("SendLocalListResponse")),
    OwnCall("TriggerMessage",        call.TriggerMessage,        _schema("TriggerMessageResponse")),
)
# fmt: on


def sign_certificate_response() -> object:
    """Refused: certificates are made elsewhere, and a charger goes on with the one that it has."""
    return call_result.SignCertificate(status=enums.GenericStatus.rejected)


def boot_response(interval_s: int, now: datetime) -> object:
    """Accept the charger; it sends a heartbeat every `interval_s`."""
    return call_result.BootNotification(
        current_time=wire_time(now),
        interval=interval_s,
        status=enums.RegistrationStatus.accepted,
    )


def heartbeat_response(now: datetime) -> object:
    """The time, by which chargers set their clocks."""
    return call_result.Heartbeat(current_time=wire_time(now))


def authorize_response(status: str, expiry: datetime | None, words: Words = SILENT) -> object:
    """Answer Authorize.

    Args:
        status: of idTagInfo.
        expiry: a cached copy ends then; freevend accepts carry the present moment, so that they
            never poison the charger's cache.
        words: not carried by this version.

    Raises:
        ValueError: `status` is none of this version's.
    """
    return call_result.Authorize(id_tag_info=_id_tag_info(status, expiry))


def start_transaction_response(transaction_id: int, status: str, expiry: datetime | None) -> object:
    """Answer StartTransaction, as `authorize_response`; a denied one has a transaction id too."""
    return call_result.StartTransaction(
        transaction_id=transaction_id, id_tag_info=_id_tag_info(status, expiry)
    )


def stop_transaction_response() -> object:
    """Received; a token that stops is an event and is not judged (rule 30)."""
    return call_result.StopTransaction()


def data_transfer_response() -> object:
    """No vendor's extension is known here."""
    return call_result.DataTransfer(status=enums.DataTransferStatus.unknown_vendor_id)


def presented_token(action: str, payload: Json) -> PresentedToken | None:
    """The idTag of Authorize, StartTransaction or StopTransaction.

    Whether it was presented to start is for rule 30 to say, not for this function.
    """
    if action not in {"Authorize", "StartTransaction", "StopTransaction"}:
        return None
    tag = payload.get("idTag")
    return PresentedToken(tag, None) if isinstance(tag, str) else None


def _id_tag_info(status: str, expiry: datetime | None) -> datatypes.IdTagInfo:
    return datatypes.IdTagInfo(
        status=enums.AuthorizationStatus(status),
        expiry_date=None if expiry is None else wire_time(expiry),
    )


VERSION = Version(
    name="1.6",
    subprotocol="ocpp1.6",
    codes=CODES_16,
    rows={row.action: row for row in ROWS},
    calls={own.request: own for own in CALLS},
    actions=frozenset(action.value for action in enums.Action),
    boot_response=boot_response,
    heartbeat_response=heartbeat_response,
    authorize_response=authorize_response,
    data_transfer_response=data_transfer_response,
    presented_token=presented_token,
)
