"""Managed windows are announced on displays, and cleared at the edge (rules 25 and 27)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from connectors.attempts import AttemptDesk
from connectors.cases import Case, Settled
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.displays import FIRST_MESSAGE_ID, VARIABLES, announce
from connectors.ocpp.schemas import Schema
from connectors.ocpp.wire import to_wire
from models.announcing import ANNOUNCE_WITHIN, SILENT
from models.answers import told_for
from models.attempt import DriverText
from models.charger import ChargerCommand, CommandKind
from models.display import reserved_texts
from models.ids import CommandId, Slot
from models.languages import LANGUAGES, LANGUAGES_MAX
from models.schedule import Mode
from models.screens import Screen
from models.site import Posture, Stage
from tests.connectors.ocpp.calls import Settling, Stand, Wire, running, until
from tests.connectors.ocpp.chargers import site_record
from tests.connectors.ocpp.keyed import LIMIT_2X, Keyed
from tests.connectors.ocpp.messages import MESSAGES

EVENING = datetime(2026, 7, 14, 16, tzinfo=UTC)
MORNING = datetime(2026, 7, 15, 4, tzinfo=UTC)


TEXTS = (
    DriverText(language="de", text="Reserviert für das Depot."),
    DriverText(language="en", text="Reserved."),
)


def stand_at(stage: Stage = Stage.ENFORCE) -> Stand:
    return Stand(site=site_record().model_copy(update={"stage": stage}))


def command(connection: ChargerConnection, texts: tuple[DriverText, ...]) -> ChargerCommand:
    now = datetime.now(UTC)
    return ChargerCommand(
        command_id=CommandId("a"),
        kind=CommandKind.ANNOUNCE,
        charger_id=connection.charger.charger_id,
        site_id=connection.charger.site_id,
        connection_id=connection.connection_id,
        slot=Slot(3),
        ocpp=connection.ocpp,
        mode=Mode.MANAGED if texts else Mode.FREEVEND,
        profile="standard",
        sent_at=now,
        expires_at=now + ANNOUNCE_WITHIN,
        texts=texts,
    )


def variables(available: str, formats: str = "ASCII,UTF8", **others: str) -> Answering:
    """A charger that takes six variables at once, and has these of its display."""
    values = {"Available": available, "SupportedFormats": formats} | others
    named = {f"DisplayMessageCtrlr.{name}": value for name, value in values.items()}
    return Keyed(Wire(), named | {LIMIT_2X: "6"}).variables


Answering = Callable[[list[dict[str, Any]]], dict[str, Any]]


async def said(
    stand: Stand, texts: tuple[DriverText, ...], answers: dict[str, Any], ocpp: Any = "2.0.1"
) -> tuple[list[Any], str | None, str | None]:
    """Everything that a charger is sent, answered by action, and what the worker is told of it."""
    async with running(stand, ocpp) as (connection, wire):
        return await said_over(stand, connection, wire, texts, answers)


async def said_over(
    stand: Stand,
    connection: ChargerConnection,
    wire: Wire,
    texts: tuple[DriverText, ...],
    answers: dict[str, Any],
) -> tuple[list[Any], str | None, str | None]:
    first = place = len(wire.sent)
    task = asyncio.create_task(announce(connection, command(connection, texts)))
    while not task.done():
        await until(lambda place=place: task.done() or len(wire.sent) > place)  # type: ignore[misc]
        if len(wire.sent) > place:
            frame = wire.sent[place]
            answer = answers[frame[2]]
            if callable(answer):
                answer = answer(frame[3].get("getVariableData") or frame[3])
            if isinstance(answer, str):
                wire.receive(4, frame[1], answer, "", {})
            else:
                wire.receive(3, frame[1], answer)
            place += 1
    await task
    event = stand.events.named("Announced")[-1]
    return wire.sent[first:], event.data["status"], event.data["detail"]  # type: ignore[return-value]


def shown(frames: list[Any]) -> list[Any]:
    return [frame[3]["message"] for frame in frames if frame[2] == "SetDisplayMessage"]


def cleared(frames: list[Any]) -> list[int]:
    return [frame[3]["id"] for frame in frames if frame[2] == "ClearDisplayMessage"]


ACCEPTED = {
    "GetVariables": variables("true"),
    "SetDisplayMessage": {"status": "Accepted"},
    "ClearDisplayMessage": {"status": "Unknown"},
}


async def test_in_2_0_1_each_language_has_a_message_of_its_own() -> None:
    frames, status, _ = await said(stand_at(), TEXTS, ACCEPTED)
    assert [(one["id"], one["message"]["content"]) for one in shown(frames)] == [
        (FIRST_MESSAGE_ID, "Reserviert für das Depot."),
        (FIRST_MESSAGE_ID + 1, "Reserved."),
    ]
    assert status == "shown"


async def test_in_2_1_one_message_holds_every_language() -> None:
    frames, status, _ = await said(stand_at(), TEXTS, ACCEPTED, "2.1")
    (one,) = shown(frames)
    assert one["message"]["language"] == "de"
    assert one["messageExtra"] == [{"format": "UTF8", "content": "Reserved.", "language": "en"}]
    assert Schema("v21", "SetDisplayMessageRequest").violation({"message": one}) is None
    assert status == "shown"


async def test_the_announcement_is_cleared_in_so_many_words() -> None:
    frames, status, _ = await said(stand_at(), (), ACCEPTED)
    assert sorted(cleared(frames)) == [FIRST_MESSAGE_ID + place for place in range(LANGUAGES_MAX)]
    assert status == "cleared"


async def test_an_edge_costs_a_message_for_each_that_is_set_or_stands() -> None:
    stand = stand_at()
    async with running(stand, "2.0.1") as (connection, wire):

        async def edge(texts: tuple[DriverText, ...]) -> tuple[int, list[int]]:
            frames, _, _ = await said_over(stand, connection, wire, texts, ACCEPTED)
            return len(shown(frames)), cleared(frames)

        # Of an earlier connection anything may stand.
        assert await edge(TEXTS[:1]) == (1, [FIRST_MESSAGE_ID + each for each in (4, 3, 2, 1)])
        assert await edge(()) == (0, [FIRST_MESSAGE_ID])
        assert await edge(TEXTS) == (2, [])
        assert await edge(TEXTS[:1]) == (1, [FIRST_MESSAGE_ID + 1])
        assert await edge(()) == (0, [FIRST_MESSAGE_ID])
        assert await edge(()) == (0, [])


async def test_what_was_set_before_a_refusal_is_cleared_at_the_next_edge() -> None:
    stand = stand_at()
    async with running(stand, "2.0.1") as (connection, wire):
        await said_over(stand, connection, wire, (), ACCEPTED)
        refusing = ACCEPTED | {"SetDisplayMessage": "InternalError"}
        _, status, _ = await said_over(stand, connection, wire, TEXTS, refusing)
        assert status == "failed"
        frames, status, _ = await said_over(stand, connection, wire, (), ACCEPTED)
        assert (cleared(frames), status) == ([FIRST_MESSAGE_ID], "cleared")


async def test_a_charger_that_left_a_call_unanswered_is_sent_nothing() -> None:
    stand = stand_at()
    async with running(stand, "2.0.1") as (connection, wire):
        connection.silent_until_s = math.inf
        said_so = await said_over(stand, connection, wire, TEXTS, {})
    assert said_so == ([], "failed", SILENT)


async def test_a_display_without_utf8_is_sent_ascii() -> None:
    answers = ACCEPTED | {"GetVariables": variables("true", "ASCII,URI")}
    frames, _, _ = await said(stand_at(), TEXTS, answers)
    assert shown(frames)[0]["message"] == {
        "format": "ASCII",
        "content": "Reserviert fuer das Depot.",
        "language": "de",
    }


@pytest.mark.parametrize(
    ("answers", "calls_count"),
    [
        # How many variables it takes, how many bytes, and what it has.
        ({"GetVariables": variables("false")}, 3),
        ({"GetVariables": variables("true", "URI")}, 3),
        ({"GetVariables": variables("true", SupportedPriorities="Loudest")}, 3),
        ({"GetVariables": "NotSupported"}, 1),
        ({"GetVariables": variables("true"), "SetDisplayMessage": "NotImplemented"}, 4),
    ],
)
async def test_a_charger_that_shows_no_text_says_so_once(
    answers: dict[str, Any], calls_count: int
) -> None:
    frames, status, _ = await said(stand_at(), TEXTS, answers)
    assert (len(frames), status) == (calls_count, "not_supported")


async def test_a_message_that_is_not_taken_is_told_with_its_status() -> None:
    answers = ACCEPTED | {"SetDisplayMessage": {"status": "Rejected"}}
    _, status, detail = await said(stand_at(), TEXTS, answers)
    assert (status, detail) == ("failed", "Rejected")


def refusing(
    takes: Callable[[dict[str, Any]], bool], status: str
) -> Callable[[dict[str, Any]], dict[str, str]]:
    """A display that takes messages of which this holds, and refuses others with that status."""
    return lambda asked: {"status": "Accepted" if takes(asked["message"]) else status}


REFUSALS: dict[str, tuple[Any, list[str | None]]] = {
    "format": (
        refusing(lambda one: one["message"]["format"] == "ASCII", "NotSupportedMessageFormat"),
        ["UTF8", "ASCII"],
    ),
    "priority": (
        refusing(lambda one: one["priority"] == "AlwaysFront", "NotSupportedPriority"),
        ["NormalCycle", "InFront", "AlwaysFront"],
    ),
    "state": (
        refusing(lambda one: one.get("state") == "Idle", "NotSupportedState"),
        [None, "Idle"],
    ),
}


@pytest.mark.parametrize("ocpp", ["2.0.1", "2.1"])
@pytest.mark.parametrize("what", REFUSALS)
async def test_what_a_display_refuses_is_asked_for_in_another_way(what: str, ocpp: Any) -> None:
    display, tried = REFUSALS[what]
    answers = ACCEPTED | {"SetDisplayMessage": display}
    stand = stand_at()
    frames, status, _ = await said(stand, TEXTS[:1], answers, ocpp)
    asked = [one | {"format": one["message"]["format"]} for one in shown(frames)]
    assert [one.get(what) for one in asked] == tried
    assert status == "shown"
    # An answer to a driver is written as the display has it.
    written = "ASCII" if what == "format" else "UTF8"
    assert stand.connection("2.0.1").screen.format == written


@pytest.mark.parametrize(
    ("status", "variable", "tries_count"),
    [
        ("NotSupportedMessageFormat", {"formats": "UTF8"}, 1),
        ("NotSupportedMessageFormat", {}, 2),
        ("NotSupportedPriority", {"SupportedPriorities": "InFront,AlwaysFront"}, 2),
        ("NotSupportedPriority", {}, 3),
        ("NotSupportedState", {"SupportedStates": "Charging,Faulted"}, 1),
        ("NotSupportedState", {}, 2),
    ],
)
async def test_a_display_that_takes_no_way_that_it_permits_is_given_up_visibly(
    status: str, variable: dict[str, str], tries_count: int
) -> None:
    answers = {
        "GetVariables": variables("true", **variable),
        "SetDisplayMessage": {"status": status},
    }
    frames, *told = await said(stand_at(), TEXTS, answers)
    assert len(shown(frames)) == tries_count
    assert told == ["not_supported", status]


async def test_of_languages_that_a_display_does_not_have_the_first_that_it_has_is_shown() -> None:
    english = refusing(
        lambda one: one["message"]["language"] == "en" and "messageExtra" not in one,
        "LanguageNotSupported",
    )
    answers = ACCEPTED | {"SetDisplayMessage": english}
    frames, status, _ = await said(stand_at(), TEXTS, answers, "2.1")
    assert [one["message"]["language"] for one in shown(frames)] == ["de", "de", "en"]
    assert status == "shown"
    answers = ACCEPTED | {"SetDisplayMessage": {"status": "LanguageNotSupported"}}
    _, *told = await said(stand_at(), TEXTS, answers, "2.1")
    assert told == ["not_supported", "LanguageNotSupported"]


@pytest.mark.parametrize("status", ["Rejected", "UnknownTransaction"])
async def test_what_says_nothing_of_another_way_is_tried_again_later(status: str) -> None:
    answers = ACCEPTED | {"SetDisplayMessage": {"status": status}}
    frames, *told = await said(stand_at(), TEXTS, answers)
    assert len(shown(frames)) == 1
    assert told == ["failed", status]


async def test_a_message_that_is_not_cleared_is_told() -> None:
    answers = ACCEPTED | {"ClearDisplayMessage": {"status": "Rejected"}}
    _, *told = await said(stand_at(), (), answers, "2.1")
    assert told == ["failed", "Rejected"]


async def test_a_status_of_another_version_is_no_answer() -> None:
    answers = ACCEPTED | {"SetDisplayMessage": {"status": "LanguageNotSupported"}}
    _, *told = await said(stand_at(), TEXTS, answers, "2.0.1")
    assert told == ["failed", "invalid_result"]


async def test_a_charger_that_takes_one_variable_a_message_is_asked_one_by_one() -> None:
    answers = ACCEPTED | {"GetVariables": "OccurrenceConstraintViolation"}
    frames, status, _ = await said(stand_at(), TEXTS, answers)
    assert [len(frame[3]["getVariableData"]) for frame in frames] == [1] * (1 + len(VARIABLES))
    assert status == "not_supported"


async def test_what_the_display_says_of_itself_shapes_what_drivers_are_told() -> None:
    stand = stand_at()
    await said(stand, TEXTS, {"GetVariables": variables("true", "ASCII"), **REJECTED})
    screen = stand.connection("2.0.1").screen
    assert screen.formats == frozenset({"ASCII"})


REJECTED = {"SetDisplayMessage": {"status": "Rejected"}}


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
async def test_rule_27_no_display_message_is_sent_outside_enforce(stage: Stage) -> None:
    frames, status, detail = await said(stand_at(stage), TEXTS, {})
    assert (frames, status, detail) == ([], "failed", "stage")


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
async def test_rule_27_what_enforce_announced_is_taken_back_outside_it(stage: Stage) -> None:
    stand = stand_at()
    async with running(stand, "2.0.1") as (connection, wire):
        await said_over(stand, connection, wire, TEXTS, ACCEPTED)
        left = site_record().model_copy(update={"stage": stage})
        stand.rows.sites = {left.site_id: left}
        frames, status, _ = await said_over(stand, connection, wire, (), ACCEPTED)
    # Nothing but that: no question either.
    assert [frame[2] for frame in frames] == ["ClearDisplayMessage"] * len(TEXTS)
    assert status == "cleared"


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_a_window_is_named_by_its_hours_in_the_sites_zone(code: str) -> None:
    (text,) = reserved_texts(EVENING, MORNING, EVENING, "Europe/Berlin", (code,))
    assert text.language == code
    assert "18" in text.text
    assert "06" in text.text


def test_in_english_a_window_reads_as_people_say_it() -> None:
    (text,) = reserved_texts(EVENING, MORNING, EVENING, "Europe/Berlin", ("en",))
    assert text.text == "Reserved from 18:00 to 06:00."


class InTwoLanguages(Settling):
    """Refuses everybody, in German and English."""

    async def settle(self, case: Case) -> Settled | None:
        told = told_for(
            case.attempt.ocpp, Stage.ENFORCE, None, posture=Posture.CLOSED, freevend=False,
            barred=False, languages=("de", "en"), kind=case.attempt.kind, screen=case.screen,
        )  # fmt: skip
        return Settled(told, cacheable=False, stop=False)


IN_GERMAN = {
    "format": "UTF8",
    "content": "Bitte wenden Sie sich an das Depot.",
    "language": "de",
}
IN_ENGLISH = {"format": "UTF8", "content": "Please contact the depot.", "language": "en"}


@pytest.mark.parametrize("ocpp", ["2.0.1", "2.1"])
async def test_a_denial_is_told_in_as_many_languages_as_the_answer_carries(ocpp: Any) -> None:
    stand = stand_at()
    stand.services = replace(stand.services, desk=cast("AttemptDesk", InTwoLanguages()))
    connection = stand.connection(ocpp)
    for action in ("Authorize", "TransactionEvent"):
        response, _ = await stand.handle(connection, action, MESSAGES[ocpp][action])
        sent = to_wire(response)
        assert sent["idTokenInfo"]["personalMessage"] == IN_GERMAN
        several = (ocpp, action) == ("2.1", "TransactionEvent")
        assert sent.get("updatedPersonalMessageExtra") == ([IN_ENGLISH] if several else None)


async def test_a_denial_has_no_text_for_a_charger_whose_display_is_off() -> None:
    stand = stand_at()
    stand.services = replace(stand.services, desk=cast("AttemptDesk", InTwoLanguages()))
    connection = stand.connection("2.1")
    connection.keep_screen(Screen(available=True, enabled=False))
    response, _ = await stand.handle(
        connection, "TransactionEvent", MESSAGES["2.1"]["TransactionEvent"]
    )
    sent = to_wire(response)
    assert sent["idTokenInfo"]["status"] == "Unknown"
    assert "personalMessage" not in sent["idTokenInfo"]
