"""Remote starts on a connection: once, in time, in freevend, and only in stage enforce."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.table import PresentedToken
from connectors.ocpp.tokens import ASSISTED_TOKEN, token_of
from models.assisted import ASSISTED_TAG
from models.charger import ChargerCommand, CommandKind
from models.governing import Governing
from models.identifiers import KeyEpoch, Pseudonymiser
from models.schedule import Mode, Schedule
from models.site import Stage
from models.timeline import Timeline
from models.zones import zone
from tests.connectors.ocpp.calls import Rows, Stand, running, until
from tests.connectors.ocpp.chargers import site_record
from tests.connectors.ocpp.test_commands import answer, command, desk


@dataclass
class Governed(Rows):
    """Chargers that are in one mode all day."""

    mode: Mode = Mode.MANAGED

    def governing(self, charger_id: Any) -> Governing | None:
        site = next(iter(self.sites.values()))
        timeline = Timeline(Schedule(id="s", default=self.mode), zone("UTC"))
        return cast("Governing", SimpleNamespace(timeline=timeline, site=site, stage=site.stage))


def stand_at(stage: Stage = Stage.ENFORCE, *, mode: Mode) -> Stand:
    stand = Stand(site=site_record().model_copy(update={"stage": stage}))
    rows = Governed(stand.rows.sites, stand.rows.chargers, mode)
    stand.services = replace(stand.services, configuration=rows)
    return stand


def start(connection: ChargerConnection, **fields: Any) -> ChargerCommand:
    return command(connection, Mode.FREEVEND, kind=CommandKind.START, connector=2, **fields)


def told(stand: Stand) -> list[Any]:
    return [event.data["result"] for event in stand.events.named("StartAnswered")]


async def test_a_start_is_sent_once_with_the_reserved_token_and_its_answer_told() -> None:
    stand = stand_at(mode=Mode.FREEVEND)
    async with running(stand) as (connection, wire):
        commands = desk(stand)
        for _ in range(2):
            commands.take(start(connection))
        sent = await answer(wire, 0, {"status": "Rejected"})
        await until(lambda: bool(told(stand)))
        assert len(wire.sent) == 1
    assert sent[2] == "RequestStartTransaction"
    assert sent[3]["idToken"] == {"idToken": ASSISTED_TAG, "type": "Central"}
    assert sent[3]["evseId"] == 2
    (event,) = stand.events.named("StartAnswered")
    assert event.data == {"commandId": "c1", "connector": 2, "result": "Rejected"}


async def test_ocpp_16_calls_it_otherwise() -> None:
    stand = stand_at(mode=Mode.FREEVEND)
    async with running(stand, "1.6") as (connection, wire):
        desk(stand).take(start(connection))
        sent = await answer(wire, 0, {"status": "Accepted"})
        await until(lambda: told(stand) == ["Accepted"])
    assert sent[2:] == ["RemoteStartTransaction", {"idTag": ASSISTED_TAG, "connectorId": 2}]


@pytest.mark.parametrize(
    ("stage", "mode", "late_s", "result"),
    [
        (Stage.SHADOW, Mode.FREEVEND, 0, "stage"),
        (Stage.ENFORCE, Mode.FREEVEND, 100, "expired"),
        # An edge to managed since it was asked for.
        (Stage.ENFORCE, Mode.MANAGED, 0, "managed"),
    ],
)
async def test_a_start_that_is_not_wanted_any_more_is_not_sent(
    stage: Stage, mode: Mode, late_s: float, result: str
) -> None:
    stand = stand_at(stage, mode=mode)
    async with running(stand) as (connection, wire):
        expires_at = datetime.now(UTC) + timedelta(seconds=60 - late_s)
        desk(stand).take(start(connection, expires_at=expires_at))
        await until(lambda: told(stand) == [result])
        assert wire.sent == []


async def test_a_start_that_waited_for_its_turn_until_managed_began_is_not_sent() -> None:
    stand = stand_at(mode=Mode.FREEVEND)
    async with running(stand) as (connection, wire):
        async with connection.command_turn:
            desk(stand).take(start(connection))
            await asyncio.sleep(0)
            assert told(stand) == []
            cast("Governed", stand.services.configuration).mode = Mode.MANAGED
        await until(lambda: told(stand) == ["managed"])
        assert wire.sent == []


@pytest.mark.parametrize("written", [ASSISTED_TAG, ASSISTED_TAG.lower(), f" {ASSISTED_TAG} "])
@pytest.mark.parametrize("stated", [None, "Central", "ISO14443", "Local"])
def test_rule_17_the_reserved_token_is_nobodys_whoever_presents_it(
    written: str, stated: str | None
) -> None:
    pseudonymiser = Pseudonymiser((KeyEpoch("k", b"k" * 32),), "default")
    token = token_of(PresentedToken(written, stated), frozenset(), pseudonymiser)
    assert token == ASSISTED_TOKEN
    assert token.pseudonym is None
