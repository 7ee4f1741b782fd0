"""Managed windows on the display of an OCPP 2.x charger: shown and cleared as the worker says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ocpp.v201 import call, datatypes, enums

from connectors.ocpp import v21
from connectors.ocpp.asking import BUSY, NO_ANSWER, STAGE, unasked, word_of
from connectors.ocpp.connection import ChargerConnection
from connectors.ocpp.key_reading import KeyReader
from connectors.ocpp.outgoing import ChargerBusyError
from connectors.ocpp.session import CallAnswered, CallFailed
from connectors.ocpp.switching import call_step
from models.announcements import DisplayStatus
from models.attempt import DriverText
from models.charger import ChargerCommand, EventName
from models.errors import DepotgateError
from models.key_reading import reading
from models.profiles import WireCall
from models.screens import MORE_TEXTS_MAX, Screen, TextFormat, Way, screen_of

FIRST_MESSAGE_ID = 184_000
"""Ids of depotgate's messages are this and the next few, one for each language: always the same, so
that a repetition replaces them, and that they can be cleared without remembering anything. Others
at the charger begin at 0 or 1."""

CONTROLLER = "DisplayMessageCtrlr"
VARIABLES = (
    "Available",
    "Enabled",
    "PersonalMessageSize",
    "SupportedFormats",
    "SupportedPriorities",
    "SupportedStates",
)

_NO_SUCH_CALL = frozenset({"NotImplemented", "NotSupported"})

_LANGUAGE = "LanguageNotSupported"
"""OCPP 2.1 does not say which of a message's languages it is."""


class _Said(NamedTuple):
    """How it went, and the OCPP status or CALLERROR code that decided."""

    status: DisplayStatus
    detail: str = ""


class _FailedError(DepotgateError):
    """A call was refused, or had no answer: nothing more is sent."""

    def __init__(self, answer: CallFailed) -> None:
        super().__init__(word_of(answer))
        self.never = answer.code in _NO_SUCH_CALL


async def announce(connection: ChargerConnection, command: ChargerCommand) -> None:
    """Have the display say what a command says, and tell what came of it.

    A message has no end of its own: some firmware ignores `endDateTime`, so the command of the next
    edge clears it. Only in stage enforce (rule 27): outside it a command may clear, and that shows
    nothing.
    """
    async with connection.display_turn:
        try:
            said = await _announce(connection, command)
        except ChargerBusyError:
            said = _Said(DisplayStatus.FAILED, BUSY)
        except _FailedError as fault:
            status = DisplayStatus.NOT_SUPPORTED if fault.never else DisplayStatus.FAILED
            said = _Said(status, str(fault))
    await connection.report(
        EventName.ANNOUNCED,
        about=f"{EventName.ANNOUNCED} {command.command_id}",
        data={"commandId": command.command_id, "status": said.status, "detail": said.detail},
    )


async def _announce(connection: ChargerConnection, command: ChargerCommand) -> _Said:
    unsent = unasked(connection, command)
    if unsent == STAGE and not command.texts and not connection.silent:
        # What enforce announced is taken back when a site leaves it.
        return await _cleared(connection, 0)
    if unsent is not None:
        return _Said(DisplayStatus.FAILED, unsent)
    screen = await _read_screen(connection)
    if not screen.shows_announcements:
        return _Said(DisplayStatus.NOT_SUPPORTED, "no display for text")
    return await _shown(connection, screen, command.texts)


async def _shown(
    connection: ChargerConnection, screen: Screen, texts: tuple[DriverText, ...]
) -> _Said:
    """Have texts shown in the first way that the charger takes, and nothing of earlier times.

    Bounded: each refusal leaves fewer formats, priorities or states (Screen.without), and each
    language is tried alone once.
    """
    refused = ""
    alone = [(text,) for text in texts] if len(texts) > 1 else []
    for chosen in (texts, *alone):
        while (way := screen.way) is not None:
            requests = list(_messages(connection.ocpp, way, screen.shown(chosen)))
            refused = await _set(connection, requests)
            if not refused:
                return await _cleared(connection, len(requests))
            narrower = screen.without(way, refused)
            if narrower is screen:
                break
            # What it refuses here it does not show in an answer to a driver either.
            screen = narrower
            connection.keep_screen(screen)
        if refused != _LANGUAGE:
            break
    never = screen.way is None or refused == _LANGUAGE
    return _Said(DisplayStatus.NOT_SUPPORTED if never else DisplayStatus.FAILED, refused)


async def _set(connection: ChargerConnection, requests: list[Any]) -> str:
    """Set each message; the status of the first that is not taken, else nothing."""
    for place, request in enumerate(requests):
        connection.messages_count = max(connection.messages_count, place + 1)
        told = str((await _answer(connection, request)).payload.get("status", ""))
        if told != "Accepted":
            return told
    return ""


async def _cleared(connection: ChargerConnection, kept_count: int) -> _Said:
    """Clear messages that may stand and are none of the first so many.

    From the last one down, so that those that stand are always the first ones.
    """
    for place in reversed(range(kept_count, connection.messages_count)):
        request = call.ClearDisplayMessage(id=FIRST_MESSAGE_ID + place)
        told = str((await _answer(connection, request)).payload.get("status", ""))
        if told not in _GONE:
            return _Said(DisplayStatus.FAILED, told)
        connection.messages_count = place
    return _Said(DisplayStatus.SHOWN if kept_count else DisplayStatus.CLEARED)


_GONE = frozenset({"Accepted", "Unknown"})
"""ClearMessageStatusEnumType; 2.1 has Rejected beside them."""


async def _answer(connection: ChargerConnection, request: object) -> CallAnswered:
    answer = await connection.call(request)
    if isinstance(answer, CallFailed):
        raise _FailedError(answer)
    return answer


async def _read_screen(connection: ChargerConnection) -> Screen:
    """What the charger shows, as it says now; remembered for the answers to its drivers."""

    async def ask(step: WireCall) -> CallAnswered | CallFailed:
        answer = await call_step(connection, step)
        # Else it is one question that was refused, or answered without sense.
        if isinstance(answer, CallFailed) and (
            answer.cause in NO_ANSWER or answer.code in _NO_SUCH_CALL
        ):
            raise _FailedError(answer)
        return answer

    names = {f"{CONTROLLER}.{name}": name for name in VARIABLES}
    told = await KeyReader(connection, ask).read(names)
    said = {names[key]: reading(connection.ocpp, key, payload) for key, payload in told.items()}
    screen = screen_of({name: each.value for name, each in said.items() if each.value is not None})
    connection.keep_screen(screen)
    return screen


def _messages(ocpp: str, way: Way, texts: tuple[DriverText, ...]) -> Iterator[Any]:
    """The texts as messages: in 2.1 one holds them all, before that each has one of its own."""
    together = 1 + MORE_TEXTS_MAX if ocpp == "2.1" else 1
    for place, first in enumerate(range(0, len(texts), together)):
        head, *more = (_content(text, way.format) for text in texts[first : first + together])
        info = v21.MessageInfoType if ocpp == "2.1" else datatypes.MessageInfoType
        extra = {"message_extra": more} if more else {}
        yield call.SetDisplayMessage(
            message=info(
                id=FIRST_MESSAGE_ID + place,
                priority=enums.MessagePriorityEnumType(way.priority),
                state=enums.MessageStateEnumType(way.state) if way.state else None,
                message=head,
                **extra,
            )
        )


def _content(text: DriverText, format_: TextFormat) -> Any:
    return datatypes.MessageContentType(
        format=enums.MessageFormatEnumType(format_),
        content=text.text,
        language=text.language,
    )
