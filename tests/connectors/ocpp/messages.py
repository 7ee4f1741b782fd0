"""One valid message for every action of the tables: full where it matters, with secrets in it."""

from __future__ import annotations

from typing import Any

PRIVATE = "04A1B2C3D4E580"
"""An identifier, a serial number, a text: whatever must not get out of the gateway."""

AT = "2026-03-01T06:00:00Z"

MESSAGES_16: dict[str, dict[str, Any]] = {
    "Authorize": {"idTag": PRIVATE},
    "BootNotification": {
        "chargePointVendor": "Vendor",
        "chargePointModel": "Model",
        "firmwareVersion": "1.2.3",
        "chargePointSerialNumber": PRIVATE,
        "chargeBoxSerialNumber": PRIVATE,
        "iccid": PRIVATE,
        "imsi": PRIVATE,
        "meterSerialNumber": PRIVATE,
        "meterType": PRIVATE,
    },
    "DataTransfer": {"vendorId": PRIVATE, "messageId": PRIVATE, "data": PRIVATE},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
    "Heartbeat": {},
    "LogStatusNotification": {"status": "Uploaded", "requestId": 3},
    "SecurityEventNotification": {"type": PRIVATE, "timestamp": AT, "techInfo": PRIVATE},
    "SignCertificate": {"csr": PRIVATE},
    "SignedFirmwareStatusNotification": {"status": "Installed", "requestId": 3},
    "MeterValues": {
        "connectorId": 1,
        "transactionId": 7,
        "meterValue": [
            {"timestamp": AT, "sampledValue": [{"value": PRIVATE}]},
            {"timestamp": AT, "sampledValue": [{"value": "12"}]},
        ],
    },
    "StartTransaction": {"connectorId": 1, "idTag": PRIVATE, "meterStart": 5, "timestamp": AT},
    "StatusNotification": {
        "connectorId": 1,
        "status": "Available",
        "errorCode": "NoError",
        "timestamp": AT,
        "info": PRIVATE,
        "vendorId": PRIVATE,
        "vendorErrorCode": PRIVATE,
    },
    "StopTransaction": {
        "transactionId": 7,
        "idTag": PRIVATE,
        "meterStop": 9,
        "timestamp": AT,
        "reason": "Local",
        "transactionData": [{"timestamp": AT, "sampledValue": [{"value": PRIVATE}]}],
    },
}

_COMPONENT = {"component": {"name": PRIVATE}, "variable": {"name": PRIVATE}}

MESSAGES_201: dict[str, dict[str, Any]] = {
    "Authorize": {"idToken": {"idToken": PRIVATE, "type": "ISO14443"}},
    "BootNotification": {
        "reason": "PowerUp",
        "chargingStation": {
            "vendorName": "Vendor",
            "model": "Model",
            "firmwareVersion": "1.2.3",
            "serialNumber": PRIVATE,
            "modem": {"iccid": PRIVATE, "imsi": PRIVATE},
        },
        "customData": {"vendorId": PRIVATE, "extra": PRIVATE},
    },
    "DataTransfer": {"vendorId": PRIVATE, "messageId": PRIVATE, "data": {"any": PRIVATE}},
    "FirmwareStatusNotification": {"status": "Idle", "requestId": 3},
    "Heartbeat": {},
    "LogStatusNotification": {"status": "Idle", "requestId": 3},
    "MeterValues": {
        "evseId": 1,
        "meterValue": [{"timestamp": AT, "sampledValue": [{"value": 12.5}]}],
    },
    "NotifyDisplayMessages": {
        "requestId": 3,
        "tbc": False,
        "messageInfo": [
            {
                "id": 1,
                "priority": "InFront",
                "message": {"format": "UTF8", "content": PRIVATE},
            }
        ],
    },
    "NotifyEvent": {
        "generatedAt": AT,
        "seqNo": 0,
        "tbc": True,
        "eventData": [
            {
                "eventId": 1,
                "timestamp": AT,
                "trigger": "Alerting",
                "actualValue": PRIVATE,
                "techInfo": PRIVATE,
                "eventNotificationType": "CustomMonitor",
                **_COMPONENT,
            }
        ],
    },
    "NotifyReport": {
        "requestId": 3,
        "generatedAt": AT,
        "seqNo": 0,
        "reportData": [{**_COMPONENT, "variableAttribute": [{"value": PRIVATE}]}],
    },
    "SecurityEventNotification": {"type": PRIVATE, "timestamp": AT, "techInfo": PRIVATE},
    "StatusNotification": {
        "timestamp": AT,
        "connectorStatus": "Occupied",
        "evseId": 1,
        "connectorId": 2,
    },
    "TransactionEvent": {
        "eventType": "Started",
        "timestamp": AT,
        "triggerReason": "Authorized",
        "seqNo": 0,
        "offline": False,
        "evse": {"id": 1, "connectorId": 2},
        "transactionInfo": {
            "transactionId": "tx-1",
            "chargingState": "Charging",
            "remoteStartId": 4,
        },
        "idToken": {
            "idToken": PRIVATE,
            "type": "ISO14443",
            "additionalInfo": [{"additionalIdToken": PRIVATE, "type": "x"}],
        },
        "meterValue": [{"timestamp": AT, "sampledValue": [{"value": 12.5}]}],
    },
}

MESSAGES_21 = MESSAGES_201 | {
    # Longer, and of a type that 2.0.1 does not have.
    "Authorize": {"idToken": {"idToken": PRIVATE + "9" * 200, "type": "DirectPayment"}},
}

MESSAGES = {"1.6": MESSAGES_16, "2.0.1": MESSAGES_201, "2.1": MESSAGES_21}
