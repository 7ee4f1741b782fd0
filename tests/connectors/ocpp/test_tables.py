from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from ocpp.charge_point import remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.v16 import call as call_16
from ocpp.v21 import call_result as call_result_21
from ocpp.v21 import datatypes as datatypes_21
from ocpp.v21 import enums as enums_21
from ocpp.v201 import call as call_201
from ocpp.v201 import datatypes, enums

from connectors.ocpp import v16, v21, v201
from connectors.ocpp.schemas import Schema
from connectors.ocpp.table import EVENT_TEXT_CHARS_MAX, PresentedToken, Words, event_data
from connectors.ocpp.versions import SUBPROTOCOLS, VERSIONS
from connectors.ocpp.wire import read_time, to_wire, wire_time
from models.attempt import DriverText
from models.charger import Scalar
from models.reasons import REASON_TABLE, OcppVersion
from models.screens import MORE_TEXTS_MAX, PERSONAL_MESSAGE_CHARS_MAX
from tests.connectors.ocpp.messages import AT, MESSAGES, PRIVATE

NOW = datetime(2026, 3, 1, 6, 0, 0, 123456, tzinfo=UTC)
WIRE_NOW = "2026-03-01T06:00:00.123Z"

ROWS = [(version, row) for version, table in VERSIONS.items() for row in table.rows.values()]


def _schema(version: OcppVersion, action: str) -> Schema:
    return Schema({"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}[version], f"{action}Response")


@pytest.mark.parametrize("version", list(VERSIONS))
def test_the_table_has_the_actions_of_the_specification_that_are_promised(
    version: OcppVersion,
) -> None:
    assert set(VERSIONS[version].rows) == set(MESSAGES[version])
    assert set(VERSIONS[version].rows) <= VERSIONS[version].actions
    assert {call.action for call in VERSIONS[version].calls.values()} <= VERSIONS[version].actions


def test_subprotocols_are_preferred_newest_first() -> None:
    assert list(SUBPROTOCOLS) == ["ocpp2.1", "ocpp2.0.1", "ocpp1.6"]


@pytest.mark.parametrize(("version", "row"), ROWS)
def test_the_row_names_one_action_throughout(version: OcppVersion, row: Any) -> None:
    assert row.response.__name__ == row.action
    assert row.request.name == row.action + ("" if version == "1.6" else "Request")
    assert row.request.violation(MESSAGES[version][row.action]) is None


@pytest.mark.parametrize("version", list(VERSIONS))
def test_own_calls_name_one_action_throughout(version: OcppVersion) -> None:
    for request, own in VERSIONS[version].calls.items():
        assert own.request is request
        assert request.__name__ == own.action
        assert own.result.name == f"{own.action}Response"
        assert own.result.document()["type"] == "object"


KINDS = {
    "Authorize": "authorize",
    "Heartbeat": "always",
    "StartTransaction": "transaction",
    "StopTransaction": "transaction",
    "TransactionEvent": "transaction",
}


@pytest.mark.parametrize(("version", "row"), ROWS)
def test_the_kind_says_what_happens_while_kafka_is_away(version: OcppVersion, row: Any) -> None:
    assert row.kind == KINDS.get(row.action, "status")
    assert row.action in MESSAGES[version]


def test_the_schemas_never_describe_a_field_that_the_peer_names() -> None:
    # A path in a refusal is safe only while no schema applies to additional properties.
    def check(node: object) -> None:
        if isinstance(node, dict):
            assert isinstance(node.get("additionalProperties", False), bool)
            assert not node.keys() & {"patternProperties", "propertyNames"}
            for child in node.values():
                check(child)
        elif isinstance(node, list):
            for child in node:
                check(child)

    for _, row in ROWS:
        check(row.request.document())


def test_formats_are_annotations_so_that_a_time_without_zone_is_accepted() -> None:
    payload = {**MESSAGES["1.6"]["StatusNotification"], "timestamp": "2026-03-01T06:00:00"}
    assert v16.VERSION.rows["StatusNotification"].request.violation(payload) is None


@pytest.mark.parametrize(("version", "row"), ROWS)
def test_no_secret_of_a_message_gets_into_its_event(version: OcppVersion, row: Any) -> None:
    data = event_data(row, MESSAGES[version][row.action])
    assert PRIVATE not in orjson.dumps(data).decode()
    assert set(data) <= set(row.event_fields)


EVENTS: list[tuple[OcppVersion, str, dict[str, Scalar]]] = [
    ("1.6", "Authorize", {}),
    ("1.6", "BootNotification", {"chargePointVendor": "Vendor", "chargePointModel": "Model",
                                 "firmwareVersion": "1.2.3"}),
    ("1.6", "DataTransfer", {"vendorId.length": 14, "messageId.length": 14, "data.length": 14}),
    ("1.6", "MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue.count": 2}),
    ("1.6", "StartTransaction", {"connectorId": 1, "meterStart": 5, "timestamp": AT}),
    ("1.6", "StatusNotification", {"connectorId": 1, "status": "Available",
                                   "errorCode": "NoError", "timestamp": AT, "info.length": 14,
                                   "vendorErrorCode.length": 14}),
    ("1.6", "StopTransaction", {"transactionId": 7, "meterStop": 9, "timestamp": AT,
                                "reason": "Local", "transactionData.count": 1}),
    ("2.0.1", "Authorize", {}),
    ("2.0.1", "BootNotification", {"chargingStation.vendorName": "Vendor",
                                   "chargingStation.model": "Model",
                                   "chargingStation.firmwareVersion": "1.2.3",
                                   "reason": "PowerUp"}),
    ("2.0.1", "DataTransfer", {"vendorId.length": 14, "messageId.length": 14}),
    ("2.0.1", "MeterValues", {"evseId": 1, "meterValue.count": 1}),
    ("2.0.1", "NotifyDisplayMessages", {"requestId": 3, "tbc": False, "messageInfo.count": 1}),
    ("2.0.1", "NotifyEvent", {"generatedAt": AT, "seqNo": 0, "tbc": True, "eventData.count": 1}),
    ("2.0.1", "NotifyReport", {"requestId": 3, "generatedAt": AT, "seqNo": 0,
                               "reportData.count": 1}),
    ("2.0.1", "SecurityEventNotification", {"timestamp": AT, "techInfo.length": 14}),
    ("2.0.1", "StatusNotification", {"evseId": 1, "connectorId": 2,
                                     "connectorStatus": "Occupied", "timestamp": AT}),
    ("2.0.1", "TransactionEvent", {"eventType": "Started", "timestamp": AT,
                                   "triggerReason": "Authorized", "seqNo": 0, "offline": False,
                                   "evse.id": 1, "evse.connectorId": 2,
                                   "transactionInfo.transactionId": "tx-1",
                                   "transactionInfo.chargingState": "Charging",
                                   "transactionInfo.remoteStartId": 4,
                                   "meterValue.count": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("version", "action", "data"), EVENTS)
def test_an_event_holds_what_the_table_allows(
    version: OcppVersion, action: str, data: dict[str, Scalar]
) -> None:
    assert event_data(VERSIONS[version].rows[action], MESSAGES[version][action]) == data


def test_a_security_event_of_the_specification_is_named() -> None:
    row = v201.VERSION.rows["SecurityEventNotification"]
    payload = {"type": "TamperDetectionActivated", "timestamp": AT}
    assert event_data(row, payload)["type"] == "TamperDetectionActivated"


def test_a_long_text_is_cut_in_an_event() -> None:
    row = v16.VERSION.rows["StatusNotification"]
    data = event_data(row, {"timestamp": "x" * 9999})
    assert data == {"timestamp": "x" * EVENT_TEXT_CHARS_MAX}


EXPIRY = NOW + timedelta(seconds=1)
STATUSES_16 = sorted({row.status_16 for row in REASON_TABLE if row.status_16})
STATUSES_2X = sorted({row.status_2x for row in REASON_TABLE if row.status_2x})

TIMELESS = {
    "StatusNotification", "MeterValues", "FirmwareStatusNotification",
    "DiagnosticsStatusNotification", "NotifyReport", "NotifyEvent", "NotifyDisplayMessages",
    "SecurityEventNotification", "LogStatusNotification", "SignedFirmwareStatusNotification",
}  # fmt: skip
"""Actions whose answer says no more than that the message came."""


LONG = Words(tuple(DriverText(language="x" * 20, text=letter * 1100) for letter in "äxüyözß"[:7]))
"""More texts, and longer ones, with longer codes, than any version carries."""


def _responses_2x(version: OcppVersion) -> Iterator[tuple[OcppVersion, str, Any]]:
    spoken = VERSIONS[version]
    transaction_event = spoken.transaction_event_response
    assert transaction_event is not None
    yield version, "BootNotification", spoken.boot_response(300, NOW)
    yield version, "Heartbeat", spoken.heartbeat_response(NOW)
    yield version, "DataTransfer", spoken.data_transfer_response()
    yield version, "TransactionEvent", transaction_event(None)
    for status in STATUSES_2X:
        yield version, "Authorize", spoken.authorize_response(status, EXPIRY, LONG)
        yield version, "Authorize", spoken.authorize_response(status, None)
        yield version, "TransactionEvent", transaction_event(status, EXPIRY, LONG)


RESPONSES: list[tuple[OcppVersion, str, Any]] = [
    ("1.6", "BootNotification", v16.boot_response(300, NOW)),
    ("1.6", "Heartbeat", v16.heartbeat_response(NOW)),
    ("1.6", "StopTransaction", v16.stop_transaction_response()),
    ("1.6", "SignCertificate", v16.sign_certificate_response()),
    ("1.6", "DataTransfer", v16.data_transfer_response()),
    *[("1.6", "Authorize", v16.authorize_response(s, EXPIRY, LONG)) for s in STATUSES_16],
    *[("1.6", "StartTransaction", v16.start_transaction_response(7, s, None))
      for s in STATUSES_16],
    *_responses_2x("2.0.1"),
    *_responses_2x("2.1"),
    *[(version, row.action, row.empty_response()) for version, row in ROWS
      if row.action in TIMELESS],
]  # fmt: skip


def test_every_action_of_the_tables_has_a_response() -> None:
    assert {(version, action) for version, action, _ in RESPONSES} == {
        (version, row.action) for version, row in ROWS
    }


@pytest.mark.parametrize(("version", "action", "response"), RESPONSES)
def test_a_response_is_the_packages_own_dataclass_and_keeps_its_schema(
    version: OcppVersion, action: str, response: Any
) -> None:
    assert type(response) is VERSIONS[version].rows[action].response
    assert _schema(version, action).violation(to_wire(response)) is None


MESSAGES_TO_ENCODE = [
    *[response for _, _, response in RESPONSES],
    call_16.ChangeConfiguration(key="K", value="true"),
    call_16.GetConfiguration(key=["K"]),
    call_16.GetConfiguration(),
    call_16.ClearCache(),
    call_16.RemoteStopTransaction(transaction_id=0),
    call_16.TriggerMessage(requested_message="StatusNotification", connector_id=1),
    call_201.SetVariables(
        set_variable_data=[
            datatypes.SetVariableDataType(
                attribute_value="true",
                component=datatypes.ComponentType(
                    name="AuthCtrlr", evse=datatypes.EVSEType(id=1, connector_id=2)
                ),
                variable=datatypes.VariableType(name="Enabled"),
            )
        ]
    ),
    call_201.GetVariables(
        get_variable_data=[
            datatypes.GetVariableDataType(
                component=datatypes.ComponentType(name="AuthCtrlr"),
                variable=datatypes.VariableType(name="Enabled"),
                attribute_type=enums.AttributeEnumType.actual,
            )
        ]
    ),
    call_201.ClearCache(),
    call_201.ClearCache(custom_data={"vendor_id": "x", "none": None}),
    call_201.RequestStopTransaction(transaction_id="tx-1"),
]


@pytest.mark.parametrize("message", MESSAGES_TO_ENCODE)
def test_our_encoding_is_the_packages_own(message: Any) -> None:
    theirs = snake_to_camel_case(remove_nones(serialize_as_dict(message)))
    assert orjson.loads(orjson.dumps(to_wire(message))) == orjson.loads(orjson.dumps(theirs))


def test_a_freevend_accept_carries_its_expiry() -> None:
    assert to_wire(v16.authorize_response("Accepted", NOW)) == {
        "idTagInfo": {"status": "Accepted", "expiryDate": WIRE_NOW}
    }
    assert to_wire(v201.authorize_response("Accepted", NOW)) == {
        "idTokenInfo": {"status": "Accepted", "cacheExpiryDateTime": WIRE_NOW}
    }


RESERVED = Words(
    (
        DriverText(language="en", text="Reserved until 18:00."),
        DriverText(language="de", text="Reserviert bis 18:00 Uhr."),
    )
)
ENGLISH_ON_THE_WIRE = {"format": "UTF8", "content": "Reserved until 18:00.", "language": "en"}


def test_a_denial_carries_the_drivers_text_where_the_version_can() -> None:
    response = v201.transaction_event_response("NotAtThisTime", None, RESERVED)
    assert to_wire(response) == {
        "idTokenInfo": {"status": "NotAtThisTime", "personalMessage": ENGLISH_ON_THE_WIRE},
        "updatedPersonalMessage": ENGLISH_ON_THE_WIRE,
    }


def test_ocpp_2_1_carries_the_text_in_the_sites_other_languages_too() -> None:
    response = v21.transaction_event_response("NotAtThisTime", None, RESERVED)
    assert to_wire(response) == {
        "idTokenInfo": {"status": "NotAtThisTime", "personalMessage": ENGLISH_ON_THE_WIRE},
        "updatedPersonalMessage": ENGLISH_ON_THE_WIRE,
        "updatedPersonalMessageExtra": [
            {"format": "UTF8", "content": "Reserviert bis 18:00 Uhr.", "language": "de"}
        ],
    }
    # AuthorizeResponse has one personalMessage, in 2.1 too.
    authorized = VERSIONS["2.1"].authorize_response("NotAtThisTime", None, RESERVED)
    assert to_wire(authorized) == {
        "idTokenInfo": {"status": "NotAtThisTime", "personalMessage": ENGLISH_ON_THE_WIRE}
    }


def test_the_actions_of_2_1_are_those_of_the_package() -> None:
    assert VERSIONS["2.1"].actions == {action.value for action in enums_21.Action}


@pytest.mark.parametrize(("ours", "theirs"), [
    (v21.TransactionEvent, call_result_21.TransactionEvent),
    (v21.MessageInfoType, datatypes_21.MessageInfoType),
])  # fmt: skip
def test_what_is_built_for_2_1_has_no_field_that_the_package_lacks(ours: Any, theirs: Any) -> None:
    assert ours.__name__ == theirs.__name__
    assert {field.name for field in fields(ours)} <= {field.name for field in fields(theirs)}


@pytest.mark.parametrize(("version", "name", "array"), [
    ("2.1", "TransactionEventResponse", ("updatedPersonalMessageExtra",)),
    ("2.1", "SetDisplayMessageRequest", ("MessageInfoType", "messageExtra")),
])  # fmt: skip
def test_the_schemas_of_2_1_hold_four_more_texts(
    version: str, name: str, array: tuple[str, ...]
) -> None:
    document = Schema(f"v{version.replace('.', '')}", name).document()
    *within, field = array
    properties = document["definitions"][within[0]] if within else document
    assert properties["properties"][field]["maxItems"] == MORE_TEXTS_MAX
    content = document["definitions"]["MessageContentType"]["properties"]
    assert content["content"]["maxLength"] == PERSONAL_MESSAGE_CHARS_MAX[version]
    assert content["language"]["maxLength"] == v201.LANGUAGE_CHARS_MAX


def test_a_status_of_another_version_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="NotAtThisTime"):
        v16.authorize_response("NotAtThisTime", None)


def test_an_answer_with_required_fields_is_not_empty() -> None:
    with pytest.raises(TypeError):
        v16.VERSION.rows["Heartbeat"].empty_response()


TOKENS: list[tuple[OcppVersion, str, PresentedToken | None]] = [
    ("1.6", "Authorize", PresentedToken(PRIVATE, None)),
    ("1.6", "StartTransaction", PresentedToken(PRIVATE, None)),
    ("1.6", "StopTransaction", PresentedToken(PRIVATE, None)),
    ("1.6", "MeterValues", None),
    ("2.0.1", "Authorize", PresentedToken(PRIVATE, "ISO14443")),
    ("2.0.1", "TransactionEvent", PresentedToken(PRIVATE, "ISO14443")),
    ("2.0.1", "StatusNotification", None),
]


@pytest.mark.parametrize(("version", "action", "token"), TOKENS)
def test_the_presented_token_is_read(
    version: OcppVersion, action: str, token: PresentedToken | None
) -> None:
    found = VERSIONS[version].presented_token(action, MESSAGES[version][action])
    assert found == token
    assert PRIVATE not in repr(found)


def test_a_message_without_a_token_presents_none() -> None:
    assert v16.presented_token("StopTransaction", {"transactionId": 1}) is None
    assert v201.presented_token("TransactionEvent", {"eventType": "Updated"}) is None


def test_a_freevend_token_of_2x_is_read_although_it_is_empty() -> None:
    payload = {"idToken": {"idToken": "", "type": "NoAuthorization"}}
    assert v201.presented_token("TransactionEvent", payload) == ("", "NoAuthorization")


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert wire_time(NOW.astimezone(timezone(timedelta(hours=2)))) == WIRE_NOW


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01T06:00:00Z", datetime(2026, 3, 1, 6, tzinfo=UTC)),
        ("2026-03-01T06:00:00.123Z", datetime(2026, 3, 1, 6, 0, 0, 123000, tzinfo=UTC)),
        ("2026-03-01T06:00:00.123456789Z", NOW),
        ("2026-03-01T08:00:00+02:00", datetime(2026, 3, 1, 6, tzinfo=UTC)),
        ("2026-03-01T06:00:00", datetime(2026, 3, 1, 6, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_times_of_chargers_are_read_with_tolerance(text: object, at: datetime | None) -> None:
    assert read_time(text) == at
