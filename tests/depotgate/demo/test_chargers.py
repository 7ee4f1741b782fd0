"""The simulated chargers do what real ones do, against a small central system."""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, TypeVar

import pytest
from ocpp.charge_point import (
    camel_to_snake_case,
    remove_nones,
    serialize_as_dict,
    snake_to_camel_case,
)
from ocpp.exceptions import NotSupportedError
from ocpp.v16 import call as call16
from ocpp.v201 import call as call201

from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16, FreevendKeys
from depotgate.demo.charger201 import Charger201
from depotgate.demo.drivers import Driver, Pace, Visit, drive
from depotgate.demo.link import BackOff, ConnectionLostError, UnansweredError
from depotgate.demo.session import NO_CARD, Attempted, Behaviour, Card
from models.profiles import (
    PROFILES,
    STANDARD,
    Profile,
    read_back_mode,
    switch_calls,
    switchable,
)
from models.reasons import OcppVersion
from models.schedule import Mode
from tests.depotgate.demo.central import PASSWORD, TRANSACTION_ID, Central, central_system, until

T = TypeVar("T")

OWN = Card("own_fleet", "04A1B2C3")
REVOKED = Card("revoked", "04DEADBE")
QUICK = Behaviour(
    response_timeout_s=30, back_off=BackOff(0.02, 0.1), retry_interval_s=0.02, meter_interval_s=0.03
)
IMPATIENT = Behaviour(
    response_timeout_s=1.0,
    back_off=BackOff(0.02, 0.1),
    retry_interval_s=0.02,
    message_attempts_count=2,
)
VERSIONS = pytest.mark.parametrize("kind", [Charger16, Charger201])


@pytest.fixture
async def central() -> AsyncIterator[Central]:
    async with central_system() as running:
        yield running


def make(kind: type[Charger], central: Central, **options: Any) -> Charger:
    options = {"password": PASSWORD, "behaviour": QUICK, **options}
    return kind("CP 1/ü", central.endpoint, **options)


async def ask(central: Central, payload: Any) -> Any:
    (station,) = central.stations.values()
    return await station.call(payload, suppress=False)


async def switch(central: Central, kind: type[Charger], mode: Mode) -> str:
    """The status with which the charger took the switch."""
    if kind is Charger16:
        value = "true" if mode is Mode.FREEVEND else "false"
        payload = call16.ChangeConfiguration(key="Cst_FreeVendActive", value=value)
        return str((await ask(central, payload)).status)
    value = "false" if mode is Mode.FREEVEND else "true"
    answer = await ask(central, call201.SetVariables([_enabled() | {"attribute_value": value}]))
    return str(answer.set_variable_result[0]["attribute_status"])


async def read_back(central: Central, kind: type[Charger]) -> str:
    if kind is Charger16:
        answer = await ask(central, call16.GetConfiguration(key=["Cst_FreeVendActive"]))
        return str(answer.configuration_key[0]["value"])
    answer = await ask(central, call201.GetVariables([_enabled()]))
    return str(answer.get_variable_result[0]["attribute_value"])


def _enabled() -> dict[str, Any]:
    return {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}


def starts(central: Central) -> list[str]:
    """Tokens of the starts heard, in either version."""
    started = [p for p in central.payloads("TransactionEvent") if p["event_type"] == "Started"]
    return [p["id_tag"] for p in central.payloads("StartTransaction")] + [
        p["id_token"]["type"] if not p["id_token"]["id_token"] else p["id_token"]["id_token"]
        for p in started
    ]


def stop_reasons(central: Central) -> list[str]:
    ended = [p for p in central.payloads("TransactionEvent") if p["event_type"] == "Ended"]
    return [p["reason"] for p in central.payloads("StopTransaction")] + [
        p["transaction_info"]["stopped_reason"] for p in ended
    ]


def statuses(central: Central) -> list[str]:
    told = central.payloads("StatusNotification")
    return [p.get("status") or p["connector_status"] for p in told]


def in_turn(heard: Iterable[T]) -> list[T]:
    """What was heard, each once in a row: how many meter values come is up to the machine."""
    return [each for each, _ in groupby(heard)]


FREEVEND_TOKEN = {Charger16: "A0000000", Charger201: "NoAuthorization"}


@VERSIONS
async def test_a_charger_boots_and_tells_the_status_of_every_plug(
    kind: type[Charger], central: Central
) -> None:
    async with make(kind, central, plugs_count=2) as charger:
        await charger.connected()
        assert central.actions() == ["BootNotification"] + ["StatusNotification"] * 2
        assert statuses(central) == ["Available", "Available"]
        assert list(central.stations) == ["CP 1/ü"]


@VERSIONS
async def test_a_charger_beats_at_the_interval_that_it_was_given(
    kind: type[Charger], central: Central
) -> None:
    central.heartbeat_s = 1
    async with make(kind, central) as charger:
        await charger.connected()
        await until(lambda: charger.link.tally["Heartbeat", "answered"])
        assert central.payloads("Heartbeat")


async def test_an_accepted_card_charges_over_1_6(central: Central) -> None:
    async with make(Charger16, central) as charger:
        await charger.connected()
        assert await charger.plug_in() is None
        result = await charger.tap(OWN)
        assert result is not None
        assert result.accepted
        assert 0 < result.latency_s < QUICK.response_timeout_s
        assert await charger.charge(0.05)
        assert await charger.stop(OWN)
        await charger.plug_out()
    assert in_turn(central.actions()[2:]) == [
        "StatusNotification",
        "Authorize",
        "StartTransaction",
        "StatusNotification",
        "MeterValues",
        "StopTransaction",
        "StatusNotification",
    ]
    assert statuses(central)[1:] == ["Preparing", "Charging", "Finishing", "Available"]
    (stopped,) = central.payloads("StopTransaction")
    assert (stopped["transaction_id"], stopped["reason"]) == (TRANSACTION_ID, "Local")
    assert stopped["id_tag"] == OWN.token


async def test_an_accepted_card_charges_over_2_0_1(central: Central) -> None:
    async with make(Charger201, central) as charger:
        await charger.connected()
        assert await charger.plug_in() is None
        result = await charger.tap(OWN)
        assert result is not None
        assert (result.accepted, result.text) == (True, "Welcome.")
        assert await charger.charge(0.05)
        assert await charger.stop(OWN)
        await charger.plug_out()
    events = central.payloads("TransactionEvent")
    assert in_turn((e["event_type"], e["trigger_reason"]) for e in events) == [
        ("Started", "Authorized"),
        ("Updated", "ChargingStateChanged"),
        ("Updated", "MeterValuePeriodic"),
        ("Ended", "StopAuthorized"),
    ]
    assert [e["seq_no"] for e in events] == list(range(len(events)))
    assert len({e["transaction_info"]["transaction_id"] for e in events}) == 1
    assert [e["transaction_info"]["charging_state"] for e in events[:2]] == [
        "EVConnected",
        "Charging",
    ]
    assert statuses(central)[1:] == ["Occupied", "Available"]


@VERSIONS
async def test_a_card_before_the_cable_starts_when_the_cable_comes(
    kind: type[Charger], central: Central
) -> None:
    async with make(kind, central) as charger:
        await charger.connected()
        tapped = await charger.tap(OWN)
        assert tapped is not None
        assert tapped.action == "Authorize"
        assert not starts(central)
        started = await charger.plug_in()
        assert started is not None
        assert started.accepted
        assert starts(central) == [OWN.token]


@VERSIONS
async def test_a_denied_card_starts_nothing_and_the_driver_sees_why(
    kind: type[Charger], central: Central
) -> None:
    central.verdicts[REVOKED.token] = ("Blocked", "Card no longer valid.")
    async with make(kind, central) as charger:
        await charger.connected()
        await charger.plug_in()
        result = await charger.tap(REVOKED)
        assert result is not None
        assert result.status == "Blocked"
        assert charger.session_at() is None
        assert not starts(central)
        shown = charger.shown[-1]
        text = "Card no longer valid." if kind is Charger201 else None
        assert (shown.status, shown.text) == ("Blocked", text)


@VERSIONS
async def test_a_denied_start_ends_at_once_as_deauthorized(
    kind: type[Charger], central: Central
) -> None:
    central.start_verdicts[OWN.token] = ("Blocked", "Card needs checking.")
    async with make(kind, central) as charger:
        await charger.connected()
        await charger.plug_in()
        result = await charger.tap(OWN)
        assert result is not None
        assert not result.accepted
        assert charger.session_at() is None
        assert stop_reasons(central) == ["DeAuthorized"]


@VERSIONS
async def test_a_waiting_vehicle_starts_when_freevend_begins_and_goes_on_when_it_ends(
    kind: type[Charger], central: Central
) -> None:
    async with make(kind, central) as charger:
        await charger.connected()
        await charger.plug_in()
        assert await switch(central, kind, Mode.FREEVEND) == "Accepted"
        await until(lambda: starts(central))
        await switch(central, kind, Mode.MANAGED)
        await until(lambda: charger.mode is Mode.MANAGED)
        assert starts(central) == [FREEVEND_TOKEN[kind]]
        assert await charger.charge(0.01)
        assert [(s.mode, s.changed) for s in charger.switches] == [
            (Mode.FREEVEND, True),
            (Mode.MANAGED, True),
        ]
        assert "Authorize" not in central.actions()


@VERSIONS
async def test_in_freevend_plugging_in_starts_without_authorize(
    kind: type[Charger], central: Central
) -> None:
    async with make(kind, central, mode=Mode.FREEVEND) as charger:
        await charger.connected()
        result = await charger.plug_in()
        assert result is not None
        assert result.accepted
        assert starts(central) == [FREEVEND_TOKEN[kind]]
        await charger.plug_out()
        assert stop_reasons(central) == ["EVDisconnected"]
        assert "Authorize" not in central.actions()


async def test_in_freevend_2_0_1_passes_a_presented_token_on(central: Central) -> None:
    async with make(Charger201, central, mode=Mode.FREEVEND) as charger:
        await charger.connected()
        assert await charger.tap(OWN) is None
        await charger.plug_in()
        assert starts(central) == [OWN.token]
        assert "Authorize" not in central.actions()


async def test_a_card_identifies_a_session_that_started_by_itself(central: Central) -> None:
    async with make(Charger201, central, mode=Mode.FREEVEND) as charger:
        await charger.connected()
        await charger.plug_in()
        result = await charger.tap(OWN)
        assert result is not None
        assert result.action == "TransactionEvent"
        identified = central.payloads("TransactionEvent")[-1]
        assert identified["event_type"] == "Updated"
        assert identified["id_token"]["id_token"] == OWN.token
        assert charger.session_at() is not None


@VERSIONS
async def test_a_switch_reads_back_as_it_was_set(kind: type[Charger], central: Central) -> None:
    async with make(kind, central) as charger:
        await charger.connected()
        before = await read_back(central, kind)
        await switch(central, kind, Mode.FREEVEND)
        after = await read_back(central, kind)
        assert {before, after} == {"true", "false"}


async def test_1_6_names_keys_that_it_does_not_know(central: Central) -> None:
    async with make(Charger16, central) as charger:
        await charger.connected()
        keys = ["Cst_FreeVendIdTag", "FreeCharging", "StopTransactionOnInvalidId"]
        answer = await ask(central, call16.GetConfiguration(key=keys))
        held = {item["key"]: item["readonly"] for item in answer.configuration_key}
        assert held == {"Cst_FreeVendIdTag": False, "StopTransactionOnInvalidId": True}
        assert answer.unknown_key == ["FreeCharging"]
        unknown = call16.ChangeConfiguration(key="FreeCharging", value="true")
        assert (await ask(central, unknown)).status == "NotSupported"
        fixed = call16.ChangeConfiguration(key="NumberOfConnectors", value="2")
        assert (await ask(central, fixed)).status == "Rejected"
        await ask(central, call16.ChangeConfiguration(key="Cst_FreeVendIdTag", value="DEPOT"))
        await switch(central, Charger16, Mode.FREEVEND)
        await charger.plug_in()
        assert starts(central) == ["DEPOT"]


async def test_2_0_1_answers_for_each_variable(central: Central) -> None:
    async with make(Charger201, central) as charger:
        await charger.connected()
        asked = [
            ("AuthCtrlr", "Enabled"),
            ("authctrlr", "localpreauthorize"),
            ("AuthCtrlr", "Nonsense"),
            ("NoSuchCtrlr", "Enabled"),
        ]
        data = [{"component": {"name": c}, "variable": {"name": v}} for c, v in asked]
        read = (await ask(central, call201.GetVariables(data))).get_variable_result
        assert [r["attribute_status"] for r in read] == [
            "Accepted",
            "Accepted",
            "UnknownVariable",
            "UnknownComponent",
        ]
        assert [r.get("attribute_value") for r in read] == ["true", "false", None, None]
        wanted = [d | {"attribute_value": "true"} for d in data]
        written = (await ask(central, call201.SetVariables(wanted))).set_variable_result
        assert [r["attribute_status"] for r in written] == [
            "Accepted",
            "Rejected",
            "UnknownVariable",
            "UnknownComponent",
        ]


async def test_2_0_1_can_lack_the_setting(central: Central) -> None:
    async with make(Charger201, central, missing=[("AuthCtrlr", "Enabled")]) as charger:
        await charger.connected()
        assert await switch(central, Charger201, Mode.FREEVEND) == "UnknownVariable"
        assert charger.mode is Mode.MANAGED
        assert not charger.switches


@pytest.mark.parametrize(
    ("keys", "freevend", "managed", "tag"),
    [
        (FreevendKeys(), "TRUE", "false", "A0000000"),
        (
            FreevendKeys("AuthEnabled", "false", "true", "AuthDisabledIdTag", "NoAuthorization"),
            "false",
            "true",
            "NoAuthorization",
        ),
        (
            FreevendKeys("FreeCharging", "on", "off", "RfidTagFreeCharging", "BENDER"),
            "on",
            "off",
            "BENDER",
        ),
        (
            FreevendKeys("FreeVendIdTag", None, tag_key=None, tag="UNUSED"),
            "AUTELTAG",
            "",
            "AUTELTAG",
        ),
    ],
    ids=["MicroOcpp", "Wallbox", "Bender", "Autel"],
)
async def test_any_makes_keys_switch_it(
    central: Central, keys: FreevendKeys, freevend: str, managed: str, tag: str
) -> None:
    async with make(Charger16, central, keys=keys) as charger:
        await charger.connected()
        await ask(central, call16.ChangeConfiguration(key=keys.mode_key, value=freevend))
        await until(lambda: charger.mode is Mode.FREEVEND)
        await charger.plug_in()
        assert starts(central) == [tag]
        await ask(central, call16.ChangeConfiguration(key=keys.mode_key, value=managed))
        await until(lambda: charger.mode is Mode.MANAGED)


SWITCHED_BY_1_6 = [row for row in PROFILES.values() if row.ocpp == "1.6" and switchable("1.6", row)]


@pytest.mark.parametrize("profile", SWITCHED_BY_1_6, ids=lambda row: row.name)
async def test_the_profile_table_switches_every_make_of_1_6(
    central: Central, profile: Profile
) -> None:
    async with make(Charger16, central, keys=FreevendKeys.of(profile)) as charger:
        await charger.connected()
        for mode in (Mode.FREEVEND, Mode.MANAGED):
            assert await product_switches(central, "1.6", profile, mode) is mode
            assert charger.switches[-1].mode is mode


async def test_the_standard_row_switches_2_0_1(central: Central) -> None:
    async with make(Charger201, central) as charger:
        await charger.connected()
        for mode in (Mode.FREEVEND, Mode.MANAGED):
            assert await product_switches(central, "2.0.1", STANDARD, mode) is mode
            assert charger.switches[-1].mode is mode


async def product_switches(
    central: Central, ocpp: OcppVersion, profile: Profile, mode: Mode
) -> Mode | None:
    """The mode read back after the calls that the product would send."""
    (station,) = central.stations.values()
    answer: dict[str, Any] = {}
    for wire_call in switch_calls(ocpp, profile, mode, tag="DEPOTTAG"):
        request = camel_to_snake_case(wire_call.payload)
        payload = await ask(central, getattr(station._call, wire_call.action)(**request))
        answer = snake_to_camel_case(remove_nones(serialize_as_dict(payload)))
    return read_back_mode(ocpp, profile, answer)


@VERSIONS
async def test_a_disobedient_charger_reads_back_what_it_does_not_do(
    kind: type[Charger], central: Central
) -> None:
    async with make(kind, central, behaviour=Behaviour(obeys=False)) as charger:
        await charger.connected()
        before = await read_back(central, kind)
        assert await switch(central, kind, Mode.FREEVEND) == "Accepted"
        await until(lambda: charger.switches)
        assert await read_back(central, kind) != before
        assert await charger.plug_in() is None
        assert charger.mode is Mode.MANAGED


@VERSIONS
async def test_a_switch_that_needs_a_reboot_takes_effect_with_it(
    kind: type[Charger], central: Central
) -> None:
    behaviour = Behaviour(switch_status="RebootRequired", back_off=BackOff(0.02, 0.1))
    async with make(kind, central, behaviour=behaviour) as charger:
        await charger.connected()
        assert await switch(central, kind, Mode.FREEVEND) == "RebootRequired"
        modes = [charger.mode]
        await charger.reboot()
        await charger.connected()
        assert [*modes, charger.mode] == [Mode.MANAGED, Mode.FREEVEND]
        assert len(central.payloads("BootNotification")) == 2


@VERSIONS
async def test_a_reset_restarts_it_once_nothing_runs(kind: type[Charger], central: Central) -> None:
    reset = call16.Reset(type="Soft") if kind is Charger16 else call201.Reset(type="OnIdle")
    async with make(kind, central) as charger:
        await charger.connected()
        await charger.plug_in()
        await charger.tap(OWN)
        if kind is Charger201:
            assert (await ask(central, reset)).status == "Rejected"
        await charger.plug_out()
        assert (await ask(central, reset)).status == "Accepted"
        await until(lambda: len(central.payloads("BootNotification")) == 2)
        assert charger.resets_count == 1
        assert "Reboot" not in stop_reasons(central)


@VERSIONS
async def test_a_remote_stop_ends_the_session(kind: type[Charger], central: Central) -> None:
    async with make(kind, central) as charger:
        await charger.connected()
        await charger.plug_in()
        await charger.tap(OWN)
        session = charger.session_at()
        assert session is not None
        stop = (
            call16.RemoteStopTransaction(transaction_id=session.transaction_id)
            if kind is Charger16
            else call201.RequestStopTransaction(transaction_id=session.transaction_id)
        )
        assert (await ask(central, stop)).status == "Accepted"
        assert not await charger.charge(5)
        await until(lambda: stop_reasons(central))
        assert stop_reasons(central) == ["Remote"]
        assert (await ask(central, stop)).status == "Rejected"


@VERSIONS
async def test_after_a_lost_connection_it_comes_back_without_a_boot(
    kind: type[Charger], central: Central
) -> None:
    async with make(kind, central) as charger:
        await charger.connected()
        await charger.plug_in()
        await charger.tap(OWN)
        charger.disconnect()
        with pytest.raises(ConnectionLostError):
            await charger.authorize(OWN)
        central.heard.clear()
        charger.connect()
        await charger.connected()
        assert central.actions() == ["StatusNotification"]
        assert statuses(central) == ["Charging" if kind is Charger16 else "Occupied"]
        assert charger.link.connections_count == 2
        assert await charger.stop(OWN)


@VERSIONS
async def test_a_reboot_ends_sessions_and_boots(kind: type[Charger], central: Central) -> None:
    async with make(kind, central) as charger:
        await charger.connected()
        await charger.plug_in()
        await charger.tap(OWN)
        await charger.reboot()
        await charger.connected()
        assert stop_reasons(central) == ["Reboot"]
        assert len(central.payloads("BootNotification")) == 2


@VERSIONS
async def test_an_unanswered_attempt_is_told_without_its_token(
    kind: type[Charger], central: Central
) -> None:
    central.silent.add("Authorize")
    async with make(kind, central, behaviour=IMPATIENT) as charger:
        await charger.connected()
        with pytest.raises(UnansweredError) as caught:
            await charger.authorize(OWN)
        assert OWN.token not in str(caught.value)
        assert OWN.token not in repr(OWN)
        assert charger.link.tally["Authorize", "unanswered"] == 1


@VERSIONS
async def test_a_cut_ends_an_attempt_at_once(kind: type[Charger], central: Central) -> None:
    central.silent.add("Authorize")
    async with make(kind, central, behaviour=Behaviour(response_timeout_s=60)) as charger:
        await charger.connected()
        attempt = asyncio.create_task(charger.authorize(OWN))
        await until(lambda: "Authorize (unanswered)" in central.actions())
        charger.link.cut()
        async with asyncio.timeout(30):
            with pytest.raises(ConnectionLostError):
                await attempt
        assert charger.link.tally["Authorize", "lost"] == 1


@VERSIONS
async def test_a_start_is_repeated_unchanged_until_it_is_answered(
    kind: type[Charger], central: Central
) -> None:
    action = "StartTransaction" if kind is Charger16 else "TransactionEvent"
    central.silent_once.add(action)
    async with make(kind, central, behaviour=IMPATIENT) as charger:
        await charger.connected()
        await charger.plug_in()
        result = await charger.tap(OWN)
        assert result is not None
        assert result.accepted
        (unheard,) = central.payloads(f"{action} (unanswered)")
        repeated = central.payloads(action)[0]
        assert repeated["timestamp"] == unheard["timestamp"]
        assert starts(central) == [OWN.token]


@VERSIONS
async def test_a_start_that_is_never_answered_leaves_no_session(
    kind: type[Charger], central: Central
) -> None:
    central.silent |= {"StartTransaction", "TransactionEvent"}
    async with make(kind, central, behaviour=IMPATIENT) as charger:
        await charger.connected()
        await charger.plug_in()
        with pytest.raises(UnansweredError):
            await charger.tap(OWN)
        assert charger.session_at() is None


@VERSIONS
async def test_a_session_from_memory_has_the_time_at_which_it_began(
    kind: type[Charger], central: Central
) -> None:
    began_at = datetime.now(UTC) - timedelta(hours=3)
    async with make(kind, central) as charger:
        await charger.connected()
        result = await charger.replay(OWN, began_at, began_at + timedelta(hours=1))
        assert result.accepted
        action = "StartTransaction" if kind is Charger16 else "TransactionEvent"
        told = central.payloads(action)
        assert datetime.fromisoformat(told[0]["timestamp"]) - began_at < timedelta(seconds=1)
        assert len(stop_reasons(central)) == 1
        assert [p.get("offline") for p in told] == ([None] if kind is Charger16 else [True, True])
        assert charger.session_at() is None


async def test_a_start_while_away_is_told_as_offline(central: Central) -> None:
    async with make(Charger201, central, mode=Mode.FREEVEND) as charger:
        await charger.connected()
        charger.disconnect()
        plugging = asyncio.create_task(charger.plug_in())
        await until(lambda: charger.session_at() is not None)
        charger.connect()
        result = await plugging
        assert result is not None
        assert result.accepted
        assert central.payloads("TransactionEvent")[0]["offline"] is True


@VERSIONS
async def test_an_action_that_it_lacks_is_not_supported(
    kind: type[Charger], central: Central
) -> None:
    call = call16 if kind is Charger16 else call201
    async with make(kind, central) as charger:
        await charger.connected()
        with pytest.raises(NotSupportedError):
            await ask(
                central,
                call.UnlockConnector(1) if kind is Charger16 else call.UnlockConnector(1, 1),
            )
        assert (await ask(central, call.ClearCache())).status == "Accepted"


@VERSIONS
async def test_it_tells_what_it_is_triggered_to_tell(kind: type[Charger], central: Central) -> None:
    call = call16 if kind is Charger16 else call201
    async with make(kind, central) as charger:
        await charger.connected()
        central.heard.clear()
        for what in ("StatusNotification", "BootNotification", "Heartbeat"):
            answer = await ask(central, call.TriggerMessage(requested_message=what))
            assert answer.status == "Accepted"
        await until(lambda: len(central.heard) == 3)
        assert central.actions() == ["StatusNotification", "BootNotification", "Heartbeat"]
        refused = await ask(central, call.TriggerMessage(requested_message="MeterValues"))
        assert refused.status == "NotImplemented"


@VERSIONS
async def test_a_muted_action_stays_unanswered(kind: type[Charger], central: Central) -> None:
    call = call16 if kind is Charger16 else call201
    async with make(kind, central) as charger:
        await charger.connected()
        charger.mute.add("ClearCache")
        (station,) = central.stations.values()
        station._response_timeout = 0.1
        with pytest.raises(TimeoutError):
            await ask(central, call.ClearCache())


@VERSIONS
async def test_a_raw_frame_brings_back_a_raw_frame(kind: type[Charger], central: Central) -> None:
    async with make(kind, central) as charger:
        await charger.connected()
        answer = await charger.raw('[2,"raw-1","Heartbeat",{}]')
        assert answer.startswith('[3,"raw-1",')
        with pytest.raises(UnansweredError):
            await charger.raw("nonsense", timeout_s=0.05)
        assert (await charger.authorize(OWN)).accepted


@VERSIONS
async def test_a_wrong_password_is_told_as_the_reason(
    kind: type[Charger], central: Central
) -> None:
    wrong = base64.b64encode(b"wrong").decode()
    async with make(kind, central, password=wrong) as charger:
        await until(lambda: charger.link.refusal)
        with pytest.raises(ConnectionLostError, match="HTTP 401"):
            await charger.connected(timeout_s=0.05)
        assert charger.link.connections_count == 0


@VERSIONS
async def test_without_validation_the_answers_are_the_same(
    kind: type[Charger], central: Central
) -> None:
    central.verdicts[REVOKED.token] = ("Blocked", "Card no longer valid.")
    async with make(kind, central, behaviour=Behaviour(validate=False)) as charger:
        await charger.connected()
        assert (await charger.authorize(OWN)).status == "Accepted"
        assert (await charger.authorize(REVOKED)).status == "Blocked"


@VERSIONS
async def test_no_frame_reaches_a_log(
    kind: type[Charger], central: Central, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with make(kind, central) as charger:
        await charger.connected()
        await charger.authorize(OWN)
    assert OWN.token not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith(("ocpp", "websock"))]


@VERSIONS
async def test_drivers_come_and_go_with_their_cards(kind: type[Charger], central: Central) -> None:
    central.verdicts[REVOKED.token] = ("Blocked", "Card no longer valid.")
    visits: list[Visit] = []
    span = (0.0, 0.01)
    async with make(kind, central) as charger:
        await charger.connected()
        driving = asyncio.create_task(
            drive(
                charger,
                [(OWN, 2.0), (REVOKED, 1.0), (None, 1.0)],
                rng=random.Random(4),
                pace=Pace(span, span, span),
                report=visits.append,
            )
        )
        await until(lambda: {v.label for v in visits} >= {"own_fleet", "revoked", NO_CARD})
        driving.cancel()
        await asyncio.wait({driving})
        assert driving.cancelled()
    for visit in visits:
        assert visit.error is None
        assert visit.charged == (visit.label == "own_fleet")
        refused = [result.status for result in visit.results if not result.accepted]
        assert bool(refused) == (visit.label == "revoked")


@VERSIONS
async def test_every_token_presented_to_start_is_accounted_for(
    kind: type[Charger], central: Central
) -> None:
    central.verdicts[REVOKED.token] = ("Blocked", "Card no longer valid.")
    accounts: list[Attempted] = []
    async with make(kind, central, on_attempt=accounts.append) as charger:
        await charger.connected()
        await charger.tap(REVOKED)
        await charger.plug_in()
        await charger.tap(OWN)
        await charger.stop(OWN)
    start = "StartTransaction" if kind is Charger16 else "TransactionEvent"
    told = [(a.label, a.result and a.result.action, a.result and a.result.status) for a in accounts]
    assert told == [
        ("revoked", "Authorize", "Blocked"),
        ("own_fleet", "Authorize", "Accepted"),
        ("own_fleet", start, "Accepted"),
    ]


@VERSIONS
async def test_an_attempt_without_an_answer_is_accounted_for_with_its_cause(
    kind: type[Charger], central: Central
) -> None:
    central.silent.add("Authorize")
    accounts: list[Attempted] = []
    async with make(kind, central, behaviour=IMPATIENT, on_attempt=accounts.append) as charger:
        await charger.connected()
        with pytest.raises(UnansweredError):
            await charger.tap(OWN)
    (account,) = accounts
    assert (account.label, account.result, account.error) == ("own_fleet", None, "UnansweredError")


async def test_a_driver_in_a_hurry_ends_the_session_and_goes(central: Central) -> None:
    leaving = asyncio.Event()
    slow = Pace(charge_s=(60.0, 60.0), patience_s=(60.0, 60.0), taps_first_share=0.0)
    async with make(Charger16, central) as charger:
        await charger.connected()
        driver = Driver(charger, OWN, random.Random(1), slow, leaving=leaving)
        visiting = asyncio.create_task(driver.visit())
        await until(lambda: charger.plugs[0].session and charger.plugs[0].session.energised)
        leaving.set()
        visit = await asyncio.wait_for(visiting, 30)
    assert (visit.charged, visit.error) == (True, None)
    assert stop_reasons(central) == ["Local"]
