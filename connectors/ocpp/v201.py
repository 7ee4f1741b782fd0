"""OCPP 2.0.1: what a charging station may call, what the gateway may call, and the answers."""

from __future__ import annotations

from datetime import datetime

from ocpp.v201 import call, call_result, datatypes, enums

from connectors.ocpp.frames import CODES_2X, Json
from connectors.ocpp.schemas import Schema
from connectors.ocpp.security_events import SECURITY_EVENT_TYPES
from connectors.ocpp.table import SILENT, OwnCall, PresentedToken, Row, Version, Words
from connectors.ocpp.wire import wire_time

PERSONAL_MESSAGE_CHARS_MAX = 512
"""OCPP 2.0.1 part 2, MessageContentType.content."""

LANGUAGE_CHARS_MAX = 8
"""MessageContentType.language."""


def _schema(name: str) -> Schema:
    return Schema("v201", name)


_TRANSACTION_EVENT = (
    "eventType",
    "timestamp",
    "triggerReason",
    "seqNo",
    "offline",
    "evse.id",
    "evse.connectorId",
    "transactionInfo.transactionId",
    "transactionInfo.chargingState",
    "transactionInfo.stoppedReason",
    "transactionInfo.remoteStartId",
    "meterValue.count",
)

# fmt: off
ROWS = (
    #   action                 kind           request schema                      response
    #                          event fields
    Row("Authorize",           "authorize",   _schema("AuthorizeRequest"),
                               call_result.Authorize,
                               ()),
    Row("BootNotification",    "status",      _schema("BootNotificationRequest"),
                               call_result.BootNotification,
                               ("chargingStation.vendorName", "chargingStation.model",
                                "chargingStation.firmwareVersion", "reason")),
    Row("DataTransfer",        "status",      _schema("DataTransferRequest"),
                               call_result.DataTransfer,
                               ("vendorId.length", "messageId.length", "data.length")),
    Row("FirmwareStatusNotification",
                               "status",      _schema("FirmwareStatusNotificationRequest"),
                               call_result.FirmwareStatusNotification,
                               ("status", "requestId")),
    Row("Heartbeat",           "always",      _schema("HeartbeatRequest"),
                               call_result.Heartbeat,
                               ()),
    Row("LogStatusNotification",
                               "status",      _schema("LogStatusNotificationRequest"),
                               call_result.LogStatusNotification,
                               ("status", "requestId")),
    Row("MeterValues",         "status",      _schema("MeterValuesRequest"),
                               call_result.MeterValues,
                               ("evseId", "meterValue.count")),
    Row("NotifyDisplayMessages",
                               "status",      _schema("NotifyDisplayMessagesRequest"),
                               call_result.NotifyDisplayMessages,
                               ("requestId", "tbc", "messageInfo.count")),
    Row("NotifyEvent",         "status",      _schema("NotifyEventRequest"),
                               call_result.NotifyEvent,
                               ("generatedAt", "seqNo", "tbc", "eventData.count")),
    Row("NotifyReport",        "status",      _schema("NotifyReportRequest"),
                               call_result.NotifyReport,
                               ("requestId", "generatedAt", "seqNo", "tbc", "reportData.count")),
    Row("SecurityEventNotification",
                               "status",      _schema("SecurityEventNotificationRequest"),
                               call_result.SecurityEventNotification,
                               ("type", "timestamp", "techInfo.length"),
                               {"type": SECURITY_EVENT_TYPES}),
    Row("StatusNotification",  "status",      _schema("StatusNotificationRequest"),
                               call_result.StatusNotification,
                               ("evseId", "connectorId", "connectorStatus", "timestamp")),
    Row("TransactionEvent",    "transaction", _schema("TransactionEventRequest"),
                               call_result.TransactionEvent,
                               _TRANSACTION_EVENT),
)

CALLS = (
    #       action                    request                      result schema
    OwnCall("ClearCache",             call.ClearCache,             _schema("ClearCacheResponse")),
    OwnCall("ClearDisplayMessage",    call.ClearDisplayMessage,
            _schema("ClearDisplayMessageResponse")),
    # The package has the fields of this one in another order in 2.1: they are given by name.
    OwnCall("GetBaseReport",          call.GetBaseReport,
            _schema("GetBaseReportResponse")),
    OwnCall("GetLocalListVersion",   call.GetLocalListVersion,
            _schema("GetLocalListVersionResponse")),
    OwnCall("GetVariables",           call.GetVariables,           _schema("GetVariablesResponse")),
    OwnCall("RequestStartTransaction", call.RequestStartTransaction,
            _schema("RequestStartTransactionResponse")),
    OwnCall("RequestStopTransaction", call.RequestStopTransaction,
            _schema("RequestStopTransactionResponse")),
    OwnCall("Reset",                  call.Reset,                  _schema("ResetResponse")),
    OwnCall("SendLocalList",         call.SendLocalList,         _schema("SendLocalListResponse")),
    OwnCall("SetDisplayMessage",      call.SetDisplayMessage,
            _schema("SetDisplayMessageResponse")),
    OwnCall("SetVariables",           call.SetVariables,           _schema("SetVariablesResponse")),
    OwnCall("TriggerMessage",         call.TriggerMessage,
            _schema("TriggerMessageResponse")),
)
# fmt: on


def boot_response(interval_s: int, now: datetime) -> object:
    """Accept the charging station; it sends a heartbeat every `interval_s`."""
    return call_result.BootNotification(
        current_time=wire_time(now),
        interval=interval_s,
        status=enums.RegistrationStatusEnumType.accepted,
    )


def heartbeat_response(now: datetime) -> object:
    """The time, by which charging stations set their clocks."""
    return call_result.Heartbeat(current_time=wire_time(now))


def authorize_response(
    status: str,
    expiry: datetime | None,
    words: Words = SILENT,
    *,
    chars_max: int = PERSONAL_MESSAGE_CHARS_MAX,
) -> object:
    """Answer Authorize.

    Args:
        status: of idTokenInfo.
        expiry: a cached copy ends then; freevend accepts carry the present moment, so that they
            never poison the charging station's cache.
        words: for the driver, the first of the texts, cut at `chars_max` characters.

    Raises:
        ValueError: `status` is none of this version's.
    """
    return call_result.Authorize(
        id_token_info=id_token_info(status, expiry, _first(words, chars_max))
    )


def transaction_event_response(
    status: str | None,
    expiry: datetime | None = None,
    words: Words = SILENT,
) -> object:
    """Answer TransactionEvent, as `authorize_response`; without `status` only "received".

    The text goes into both fields of this version that can carry it, as firmware shows one of them.
    """
    if status is None:
        return call_result.TransactionEvent()
    message = _first(words, PERSONAL_MESSAGE_CHARS_MAX)
    return call_result.TransactionEvent(
        id_token_info=id_token_info(status, expiry, message), updated_personal_message=message
    )


def data_transfer_response() -> object:
    """No vendor's extension is known here."""
    return call_result.DataTransfer(status=enums.DataTransferStatusEnumType.unknown_vendor_id)


def presented_token(action: str, payload: Json) -> PresentedToken | None:
    """The idToken of Authorize or TransactionEvent, with the type that it states.

    Whether it was presented to start is for rule 30 to say, not for this function.
    """
    if action not in {"Authorize", "TransactionEvent"}:
        return None
    token = payload.get("idToken")
    return PresentedToken(token["idToken"], token["type"]) if token else None


def _first(words: Words, chars_max: int) -> datatypes.MessageContentType | None:
    return next(iter(messages(words, chars_max)), None)


def messages(words: Words, chars_max: int) -> list[datatypes.MessageContentType]:
    """Texts for the driver, each cut at `chars_max` characters, with the code of its language."""
    return [
        datatypes.MessageContentType(
            format=enums.MessageFormatEnumType(words.format),
            content=text.text[:chars_max],
            language=text.language[:LANGUAGE_CHARS_MAX],
        )
        for text in words.texts
    ]


def id_token_info(
    status: str, expiry: datetime | None, message: datatypes.MessageContentType | None
) -> datatypes.IdTokenInfoType:
    """The answer to a token; the text of OCPP 2.x is within it."""
    return datatypes.IdTokenInfoType(
        status=enums.AuthorizationStatusEnumType(status),
        cache_expiry_date_time=None if expiry is None else wire_time(expiry),
        personal_message=message,
    )


VERSION = Version(
    name="2.0.1",
    subprotocol="ocpp2.0.1",
    codes=CODES_2X,
    rows={row.action: row for row in ROWS},
    calls={own.request: own for own in CALLS},
    actions=frozenset(action.value for action in enums.Action),
    boot_response=boot_response,
    heartbeat_response=heartbeat_response,
    authorize_response=authorize_response,
    transaction_event_response=transaction_event_response,
    data_transfer_response=data_transfer_response,
    presented_token=presented_token,
)
