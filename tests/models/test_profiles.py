"""The profile table and the wire calls made from it."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson
import pytest
from pydantic import ValidationError

from models.confidence import Confidence
from models.profiles import (
    PROFILES,
    Profile,
    Setting,
    WireCall,
    in_parts,
    profile_named,
    read_back_mode,
    read_back_tag,
    refused_names,
    reserved_tags,
    reset_call,
    set_status,
    setting,
    spellings,
    switch_calls,
    switchable,
    tuning_calls,
)
from models.reasons import OcppVersion
from models.schedule import Mode

# fmt: off
KEYS_16 = {
    # profile     mode key                      freevend  managed  tag key
    "microocpp":  ("Cst_FreeVendActive",         "true",  "false", "Cst_FreeVendIdTag"),
    "easee":      ("freecharging",               "True",  "False", "rfidtagfreecharging"),
    "zaptec":     ("FreeCharging",               "true",  "false", "FreeChargingIdTag"),
    "wallbox":    ("AuthEnabled",                "false", "true",  "AuthDisabledIdTag"),
    "vestel":     ("FreeModeActive",             "TRUE",  "FALSE", "FreeModeRFID"),
    "keba":       ("AuthorizationEnabled",       "false", "true",  "DefaultTokenID"),
    "bender":     ("FreeCharging",               "on",    "off",   "RfidTagFreeCharging"),
    "hager":      ("HagerOcppFreeAccessEnabled", "true",  "false", "HagerOcppFreeAccessIdTag"),
    "charx":      ("FreeMode",                   "true",  "false", None),
    "loop":       ("OfflinePlugAndChargeToggle", "true",  "false", "PlugAndChargeId"),
    "lite-on":    ("OfflinePlugAndChargeToggle", "true",  "false", "PlugAndChargeId"),
    "autel":      ("FreeVendIdTag", "DEPOTGATEFREEVEND",  "",      "FreeVendIdTag"),
    "gl-eviq":    ("FreeChargeMode",             "true",  "false", "FreeChargeModeIdTag"),
    "i-charging": ("FreeCharging",               "true",  "false", "FreeChargingToken"),
    "abb":        ("FreevendEnabled",            "true",  "false", "FreevendIdTag"),
}
# fmt: on
DEFAULT_TAGS = {
    "microocpp": "A0000000",
    "wallbox": "NoAuthorization",
    "vestel": "VestelFreeMode",
    "autel": "DEPOTGATEFREEVEND",
    "gl-eviq": "FFFFFFFF",
}
WITHOUT_KEY = {
    *("standard", "unknown", "alfen", "schneider", "evbox", "alpitronic", "kempower", "siemens"),
    *("delta", "efacec", "tritium", "garo", "go-e"),
}
AUTH_ENABLED = {
    "attributeType": "Actual",
    "component": {"name": "AuthCtrlr"},
    "variable": {"name": "Enabled"},
}
SCHEMAS: dict[OcppVersion, str] = {"1.6": "v16", "2.0.1": "v201"}


def configuration(**values: str | None) -> dict[str, Any]:
    rows = [{"key": key, "readonly": False} for key in values]
    return {
        "configurationKey": [
            row if value is None else row | {"value": value}
            for row, value in zip(rows, values.values(), strict=True)
        ]
    }


def variable(value: str | None, status: str = "Accepted", **named: Any) -> dict[str, Any]:
    row = AUTH_ENABLED | {"attributeStatus": status} | named
    return {"getVariableResult": [row if value is None else row | {"attributeValue": value}]}


def test_the_table_has_every_row_and_no_other() -> None:
    assert set(PROFILES) == set(KEYS_16) | WITHOUT_KEY


@pytest.mark.parametrize("name", KEYS_16)
def test_a_1_6_row_sets_the_key_and_reads_it_back_by_name(name: str) -> None:
    mode_key, freevend, managed, tag_key = KEYS_16[name]
    named = list(dict.fromkeys(key for key in (mode_key, tag_key) if key))
    profile = PROFILES[name]
    assert switch_calls("1.6", profile, Mode.FREEVEND) == (
        WireCall("ChangeConfiguration", {"key": mode_key, "value": freevend}, "set"),
        WireCall("GetConfiguration", {"key": named}, "read_back"),
    )
    assert switch_calls("1.6", profile, Mode.MANAGED) == (
        WireCall("ChangeConfiguration", {"key": mode_key, "value": managed}, "set"),
        WireCall("ClearCache", {}, "clear_cache"),
        *tuning_calls("1.6"),
        WireCall("GetConfiguration", {"key": named}, "read_back"),
    )


@pytest.mark.parametrize("name", KEYS_16)
def test_the_sites_tag_is_set_before_a_charger_opens_where_it_has_a_key_of_its_own(
    name: str,
) -> None:
    mode_key, _freevend, _managed, tag_key = KEYS_16[name]
    calls = switch_calls("1.6", PROFILES[name], Mode.FREEVEND, tag="DEPOT-OPEN")
    tagging = [call for call in calls if call.purpose == "tag"]
    if tag_key in {None, mode_key}:
        assert tagging == []
    else:
        assert calls[0].payload == {"key": tag_key, "value": "DEPOT-OPEN"}
        assert tagging == [calls[0]]
    managed = switch_calls("1.6", PROFILES[name], Mode.MANAGED, tag="DEPOT-OPEN")
    assert "tag" not in {call.purpose for call in managed}


def test_what_a_charger_does_not_take_is_named_by_its_key() -> None:
    (call,) = tuning_calls("2.0.1")
    statuses = ["Accepted", "UnknownVariable", "Rejected", "RebootRequired", "Accepted"]
    answer = {"setVariableResult": [{"attributeStatus": status} for status in statuses]}
    refused = ("AuthCtrlr.DisableRemoteAuthorization", "AuthCacheCtrlr.Enabled")
    assert refused_names("2.0.1", call, answer) == refused
    # Fewer results than were asked for say nothing of the others.
    assert refused_names("2.0.1", call, {"setVariableResult": []}) == call.names
    one = tuning_calls("1.6")[0]
    assert refused_names("1.6", one, {"status": "Accepted"}) == ()
    assert refused_names("1.6", one, {"status": "NotSupported"}) == one.names


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_several_variables_are_set_as_many_at_a_time_as_a_charger_takes(at_once: int) -> None:
    (call,) = tuning_calls("2.0.1")
    parts = in_parts(call, at_once)
    assert [name for each in parts for name in each.names] == list(call.names)
    rows = [row for each in parts for row in each.payload["setVariableData"]]
    assert rows == call.payload["setVariableData"]
    assert {len(each.names) for each in parts[:-1]} <= {at_once}
    assert all(len(each.payload["setVariableData"]) == len(each.names) for each in parts)


def test_what_sets_one_key_or_is_for_a_charger_that_does_not_say_goes_as_it_is() -> None:
    for call in (*tuning_calls("1.6"), *tuning_calls("2.0.1")):
        assert in_parts(call, None) == (call,)
    assert in_parts(tuning_calls("1.6")[0], 1) == tuning_calls("1.6")[:1]


def test_rule_17_the_default_tag_of_a_row_is_reserved() -> None:
    reserved = {name: reserved_tags(row) for name, row in PROFILES.items() if reserved_tags(row)}
    assert reserved == {name: (tag,) for name, tag in DEFAULT_TAGS.items()}


@pytest.mark.parametrize("name", sorted(WITHOUT_KEY))
def test_a_row_without_a_1_6_key_is_not_switchable_over_1_6(name: str) -> None:
    assert not switchable("1.6", PROFILES[name])
    assert switch_calls("1.6", PROFILES[name], Mode.MANAGED) == ()


@pytest.mark.parametrize("name", sorted(set(PROFILES) - {"unknown"}))
def test_over_2_0_1_every_make_is_switched_by_the_standard_variable(name: str) -> None:
    assert switch_calls("2.0.1", PROFILES[name], Mode.MANAGED) == (
        WireCall(
            "SetVariables", {"setVariableData": [AUTH_ENABLED | {"attributeValue": "true"}]}, "set"
        ),
        WireCall("ClearCache", {}, "clear_cache"),
        *tuning_calls("2.0.1"),
        WireCall("GetVariables", {"getVariableData": [AUTH_ENABLED]}, "read_back"),
    )


def test_a_profile_of_a_newer_version_is_never_switched() -> None:
    profile = profile_named("written-by-a-newer-version")
    assert profile.name == "unknown"
    assert not switchable("1.6", profile)
    assert not switchable("2.0.1", profile)


def test_finding_5_only_the_way_to_managed_clears_the_cache() -> None:
    for ocpp in SCHEMAS:
        purposes = {
            mode: [call.purpose for call in switch_calls(ocpp, PROFILES["keba"], mode)]
            for mode in Mode
        }
        assert purposes[Mode.FREEVEND] == ["set", "read_back"]
        tuned_count = len(tuning_calls(ocpp))
        expected = ["set", "clear_cache", *["tune"] * tuned_count, "read_back"]
        assert purposes[Mode.MANAGED] == expected


@pytest.mark.parametrize("ocpp", SCHEMAS)
@pytest.mark.parametrize("mode", Mode)
def test_every_call_of_every_row_fits_the_schema_of_its_version(
    ocpp: OcppVersion, mode: Mode
) -> None:
    folder = files("ocpp") / SCHEMAS[ocpp] / "schemas"
    checked = 0
    for profile in PROFILES.values():
        for alias in range(len(spellings(ocpp, profile))):
            calls = switch_calls(ocpp, profile, mode, tag="DEPOT-OPEN", alias=alias)
            for call in (*calls, reset_call(ocpp)):
                suffix = "" if ocpp == "1.6" else "Request"
                schema = orjson.loads((folder / f"{call.action}{suffix}.json").read_bytes())
                jsonschema_rs.validate(schema, call.payload)
                checked += 1
    assert checked >= 2 * len(KEYS_16)


def test_an_older_microocpp_is_tried_by_its_older_prefix() -> None:
    profile = PROFILES["microocpp"]
    assert len(spellings("1.6", profile)) == 2
    set_call, read_call = switch_calls("1.6", profile, Mode.FREEVEND, alias=1)
    assert set_call.payload == {"key": "AO_FreeVendActive", "value": "true"}
    assert read_call.payload == {"key": ["AO_FreeVendActive", "AO_FreeVendIdTag"]}
    assert read_back_mode("1.6", profile, configuration(AO_FreeVendActive="true")) is Mode.FREEVEND


def test_the_other_spelling_of_the_specification_is_tried_over_2_0_1() -> None:
    calls = switch_calls("2.0.1", PROFILES["standard"], Mode.FREEVEND, alias=1)
    assert calls[0].payload["setVariableData"][0]["component"] == {"name": "AuthCtrl"}
    with pytest.raises(IndexError):
        switch_calls("2.0.1", PROFILES["standard"], Mode.FREEVEND, alias=3)


def test_a_set_point_apart_from_what_is_in_force_is_set_and_read_back() -> None:
    set_call, read_call = switch_calls("2.0.1", PROFILES["standard"], Mode.FREEVEND, alias=2)
    target = AUTH_ENABLED | {"attributeType": "Target"}
    assert set_call.payload == {"setVariableData": [target | {"attributeValue": "false"}]}
    assert read_call.payload == {"getVariableData": [target]}


def test_autel_is_switched_by_the_tag_itself() -> None:
    profile = PROFILES["autel"]
    on, _ = switch_calls("1.6", profile, Mode.FREEVEND, tag="DEPOT-OPEN")
    assert on.payload == {"key": "FreeVendIdTag", "value": "DEPOT-OPEN"}
    filled, empty = configuration(FreeVendIdTag="DEPOT-OPEN"), configuration(FreeVendIdTag=None)
    assert read_back_mode("1.6", profile, filled) is Mode.FREEVEND
    assert read_back_tag("1.6", profile, filled) == "DEPOT-OPEN"
    assert read_back_mode("1.6", profile, empty) is Mode.MANAGED
    assert read_back_tag("1.6", profile, empty) is None


@pytest.mark.parametrize(
    ("name", "answer", "mode"),
    [
        ("microocpp", configuration(Cst_FreeVendActive="TRUE"), Mode.FREEVEND),
        ("microocpp", configuration(cst_freevendactive="false"), Mode.MANAGED),
        ("microocpp", configuration(Cst_FreeVendActive="maybe"), None),
        ("microocpp", configuration(Cst_FreeVendActive=None), None),
        ("microocpp", configuration(SomethingElse="true"), None),
        ("microocpp", {"unknownKey": ["Cst_FreeVendActive"]}, None),
        ("easee", configuration(freecharging="true"), Mode.FREEVEND),
        ("wallbox", configuration(AuthEnabled="true"), Mode.MANAGED),
        ("keba", configuration(AuthorizationEnabled="False"), Mode.FREEVEND),
        ("bender", configuration(FreeCharging="On"), Mode.FREEVEND),
        ("bender", configuration(FreeCharging="0"), Mode.MANAGED),
        ("standard", configuration(Cst_FreeVendActive="true"), None),
    ],
)
def test_a_1_6_read_back_is_read_without_regard_to_case(
    name: str, answer: dict[str, Any], mode: Mode | None
) -> None:
    assert read_back_mode("1.6", PROFILES[name], answer) is mode


@pytest.mark.parametrize(
    ("answer", "mode"),
    [
        (variable("true"), Mode.MANAGED),
        (variable("False"), Mode.FREEVEND),
        (variable("true", component={"name": "authctrl"}), Mode.MANAGED),
        (variable("true", component={"name": "AuthCacheCtrlr"}), None),
        (variable("true", attributeType="Target"), Mode.MANAGED),
        (variable("true", attributeType="MaxSet"), None),
        (variable("true", status="Rejected"), None),
        (variable(None), None),
        (variable(None, status="UnknownVariable"), None),
        ({"getVariableResult": "nonsense"}, None),
        ({}, None),
    ],
)
def test_a_2_0_1_read_back_counts_only_where_it_was_accepted(
    answer: dict[str, Any], mode: Mode | None
) -> None:
    assert read_back_mode("2.0.1", PROFILES["microocpp"], answer) is mode


def test_the_tag_is_read_back_beside_the_mode() -> None:
    answer = configuration(Cst_FreeVendActive="true", Cst_FreeVendIdTag="OPENDEPOT")
    assert read_back_tag("1.6", PROFILES["microocpp"], answer) == "OPENDEPOT"
    blank = configuration(Cst_FreeVendActive="true", Cst_FreeVendIdTag="")
    assert read_back_tag("1.6", PROFILES["microocpp"], blank) is None
    assert read_back_tag("2.0.1", PROFILES["microocpp"], variable("true")) is None


@pytest.mark.parametrize(
    ("ocpp", "answer", "status", "meaning"),
    [
        ("1.6", {"status": "Accepted"}, "Accepted", Setting.DONE),
        ("1.6", {"status": "RebootRequired"}, "RebootRequired", Setting.REBOOT_REQUIRED),
        ("1.6", {"status": "NotSupported"}, "NotSupported", Setting.NOT_SUPPORTED),
        ("1.6", {"status": "Rejected"}, "Rejected", Setting.REJECTED),
        ("1.6", {}, "", Setting.REJECTED),
        (
            "2.0.1",
            {"setVariableResult": [AUTH_ENABLED | {"attributeStatus": "UnknownVariable"}]},
            "UnknownVariable",
            Setting.NOT_SUPPORTED,
        ),
        (
            "2.0.1",
            {"setVariableResult": [AUTH_ENABLED | {"attributeStatus": "Accepted"}]},
            "Accepted",
            Setting.DONE,
        ),
        ("2.0.1", {"status": "Accepted"}, "", Setting.REJECTED),
    ],
)
def test_the_answer_to_a_set_says_how_it_went(
    ocpp: OcppVersion, answer: dict[str, Any], status: str, meaning: Setting
) -> None:
    assert set_status(ocpp, answer) == status
    assert setting(status) is meaning


def test_only_what_was_seen_on_firmware_is_called_observed() -> None:
    observed = {name for name, row in PROFILES.items() if row.confidence is Confidence.OBSERVED}
    assert observed == {"standard", "microocpp"}
    assert PROFILES["abb"].confidence is Confidence.UNVERIFIED


@pytest.mark.parametrize(
    "row",
    [
        {"mode_key": "FreeVend", "ocpp": "1.6", "freevend": "true"},
        {"mode_key": "FreeVend", "freevend": "true", "managed": "false"},
        {"managed": "false"},
        {"mode_key": "Tag", "ocpp": "1.6", "value_is_tag": True},
    ],
)
def test_half_a_row_cannot_be_built(row: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="mode_key"):
        Profile(name="half", vendor="Half", confidence=Confidence.NONE, **row)
