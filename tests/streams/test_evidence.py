"""Drift through the desk: told once, flagged, and switched again (rule 16)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.telemetry.metrics import Metrics
from depotgate.findings import Health
from depotgate.process_health import mode_findings
from models.attempt import TokenKind
from models.charger import (
    ChargerState,
    CommandKind,
    CommandResult,
    CommandStatus,
    EventName,
    ModeFactKind,
    Scalar,
)
from models.metrics import CHARGERS_NOT_SWITCHABLE
from models.read_backs import period_start
from models.schedule import Mode
from models.site import Reboot, Stage
from models.topics import STATE
from streams.charger_gauges import count_chargers
from tests.streams.test_chargers import CHARGER, FREEVEND, SITE, Desk

LONG = timedelta(hours=3)


@pytest.fixture
async def desk() -> Desk:
    """A managed charger that was switched three hours ago."""
    made = Desk()
    assert await made.states.load(set(range(16)))
    made.configure()
    await made.event(EventName.CONNECTED)
    await made.end(made.commands()[-1])
    row = row_of(made)
    assert row.commanded is not None
    assert row.connection is not None
    then = datetime.now(UTC) - LONG
    last = row.commanded.model_copy(update={"sent_at": then, "ended_at": then})
    link = row.connection.model_copy(update={"since": then})
    made.states.put(row.model_copy(update={"commanded": last, "connection": link}))
    return made


def row_of(desk: Desk) -> ChargerState:
    row = desk.states.get(CHARGER)
    assert row is not None
    return row


async def test_rule_16_the_mode_is_read_back_once_in_an_hour(desk: Desk) -> None:
    for _ in range(3):
        await desk.event("Heartbeat")
    (asked,) = desk.commands(CommandKind.READ_BACK)
    assert (asked.profile, asked.charger_id) == ("standard", CHARGER)
    assert len(desk.commands()) == 1


async def test_rule_16_a_read_back_that_differs_is_drift_and_switched_again(desk: Desk) -> None:
    data: dict[str, Scalar] = {"status": "Accepted", "mode": "freevend"}
    await desk.event(EventName.READ_BACK, data=data)
    (drift,) = desk.facts(ModeFactKind.DRIFT)
    assert (drift.desired, drift.observed, drift.detail) == (
        Mode.MANAGED,
        Mode.FREEVEND,
        "read_back",
    )
    assert [command.mode for command in desk.commands()] == [Mode.MANAGED, Mode.MANAGED]


async def test_rule_16_energy_without_any_token_is_drift_and_switched_again(desk: Desk) -> None:
    names: dict[str, Scalar] = {"transactionInfo.transactionId": "T1", "evse.id": 1}
    await desk.event("StatusNotification", data={"evseId": 1, "connectorStatus": "Occupied"})
    started: dict[str, Scalar] = {
        "eventType": "Started",
        "transactionInfo.chargingState": "EVConnected",
        **names,
    }
    await desk.event("TransactionEvent", data=started)
    assert desk.facts(ModeFactKind.DRIFT) == []
    charging: dict[str, Scalar] = {
        "eventType": "Updated",
        "transactionInfo.chargingState": "Charging",
        **names,
    }
    await desk.event("TransactionEvent", data=charging)
    (drift,) = desk.facts(ModeFactKind.DRIFT)
    assert (drift.observed, drift.detail) == (Mode.FREEVEND, "behaviour")
    assert len(desk.commands()) == 2
    await desk.event("TransactionEvent", data=charging)
    assert len(desk.facts(ModeFactKind.DRIFT)) == 1


async def test_a_tag_that_is_repeated_with_every_value_is_told_of_once(desk: Desk) -> None:
    names: dict[str, Scalar] = {"transactionInfo.transactionId": "T1", "eventType": "Updated"}
    for _ in range(2):
        await desk.event("TransactionEvent", token=TokenKind.FREEVEND_TAG, data=names)
    assert len(desk.commands()) == 2
    await desk.end(desk.commands()[-1])
    await desk.desk.settle()
    written = len(desk.sent.of(STATE))
    for _ in range(3):
        await desk.event("TransactionEvent", token=TokenKind.FREEVEND_TAG, data=names)
    # A session goes on when its charger is switched (finding 6): its tag says nothing of that.
    assert len(desk.facts(ModeFactKind.DRIFT)) == 1
    assert len(desk.commands()) == 2
    await desk.desk.settle()
    assert len(desk.sent.of(STATE)) == written
    again: dict[str, Scalar] = {
        **names,
        "transactionInfo.transactionId": "T2",
        "eventType": "Started",
    }
    await desk.event("TransactionEvent", token=TokenKind.FREEVEND_TAG, data=again)
    assert len(desk.facts(ModeFactKind.DRIFT)) == 2


@pytest.mark.parametrize(
    ("status", "drifts_count"),
    [(CommandStatus.REJECTED, 1), (CommandStatus.DONE, 0), (CommandStatus.TIMED_OUT, 0)],
)
async def test_rule_16_drift_seen_during_a_switch_is_told_once_the_switch_was_refused(
    status: CommandStatus, drifts_count: int
) -> None:
    desk = Desk()
    assert await desk.states.load(set(range(16)))
    desk.configure()
    await desk.event(EventName.CONNECTED)
    names: dict[str, Scalar] = {"transactionInfo.transactionId": "T1", "eventType": "Started"}
    await desk.event("TransactionEvent", token=TokenKind.FREEVEND_TAG, data=names)
    # It may have started before it was told of the switch.
    assert desk.facts(ModeFactKind.DRIFT) == []
    result = CommandResult(
        command_id=desk.commands()[-1].command_id,
        status=status,
        mode=Mode.MANAGED,
        observed=None,
        detail=status,
    )
    await desk.event(EventName.COMMAND_RESULT, result=result)
    assert len(desk.facts(ModeFactKind.DRIFT)) == drifts_count
    assert desk.facts(ModeFactKind.SWITCHED) == []


async def test_rule_27_in_shadow_nothing_is_read_back(desk: Desk) -> None:
    desk.configure(stage=Stage.SHADOW)
    await desk.event("Heartbeat")
    assert desk.commands(CommandKind.READ_BACK) == []


async def test_a_charger_is_looked_at_again_when_its_next_hour_begins(desk: Desk) -> None:
    await desk.event("Heartbeat")
    probed: dict[str, Scalar] = {"profile": "standard", "status": "Accepted", "mode_key": "present"}
    await desk.event(EventName.PROBED, data=probed)
    (order,) = desk.commands(CommandKind.OFFLINE)
    done: dict[str, Scalar] = {"commandId": order.command_id, "status": "done", "policy": "closed"}
    await desk.event(EventName.OFFLINE_SET, data=done)
    (told,) = desk.commands(CommandKind.ANNOUNCE)
    dark: dict[str, Scalar] = {"commandId": told.command_id, "status": "not_supported"}
    await desk.event(EventName.ANNOUNCED, data=dark)
    due_at = desk.desk._due_at[CHARGER]
    assert due_at == period_start(CHARGER, due_at)
    assert timedelta() < due_at - datetime.now(UTC) <= timedelta(hours=1)


# Settings that are in force after a boot, and classes.


async def stored(desk: Desk) -> None:
    """The charger answers RebootRequired to its last switch."""
    result = CommandResult(
        command_id=desk.commands()[-1].command_id,
        status=CommandStatus.REBOOT_REQUIRED,
        mode=Mode.MANAGED,
        observed=None,
        detail="RebootRequired",
    )
    await desk.event(EventName.COMMAND_RESULT, result=result)


async def connected(reboot: Reboot) -> Desk:
    made = Desk()
    assert await made.states.load(set(range(16)))
    made.configure(reboot=reboot)
    await made.event(EventName.CONNECTED)
    return made


async def test_a_charger_is_rebooted_once_its_session_has_ended() -> None:
    desk = await connected(Reboot.WHEN_IDLE)
    names: dict[str, Scalar] = {"transactionInfo.transactionId": "T1", "evse.id": 1}
    await desk.event("TransactionEvent", data={"eventType": "Started", **names})
    await stored(desk)
    assert desk.commands(CommandKind.RESET) == []
    assert len(desk.facts(ModeFactKind.REBOOT_NEEDED)) == 1
    await desk.event("TransactionEvent", data={"eventType": "Ended", **names})
    assert len(desk.commands(CommandKind.RESET)) == 1


async def test_without_the_sites_word_no_charger_is_rebooted() -> None:
    desk = await connected(Reboot.NEVER)
    await stored(desk)
    assert desk.commands(CommandKind.RESET) == []
    assert len(desk.facts(ModeFactKind.REBOOT_NEEDED)) == 1


async def test_a_charger_that_was_found_without_the_key_is_not_switched_again(desk: Desk) -> None:
    data: dict[str, Scalar] = {"status": "Accepted", "profile": "standard", "mode_key": "missing"}
    switches_count = len(desk.commands())
    await desk.event(EventName.PROBED, data=data)
    desk.configure(FREEVEND)
    await desk.event("StatusNotification")
    # A switch that was taken weighs more than what a probe finds.
    assert len(desk.commands()) == switches_count + 1
    result = CommandResult(
        command_id=desk.commands()[-1].command_id,
        status=CommandStatus.NOT_SUPPORTED,
        mode=Mode.FREEVEND,
        observed=None,
        detail="UnknownVariable",
    )
    await desk.event(EventName.COMMAND_RESULT, result=result)
    assert len(desk.facts(ModeFactKind.SWITCH_FAILED)) == 1
    assert row_of(desk).given_up_at is not None
    desk.configure()
    await desk.event("StatusNotification")
    assert len(desk.commands()) == switches_count + 1
    assert len(desk.facts(ModeFactKind.NOT_SWITCHABLE)) == 1
    # From the next edge on it is what it is, for as long as it is: away or not.
    since = row_of(desk).not_switchable_at
    assert since is not None
    await desk.event(EventName.DISCONNECTED)
    assert (row_of(desk).given_up_at, row_of(desk).not_switchable_at) == (None, since)
    await desk.event(EventName.CONNECTED)
    assert row_of(desk).not_switchable_at == since
    metrics = Metrics("worker")
    count_chargers(desk.states, desk.replica.sites, metrics)
    name = CHARGERS_NOT_SWITCHABLE.name
    assert metrics.registry.get_sample_value(name, {"site": SITE}) == 1
    (finding,) = mode_findings({name: 1.0})
    assert (finding.health, finding.seen.split()[0]) == (Health.NOTE, "1")
    # Another firmware may know the setting: it is asked again.
    for firmware in ("1.0", "2.0"):
        await desk.event("BootNotification", data={"firmwareVersion": firmware})
    assert row_of(desk).not_switchable_at is None
