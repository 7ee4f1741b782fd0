"""The worker's commands, run on a real charger over a real slot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16, FreevendKeys
from depotgate.demo.charger201 import Charger201, Variable
from models.charger import ChargerCommand, CommandKind, CommandResult, CommandStatus
from models.ids import CommandId, ConnectionId
from models.metrics import COMMANDS_RUN, DEAD_LETTERS
from models.schedule import Mode
from models.topics import COMMANDS, DECISIONS, Topic
from tests.integration.gateways import BOTH, CARDS, QUICK, House, Running
from tests.integration.records import until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

ALIAS = ("authctrl", "enabled")
"""As the specification itself spells the variable elsewhere."""


async def command(
    house: House, gateway: Running, charger: Charger, mode: Mode, **fields: Any
) -> ChargerCommand:
    """Have the worker command a mode; what it sent."""
    connected = await house.records.event(charger.charger_id, "Connected")
    now = datetime.now(UTC)
    row: dict[str, Any] = {
        "command_id": CommandId(f"{charger.charger_id}-1"),
        "kind": CommandKind.SWITCH,
        "charger_id": charger.charger_id,
        "site_id": connected.site_id,
        "connection_id": connected.connection_id,
        "slot": gateway.slot,
        "ocpp": connected.ocpp,
        "mode": mode,
        "profile": "microocpp" if isinstance(charger, Charger16) else "standard",
        "sent_at": now,
        "expires_at": now + timedelta(seconds=30),
    }
    sent = ChargerCommand(**row | fields)
    await house.write(COMMANDS, sent.charger_id, sent, partition=gateway.slot)
    return sent


async def result(house: House, charger: Charger, count: int = 1) -> CommandResult:
    """The latest result, once there are so many."""
    results = house.records.results
    await until(lambda: len(results(charger.charger_id)) >= count, f"{count} command results")
    assert len(results(charger.charger_id)) == count
    return results(charger.charger_id)[-1]


@BOTH
async def test_a_charger_is_switched_and_what_it_reads_back_is_told(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    async with house.charger(kind, "closed", gateway) as charger:
        for count, mode in enumerate((Mode.FREEVEND, Mode.MANAGED), 1):
            command_id = CommandId(f"{charger.charger_id}-{mode}")
            await command(house, gateway, charger, mode, command_id=command_id)
            told = await result(house, charger, count)
            assert (told.command_id, told.status) == (command_id, CommandStatus.DONE)
            assert (told.mode, told.observed) == (mode, mode)
            assert charger.mode is mode
    done = {"site": house.site_id("closed"), "mode": "managed", "result": "done"}
    assert gateway.metric(COMMANDS_RUN.name, **done) >= 1


@BOTH
async def test_another_spelling_is_tried(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    older = FreevendKeys(mode_key="AO_FreeVendActive", tag_key="AO_FreeVendIdTag")
    options: dict[str, Any] = {"keys": older} if kind is Charger16 else {}
    if kind is Charger201:
        options = {"missing": [("AuthCtrlr", "Enabled")]}
    async with house.charger(kind, "closed", gateway, **options) as charger:
        if isinstance(charger, Charger201):
            charger.variables[ALIAS] = Variable("true", read_only=False)
        await command(house, gateway, charger, Mode.FREEVEND)
        told = await result(house, charger)
        if isinstance(charger, Charger201):
            assert charger.variables[ALIAS].value == "false"
        else:
            assert charger.mode is Mode.FREEVEND
    assert (told.status, told.observed) == (CommandStatus.DONE, Mode.FREEVEND)


@BOTH
async def test_a_charger_without_the_setting_is_not_switchable(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    keys = FreevendKeys(mode_key="TheirOwnKey")
    options: dict[str, Any] = {"keys": keys} if kind is Charger16 else {}
    if kind is Charger201:
        options = {"missing": [("AuthCtrlr", "Enabled")]}
    async with house.charger(kind, "closed", gateway, **options) as charger:
        await command(house, gateway, charger, Mode.FREEVEND)
        told = await result(house, charger)
    assert (told.status, told.observed) == (CommandStatus.NOT_SUPPORTED, None)
    assert told.detail == ("NotSupported" if kind is Charger16 else "UnknownVariable")


@BOTH
async def test_a_switch_that_needs_a_reboot_leaves_the_mode_unknown(
    kind: type[Charger], house: House, gateway: Running
) -> None:
    behaviour = replace(QUICK, switch_status="RebootRequired")
    async with house.charger(kind, "closed", gateway, behaviour=behaviour) as charger:
        await command(house, gateway, charger, Mode.FREEVEND)
        told = await result(house, charger)
    assert (told.status, told.observed) == (CommandStatus.REBOOT_REQUIRED, None)
    assert (told.stored, told.detail) == (Mode.FREEVEND, "RebootRequired")


async def test_a_repeated_command_id_is_run_once_and_told_again(
    house: House, gateway: Running
) -> None:
    async with house.charger(Charger201, "closed", gateway) as charger:
        sent = await command(house, gateway, charger, Mode.FREEVEND)
        first = await result(house, charger)
        await house.write(COMMANDS, sent.charger_id, sent, partition=gateway.slot)
        assert await result(house, charger, count=2) == first
        assert len(charger.switches) == 1


async def test_an_expired_command_is_dropped_and_reported(house: House, gateway: Running) -> None:
    async with house.charger(Charger201, "closed", gateway) as charger:
        await command(house, gateway, charger, Mode.FREEVEND, expires_at=datetime.now(UTC))
        told = await result(house, charger)
        assert list(charger.switches) == []
    assert told.status == CommandStatus.EXPIRED


async def test_a_command_for_a_foreign_connection_is_ignored(
    house: House, gateway: Running
) -> None:
    foreign = ConnectionId("00000000-0000-7000-8000-000000000000")
    async with house.charger(Charger201, "closed", gateway) as charger:
        await command(house, gateway, charger, Mode.FREEVEND, connection_id=foreign)
        await command(
            house,
            gateway,
            charger,
            Mode.FREEVEND,
            connection_id=foreign,
            kind=CommandKind.CLOSE,
        )
        # The slot is read in order: when this one has its result, those were passed over.
        own = CommandId(f"{charger.charger_id}-own")
        await command(house, gateway, charger, Mode.MANAGED, command_id=own)
        assert (await result(house, charger)).command_id == own
        assert [switch.mode for switch in charger.switches] == [Mode.MANAGED]
        assert charger.link.connections_count == 1


async def test_rule_27_a_command_in_shadow_is_not_run(house: House, gateway: Running) -> None:
    async with house.charger(Charger201, "shadow", gateway) as charger:
        await command(house, gateway, charger, Mode.FREEVEND)
        told = await result(house, charger)
        assert list(charger.switches) == []
    assert (told.status, told.detail) == (CommandStatus.REJECTED, "stage")


async def test_a_charger_that_is_told_to_close_comes_back(house: House, gateway: Running) -> None:
    async with house.charger(Charger201, "closed", gateway) as charger:
        await command(house, gateway, charger, Mode.MANAGED, kind=CommandKind.CLOSE)
        await until(lambda: charger.link.connections_count == 2, "another connection")
        assert list(charger.switches) == []


# What cannot be read


async def test_an_undecodable_record_is_a_dead_letter_and_the_slot_goes_on(
    house: House, gateway: Running
) -> None:
    before = {
        topic: gateway.metric(DEAD_LETTERS.name, topic=topic.name)
        for topic in (DECISIONS, COMMANDS)
    }
    raw = house.producer._connected()  # what a foreign writer may send, depotgate's own cannot
    for topic in before:
        await raw.send_and_wait(topic.name, b"{no json", key=b"CP", partition=gateway.slot)
    # Kafka lets a header have no value.
    await raw.send_and_wait(
        DECISIONS.name, None, key=b"CP", partition=gateway.slot, headers=[("ce_id", None)]
    )
    # Somebody else's decision is nobody's dead letter, whatever it holds.
    await raw.send_and_wait(
        DECISIONS.name, b"{no json", partition=gateway.slot, headers=[("ce_id", b"foreign")]
    )
    async with house.charger(Charger201, "closed", gateway) as charger:
        assert (await charger.authorize(CARDS["own fleet"])).accepted
    for topic, count in ((DECISIONS, 2), (COMMANDS, 1)):
        letters = await dead_letters(house, topic, count)
        assert (letters[0].key, letters[0].value) == (b"CP", b"{no json")
        headers = dict(letters[0].headers)
        assert headers["origin_topic"] == topic.name.encode()
        assert headers["origin_partition"] == str(gateway.slot).encode()
        assert headers["origin_offset"].isdigit()
        assert b"json" in headers["cause"]
        assert gateway.metric(DEAD_LETTERS.name, topic=topic.name) == before[topic] + count


async def dead_letters(house: House, topic: Topic, count: int) -> list[ConsumerRecord]:
    """Those of a topic, once there are so many."""
    letters = house.records.dead_letters
    await until(lambda: len(letters(topic)) >= count, f"{count} dead letters of {topic.name}")
    assert len(letters(topic)) == count
    return letters(topic)
