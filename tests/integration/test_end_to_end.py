"""The whole way, as a user has it: `depotgate up`, real sockets, a real Kafka, a real worker.

One installation serves the module; it is broken on purpose again and again, and every test takes it
as the one before it left it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio

from dashboards.access import expressions
from depotgate.demo.charger import Charger
from depotgate.demo.session import Card
from models.attempt import Basis, Denial, Outcome
from models.charger import ChargerState, ModeFact, ModeFactKind
from models.reasons import Reason
from models.schedule import Mode
from models.topics import DENIALS, MODE, OUTCOMES, PRIMARY_TOPICS, STAGES, STATE
from tests.dashboards.expressions import SCRAPE_LABELS, asked_by
from tests.integration.depots import CARDS, LONG_AGO, Depot, rows, whole_minute_after
from tests.integration.drivers import drivers
from tests.integration.installations import (
    Fleet,
    Process,
    Up,
    holds_within,
    metric,
    processes_on,
    series_of,
    told,
    until_holds,
)
from tests.integration.marks import OWN_KAFKA_IN_ONE_LOOP
from tests.integration.written import read_kind, read_until, read_values

pytestmark = [*OWN_KAFKA_IN_ONE_LOOP]

EDGE_AHEAD_S = 50.0
"""The tests before it take about as long, so that the edge is seldom waited for."""

EDGE_NEAR_S = 20.0
"""Too little to begin the sessions that run at the edge: on a slow machine it has to move."""

WITHIN_S = 60.0
"""For what takes a few seconds, also where a process is started: under load, on two cores."""

FOLLOWED_WITHIN_S = 10.0
"""Changes of a depot's files (docs/operating.md)."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def depot(tmp_path_factory: pytest.TempPathFactory) -> Depot:
    edge_at = whole_minute_after(datetime.now(UTC), EDGE_AHEAD_S)
    chargers = (
        *rows("MANAGED", "reserved", 8),
        *rows("OPEN", "open", 4),
        *rows("EDGE", "edge", 4),
    )
    return Depot(tmp_path_factory.mktemp("depot"), "e2e", chargers, edge_at)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory, depot: Depot) -> AsyncIterator[Up]:
    installation = Up(tmp_path_factory.mktemp("up"), depot)
    await installation.start()
    yield installation
    installation.end()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(depot: Depot, up: Up) -> AsyncIterator[Fleet]:
    async with Fleet(depot, up.ocpp).connected() as chargers:
        yield chargers


def load(chargers: list[Charger]) -> AbstractAsyncContextManager[None]:
    """Drivers with every kind of card at these chargers."""
    return drivers(chargers, [*CARDS.values()])


async def every_attempt_has_its_outcome(up: Up, fleet: Fleet) -> None:
    """Each answer that a driver got is in one outcome, and each outcome was told to a driver."""
    assert not [each for each in fleet.attempts if each.error], "every attempt is answered"
    answers = fleet.answers()
    outcomes = await read_until(
        up.kafka,
        OUTCOMES,
        Outcome,
        lambda found: told(found).total() >= answers.total(),
        f"{answers.total()} outcomes",
        within_s=WITHIN_S,
    )
    assert told(outcomes) == answers


async def until_observed(up: Up, mode: Mode, *chargers: Charger) -> None:
    """Wait until each charger's newest state row says that it was seen in that mode."""
    wanted = {charger.charger_id: mode for charger in chargers}

    def observed(rows: list[ChargerState]) -> dict[str, Mode | None]:
        newest = {str(row.charger_id): row.observed for row in rows}
        return {name: seen.mode if (seen := newest.get(name)) else None for name in wanted}

    await read_until(
        up.kafka,
        STATE,
        ChargerState,
        lambda rows: observed(rows) == wanted,
        f"{', '.join(wanted)}: {mode}",
        within_s=WITHIN_S,
    )


async def test_cards_are_allowed_and_denied_in_every_version(up: Up, fleet: Fleet) -> None:
    """Rules 17-20 and 25, told in each version's own status (the reason table)."""
    expected = {
        # label: (status in OCPP 1.6, in 2.x, text in 2.x)
        "own fleet": ("Accepted", "Accepted", "Charging allowed."),
        "agreement": ("Accepted", "Accepted", "Charging allowed."),
        "expired": ("Expired", "Expired", "Agreement has ended."),
        "not yet": ("Blocked", "Blocked", "Agreement not started."),
        "revoked": ("Blocked", "Blocked", "Card no longer valid."),
        "suspended": ("Blocked", "Blocked", "Card paused; contact your manager."),
        "unknown": ("Invalid", "Unknown", "Card not recognised."),
    }
    for label, (status_16, status_2x, text) in expected.items():
        of_16 = await fleet["MANAGED-00"].authorize(CARDS[label])
        assert (of_16.status, of_16.text) == (status_16, None), label
        for charger_id in ("MANAGED-01", "MANAGED-07"):
            of_2x = await fleet[charger_id].authorize(CARDS[label])
            assert (of_2x.status, of_2x.text) == (status_2x, text), label
    for charger in fleet.of("OPEN"):
        assert (await charger.authorize(CARDS["unknown"])).accepted, "freevend asks nobody"
    await every_attempt_has_its_outcome(up, fleet)


async def test_denials_are_access_decisions_with_their_reason(up: Up, fleet: Fleet) -> None:
    """Rule 24: each refusal in a managed window is a record of its own, no accept is one."""
    wanted = {
        Reason.AGREEMENT_EXPIRED,
        Reason.AGREEMENT_NOT_YET,
        Reason.REVOKED,
        Reason.SUSPENDED,
        Reason.UNKNOWN_ID,
    }
    outcomes = await read_kind(up.kafka, OUTCOMES, Outcome)
    refused = {o.request_id for o in outcomes if o.told and not o.told.accepted}
    denials = await read_until(
        up.kafka,
        DENIALS,
        Denial,
        lambda found: {denial.denial_id for denial in found} == refused,
        "a denial of each refusal",
    )
    assert {denial.reason for denial in denials} == wanted
    assert {denial.would_deny for denial in denials} == {False}


async def test_every_charger_is_switched_to_its_mode(up: Up, fleet: Fleet) -> None:
    """Commanded on connect and read back, in every version."""
    await until_observed(up, Mode.MANAGED, *fleet.of("MANAGED"))
    await until_observed(up, Mode.FREEVEND, *fleet.of("OPEN"))
    for charger in fleet.of("OPEN"):
        assert charger.mode is Mode.FREEVEND
    await holds_within(
        lambda: metric(up.run["metrics"]["gateway"][0], "depotgate_chargers_connected") == 16,
        WITHIN_S,
        "16 chargers on the metric",
    )


async def test_a_session_is_decided_at_its_start_too(up: Up, fleet: Fleet) -> None:
    """Rule 30: Authorize and the start it leads to are one attempt with two requests."""
    for charger in fleet.of("MANAGED")[2:4]:
        assert await charger.plug_in() is None
        result = await charger.tap(CARDS["own fleet"])
        assert result is not None
        assert result.accepted
        assert await charger.charge(0.3)
        await charger.stop(CARDS["own fleet"])
        await charger.plug_out()
    outcomes = await read_kind(up.kafka, OUTCOMES, Outcome)
    for charger in fleet.of("MANAGED")[2:4]:
        mine = [o.attempt for o in outcomes if o.attempt.charger_id == charger.charger_id]
        assert len({attempt.request_id for attempt in mine}) == 2
        assert len({attempt.attempt_id for attempt in mine}) == 1


async def test_configuration_changes_under_load_and_in_time(
    up: Up, fleet: Fleet, depot: Depot
) -> None:
    """A card that appears is admitted, what is wrong is refused by file and line."""
    chargers = fleet.of("MANAGED")
    probe = chargers[7]
    depot.write_identities(CARDS.keys() - {"unknown", "own fleet"})
    async with load(chargers[:6]):
        gone_s = await _answers(probe, CARDS["own fleet"], accepted=False)
        depot.write_identities(CARDS.keys() - {"unknown"})
        back_s = await _answers(probe, CARDS["own fleet"], accepted=True)
        depot.stage = "enforced"
        depot.write_site()
        await holds_within(
            lambda: "site.yaml:4" in up.said, WITHIN_S, "the line of the mistake is said"
        )
        assert (await probe.authorize(CARDS["own fleet"])).accepted, "the last good one holds"
        depot.stage = "enforce"
        depot.write_site()
    # One of them may have met with something else that the machine did.
    assert min(gone_s, back_s) < FOLLOWED_WITHIN_S
    await every_attempt_has_its_outcome(up, fleet)


async def _answers(charger: Charger, card: Card, *, accepted: bool) -> float:
    """Present a card until it is answered so; the seconds that took."""
    began_s = asyncio.get_running_loop().time()
    await until_holds(
        lambda: charger.authorize(card),
        lambda result: result.accepted is accepted,
        f"{card.label} is {'accepted' if accepted else 'refused'}",
        WITHIN_S,
    )
    return asyncio.get_running_loop().time() - began_s


async def _an_edge_ahead(fleet: Fleet, depot: Depot) -> None:
    """The edge of the group `edge`; another one where the tests before came too close to it."""
    assert depot.edge_at is not None
    left_s = (depot.edge_at - datetime.now(UTC)).total_seconds()
    if left_s > EDGE_NEAR_S:
        return
    await holds_within(
        lambda: all(charger.mode is Mode.MANAGED for charger in fleet.of("EDGE")),
        WITHIN_S,
        "the first edge is over",
    )
    depot.edge_at = whole_minute_after(datetime.now(UTC), EDGE_AHEAD_S)
    depot.write_site()
    await holds_within(
        lambda: all(charger.mode is Mode.FREEVEND for charger in fleet.of("EDGE")),
        EDGE_AHEAD_S,
        "the next edge is still to come",
    )


async def test_before_an_edge_a_session_starts_by_itself(
    up: Up, fleet: Fleet, depot: Depot
) -> None:
    """Rule 3: in freevend anybody charges."""
    await _an_edge_ahead(fleet, depot)
    for charger in fleet.of("EDGE"):
        await until_observed(up, Mode.FREEVEND, charger)
        result = await charger.plug_in()
        assert result is not None, "in freevend a session starts by itself"
        assert result.accepted


async def test_a_changed_calendar_of_holidays_holds_in_time(
    up: Up, fleet: Fleet, depot: Depot
) -> None:
    """It is a file of the folder like the others, though only site.yaml names it."""
    probe = fleet.of("OPEN")[0]
    await _answers(probe, CARDS["unknown"], accepted=True)
    # Two days, so that a run around midnight has its holiday too.
    today = datetime.now(UTC).date()
    depot.write_holidays(today, today + timedelta(days=1))
    reserved_s = await _answers(probe, CARDS["unknown"], accepted=False)
    depot.write_holidays(LONG_AGO)
    opened_s = await _answers(probe, CARDS["unknown"], accepted=True)
    assert min(reserved_s, opened_s) < FOLLOWED_WITHIN_S
    await every_attempt_has_its_outcome(up, fleet)


async def shown(up: Up, charger_id: str) -> dict[str, Any]:
    """What `depotgate chargers` says of one charger."""
    return dict(orjson.loads(await up.ask("chargers", charger_id, "--json")))


@pytest.mark.parametrize(
    ("charger_id", "mode_key"), [("MANAGED-00", "writable"), ("MANAGED-01", "present")]
)
async def test_a_charger_is_probed_when_it_connects_and_shown_with_its_class(
    up: Up, fleet: Fleet, charger_id: str, mode_key: str
) -> None:
    listed = {row["charger_id"]: row for row in orjson.loads(await up.ask("chargers", "--json"))}
    assert set(fleet.chargers) <= set(listed)
    told = await until_holds(
        lambda: shown(up, charger_id),
        lambda said: ((said["state"] or {}).get("claims") or {}).get("set_status"),
        f"{charger_id} was probed",
        WITHIN_S,
    )
    claims = told["state"]["claims"]
    assert (claims["mode_key"], claims["set_status"], claims["read_back"]) == (
        mode_key,
        "taken",
        True,
    )
    assert told["capability"] == "partial", "both modes have to be seen"
    asked_again = await up.ask("charger", "probe", charger_id)
    assert f"the key of its mode: {mode_key}" in asked_again
    assert "it stands at managed" in asked_again
    in_full = await up.ask("chargers", charger_id)
    assert "its setting was taken and read back" in in_full
    assert "managed was not seen to work" in in_full
    everything = await up.ask("chargers")
    assert all(each in everything for each in fleet.chargers)


@pytest.mark.parametrize(
    ("charger_id", "seen"),
    [
        ("MANAGED-02", "it waited for an accepted token"),
        ("MANAGED-03", "it waited for an accepted token"),
        ("EDGE-00", "it started without asking"),
        ("EDGE-01", "it started without asking"),
    ],
)
async def test_finding_4_a_class_is_proven_by_what_was_seen(
    up: Up, fleet: Fleet, charger_id: str, seen: str
) -> None:
    """By the sessions of the tests before."""
    assert charger_id in fleet.chargers
    await until_holds(
        lambda: shown(up, charger_id),
        lambda said: seen in [each["what"] for each in said["evidence"] if each["proven"]],
        f"proven by {seen}",
    )


async def test_only_chargers_that_are_loaded_are_probed(up: Up, fleet: Fleet) -> None:
    assert fleet.chargers
    assert "expected a charger that is loaded" in await up.refused("charger", "probe", "NOBODY")


async def test_an_edge_leaves_running_sessions_and_switches_the_charger(
    up: Up, fleet: Fleet, depot: Depot
) -> None:
    """Rules 3 and 12: what began before it runs on, from it on only known cards start."""
    chargers, edge_at = fleet.of("EDGE"), depot.edge_at
    assert edge_at is not None
    wait_s = (edge_at - datetime.now(UTC)).total_seconds()
    await holds_within(
        lambda: all(charger.mode is Mode.MANAGED for charger in chargers),
        wait_s + WITHIN_S,
        "every charger of the group was switched at the edge",
    )
    for charger in chargers:
        session = charger.session_at()
        assert session is not None, "edge: finish leaves the session alone"
        assert not session.ended.is_set()
        await charger.plug_out()
        await until_observed(up, Mode.MANAGED, charger)
        assert await charger.plug_in() is None, "managed waits for a card"
        refused = await charger.tap(CARDS["unknown"])
        assert refused is not None
        assert not refused.accepted
        await charger.plug_out()
    await every_attempt_has_its_outcome(up, fleet)

    def told_of(facts: list[ModeFact]) -> list[str]:
        edges = [fact for fact in facts if fact.kind == ModeFactKind.EDGE and fact.at >= edge_at]
        return sorted(fact.charger_id for fact in edges)

    facts = await read_until(
        up.kafka, MODE, ModeFact, lambda facts: len(told_of(facts)) >= len(chargers), "the edges"
    )
    assert told_of(facts) == sorted(charger.charger_id for charger in chargers), "each told once"


async def test_a_worker_killed_under_load_leaves_no_attempt_unanswered(
    up: Up, fleet: Fleet
) -> None:
    async with load(fleet.of("MANAGED")):
        await _attempts_more(fleet, 50)
        os.kill(up.pid("worker"), signal.SIGKILL)
        await holds_within(
            lambda: "the worker is back" in up.said, WITHIN_S, "the worker was restarted"
        )
        await _attempts_more(fleet, 50)
    await every_attempt_has_its_outcome(up, fleet)


async def _attempts_more(fleet: Fleet, count: int) -> None:
    wanted = len(fleet.attempts) + count
    await holds_within(lambda: len(fleet.attempts) >= wanted, WITHIN_S, f"{count} more attempts")


async def test_a_flood_of_bad_frames_disturbs_nobody_else(up: Up, fleet: Fleet) -> None:
    *good, bad = fleet.of("MANAGED")[:5]
    rubbish = ("no json", "[" * 5000, '[2,"","X",{}]', "{}", '[9,"a"]', '[2,"b","Nonsense",{}]')
    gateway = up.run["metrics"]["gateway"][0]
    faults = metric(gateway, "depotgate_frames_faulty_total")
    connections = bad.link.connections_count
    first = len(fleet.attempts)
    async with load(good):
        for number in range(120):
            await bad.link.send(rubbish[number % len(rubbish)])
        await holds_within(
            lambda: metric(gateway, "depotgate_frames_faulty_total") >= faults + 120,
            WITHIN_S,
            "every bad frame is counted",
        )
    latencies = sorted(each.result.latency_s for each in fleet.attempts[first:] if each.result)
    assert latencies[len(latencies) // 2] < 1.0, "good traffic keeps its answers in time"
    assert (await bad.authorize(CARDS["own fleet"])).accepted, "and the connection stays"
    assert bad.link.connections_count == connections
    await every_attempt_has_its_outcome(up, fleet)


async def test_a_broker_killed_under_load_comes_back_and_nothing_is_lost(
    up: Up, fleet: Fleet
) -> None:
    async with load(fleet.of("MANAGED")):
        await _attempts_more(fleet, 30)
        os.kill(up.pid("broker"), signal.SIGKILL)
        await holds_within(
            lambda: "the broker is back" in up.said, WITHIN_S, "the broker was restarted"
        )
        await _decided_again(fleet)
    await every_attempt_has_its_outcome(up, fleet)


async def test_a_broker_away_for_20_s_is_survived(up: Up, fleet: Fleet) -> None:
    """Rule 24 and the design's table: Authorize gets the posture, its outcome waits on disk."""
    broker = up.pid("broker")
    async with load(fleet.of("MANAGED")):
        await _attempts_more(fleet, 30)
        os.kill(broker, signal.SIGSTOP)
        try:
            await holds_within(
                lambda: metric(up.run["metrics"]["gateway"][0], "depotgate_spool_bytes") > 0,
                WITHIN_S,
                "outcomes go to the spool",
            )
            await _attempts_for(fleet, 20.0)
        finally:
            os.kill(broker, signal.SIGCONT)
        await _decided_again(fleet)
    await every_attempt_has_its_outcome(up, fleet)
    outcomes = await read_kind(up.kafka, OUTCOMES, Outcome)
    posture = [o for o in outcomes if o.told and o.told.basis == Basis.POSTURE]
    assert posture, "without a decision the posture answers"
    assert {o.reason for o in posture} == {Reason.DECISION_TIMED_OUT}


async def _attempts_for(fleet: Fleet, seconds: float) -> None:
    """Let the load go on for a while; it has to."""
    until_s = asyncio.get_running_loop().time() + seconds
    first = len(fleet.attempts)
    await holds_within(
        lambda: asyncio.get_running_loop().time() >= until_s, 2 * WITHIN_S, f"{seconds} s of load"
    )
    assert len(fleet.attempts) > first, "drivers get answers while Kafka is away"


async def _decided_again(fleet: Fleet) -> None:
    """Until an own card was accepted again, by a decision and no posture."""
    first = len(fleet.attempts)

    def accepted() -> bool:
        return any(
            each.label == "own fleet" and each.result and each.result.accepted
            for each in fleet.attempts[first:]
        )

    await holds_within(accepted, WITHIN_S, "a decision is made again")


async def test_two_workers_and_two_gateways_share_the_load(
    up: Up, fleet: Fleet, depot: Depot
) -> None:
    """A charger that moves to the other gateway is one charger, and keeps its mode (slots)."""
    async with up.one_more("worker") as worker, up.one_more("gateway", slot=1) as gateway:
        movers = fleet.of("MANAGED")[:4]
        for charger in movers:
            charger.move_to(gateway.ocpp)
            await charger.connected(WITHIN_S)
        decided = [metric(url, "depotgate_decisions_total") for url in _workers(up, worker)]
        async with load(fleet.of("MANAGED")):
            await _attempts_more(fleet, 200)
        grown = [
            metric(url, "depotgate_decisions_total") - before
            for url, before in zip(_workers(up, worker), decided, strict=True)
        ]
        assert all(grown), f"each worker has its share, got {grown}"
        await holds_within(
            lambda: metric(gateway.metrics, "depotgate_chargers_connected") == len(movers),
            WITHIN_S,
            "the other gateway has them",
        )
        for charger in movers:
            await until_observed(up, Mode.MANAGED, charger)
            charger.move_to(up.ocpp)
            await charger.connected(WITHIN_S)
        async with load(movers):
            await _attempts_more(fleet, 20)
        await holds_within(
            lambda: metric(gateway.metrics, "depotgate_chargers_connected") == 0,
            WITHIN_S,
            "the old gateway has let go of them",
        )
        await every_attempt_has_its_outcome(up, fleet)


def _workers(up: Up, other: Process) -> tuple[str, str]:
    return str(up.run["metrics"]["worker"][0]), other.metrics


async def test_a_spare_worker_takes_over_from_one_that_is_gone(up: Up, fleet: Fleet) -> None:
    """The first worker hangs: the second try and then the spare answer in its place."""
    async with up.one_more("worker"):
        async with load(fleet.of("MANAGED")):
            await _attempts_more(fleet, 50)
            stopped = up.pid("worker")
            os.kill(stopped, signal.SIGSTOP)
            try:
                await _attempts_for(fleet, 15.0)
                await _decided_again(fleet)
            finally:
                os.kill(stopped, signal.SIGCONT)
            await _attempts_more(fleet, 50)
        await every_attempt_has_its_outcome(up, fleet)


async def test_an_override_is_one_command(up: Up, fleet: Fleet) -> None:
    """Rule 9; it says what the timetable says, so that nothing moves for the tests that follow."""
    wanted = ("--charger=OPEN-00", "--mode=freevend", "--until=1h", "--reason=open day")
    assert "freevend at charger OPEN-00 of site e2e" in await up.ask("override", "add", *wanted)
    assert "open day" in await up.ask("override", "list")


async def test_what_happened_is_told_in_lines_and_in_json(up: Up, fleet: Fleet) -> None:
    for what, said in (
        ("outcomes", "OWN_FLEET"),
        ("decisions", "UNKNOWN_ID"),
        ("denials", "REVOKED"),
        ("events", "BootNotification"),
        ("commands", "switch managed"),
        ("mode", "switched"),
    ):
        arguments = ("tail", what, "--from-start", "--no-follow")
        lines = await up.ask(*arguments)
        assert said in lines, what
        assert "unreadable" not in lines
        first = orjson.loads((await up.ask(*arguments, "--json")).splitlines()[0])
        assert any(key.endswith("id") for key in first)


async def test_running_processes_have_what_the_dashboard_asks_for(up: Up, fleet: Fleet) -> None:
    urls = [url for urls in up.run["metrics"].values() for url in urls]
    served = [series for url in urls for series in await asyncio.to_thread(series_of, url)]
    for expression in expressions():
        for name, labels in asked_by(expression):
            found = [series for series in served if series.name == name]
            assert found, f"nobody serves {name}"
            wanted = labels - SCRAPE_LABELS
            assert any(wanted <= series.labels or not series.sampled for series in found), name


async def test_doctor_finds_everything_well(up: Up, fleet: Fleet) -> None:
    shown = ("16 connected", "depot e2e", "known to be complete")
    await up.until_says(*shown, command=("doctor",))
    findings = orjson.loads(await up.ask("doctor", "--json"))
    assert [each for each in findings if each["health"] == "bad"] == []


async def test_no_identifier_left_the_gateway(up: Up, fleet: Fleet) -> None:
    """Rule 26: neither topics nor logs nor metrics nor the screen hold a card or a password."""
    secrets = [card.token.encode() for card in CARDS.values()] + [b"A0000000", b"DEPOTGATEFREE"]
    places = {topic.name: await read_values(up.kafka, topic) for topic in PRIMARY_TOPICS}
    # The site's own freevend tag is configuration, and no driver's.
    places["depot.sites.v1"] = [
        value.replace(b"DEPOTGATEFREE", b"") for value in places["depot.sites.v1"]
    ]
    places["logs"] = [path.read_bytes() for path in (up.data / "logs").iterdir()]
    places["screen"] = [up.said.encode()]
    # Rows of stages are there only where flags say them (tests/integration/test_stages.py).
    written = [topic for topic in PRIMARY_TOPICS if topic is not STAGES]
    assert [topic.name for topic in written if not places[topic.name]] == [], "written to by now"
    for place, values in places.items():
        for value in values:
            found = [secret for secret in secrets if secret.lower() in value.lower()]
            assert not found, f"an identifier in {place}"


async def test_up_killed_leaves_nothing_behind_and_starts_again_on_its_data(
    up: Up, fleet: Fleet
) -> None:
    outcomes = len(await read_kind(up.kafka, OUTCOMES, Outcome))
    os.kill(up.process.pid, signal.SIGKILL)
    up.process.wait()
    await holds_within(lambda: not processes_on(up.data), WITHIN_S, "every process has ended")
    (up.data / "run.json").unlink()
    await up.start()
    for charger in fleet.chargers.values():
        charger.move_to(up.ocpp)
    for charger in fleet.of("MANAGED"):
        await charger.connected(WITHIN_S)
        await _answers(charger, CARDS["own fleet"], accepted=True)
    assert len(await read_kind(up.kafka, OUTCOMES, Outcome)) >= outcomes, "its topics still stand"
    assert "nothing has changed since revision" in up.said, "what was loaded still stands"


async def test_up_stops_cleanly(up: Up, fleet: Fleet) -> None:
    await up.stop()
    assert not processes_on(up.data)
    assert not (up.data / "run.json").exists()
    assert "Traceback" not in up.said
    for log in (up.data / "logs").iterdir():
        assert "Traceback" not in log.read_text(), log.name
