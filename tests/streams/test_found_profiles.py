"""Chargers whose profile is found by their boot, through the desk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from models.charger import (
    ChargerCommand,
    CommandKind,
    CommandResult,
    CommandStatus,
    EventName,
    ModeFactKind,
    Scalar,
)
from models.ids import SiteId
from models.mode_commands import RESEND_AFTER_S
from models.probing import ASK_AGAIN_AFTER
from models.reasons import OcppVersion
from models.schedule import Mode
from models.site import ChargerRecord, Stage
from models.topics import CHARGERS
from tests.streams.test_chargers import CHARGER, SECOND, SITE, Desk

SMART_EVSE = ("Stegen Electronics", "SmartEVSE", "v3.7.1")


class Desk16(Desk):
    """A desk with one charger that speaks OCPP 1.6, of a profile that is named or not."""

    ocpp: OcppVersion = "1.6"

    def row_of(self, named: str = "") -> None:
        record = ChargerRecord(
            charger_id=CHARGER,
            site_id=SiteId(SITE),
            security_profile=0,
            profile=named or "standard",
            profile_named=bool(named),
            revision=f"r-{named}",
        )
        self.replica.put(CHARGERS, CHARGER, record)

    async def boot(self, vendor: str, model: str, firmware: str) -> None:
        await self.event(
            "BootNotification",
            data={
                "chargePointVendor": vendor,
                "chargePointModel": model,
                "firmwareVersion": firmware,
            },
        )

    async def tell(self, probe: ChargerCommand, **claims: Scalar) -> None:
        told: dict[str, Scalar] = {"status": "Accepted", "profile": probe.profile}
        await self.event(EventName.PROBED, data=told | claims)

    def profiles(self, kind: CommandKind = CommandKind.SWITCH) -> list[str]:
        return [command.profile for command in self.commands(kind)]


@pytest.fixture
async def desk() -> Desk16:
    made = Desk16()
    assert await made.states.load(set(range(16)))
    made.configure()
    made.row_of()
    return made


async def test_a_found_profile_is_switched_by_its_key_once_the_charger_has_told_it(
    desk: Desk16,
) -> None:
    await desk.event(EventName.CONNECTED)
    assert not desk.facts(ModeFactKind.NOT_SWITCHABLE), "it has not said yet what it is"
    await desk.boot(*SMART_EVSE)
    assert desk.profiles() == [], "nothing is set by a claim of ours alone"
    (probe,) = desk.commands(CommandKind.PROBE)
    assert probe.profile == "microocpp"
    await desk.tell(probe, mode_key="writable", mode="freevend")
    (command,) = desk.commands()
    assert (command.profile, command.mode) == ("microocpp", Mode.MANAGED)
    assert not desk.facts(ModeFactKind.NOT_SWITCHABLE)


@pytest.mark.parametrize(
    "claims",
    [{"mode_key": "missing", "mode": None}, {"mode_key": "writable", "mode": None}],
    ids=["it has no such key", "its key has another meaning"],
)
async def test_a_charger_that_is_not_what_it_was_taken_for_is_never_set(
    desk: Desk16, claims: dict[str, Scalar]
) -> None:
    await desk.event(EventName.CONNECTED)
    await desk.boot(*SMART_EVSE)
    (probe,) = desk.commands(CommandKind.PROBE)
    await desk.tell(probe, **claims)
    assert desk.profiles() == []
    (fact,) = desk.facts(ModeFactKind.NOT_SWITCHABLE)
    assert fact.detail == "microocpp"


@pytest.mark.parametrize("named", ["", "standard", "unknown"])
async def test_a_make_that_is_not_known_or_not_to_be_found_stays_as_it_was(
    desk: Desk16, named: str
) -> None:
    desk.row_of(named)
    boot = ("Acme", "One", "1.0") if not named else SMART_EVSE
    await desk.event(EventName.CONNECTED)
    await desk.boot(*boot)
    assert desk.profiles() == []
    assert desk.commands(CommandKind.PROBE) == []
    (fact,) = desk.facts(ModeFactKind.NOT_SWITCHABLE)
    assert fact.detail == (named or "standard")


async def test_a_profile_that_is_named_is_used_at_once(desk: Desk16) -> None:
    desk.row_of("easee")
    await desk.event(EventName.CONNECTED)
    assert desk.profiles() == ["easee"]


async def test_a_connection_without_a_boot_goes_by_the_boot_before_it(desk: Desk16) -> None:
    await desk.event(EventName.CONNECTED)
    await desk.boot(*SMART_EVSE)
    await desk.tell(desk.commands(CommandKind.PROBE)[0], mode_key="writable", mode="freevend")
    await desk.event(EventName.DISCONNECTED)
    await desk.event(EventName.CONNECTED, connection_id=SECOND)
    assert desk.profiles() == ["microocpp", "microocpp"]
    assert desk.commands()[1].connection_id == SECOND


async def test_a_boot_that_changes_the_profile_ends_what_the_old_one_said(desk: Desk16) -> None:
    """The command for the old keys is out when the boot comes: its end is no end of the new one."""
    await desk.event(EventName.CONNECTED)
    await desk.boot(*SMART_EVSE)
    await desk.tell(desk.commands(CommandKind.PROBE)[0], mode_key="writable", mode="freevend")
    (old,) = desk.commands()
    await desk.boot("Easee ASA", "Easee One", "343")
    await desk.end(old)
    assert desk.profiles() == ["microocpp"]
    asked = desk.commands(CommandKind.PROBE)[-1]
    assert asked.profile == "easee"
    await desk.tell(asked, mode_key="writable", mode="freevend")
    assert desk.profiles() == ["microocpp", "easee"]


async def test_a_switch_that_is_sent_once_more_keeps_its_profile(desk: Desk16) -> None:
    await desk.event(EventName.CONNECTED)
    await desk.boot(*SMART_EVSE)
    await desk.tell(desk.commands(CommandKind.PROBE)[0], mode_key="writable", mode="freevend")
    row = desk.states.get(CHARGER)
    assert row is not None
    assert row.commanded is not None
    sent_at = row.commanded.sent_at - timedelta(seconds=RESEND_AFTER_S)
    commanded = row.commanded.model_copy(update={"sent_at": sent_at})
    desk.states.put(row.model_copy(update={"commanded": commanded}))
    await desk.boot("Easee ASA", "Easee One", "343")
    first, again = desk.commands()
    assert (again.command_id, again.profile) == (first.command_id, "microocpp")


async def test_another_firmware_that_no_row_knows_is_not_switched_any_more(desk: Desk16) -> None:
    await desk.event(EventName.CONNECTED)
    await desk.boot("Easee ASA", "Easee One", "343")
    await desk.tell(desk.commands(CommandKind.PROBE)[0], mode_key="writable", mode="freevend")
    (command,) = desk.commands()
    await desk.end(command)
    await desk.boot("Easee ASA", "Easee One", "299")
    assert desk.profiles() == ["easee"]
    assert [fact.detail for fact in desk.facts(ModeFactKind.NOT_SWITCHABLE)] == ["standard"]


async def test_rule_27_in_shadow_what_would_be_switched_is_told(desk: Desk16) -> None:
    desk.configure(stage=Stage.SHADOW)
    desk.row_of()
    await desk.event(EventName.CONNECTED)
    await desk.boot(*SMART_EVSE)
    assert [fact.detail for fact in desk.facts(ModeFactKind.WOULD_SWITCH)] == ["microocpp"]
    assert desk.profiles() == []
    assert desk.commands(CommandKind.PROBE) == []


SOON = timedelta(minutes=1)

UNTOLD: list[dict[str, Scalar]] = [
    {"status": "timed_out"},
    {"status": "Accepted", "mode_key": None, "mode": None, "cache": "writable"},
]


@pytest.mark.parametrize("said", UNTOLD, ids=["no answer", "nothing of its key"])
async def test_a_charger_that_does_not_tell_its_key_is_asked_over_its_next_connection(
    desk: Desk16, said: dict[str, Scalar]
) -> None:
    await desk.event(EventName.CONNECTED)
    await desk.boot(*SMART_EVSE)
    (probe,) = desk.commands(CommandKind.PROBE)
    await desk.tell(probe, **said)
    assert desk.profiles() == []
    await desk.event(EventName.CONNECTED, connection_id=SECOND)
    assert len(desk.commands(CommandKind.PROBE)) == 2


@pytest.mark.parametrize("said", UNTOLD, ids=["no answer", "nothing of its key"])
async def test_a_charger_that_does_not_tell_its_key_is_asked_again_after_a_pause(
    desk: Desk16, said: dict[str, Scalar]
) -> None:
    began_at = datetime.now(UTC)
    await desk.event(EventName.CONNECTED)
    await desk.boot(*SMART_EVSE)
    (probe,) = desk.commands(CommandKind.PROBE)
    await desk.tell(probe, **said)
    with time_machine.travel(began_at + ASK_AGAIN_AFTER - SOON):
        await desk.event("Heartbeat")
    assert len(desk.commands(CommandKind.PROBE)) == 1
    with time_machine.travel(began_at + ASK_AGAIN_AFTER + SOON):
        await desk.event("Heartbeat")
    first, again = desk.commands(CommandKind.PROBE)
    assert again.command_id != first.command_id
    await desk.tell(again, mode_key="writable", mode="freevend")
    assert desk.profiles() == ["microocpp"]


async def test_what_was_refused_under_a_found_profile_ends_as_of_a_named_one(desk: Desk16) -> None:
    await desk.event(EventName.CONNECTED)
    await desk.boot(*SMART_EVSE)
    await desk.tell(desk.commands(CommandKind.PROBE)[0], mode_key="writable", mode="freevend")
    (command,) = desk.commands()
    result = CommandResult(
        command_id=command.command_id,
        status=CommandStatus.NOT_SUPPORTED,
        mode=command.mode,
        observed=None,
        detail="NotSupported",
    )
    await desk.event(EventName.COMMAND_RESULT, result=result)
    assert len(desk.facts(ModeFactKind.SWITCH_FAILED)) == 1
