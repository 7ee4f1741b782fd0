"""Keys asked for together are answered as if each was asked for alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.ocpp.displays import CONTROLLER, VARIABLES
from connectors.ocpp.local_list import limit_names
from models.key_reading import (
    AT_ONCE_MAX,
    MESSAGE_BYTES,
    ROW_BYTES,
    SETTABLE_AT_ONCE,
    SETTABLE_BYTES,
    Reading,
    apart,
    at_once,
    read_call,
    reading,
)
from models.offline import OFFLINE_KEYS, attempt_keys, set_call
from models.probing import GUARDS, SUPPORTED_TYPES
from models.profiles import STANDARD, tuning_calls
from models.reasons import OcppVersion

ITEMS = "DeviceDataCtrlr.ItemsPerMessage[GetVariables]"


def row(component: str, variable: dict[str, str], **told: str) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": variable} | told


def test_a_question_names_each_key_as_its_version_does() -> None:
    assert read_call("1.6", "A", "B").payload == {"key": ["A", "B"]}
    (first, second) = read_call("2.1", "A.B", ITEMS).payload["getVariableData"]
    assert first["variable"] == {"name": "B"}
    assert second["component"] == {"name": "DeviceDataCtrlr"}
    assert second["variable"] == {"name": "ItemsPerMessage", "instance": "GetVariables"}
    assert {each["attributeType"] for each in (first, second)} == {"Actual"}


def test_keys_of_1_6_are_told_apart_whatever_their_case_and_order() -> None:
    payload = {
        "configurationKey": [
            {"key": "B", "readonly": True, "value": "2"},
            {"key": "a", "readonly": False, "value": "1"},
        ],
        "unknownKey": ["c"],
    }
    told = apart("1.6", ["A", "B", "C", "D"], payload)
    found = {name: reading("1.6", name, each) for name, each in told.items()}
    assert found == {"A": Reading(True, "1"), "B": Reading(True, "2"), "C": Reading(False, None)}


def test_variables_are_told_apart_by_component_and_instance() -> None:
    payload = {
        "getVariableResult": [
            row("OtherCtrlr", {"name": "Enabled"}, attributeStatus="Accepted", attributeValue="x"),
            row(
                "devicedatactrlr",
                {"name": "itemspermessage", "instance": "getvariables"},
                attributeStatus="Accepted",
                attributeValue="7",
            ),
            row("AuthCtrlr", {"name": "Enabled"}, attributeStatus="UnknownVariable"),
        ]
    }
    names = [ITEMS, "AuthCtrlr.Enabled", "DeviceDataCtrlr.ItemsPerMessage[SetVariables]"]
    told = apart("2.0.1", names, payload)
    found = {name: reading("2.0.1", name, each) for name, each in told.items()}
    assert found == {ITEMS: Reading(True, "7"), "AuthCtrlr.Enabled": Reading(False, None)}


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (None, 1),
        ("", 1),
        ("0", 1),
        ("-4", 1),
        ("1", 1),
        ("4", 4),
        (" 6 ", 6),
        ("1000", AT_ONCE_MAX),
    ],
)
def test_as_many_keys_are_asked_for_as_a_charger_states_within_a_bound(
    value: str | None, count: int
) -> None:
    assert at_once(Reading(True, value)) == count


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("payload", [{}, {"configurationKey": 1, "getVariableResult": [None, 3]}])
def test_an_answer_that_says_nothing_says_nothing_of_any_key(
    ocpp: OcppVersion, payload: dict[str, Any]
) -> None:
    assert apart(ocpp, ["A.B", "C.D"], payload) == {}


NAMED_2X = (
    SETTABLE_AT_ONCE,
    SETTABLE_BYTES,
    SUPPORTED_TYPES,
    *attempt_keys("2.0.1"),
    *(name for key in OFFLINE_KEYS for name in key.names_2x),
    *(each.mode_key for each in STANDARD.spellings),
    *(names["2.x"] for names in GUARDS.values()),
    *limit_names("2.0.1"),
    *(f"{CONTROLLER}.{name}" for name in VARIABLES),
)


@pytest.mark.parametrize("count", [1, AT_ONCE_MAX])
def test_a_question_has_no_more_bytes_than_are_counted_for_it(count: int) -> None:
    for name in NAMED_2X:
        call = read_call("2.0.1", *[name] * count)
        frame = json.dumps([2, "0" * 36, call.action, call.payload], separators=(",", ":"))
        assert len(frame) <= MESSAGE_BYTES + count * ROW_BYTES


def test_a_setting_has_no_more_bytes_than_are_counted_for_it() -> None:
    (tuned,) = tuning_calls("2.0.1")
    offline = [set_call("2.0.1", name, "false") for key in OFFLINE_KEYS for name in key.names_2x]
    for call in (tuned, *offline):
        rows = call.payload["setVariableData"]
        frame = json.dumps([2, "0" * 36, call.action, call.payload], separators=(",", ":"))
        assert len(frame) <= MESSAGE_BYTES + len(rows) * ROW_BYTES
