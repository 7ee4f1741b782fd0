"""What a worker that was killed leaves to the next owner of its chargers: each thing told once.

Overstays (rule 29) and edges that passed while a charger was away (rule 14). Killed workers are
back before their session is over, as a supervisor starts them; clocks are set to a moment before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.kafka.broker import Broker
from connectors.kafka.topics import apply_topics
from models.attempt import AccessRequest, AttemptKind, Basis, Decision, TokenKind, Told
from models.charger import ChargerCommand, ChargerState, CommandKind, ModeFact, ModeFactKind
from models.ids import session_id
from models.reasons import Reason
from models.schedule import Mode
from models.site import IdentityRecord, Overstay, OverstayAction, SiteRecord
from models.topics import COMMANDS, DECISIONS, MODE, STATE
from tests.integration.topics_io import Tap, Topics, beside_the_mode
from tests.integration.worker_depot import (
    KNOWN,
    Depot,
    Station,
    ahead_of,
    everything_is_applied,
    facts_about,
    managed_from,
    next_edge,
    row_with,
)
from tests.integration.workers import Workers, workers_on

pytestmark = pytest.mark.integration

MOMENT = timedelta(seconds=1)
GRACE = timedelta(minutes=5)
TRANSACTION = "8f1c"


@pytest.fixture
def workers(broker: Broker, tmp_path: Path) -> Iterator[Workers]:
    asyncio.run(apply_topics(broker.bootstrap))
    with workers_on(broker.bootstrap, tmp_path) as workers:
        yield workers


class Ending(Depot):
    """A depot whose card ends, and whose sessions are then stopped after a grace time."""

    def __init__(self) -> None:
        super().__init__()
        self.ends_at = next_edge()

    def site(self) -> SiteRecord:
        overstay = Overstay(action=OverstayAction.STOP, grace_s=int(GRACE.total_seconds()))
        return super().site().model_copy(update={"overstay": overstay})

    def identity(self, number: str = KNOWN) -> IdentityRecord:
        return super().identity(number).model_copy(update={"valid_to": self.ends_at})


async def charging(
    topics: Topics, station: Station, commands: Tap[ChargerCommand], states: Tap[ChargerState]
) -> ChargerState:
    """Its row once a session with the card runs, decided by the worker and told by the gateway."""
    decisions: Tap[Decision] = await topics.tap(DECISIONS)
    await station.connect()
    (switch,) = await commands.some(station.charger_id)
    await station.end(switch, Mode.MANAGED)
    request = of_transaction(station.request("start"))
    await station.ask(request)
    (decision,) = await decisions.some(station.charger_id)
    told = Told(status="Accepted", text=None, accepted=True, basis=Basis.DECISION)
    await station.record(station.outcome(request, decision.verdict, told=told))
    await station.event(
        "TransactionEvent",
        token=TokenKind.IDENTIFIED,
        data={
            "eventType": "Started",
            "triggerReason": "Authorized",
            "transactionInfo.transactionId": TRANSACTION,
            "transactionInfo.chargingState": "Charging",
            "evse.id": 1,
        },
    )
    return await row_with(
        states,
        station,
        lambda row: any(each.attempt and each.energy_at for each in row.sessions.running),
    )


def overstays(row: ChargerState) -> bool:
    return any(each.overstay_at for each in row.sessions.running)


def of_transaction(request: AccessRequest) -> AccessRequest:
    """The same, presented in a TransactionEvent."""
    told = {
        "kind": AttemptKind.TRANSACTION_EVENT,
        "session_id": session_id(request.attempt.charger_id, TRANSACTION),
        "connector": 1,
    }
    return request.model_copy(update={"attempt": request.attempt.model_copy(update=told)})


@pytest.mark.parametrize("row_is_written", [True, False])
async def test_rule_29_a_worker_killed_before_the_stop_leaves_one_overstay_and_one_stop(
    topics: Topics, workers: Workers, row_is_written: bool
) -> None:
    depot = Ending()
    owner = workers.start("takeover-1").wait_ready()
    await depot.known(topics, owner)
    station = Station(topics, depot)
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    states: Tap[ChargerState] = await topics.tap(STATE)
    before = await charging(topics, station, commands, states)

    owner.set_clock(ahead_of(depot.ends_at - MOMENT))
    (overstay,) = await facts_about(facts, station, ModeFactKind.OVERSTAY)
    assert (overstay.at, overstay.detail) == (depot.ends_at, Reason.AGREEMENT_EXPIRED)
    await row_with(states, station, overstays)
    owner.kill()
    if not row_is_written:
        # As if it had died a moment earlier: told, and not written.
        await topics.write(STATE, before.charger_id, before)
    stop_at = depot.ends_at + GRACE
    workers.start("takeover-1", clock_ahead_s=ahead_of(stop_at - MOMENT)).wait_ready()

    def stops() -> list[ChargerCommand]:
        found = commands.records(station.charger_id)
        return [each for each in found if each.kind == CommandKind.STOP]

    await commands.until(lambda: bool(stops()), "the stop of the next owner")
    (stop,) = stops()
    assert (stop.transaction_id, stop.cause) == (TRANSACTION, "OVERSTAY")
    # Its own clock runs ahead as the worker's does.
    assert stop.sent_at >= stop_at
    await facts_about(facts, station, ModeFactKind.STOP_COMMANDED)
    ended = {"eventType": "Ended", "transactionInfo.transactionId": TRANSACTION, "evse.id": 1}
    await station.event("TransactionEvent", data=ended)
    row = await everything_is_applied(station, states)
    assert not row.sessions.running
    await commands.poll()
    await facts.poll()
    assert len(stops()) == 1
    told = facts.records(station.charger_id)
    assert len({each.fact_id for each in told if each.kind == ModeFactKind.OVERSTAY}) == 1
    assert [each.kind for each in told].count(ModeFactKind.STOP_COMMANDED) == 1


async def test_rule_14_edges_that_pass_while_a_charger_is_away_are_told_once_by_who_is_left(
    topics: Topics, workers: Workers
) -> None:
    # Two edges: reserved for an hour.
    edge = next_edge()
    ends = edge + timedelta(hours=1)
    both = [workers.start(f"takeover-{number}").wait_ready() for number in (1, 2)]
    depot = await Depot(8, schedule=managed_from(edge)).known(topics, both[1])
    commands: Tap[ChargerCommand] = await topics.tap(COMMANDS, without=beside_the_mode)
    facts: Tap[ModeFact] = await topics.tap(MODE)
    states: Tap[ChargerState] = await topics.tap(STATE)
    stations = [Station(topics, depot, charger_id) for charger_id in depot.charger_ids]
    for station in stations:
        await station.connect()
        (first,) = await commands.some(station.charger_id)
        await station.end(first, Mode.FREEVEND)
        await station.disconnect()
        await row_with(states, station, lambda row: row.disconnected_at is not None)
    both[0].kill()
    after = ahead_of(ends + timedelta(minutes=1))
    both[1].set_clock(after)
    workers.start("takeover-1", clock_ahead_s=after).wait_ready()
    for station in stations:
        missed = await facts_about(facts, station, ModeFactKind.EDGE_MISSED, 2)
        assert _edges(missed) == [(edge, Mode.MANAGED), (ends, Mode.FREEVEND)]
    both[1].kill()
    workers.start("takeover-2", clock_ahead_s=after).wait_ready()
    for station in stations:
        await station.connect()
        # Only the mode due now is pushed, and nothing is told again.
        second = (await commands.some(station.charger_id, 2))[1]
        assert second.mode == Mode.FREEVEND
        await station.end(second, Mode.FREEVEND)
        await everything_is_applied(station, states)
    await facts.poll()
    for station in stations:
        told = facts.records(station.charger_id)
        missed = [each for each in told if each.kind == ModeFactKind.EDGE_MISSED]
        assert len({each.fact_id for each in missed}) == 2
        assert not [each for each in told if each.kind == ModeFactKind.EDGE]


def _edges(missed: list[ModeFact]) -> list[tuple[datetime, Mode | None]]:
    return sorted({(each.at, each.desired) for each in missed}, key=lambda each: each[0])
