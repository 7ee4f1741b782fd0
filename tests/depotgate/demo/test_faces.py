"""What people see: whole at any size, and never a card number."""

from __future__ import annotations

import io
import random
from datetime import timedelta

import pytest
from rich.console import Console

from depotgate.demo.depot import DemoDepot
from depotgate.demo.events import Event
from depotgate.demo.fleet import Fleet
from depotgate.demo.lines import Lines
from depotgate.demo.picture import Picture, Pictures
from depotgate.demo.session import NO_CARD, Attempted
from depotgate.demo.summary import print_summary
from depotgate.demo.tally import Tally
from depotgate.demo.view import drawn
from depotgate.demo.voice import Voice
from models.attempt import AttemptKind
from models.charger import ModeFactKind
from models.denials import denial_of
from models.schedule import Mode
from tests.depotgate.demo.histories import (
    BUS_LANE_16,
    BUS_LANE_201,
    FIRST_EDGE_AT,
    FIXED,
    STREET_SIDE,
    VISITOR_BAY,
    WRITTEN_AT,
    History,
)

LABELS = ("own fleet", "agreement", "expired", "not yet", "suspended", "revoked", "unknown")
SECOND = timedelta(seconds=1)


def some_of_everything(history: History) -> list[Event]:
    events: list[Event] = [
        history.state(charger.charger_id, WRITTEN_AT) for charger in history.depot.chargers
    ]
    for charger_id in (BUS_LANE_16, BUS_LANE_201):
        for label in LABELS:
            outcome = history.outcome(charger_id, label)
            events += [history.account(outcome), outcome]
            denial = denial_of(outcome)
            events += [denial] if denial else []
    start = AttemptKind.TRANSACTION_EVENT
    events.append(history.outcome(STREET_SIDE, NO_CARD, kind=start))
    events.append(history.outcome(BUS_LANE_201, NO_CARD, kind=start))
    for kind in ModeFactKind:
        events.append(history.fact(kind, VISITOR_BAY, Mode.MANAGED, FIRST_EDGE_AT + SECOND))
    events.append(Attempted(FIXED, "revoked", WRITTEN_AT, None, "UnansweredError"))
    return events


def picture(depot: DemoDepot, events: list[Event], voice: Voice | None = None) -> Picture:
    tally = Tally(depot)
    voice = voice or Voice(Console(file=io.StringIO()))
    fleet = Fleet(depot, "ws://127.0.0.1:1/ocpp", lambda _: None, rng=random.Random(1))
    pictures = Pictures(depot, fleet.chargers, tally, voice)
    for event in events:
        tally.hear(event)
        pictures.hear(event)
    return pictures.take(WRITTEN_AT + SECOND)


def screen(shown: Picture, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(drawn(shown, width, height))
    return captured.get().splitlines()


def printed(depot: DemoDepot, events: list[Event]) -> str:
    console = Console(file=io.StringIO(), width=80)
    lines = Lines(depot, console)
    with console.capture() as captured:
        for event in events:
            lines.hear(event)
    return captured.get()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (140, 40), (200, 50)])
async def test_the_view_fills_a_terminal_and_never_more(
    depot: DemoDepot, history: History, width: int, height: int
) -> None:
    shown = screen(picture(depot, some_of_everything(history)), width, height)
    assert len(shown) == height
    assert all(len(line) <= width for line in shown)
    text = "\n".join(shown)
    for charger in depot.chargers:
        assert charger.charger_id in text
    # Nothing is cut short, but for the longest reason where it would cost the texts their end.
    assert text.count("…") == (1 if width == 80 else 0)


async def test_a_small_terminal_shows_what_it_can(depot: DemoDepot, history: History) -> None:
    shown = screen(picture(depot, some_of_everything(history)), 40, 30)
    assert all(len(line) <= 40 for line in shown)


async def test_the_view_tells_the_essentials_at_80_columns(
    depot: DemoDepot, history: History
) -> None:
    text = "\n".join(screen(picture(depot, some_of_everything(history)), 80, 24))
    assert "Demo depot, Australia/Brisbane  13:10:18" in text
    assert "next edge 13:11 in 0:42" in text
    assert "27/27 connected" in text
    assert "lost 1" in text
    assert "✗ UNKNOWN_ID" in text
    assert "Card not recognised." in text
    assert "freevend*" not in text
    assert "managed*" in text
    assert "next: van-bays freevend, visitor-bays managed" in text


async def test_a_charger_on_its_way_to_another_mode_is_marked(
    depot: DemoDepot, history: History
) -> None:
    late = history.state(VISITOR_BAY, FIRST_EDGE_AT, observed=Mode.FREEVEND)
    (line,) = [x for x in screen(picture(depot, [late]), 80, 24) if VISITOR_BAY in x]
    assert "→managed" in line
    assert "1/27 connected" in "\n".join(screen(picture(depot, [late]), 80, 24))


async def test_an_authorize_and_its_start_are_one_line(depot: DemoDepot, history: History) -> None:
    """Rule 30: they share an attempt."""
    authorize = history.outcome(BUS_LANE_16, "own fleet")
    start = history.outcome(BUS_LANE_16, "own fleet", kind=AttemptKind.START_TRANSACTION)
    same = start.attempt.model_copy(update={"attempt_id": authorize.attempt.attempt_id})
    start = start.model_copy(update={"attempt": same, "answered_at": WRITTEN_AT + SECOND})
    (line,) = picture(depot, [authorize, start]).outcomes
    assert line.at == start.answered_at


async def test_before_anything_is_known_the_view_stands(depot: DemoDepot) -> None:
    shown = screen(picture(depot, []), 80, 24)
    assert len(shown) == 24
    assert "0/27 connected" in shown[1]


async def test_news_of_the_processes_is_on_the_screen_for_a_while_and_printed_after_it(
    depot: DemoDepot,
) -> None:
    out = io.StringIO()
    now = [WRITTEN_AT]
    voice = Voice(Console(file=out, width=40), clock=lambda: now[0])
    news = "the worker ended (killed by SIGKILL); starting it again in 0.5 s"
    with voice.beside_a_screen():
        voice.say(news)
        assert screen(picture(depot, [], voice), 80, 24)[-1].rstrip() == news
        assert out.getvalue() == ""
        now[0] += 15 * SECOND
        assert "Ctrl-C" in screen(picture(depot, [], voice), 80, 24)[-1]
    assert out.getvalue() == f"{news}\n"
    voice.say("the worker is back")
    assert out.getvalue() == f"{news}\nthe worker is back\n"


async def test_no_face_shows_a_card_number_or_a_pseudonym(
    depot: DemoDepot, history: History
) -> None:
    """Rule 26."""
    events = some_of_everything(history)
    shown = picture(depot, events)
    texts = [printed(depot, events), repr(shown), "\n".join(screen(shown, 200, 60))]
    for text in texts:
        assert "revoked" in text
        assert "k1:" not in text
        for card in depot.cards:
            assert card.card.token not in text
            assert card.card.token[:-3] not in text


def test_each_thing_that_happens_is_a_line(depot: DemoDepot, history: History) -> None:
    text = printed(depot, some_of_everything(history))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "13:10:17 DD-13 connected, OCPP 2.0.1, visitor-bays, to be freevend",
        "13:10:17 DD-04 denied UNKNOWN_ID unknown Authorize: Unknown “Card not recognised.”",
        "13:10:17 DD-01 denied UNKNOWN_ID unknown Authorize: Invalid",
        "13:10:17 DD-04 denied FREEVEND_TAG_IN_MANAGED no card TransactionEvent: Accepted"
        " “Please identify.”",
        "13:11:00 EDGE van-bays freevend, visitor-bays managed",
        "13:11:01 DD-13 switched to managed",
        "13:10:17 DD-16 no answer (UnansweredError), revoked",
    ):
        assert line in lines
    assert any(
        line.startswith("13:10:17 DD-04 denial recorded: REVOKED, ISO14443 …") for line in lines
    )


def test_a_profile_that_was_found_is_a_line_once(depot: DemoDepot, history: History) -> None:
    ((charger_id, boot),) = depot.boots.items()
    before = history.state(charger_id, FIRST_EDGE_AT)
    told = {"vendor": boot.vendor, "model": boot.model, "firmware": boot.firmware}
    after = before.model_copy(update=told)
    lines = printed(depot, [before, after, after]).splitlines()
    found = [" ".join(line.split()[1:]) for line in lines if "found by its boot" in line]
    assert found == [
        f"{charger_id} profile microocpp, found by its boot as Stegen Electronics SmartEVSE"
    ]


def test_an_edge_is_told_once_for_all_chargers(depot: DemoDepot, history: History) -> None:
    facts: list[Event] = [
        history.fact(ModeFactKind.EDGE, charger.charger_id, Mode.MANAGED, FIRST_EDGE_AT + SECOND)
        for charger in depot.chargers
        if charger.group == "visitor-bays"
    ]
    assert printed(depot, facts).count("EDGE") == 1


def test_the_summary_ends_with_what_is_wrong(depot: DemoDepot) -> None:
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as captured:
        print_summary(console, depot, Tally(depot), ["DD-01 is not connected"])
    assert captured.get().endswith(
        "not everything happened as it must:\n  DD-01 is not connected\n"
    )
    with console.capture() as captured:
        print_summary(console, depot, Tally(depot), [])
    assert "lost: 0" in captured.get()
    assert captured.get().endswith("everything that had to happen happened\n")
